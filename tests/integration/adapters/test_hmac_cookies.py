"""Cookies of sessions, as they are really made."""

import pytest

from postkeep.adapters.hmac_cookies import HmacCookies
from tests.builders import a_session
from tests.contracts.cookies import CookieSignerContract

OURS, THEIRS = b"o" * 32, b"t" * 32


class TestHmacCookies(CookieSignerContract):
    """The contract."""

    @pytest.fixture
    def cookies(self) -> HmacCookies:
        """Sign with our secret."""
        return HmacCookies([OURS])

    @pytest.fixture
    def strange_cookies(self) -> HmacCookies:
        """Sign with somebody else's."""
        return HmacCookies([THEIRS])


def test_tk_33_cookies_of_the_secret_before_are_still_good() -> None:
    """Changing the secret logs nobody out."""
    session = a_session()
    cookie = HmacCookies([THEIRS]).sign(session)
    both = HmacCookies([OURS, THEIRS])
    assert both.read(cookie).session_id == session.id
    assert both.verify(cookie, session)
    assert both.sign(session) == HmacCookies([OURS]).sign(session)
