"""The contract of `services.signers.TokenSigner`."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from postkeep.domain.accounts import AccountId
from postkeep.domain.ids import new_id
from postkeep.domain.sessions import RefreshTokenInvalid, SessionId, TokenInvalid
from postkeep.services.ports import Clock
from postkeep.services.signers import AccessClaims, TokenSigner
from tests.builders import a_moment, a_session, an_account_id

JUNK = ["", ".", "..", "...", "a", "a.b.c", "é", "\x00", "\ud800", "=", "bnVsbA==", "." * 5000, "x" * 100_000]


def some_claims(clock: Clock, lasting: timedelta = timedelta(minutes=15)) -> AccessClaims:
    """Return what a token issued now says."""
    now = clock.now().replace(microsecond=0)
    return AccessClaims(an_account_id(), SessionId(new_id(a_moment())), now, now + lasting)


def changed_somewhere(token: str) -> list[str]:
    """Return spellings that each differ from a token in one character, or in length."""
    changed = [f"{token[:at]}{'B' if token[at] == 'A' else 'A'}{token[at + 1 :]}" for at in range(len(token))]
    return [*changed, token[:-1], token[1:], token + "A", token + "=", token + " ", f" {token}", token + "\n"]


class TokenSignerContract:
    """What a signer promises; `signer`, `stranger` (with another secret) and `clock` are fixtures."""

    def test_an_access_token_says_what_was_signed(self, signer: TokenSigner, clock: Clock) -> None:
        """All four claims."""
        claims = some_claims(clock)
        assert signer.read_access(signer.sign_access(claims)) == claims

    def test_an_access_token_fits_a_header(self, signer: TokenSigner, clock: Clock) -> None:
        """Printable ASCII without spaces."""
        token = signer.sign_access(some_claims(clock))
        assert token.isascii()
        assert token.isprintable()
        assert " " not in token

    def test_tk_03_a_changed_access_token_is_not_ours(self, signer: TokenSigner, clock: Clock) -> None:
        """Whatever character is changed, added or taken away."""
        for changed in changed_somewhere(signer.sign_access(some_claims(clock))):
            for expired_too in (False, True):
                with pytest.raises(TokenInvalid):
                    signer.read_access(changed, expired_too=expired_too)

    @pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
    def test_junk_is_no_token(self, signer: TokenSigner, junk: str) -> None:
        """A stranger may send anything; the answer is always the same error."""
        with pytest.raises(TokenInvalid):
            signer.read_access(junk)
        with pytest.raises(TokenInvalid):
            signer.read_access(junk, expired_too=True)
        with pytest.raises(RefreshTokenInvalid):
            signer.read_refresh(junk)

    def test_a_stranger_s_access_token_is_not_ours(
        self, signer: TokenSigner, stranger: TokenSigner, clock: Clock
    ) -> None:
        """Another server's secret signs nothing here."""
        with pytest.raises(TokenInvalid):
            signer.read_access(stranger.sign_access(some_claims(clock)))

    def test_an_expired_access_token_is_read_on_request_only(self, signer: TokenSigner, clock: Clock) -> None:
        """Logging out must work with it, nothing else."""
        claims = some_claims(clock)
        old = replace(claims, issued=claims.issued - timedelta(hours=2), expires=claims.expires - timedelta(hours=2))
        token = signer.sign_access(old)
        with pytest.raises(TokenInvalid):
            signer.read_access(token)
        assert signer.read_access(token, expired_too=True) == old

    def test_tk_10_the_two_kinds_do_not_pass_for_each_other(self, signer: TokenSigner, clock: Clock) -> None:
        """A refresh token lives for weeks and must open nothing."""
        session = a_session()
        with pytest.raises(TokenInvalid):
            signer.read_access(signer.sign_refresh(session))
        with pytest.raises(TokenInvalid):
            signer.read_access(signer.sign_refresh(session), expired_too=True)
        with pytest.raises(RefreshTokenInvalid):
            signer.read_refresh(signer.sign_access(some_claims(clock)))

    def test_a_refresh_token_names_its_session_and_its_number(self, signer: TokenSigner) -> None:
        """That is how the session is found."""
        for counter in (1, 2, 255, 65_536, 2**31 - 1):
            session = a_session(counter=counter)
            claims = signer.read_refresh(signer.sign_refresh(session))
            assert (claims.session_id, claims.counter) == (session.id, counter)

    def test_tk_25_the_same_number_gives_the_same_refresh_token(self, signer: TokenSigner) -> None:
        """A lost answer can be given again, whatever else has changed in the session."""
        session = a_session()
        again = replace(session, refreshed_date=datetime(2027, 1, 1, tzinfo=UTC), expires_date=a_moment())
        assert signer.sign_refresh(session) == signer.sign_refresh(again)

    def test_every_number_and_session_has_a_refresh_token_of_its_own(self, signer: TokenSigner) -> None:
        """Sessions differ by their salt, too: it is what a stolen id lacks."""
        session = a_session()
        others = [replace(session, counter=2), replace(session, salt=bytes(32)), a_session()]
        assert len({signer.sign_refresh(each) for each in (session, *others)}) == 4

    def test_our_own_refresh_tokens_are_genuine_whatever_number_is_current(self, signer: TokenSigner) -> None:
        """Used ones must be recognised: that is how theft shows."""
        session = a_session()
        token = signer.sign_refresh(session)
        assert signer.verify_refresh(token, session)
        assert signer.verify_refresh(token, replace(session, counter=9))

    def test_tk_29_a_refresh_token_of_another_session_is_not_genuine(self, signer: TokenSigner) -> None:
        """Neither with another salt, nor for another session."""
        session = a_session()
        token = signer.sign_refresh(session)
        assert not signer.verify_refresh(token, replace(session, salt=bytes(32)))
        assert not signer.verify_refresh(token, a_session(salt=bytes(31) + b"x"))

    def test_a_changed_refresh_token_is_not_genuine(self, signer: TokenSigner) -> None:
        """Whatever character is changed: not readable, or not genuine for the session it was made for."""
        session = a_session()
        for changed in changed_somewhere(signer.sign_refresh(session)):
            try:
                signer.read_refresh(changed)
            except RefreshTokenInvalid:
                continue
            assert not signer.verify_refresh(changed, session), changed

    def test_a_stranger_s_refresh_token_is_not_genuine(self, signer: TokenSigner, stranger: TokenSigner) -> None:
        """Not even with the salt of a stolen database."""
        session = a_session()
        token = stranger.sign_refresh(session)
        try:
            signer.read_refresh(token)
        except RefreshTokenInvalid:
            return
        assert not signer.verify_refresh(token, session)

    def test_tk_31_nothing_kept_is_in_a_refresh_token(self, signer: TokenSigner) -> None:
        """The salt must not be readable from it, nor it from the salt."""
        session = a_session(salt=b"\xab" * 32)
        assert session.salt.hex() not in signer.sign_refresh(session)
        assert AccountId(session.account_id).hex not in signer.sign_refresh(session).replace("-", "")
