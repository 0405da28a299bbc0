"""Tokens: what a stranger, a library or an operator could do to them (CASES 2)."""

import base64
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from postkeep.adapters.jwt_tokens import JwtTokens
from postkeep.adapters.system_clock import SystemClock
from postkeep.domain import base64url
from postkeep.domain.sessions import RefreshTokenInvalid, TokenInvalid
from postkeep.services.signers import AccessClaims
from tests.builders import a_session
from tests.contracts.tokens import some_claims

OURS, OLD = b"o" * 32, b"p" * 32
MOMENT = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)

SIGNER = JwtTokens([OURS])

# Forging with our own key needs the key.
KEY: bytes = SIGNER._current.access  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
REFRESH_KEY: bytes = SIGNER._current.refresh  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


@pytest.fixture(autouse=True)
def _at_a_moment() -> Iterator[None]:
    """Stop the clock: these tests are about seconds."""
    with time_machine.travel(MOMENT, tick=False):
        yield


def part(value: object) -> str:
    """Write one part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def parts_of(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read a token's header and claims."""
    header, claims, _ = (base64.urlsafe_b64decode(each + "==") for each in token.split("."))
    return json.loads(header), json.loads(claims)


def forged(*, header: dict[str, Any] | None = None, claims: dict[str, Any] | None = None, key: bytes = KEY) -> str:
    """Return a good token with some members of its header or claims replaced (None: taken out), signed with a key."""
    good_header, good_claims = parts_of(SIGNER.sign_access(some_claims(SystemClock())))
    new_header = {name: value for name, value in {**good_header, **(header or {})}.items() if value is not None}
    new_claims = {name: value for name, value in {**good_claims, **(claims or {})}.items() if value is not None}
    signed = f"{part(new_header)}.{part(new_claims)}".encode()
    algorithm = {"HS384": "sha384", "HS512": "sha512"}.get(str(new_header.get("alg")), "sha256")
    mac = hmac.digest(key, signed, algorithm)
    return f"{signed.decode()}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def assert_refused(token: str) -> None:
    """See that nobody gets in, or out, with a token."""
    for expired_too in (False, True):
        with pytest.raises(TokenInvalid):
            SIGNER.read_access(token, expired_too=expired_too)


def test_a_token_forged_with_nothing_changed_is_taken() -> None:
    """Otherwise the tests below would show nothing."""
    assert SIGNER.read_access(forged()).issued == MOMENT


def test_tk_36_a_token_says_nothing_about_the_person() -> None:
    """Exactly these members; ids only."""
    claims = some_claims(SystemClock())
    header, payload = parts_of(SIGNER.sign_access(claims))
    assert header.keys() == {"alg", "typ", "kid"}
    assert (header["alg"], header["typ"]) == ("HS256", "at+jwt")
    assert payload.keys() == {"iss", "aud", "sub", "sid", "jti", "iat", "exp"}
    assert (payload["sub"], payload["sid"]) == (str(claims.account_id), str(claims.session_id))
    assert payload["exp"] - payload["iat"] == 900


def test_every_token_has_a_name_of_its_own() -> None:
    """RFC 9068 2.2: jti."""
    claims = some_claims(SystemClock())
    assert len({parts_of(SIGNER.sign_access(claims))[1]["jti"] for _ in range(50)}) == 50


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "", "hs256", "HS384", "HS512", "RS256", "ES256", 1, []])
def test_tk_04_no_other_algorithm_is_taken(algorithm: object) -> None:
    """Signed with our own key, in whatever way that name suggests; or not signed."""
    token = forged(header={"alg": algorithm})
    assert_refused(token)
    assert_refused(token.rpartition(".")[0] + ".")
    assert_refused(token.rpartition(".")[0])


def test_tk_04_a_server_set_to_one_algorithm_takes_no_other() -> None:
    """Also of its own keys' tokens."""
    for other in ("HS384", "HS512"):
        assert_refused(JwtTokens([OURS], algorithm=other).sign_access(some_claims(SystemClock())))


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c", "x5t", "crit", "b64", "zip", "cty", "epk", "extra"])
@pytest.mark.parametrize("value", ["https://evil.example/key", ["b64"], {"kty": "oct", "k": "AAAA"}, True], ids=str)
def test_tk_06_tk_08_a_header_with_more_than_ours_is_refused(name: str, value: object) -> None:
    """Keys that a token brings along, and extensions that we do not know."""
    assert_refused(forged(header={name: value}))


@pytest.mark.parametrize(
    "kid",
    [
        None,
        "",
        "00000000",
        "../../dev/null",
        "' OR 1",
        "k" * 10_000,
        "zzzzzzzz",
        "0 1 2 3 ",
        "\u0661" * 8,
        ["00000000"],
        {"a": 1},
        7,
        True,
    ],
    ids=lambda kid: str(kid)[:20],
)
def test_tk_07_a_key_is_only_looked_up_among_ours(kid: object) -> None:
    """Whatever a token calls its key."""
    assert_refused(forged(header={"kid": kid}))


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "sid", "jti", "iat", "exp"])
def test_tk_09_every_claim_is_needed(name: str) -> None:
    """PyJWT takes a token without an end, unless told otherwise."""
    assert_refused(forged(claims={name: None}))


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": "1795348800"},
        {"exp": 1795348800.5},
        {"exp": True},
        {"exp": [1795348800]},
        {"exp": 10**17},
        {"exp": 10**30},
        {"exp": -(10**30)},
        {"iat": "1795348800"},
        {"iat": 1.5},
        {"iat": -(10**17)},
        {"sub": 7},
        {"sub": "7"},
        {"sub": ""},
        {"sub": ["a"]},
        {"sub": "{01a1fb67-5ecb-774b-abba-2d6f0ef9dd8c}"},
        {"sid": 7},
        {"sid": "not an id"},
        {"sid": {"a": 1}},
        {"jti": 7},
        {"jti": ["a"]},
    ],
    ids=str,
)
def test_tk_09_every_claim_is_of_its_type(claims: dict[str, Any]) -> None:
    """Signed by us or not: no token makes another error than ours."""
    assert_refused(forged(claims=claims))


@pytest.mark.parametrize("claims", [{"iss": "other"}, {"iss": ["postkeep"]}, {"aud": "other"}, {"aud": []}], ids=str)
def test_tk_11_tokens_of_and_for_others_are_refused(claims: dict[str, Any]) -> None:
    """Another issuer, another audience."""
    assert_refused(forged(claims=claims))


@pytest.mark.parametrize("kind", ["JWT", "jwt", "AT+JWT", "refresh", "application/at+jwt", "", 7, None])
def test_tk_10_only_access_tokens_are_access_tokens(kind: object) -> None:
    """RFC 9068 4: `typ`; PyJWT does not look."""
    assert_refused(forged(header={"typ": kind}))


def test_tk_10_another_purpose_s_key_signs_no_access_token() -> None:
    """Refresh tokens have a key of their own; and the secret itself is nobody's key."""
    for key in (REFRESH_KEY, OURS, b""):
        assert_refused(forged(key=key))


@pytest.mark.parametrize(("since", "is_taken"), [(-29, True), (29, True), (30, False), (31, False)])
def test_tk_13_an_end_has_half_a_minute_of_leeway(since: int, *, is_taken: bool) -> None:
    """Servers' clocks differ a little."""
    token = forged(claims={"exp": int(MOMENT.timestamp()) - since, "iat": int(MOMENT.timestamp()) - 900})
    if is_taken:
        assert SIGNER.read_access(token)
    else:
        with pytest.raises(TokenInvalid):
            SIGNER.read_access(token)
    assert SIGNER.read_access(token, expired_too=True)


@pytest.mark.parametrize("name", ["iat", "nbf"])
@pytest.mark.parametrize(("ahead", "is_taken"), [(29, True), (120, False)])
def test_tk_13_a_beginning_has_it_too(name: str, ahead: int, *, is_taken: bool) -> None:
    """From another server's future."""
    token = forged(claims={name: int(MOMENT.timestamp()) + ahead})
    if is_taken:
        assert SIGNER.read_access(token)
    else:
        assert_refused(token)


def test_tk_33_an_old_key_reads_until_it_is_taken_out() -> None:
    """And only the newest one signs."""
    claims, session = some_claims(SystemClock()), a_session()
    before, rotated, after = JwtTokens([OLD]), JwtTokens([OURS, OLD]), JwtTokens([OURS])
    access, refresh = before.sign_access(claims), before.sign_refresh(session)
    assert rotated.read_access(access) == claims
    assert rotated.read_refresh(refresh).session_id == session.id
    assert rotated.verify_refresh(refresh, session)
    with pytest.raises(TokenInvalid):
        after.read_access(access)
    with pytest.raises(RefreshTokenInvalid):
        after.read_refresh(refresh)
    assert not after.verify_refresh(refresh, session)
    assert after.read_access(rotated.sign_access(claims)) == claims
    with pytest.raises(TokenInvalid):
        before.read_access(rotated.sign_access(claims))


def test_a_token_that_was_good_expires_all_the_same() -> None:
    """However often it was read before: good tokens are remembered, their end is looked at each time."""
    token = SIGNER.sign_access(some_claims(SystemClock()))
    for _ in range(3):
        SIGNER.read_access(token)
    with time_machine.travel(MOMENT + timedelta(minutes=15, seconds=30), tick=False):
        for _ in range(2):
            with pytest.raises(TokenInvalid):
                SIGNER.read_access(token)
        assert SIGNER.read_access(token, expired_too=True)


def test_a_token_read_to_log_out_opens_nothing_afterwards() -> None:
    """Having been read once, expired as it was, makes it no better."""
    claims = some_claims(SystemClock(), timedelta(minutes=-10))
    token = SIGNER.sign_access(claims)
    assert SIGNER.read_access(token, expired_too=True) == claims
    with pytest.raises(TokenInvalid):
        SIGNER.read_access(token)


def test_a_bad_token_stays_bad() -> None:
    """Also beside a good one that differs in its last character only."""
    token = SIGNER.sign_access(some_claims(SystemClock()))
    SIGNER.read_access(token)
    for _ in range(3):
        assert_refused(token[:-1] + ("A" if token[-1] != "A" else "E"))
    assert SIGNER.read_access(token)


def test_a_token_of_tomorrow_is_good_tomorrow() -> None:
    """Bad tokens are not remembered."""
    token = forged(claims={"iat": int(MOMENT.timestamp()) + 3600, "exp": int(MOMENT.timestamp()) + 4500})
    assert_refused(token)
    with time_machine.travel(MOMENT + timedelta(hours=1), tick=False):
        assert SIGNER.read_access(token)


def test_a_token_too_long_is_not_read() -> None:
    """4,096 characters are more than ours ever have."""
    assert_refused(forged(claims={"jti": "j" * 4000}))


@pytest.mark.parametrize("payload", [[], "text", 7, None, "[" * 1000 + "]" * 1000], ids=lambda p: str(p)[:10])
def test_claims_that_are_no_object_are_refused(payload: object) -> None:
    """Signed by our key all the same."""
    header, _ = parts_of(forged())
    raw = payload if isinstance(payload, str) and payload.startswith("[") else json.dumps(payload)
    body = base64.urlsafe_b64encode(str(raw).encode()).rstrip(b"=").decode()
    signed = f"{part(header)}.{body}".encode()
    mac = base64.urlsafe_b64encode(hmac.digest(KEY, signed, "sha256"))
    assert_refused(f"{signed.decode()}.{mac.rstrip(b'=').decode()}")


@given(st.text(max_size=200) | st.from_regex(r"\A[A-Za-z0-9_-]{0,60}\.[A-Za-z0-9_-]{0,60}\.[A-Za-z0-9_-]{0,60}\Z"))
def test_no_text_makes_another_error_than_ours(text: str) -> None:
    """A header carries anything."""
    for expired_too in (False, True):
        with pytest.raises(TokenInvalid):
            SIGNER.read_access(text, expired_too=expired_too)
    with pytest.raises(RefreshTokenInvalid):
        SIGNER.read_refresh(text)


@given(st.binary(min_size=50, max_size=60))
def test_no_bytes_make_a_refresh_token(raw: bytes) -> None:
    """Nor another error than ours."""
    with pytest.raises(RefreshTokenInvalid):
        SIGNER.read_refresh(base64.urlsafe_b64encode(raw).rstrip(b"=").decode())


def test_a_refresh_token_has_one_spelling() -> None:
    """Another one would be another token to whoever keeps lists of them."""
    token = SIGNER.sign_refresh(a_session(salt=b"\xfe" * 32))
    for other in (token + "=", token + "==", token.replace("-", "+").replace("_", "/"), token.upper(), f" {token}"):
        if other == token:
            continue
        with pytest.raises(RefreshTokenInvalid):
            SIGNER.read_refresh(other)


def test_a_session_s_claims_survive_years() -> None:
    """Moments are whole seconds of UTC."""
    claims = some_claims(SystemClock())
    later = AccessClaims(claims.account_id, claims.session_id, MOMENT, MOMENT + timedelta(days=365 * 50))
    assert SIGNER.read_access(SIGNER.sign_access(later)) == later


def test_none_of_thousands_of_parts_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would take as long as a hundred good tokens."""
    read: list[str] = []
    monkeypatch.setattr(base64url, "decode", read.append)
    with pytest.raises(TokenInvalid):
        SIGNER.read_access("." * 4000)
    assert not read
