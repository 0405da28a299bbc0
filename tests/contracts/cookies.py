"""The contract of `services.signers.CookieSigner`."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from postkeep.domain.sessions import SignedOut
from postkeep.services.signers import CookieSigner
from tests.builders import a_session, an_account_id
from tests.contracts.tokens import JUNK, changed_somewhere


class CookieSignerContract:
    """What a signer of cookies promises; `cookies` and `strange_cookies` (with another secret) are fixtures."""

    def test_a_cookie_names_its_session_and_account(self, cookies: CookieSigner) -> None:
        """That is how the session is found, with one query."""
        session = a_session()
        claims = cookies.read(cookies.sign(session))
        assert (claims.account_id, claims.session_id) == (session.account_id, session.id)

    def test_a_cookie_stays_good_for_as_long_as_its_session(self, cookies: CookieSigner) -> None:
        """Whatever else changes in it: a browser holds one cookie for all of it."""
        session = a_session()
        cookie = cookies.sign(session)
        later = replace(session, counter=9, refreshed_date=datetime(2027, 1, 1, tzinfo=UTC))
        assert cookies.sign(later) == cookie
        assert cookies.verify(cookie, later)

    def test_tk_31_a_cookie_of_another_session_is_not_genuine(self, cookies: CookieSigner) -> None:
        """Neither with another salt, nor of another session or account: no row of the database can be presented."""
        session = a_session()
        cookie = cookies.sign(session)
        others = [
            replace(session, salt=bytes(32)),
            replace(session, account_id=an_account_id()),
            replace(session, id=a_session().id),
        ]
        assert not any(cookies.verify(cookie, other) for other in others)

    def test_a_changed_cookie_is_not_genuine(self, cookies: CookieSigner) -> None:
        """Whatever character is changed, added or taken away."""
        session = a_session()
        for changed in changed_somewhere(cookies.sign(session)):
            try:
                cookies.read(changed)
            except SignedOut:
                continue
            assert not cookies.verify(changed, session)

    @pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
    def test_junk_is_no_cookie(self, cookies: CookieSigner, junk: str) -> None:
        """A stranger may send anything; the answer is always the same error."""
        with pytest.raises(SignedOut):
            cookies.read(junk)

    def test_a_stranger_s_cookie_is_not_genuine(self, cookies: CookieSigner, strange_cookies: CookieSigner) -> None:
        """Another server's secret signs nothing here."""
        session = a_session()
        cookie = strange_cookies.sign(session)
        try:
            cookies.read(cookie)
        except SignedOut:
            return
        assert not cookies.verify(cookie, session)
