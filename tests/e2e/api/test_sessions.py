"""Sessions: logging out, renewing tokens, and what ends a session (CASES.md, TK-20 to TK-36)."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx2
import pytest

from tests.e2e.clients import Person, claims_of, problem_of
from tests.e2e.forged import claims_for, encoded, header_for, key_of, signed
from tests.e2e.servers import PostkeepServer


def keys(person: Person) -> dict[str, bytes]:
    """Return what finds a person's session in the database."""
    return {"account": UUID(person.claims["sub"]).bytes, "session": UUID(person.claims["sid"]).bytes}


SET_DATE = {
    "refreshed_date": "UPDATE sessions SET refreshed_date = :moment WHERE account_id = :account AND id = :session",
    "expires_date": "UPDATE sessions SET expires_date = :moment WHERE account_id = :account AND id = :session",
}

FIND = "SELECT * FROM sessions WHERE account_id = :account AND id = :session"


def set_date(server: PostkeepServer, person: Person, column: str, moment: datetime) -> None:
    """Change one of the dates of a person's session, as if time had passed."""
    written = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    assert server.rows.change(SET_DATE[column], moment=written, **keys(person)) == 1


def let_pass(server: PostkeepServer, person: Person, time: timedelta) -> None:
    """Make a person's last renewal so old."""
    set_date(server, person, "refreshed_date", datetime.now(UTC) - time)


def session_row(server: PostkeepServer, person: Person) -> dict[str, object]:
    """Return what the database holds of a person's session."""
    return server.rows.one(FIND, **keys(person))


def is_dead(person: Person) -> bool:
    """Whether neither token of a person opens anything."""
    return problem_of(person.me()) == (401, "token_invalid") and problem_of(person.renew()) == (
        401,
        "refresh_token_invalid",
    )


def with_refresh(person: Person, token: str) -> httpx2.Response:
    """Ask for tokens with any refresh token."""
    return person.http.post("/api/v1/refresh", json={"refresh_token": token})


def test_tk_20_logout_ends_both_tokens_at_once(server: PostkeepServer, second: PostkeepServer) -> None:
    """Whoever logs out on a shared computer leaves nothing that works, on any process."""
    person = Person.signs_up(server.http)
    elsewhere = person.at(second.http)
    assert elsewhere.me().status_code == 200
    answer = person.logout()
    assert (answer.status_code, answer.content) == (204, b"")
    assert is_dead(person)
    assert is_dead(elsewhere)


def test_tk_20_logout_ends_this_session_only(sqlite_server: PostkeepServer) -> None:
    """Logging out on the phone leaves the laptop alone."""
    phone = Person.signs_up(sqlite_server.http)
    laptop = phone.at(sqlite_server.http).keep(phone.login())
    phone.logout()
    assert is_dead(phone)
    assert laptop.me().status_code == 200
    assert laptop.renew().status_code == 200


def test_tk_21_logout_works_twice(server: PostkeepServer) -> None:
    """A client that did not see the answer asks again; there is nothing to tell it."""
    person = Person.signs_up(server.http)
    assert [person.logout().status_code for _ in range(3)] == [204] * 3


def test_tk_21_logout_works_with_an_expired_token_of_ours(sqlite_server: PostkeepServer) -> None:
    """Whoever comes back after a day and logs out wants the session gone, expired token or not."""
    person = Person.signs_up(sqlite_server.http)
    now = int(datetime.now(UTC).timestamp())
    old = signed(header_for(sqlite_server), claims_for(person, iat=now - 90000, exp=now - 86400), key_of(sqlite_server))
    answers = [sqlite_server.http.post("/api/v1/logout", headers={"Authorization": f"Bearer {old}"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 204]
    assert is_dead(person)


def test_tk_21_logout_needs_a_token_of_ours(sqlite_server: PostkeepServer) -> None:
    """Otherwise anybody could log out anybody."""
    person = Person.signs_up(sqlite_server.http)
    forged = signed(header_for(sqlite_server), claims_for(person), b"another key")
    unsigned = f"{forged.rpartition('.')[0]}."
    for token in (forged, unsigned, person.refresh, person.claims["sid"]):
        answer = sqlite_server.http.post("/api/v1/logout", headers={"Authorization": f"Bearer {token}"})
        assert problem_of(answer) == (401, "token_invalid")
    assert person.me().status_code == 200


def test_tk_22_refreshing_gives_a_new_pair(server: PostkeepServer) -> None:
    """A stolen access token dies soon because the real client can get the next one."""
    person = Person.signs_up(server.http)
    answer = person.renew()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json().keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    after = person.at(server.http).keep(answer)
    assert (after.access != person.access, after.refresh != person.refresh) == (True, True)
    assert answer.json()["expires_in"] == after.claims["exp"] - after.claims["iat"] <= 900
    assert after.claims["sid"] == person.claims["sid"]
    assert after.me().status_code == 200
    assert session_row(server, person)["counter"] == 2


def test_tk_22_how_long_an_access_token_counts_is_a_setting(strict_server: PostkeepServer) -> None:
    """An operator may want them shorter."""
    answer = Person(strict_server.http).signup()
    claims = claims_of(answer.json()["access_token"])
    assert answer.json()["expires_in"] == claims["exp"] - claims["iat"] == 30


def test_tk_23_a_refresh_token_used_twice_ends_the_session(server: PostkeepServer, second: PostkeepServer) -> None:
    """Two parties hold one token: one of them stole it, and nobody can tell which."""
    person = Person.signs_up(server.http)
    after = person.at(second.http).keep(person.renew())
    let_pass(server, person, timedelta(seconds=31))
    answer = person.renew()
    assert problem_of(answer) == (401, "refresh_token_reused")
    assert is_dead(after)
    assert is_dead(person.at(second.http))
    (event,) = [found for found in server.events("refresh_token_reused") if found["session"] == person.claims["sid"]]
    assert (event["account"], event["request_id"]) == (person.claims["sub"], answer.headers["x-request-id"])


def test_tk_23_a_token_older_than_the_last_one_ends_the_session_at_once(server: PostkeepServer) -> None:
    """The grace is for the last one only."""
    person = Person.signs_up(server.http)
    after = person.at(server.http).keep(person.renew())
    newest = after.at(server.http).keep(after.renew())
    assert problem_of(person.renew()) == (401, "refresh_token_reused")
    assert is_dead(newest)


def test_tk_23_without_a_grace_the_second_use_ends_the_session(strict_server: PostkeepServer) -> None:
    """An operator may prefer a rare new login to half a minute."""
    person = Person.signs_up(strict_server.http)
    after = person.at(strict_server.http).keep(person.renew())
    assert problem_of(person.renew()) == (401, "refresh_token_reused")
    assert is_dead(after)


def test_tk_24_the_end_of_the_session_is_kept_though_the_request_failed(server: PostkeepServer) -> None:
    """An error that rolls back what it is about would leave the thief his session."""
    person = Person.signs_up(server.http)
    person.renew()
    let_pass(server, person, timedelta(minutes=5))
    person.renew()
    row = session_row(server, person)
    assert row["status"] == "ended"
    assert row["ended_date"] is not None


def test_tk_25_the_same_token_again_within_the_grace_gives_the_same_successor(
    server: PostkeepServer, second: PostkeepServer
) -> None:
    """Two tabs, or an answer that got lost: whoever asks again gets what the first one got, on any process."""
    person = Person.signs_up(server.http)
    first = person.renew()
    again = [person.renew(), person.at(second.http).renew(), person.renew()]
    assert [answer.status_code for answer in again] == [200] * 3
    assert {answer.json()["refresh_token"] for answer in (first, *again)} == {first.json()["refresh_token"]}
    assert session_row(server, person)["counter"] == 2
    for answer in (first, *again):
        assert person.at(server.http).keep(answer).me().status_code == 200


def test_tk_25_the_grace_does_not_grow_with_use(server: PostkeepServer) -> None:
    """Half a minute after the renewal, not after the last time somebody asked."""
    person = Person.signs_up(server.http)
    person.renew()
    let_pass(server, person, timedelta(seconds=25))
    assert person.renew().status_code == 200
    let_pass(server, person, timedelta(seconds=35))
    assert problem_of(person.renew()) == (401, "refresh_token_reused")


@pytest.mark.parametrize("rounds", [30, pytest.param(1_000, marks=[pytest.mark.long, pytest.mark.timeout(300)])])
def test_tk_27_refreshes_at_once_agree_on_one_successor(
    server: PostkeepServer, second: PostkeepServer, rounds: int
) -> None:
    """A browser with twenty tabs renews twenty times; the session must neither fork nor end."""
    person = Person.signs_up(server.http)
    with ThreadPoolExecutor(20) as threads:
        for turn in range(rounds):
            parallel = [person.at(at.http) for at in (server, second) * 10]
            answers = list(threads.map(Person.renew, parallel))
            assert [answer.status_code for answer in answers] == [200] * 20
            assert len({answer.json()["refresh_token"] for answer in answers}) == 1
            assert session_row(server, person)["counter"] == turn + 2
            person.keep(answers[turn % 20])


def changed_at(token: str, at: int) -> str:
    """Return a refresh token with one byte changed."""
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    raw[at] ^= 1
    return encoded(bytes(raw))


def spliced(token: str, other: str, begin: int, end: int) -> str:
    """Return a refresh token with some bytes of another one."""
    raw, donor = (bytearray(base64.urlsafe_b64decode(one + "=" * (-len(one) % 4))) for one in (token, other))
    raw[begin:end] = donor[begin:end]
    return encoded(bytes(raw))


def test_tk_29_no_refresh_token_can_be_made_from_others(sqlite_server: PostkeepServer) -> None:
    """Neither of two real ones, nor by counting on; and no try ends the owner's session."""
    ann, bob = Person.signs_up(sqlite_server.http), Person.signs_up(sqlite_server.http)
    ahead = ann.at(sqlite_server.http).keep(ann.login())
    ahead.keep(ahead.renew())
    forged = [changed_at(ann.refresh, at) for at in range(56)]
    forged += [changed_at(ahead.refresh, at) for at in range(56)]
    forged += [
        spliced(ann.refresh, other.refresh, *piece)
        for other in (bob, ahead)
        for piece in ((4, 20), (4, 24), (20, 24), (24, 56))
    ]
    forged += [ann.access, ann.claims["sid"], uuid4().hex, encoded(b"\0" * 56), encoded(b"\xff" * 56)]
    answers = {token: with_refresh(ann, token) for token in forged if token not in {ann.refresh, ahead.refresh}}
    assert [token for token, answer in answers.items() if problem_of(answer) != (401, "refresh_token_invalid")] == []
    assert [person.renew().status_code for person in (ann, bob, ahead)] == [200] * 3


@pytest.mark.parametrize(
    "spelling",
    [
        "{token}=",
        "{token}==",
        "{token}A",
        " {token}",
        "{token}\n",
        "{token}.",
        "={token}",
        "{token}\u00a0",
        "{token}{token}",
        "\u0430{token}",
        "{token}\0",
    ],
)
def test_tk_29_a_refresh_token_has_one_spelling(resident: Person, spelling: str) -> None:
    """Whoever compares or revokes tokens by what they look like must not be fooled."""
    token = spelling.replace("{token}", resident.refresh)
    assert problem_of(with_refresh(resident, token)) == (401, "refresh_token_invalid")


@pytest.mark.parametrize("value", [None, 5, True, [], {}, ["token"], "", "x" * 5000])
def test_tk_29_what_is_no_string_is_no_refresh_token(sqlite_server: PostkeepServer, value: object) -> None:
    """Mistakes of a client are named as such."""
    assert sqlite_server.http.post("/api/v1/refresh", json={"refresh_token": value}).status_code == 422


@pytest.mark.parametrize(
    ("column", "age", "lives"),
    [
        ("refreshed_date", timedelta(days=14, minutes=1), False),
        ("refreshed_date", timedelta(days=13, hours=23), True),
        ("expires_date", timedelta(seconds=1), False),
        ("expires_date", timedelta(days=-1), True),
    ],
)
def test_tk_30_sessions_end_by_themselves(server: PostkeepServer, column: str, age: timedelta, *, lives: bool) -> None:
    """After 14 days without use, and 30 days after the login whatever happens."""
    person = Person.signs_up(server.http)
    set_date(server, person, column, datetime.now(UTC) - age)
    assert [person.me().status_code, person.renew().status_code] == ([200, 200] if lives else [401, 401])
    assert lives or is_dead(person)


def test_tk_30_a_session_lasts_thirty_days_from_its_login(server: PostkeepServer) -> None:
    """Renewing does not prolong it."""
    person = Person.signs_up(server.http)
    person.renew()
    row = session_row(server, person)
    begun, end = (datetime.fromisoformat(str(row[name])) for name in ("created_date", "expires_date"))
    assert end - begun == timedelta(days=30)


def test_tk_30_no_access_token_outlives_its_session(server: PostkeepServer) -> None:
    """The last one is shorter."""
    person = Person.signs_up(server.http)
    set_date(server, person, "expires_date", datetime.now(UTC) + timedelta(seconds=60))
    answer = person.renew()
    assert 50 <= answer.json()["expires_in"] <= 60
    assert claims_of(answer.json()["access_token"])["exp"] <= datetime.now(UTC).timestamp() + 60


def test_tk_31_nothing_in_the_database_is_a_token(server: PostkeepServer) -> None:
    """A stolen backup must not open a single session."""
    person = Person.signs_up(server.http)
    person.keep(person.renew())
    row = session_row(server, person)
    account = server.rows.one("SELECT * FROM accounts WHERE id = :account", account=keys(person)["account"])
    values = [*row.values(), *account.values()]
    tried = {spelling for value in values for spelling in spellings(value)}
    assert not tried & {person.access, person.refresh}
    assert not [piece for piece in (person.refresh, person.access) if any(piece[-20:] in text for text in tried)]
    for token in sorted(tried):
        answer = server.http.get(
            "/api/v1/me", headers={b"Authorization": f"Bearer {token}".encode("latin-1", "replace")}
        )
        assert answer.status_code == 401
        assert with_refresh(person, token).status_code in {401, 422}


def spellings(value: object) -> Iterator[str]:
    """Yield how a value of a column could be sent as a token."""
    if isinstance(value, bytes):
        yield from (value.hex(), encoded(value), base64.b64encode(value).decode(), encoded(value.ljust(56, b"\0")))
        if len(value) == 16:
            yield str(UUID(bytes=value))
    elif value is not None and str(value):
        yield str(value)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE accounts SET status = 'disabled' WHERE id = :account AND :session = :session",
        "DELETE FROM sessions WHERE account_id = :account AND id = :session",
        "UPDATE sessions SET status = 'ended', ended_date = created_date WHERE account_id = :account AND id = :session",
    ],
    ids=["disabled", "removed", "ended"],
)
def test_tk_32_what_the_database_says_counts_at_once(server: PostkeepServer, change: str) -> None:
    """An operator who acts, from whichever machine, acts now and not in 15 minutes. The commands: tests/e2e/cli.

    Whoever writes to the database by hand raises the account's number by hand, too (docs/operations.md).
    """
    person = Person.signs_up(server.http)
    person.posts()
    assert server.rows.change(change, **keys(person)) == 1
    raising = "UPDATE accounts SET access_version = access_version + 1 WHERE id = :account AND :session = :session"
    assert server.rows.change(raising, **keys(person)) == 1
    assert is_dead(person)
    assert person.adds({"text": "x"}).status_code == 401
    assert person.gets().status_code == 401
    assert person.logout().status_code == 204


def test_tk_36_a_refresh_token_says_nothing_about_its_owner(sqlite_server: PostkeepServer) -> None:
    """Ids and a number, and what proves them."""
    person = Person.signs_up(sqlite_server.http)
    raw = base64.urlsafe_b64decode(person.refresh + "=" * (-len(person.refresh) % 4))
    assert (len(raw), raw[4:20], raw[20:24]) == (56, UUID(person.claims["sid"]).bytes, b"\0\0\0\1")
    assert json.dumps(person.email) not in repr(raw)
