"""Administration: what an operator does with accounts."""

from dataclasses import replace
from datetime import timedelta

import pytest

from postkeep.domain.accounts import (
    Account,
    AccountStatus,
    EmailTaken,
    Password,
    PasswordCompromised,
)
from postkeep.domain.sessions import CredentialsInvalid, Origin, Session, SessionStatus
from postkeep.services.administration import AccountAbsent
from postkeep.services.ports import StorageUnavailable
from tests.builders import a_post, a_session, an_account, an_email
from tests.fakes import World, a_world

PHRASE = "five purple ducks"
DUCKS = Password.parse(PHRASE)
ORIGIN = Origin("curl/8", "192.0.2.7")


class TestCreate:
    """Opening an account for somebody else."""

    async def test_it_opens_an_account_without_a_login(self) -> None:
        """The person logs in later."""
        world, email = a_world(), an_email()
        account = await world.administration.create(email, DUCKS)
        assert world.storage.state.accounts == {account.id: account}
        assert world.storage.state.sessions == {}
        assert world.journal == ["hash", "transact"]

    async def test_a_taken_address_is_refused(self) -> None:
        """As at signup."""
        world = a_world().with_account(account := an_account())
        with pytest.raises(EmailTaken):
            await world.administration.create(account.email, DUCKS)


class TestListAll:
    """Going through all accounts."""

    @pytest.fixture(autouse=True)
    def _short_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have few accounts fill a page."""
        monkeypatch.setattr("postkeep.services.administration.PAGE", 3)

    @pytest.mark.parametrize("many", [0, 1, 3, 4, 7])
    async def test_every_account_comes_once_in_order(self, many: int) -> None:
        """Also at the edges of its pages."""
        world = a_world()
        for _ in range(many):
            world.with_account(an_account())
        listed = [account async for account in world.administration.list_all()]
        assert listed == sorted(world.storage.state.accounts.values(), key=lambda account: account.email.key)

    async def test_it_reads_a_page_at_a_time(self) -> None:
        """A million accounts need not fit in memory."""
        world = a_world()
        for _ in range(7):
            world.with_account(an_account())
        async for _ in world.administration.list_all():
            break
        assert world.journal == ["read"]


def world_with_everything() -> tuple[World, Account, list[Session]]:
    """Return a world, an account in it with two live sessions, an ended one and a post, and its live sessions."""
    account = an_account()
    live = [a_session(account_id=account.id) for _ in range(2)]
    over = a_session(account_id=account.id)
    world = a_world().with_account(account, PHRASE).with_post(a_post(author=account.id))
    for session in (*live, replace(over, status=SessionStatus.ENDED, ended_date=over.created_date)):
        world.with_session(session)
    return world, world.account(account.id), live


def assert_ended(world: World, sessions: list[Session]) -> None:
    """See that sessions ended now."""
    for session in sessions:
        kept = world.session(session.id)
        assert (kept.status, kept.ended_date) == (SessionStatus.ENDED, world.clock.now())


class TestResetPassword:
    """Giving an account a new password."""

    async def test_the_new_one_counts_and_the_old_one_does_not(self) -> None:
        """From the answer on."""
        world, account, _ = world_with_everything()
        new = Password.parse("six green geese")
        await world.administration.reset_password(account.email, new)
        assert (await world.sessions.login(account.email, new, ORIGIN)).account_id == account.id
        with pytest.raises(CredentialsInvalid):
            await world.sessions.login(account.email, DUCKS, ORIGIN)

    async def test_pw_22_all_sessions_end(self) -> None:
        """Whoever knew the old password is out, and caches hear of it."""
        world, account, live = world_with_everything()
        await world.administration.reset_password(account.email, Password.parse("six green geese"))
        assert_ended(world, live)
        assert world.account(account.id).access_version == account.access_version + 1
        assert len(world.kept) == 1

    async def test_it_works_on_a_disabled_account(self) -> None:
        """Which stays disabled."""
        world = a_world().with_account(account := an_account(status=AccountStatus.DISABLED))
        await world.administration.reset_password(account.email, DUCKS)
        assert not world.account(account.id).is_active
        assert world.account(account.id).password_hash != account.password_hash

    async def test_the_policy_holds(self) -> None:
        """Operators choose no better than others."""
        world, account, live = world_with_everything()
        with pytest.raises(PasswordCompromised):
            await world.administration.reset_password(account.email, Password.parse("password1"))
        assert world.account(account.id) == account
        assert world.session(live[0].id) == live[0]

    async def test_it_hashes_outside_the_unit(self) -> None:
        """A slow hash would hold the account's row."""
        world, account, _ = world_with_everything()
        world.journal.clear()
        await world.administration.reset_password(account.email, Password.parse("six green geese"))
        assert world.journal == ["read", "hash", "transact"]

    async def test_nobody_has_no_password(self) -> None:
        """And nothing is hashed."""
        world = a_world()
        with pytest.raises(AccountAbsent):
            await world.administration.reset_password(an_email(), DUCKS)
        assert world.journal == ["read"]


class TestDisableAndEnable:
    """Letting nobody in, and letting the owner in again."""

    async def test_tk_32_a_disabled_account_lets_nobody_in(self) -> None:
        """Its sessions end, its posts stay."""
        world, account, live = world_with_everything()
        await world.administration.disable(account.email)
        assert_ended(world, live)
        assert not world.account(account.id).is_active
        assert len(world.kept) == 1
        with pytest.raises(CredentialsInvalid):
            await world.sessions.login(account.email, DUCKS, ORIGIN)

    async def test_an_enabled_account_can_be_logged_in_to(self) -> None:
        """With its old password; its old sessions stay ended."""
        world, account, live = world_with_everything()
        await world.administration.disable(account.email)
        await world.administration.enable(account.email)
        assert_ended(world, live)
        await world.sessions.login(account.email, DUCKS, ORIGIN)

    async def test_either_may_be_done_twice(self) -> None:
        """An operator may not know."""
        world, account, _ = world_with_everything()
        for change in (world.administration.disable, world.administration.enable):
            await change(account.email)
            await change(account.email)
        assert world.account(account.id).is_active

    async def test_nobody_can_be_neither(self) -> None:
        """With an error of its own."""
        for change in (a_world().administration.disable, a_world().administration.enable):
            with pytest.raises(AccountAbsent):
                await change(an_email())


class TestSessions:
    """Where somebody is logged in."""

    async def test_only_live_ones_are_listed(self) -> None:
        """One that ran out is no login any more, whatever its row says; and all of them can be ended."""
        world, account, _ = world_with_everything()
        world.advance(timedelta(days=15))
        session = await world.sessions.login(account.email, DUCKS, ORIGIN)
        assert await world.administration.list_sessions(account.email) == [session]
        await world.administration.end_sessions(account.email)
        assert await world.administration.list_sessions(account.email) == []
        for ask in (world.administration.list_sessions, world.administration.end_sessions):
            with pytest.raises(AccountAbsent):
                await ask(an_email())


class TestDelete:
    """Removing an account."""

    async def test_pw_23_nothing_stays(self) -> None:
        """Account, sessions, posts; a neighbour's stay."""
        world, account, _ = world_with_everything()
        world.with_post(theirs := a_post()).with_session(session := a_session(account_id=theirs.author))
        await world.administration.delete(account.email)
        assert list(world.storage.state.accounts) == [theirs.author]
        assert list(world.storage.state.sessions) == [session.id]
        assert world.kept == [theirs]

    async def test_nobody_cannot_be_removed(self) -> None:
        """With an error of its own."""
        with pytest.raises(AccountAbsent):
            await a_world().administration.delete(an_email())


async def test_without_a_database_nothing_is_done() -> None:
    """And the error says that it is the database's."""
    world, account, _ = world_with_everything()
    world.storage.fails = StorageUnavailable()
    for use in (world.administration.disable, world.administration.enable, world.administration.delete):
        with pytest.raises(StorageUnavailable):
            await use(account.email)
    with pytest.raises(StorageUnavailable):
        await world.health.check()
