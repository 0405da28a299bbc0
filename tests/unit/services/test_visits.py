"""Visits: cookies of sessions, and how a session stays alive while it is used."""

from datetime import timedelta

import pytest

from postkeep.domain.sessions import Session, SignedOut
from postkeep.services.visits import RENEWED_EVERY
from tests.builders import a_session, an_account, an_account_id
from tests.contracts.cookies import CookieSignerContract
from tests.fakes import FakeCookies, World, a_world


class TestFakeCookies(CookieSignerContract):
    """The fake keeps the contract."""

    @pytest.fixture
    def cookies(self) -> FakeCookies:
        """Sign with our secret."""
        return FakeCookies()

    @pytest.fixture
    def strange_cookies(self) -> FakeCookies:
        """Sign with somebody else's."""
        return FakeCookies("theirs")


def begun(world: World) -> Session:
    """Have a session that was begun just now."""
    account, now = an_account(), world.clock.now()
    session = a_session(
        account_id=account.id, created_date=now, refreshed_date=now, expires_date=now + timedelta(days=30)
    )
    world.with_account(account).with_session(session)
    return session


async def test_a_cookie_says_who_comes_at_the_cost_of_one_query() -> None:
    """And is looked at again after an hour at the latest."""
    session = begun(world := a_world())
    caller = await world.visits.identify(world.visits.cookie(session))
    assert (caller.account_id, caller.session_id) == (session.account_id, session.id)
    assert caller.until == session.refreshed_date + RENEWED_EVERY
    assert world.journal == ["read"]


async def test_tk_30_a_session_in_use_does_not_end_idle() -> None:
    """It is marked so, once in an hour and not more often."""
    session = begun(world := a_world())
    cookie = world.visits.cookie(session)
    for _ in range(20):
        world.advance(timedelta(days=1))
        assert (await world.visits.identify(cookie)).until == world.clock.now() + RENEWED_EVERY
        world.journal.clear()
        await world.visits.identify(cookie)
        assert world.journal == ["read"]
    assert world.session(session.id).refreshed_date == world.clock.now()


async def test_tk_30_a_session_that_nobody_uses_ends() -> None:
    """After 14 days, and after 30 days however much it is used."""
    session = begun(world := a_world())
    cookie = world.visits.cookie(session)
    world.advance(timedelta(days=14))
    with pytest.raises(SignedOut):
        await world.visits.identify(cookie)
    used = begun(world)
    for _ in range(29):
        world.advance(timedelta(days=1))
        await world.visits.identify(world.visits.cookie(used))
    world.advance(timedelta(days=1))
    with pytest.raises(SignedOut):
        await world.visits.identify(world.visits.cookie(used))


async def test_an_ended_session_lets_nobody_in() -> None:
    """Nor one of nobody's, nor one with another salt."""
    session = begun(world := a_world())
    await world.sessions.end(session.account_id, session.id)
    for other in (session, a_session(account_id=an_account_id())):
        with pytest.raises(SignedOut):
            await world.visits.identify(world.visits.cookie(other))
