"""Accounts: signing up, and what an operator does with accounts."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from postkeep.domain.accounts import (
    Account,
    AccountStatus,
    Email,
    EmailTaken,
    Password,
    PasswordCompromised,
    PasswordTooShort,
)
from postkeep.domain.sessions import CredentialsInvalid, Origin, Session, SessionStatus
from postkeep.services.accounts import AccountAbsent
from postkeep.services.ports import HashingBusy, StorageUnavailable
from postkeep.services.sessions import Limits
from tests.builders import a_post, a_session, an_account, an_email
from tests.fakes import World, a_world

PHRASE = "five purple ducks"
DUCKS = Password.parse(PHRASE)
ORIGIN = Origin("curl/8", "192.0.2.7")


class TestSignup:
    """Opening one's own account."""

    async def test_it_opens_an_account_and_logs_in(self) -> None:
        """Both, or neither: one unit."""
        world, email = a_world(limits=Limits(lifetime=timedelta(days=3))), an_email()
        session = await world.accounts.signup(email, DUCKS, ORIGIN)
        account = world.account(session.account_id)
        assert account.email == email
        assert account.is_active
        assert account.created_date == world.clock.now()
        assert world.session(session.id) == session
        assert (session.origin, session.counter) == (ORIGIN, 1)
        assert session.expires_date == world.clock.now() + timedelta(days=3)

    async def test_it_hashes_first_and_then_keeps(self) -> None:
        """Never in a unit, and without asking beforehand who is there: the database alone knows."""
        world = a_world()
        await world.accounts.signup(an_email(), DUCKS, ORIGIN)
        assert world.journal == ["hash", "transact"]

    async def test_the_password_opens_the_account(self) -> None:
        """And is not kept itself."""
        world, email = a_world(), an_email()
        session = await world.accounts.signup(email, DUCKS, ORIGIN)
        assert PHRASE not in world.account(session.account_id).password_hash
        assert (await world.sessions.login(email, DUCKS, ORIGIN)).account_id == session.account_id

    async def test_pw_21_a_taken_address_is_refused(self) -> None:
        """Also in another spelling; nothing changes."""
        world = a_world().with_account(account := an_account(email=Email.parse("Ann@ex.com")))
        with pytest.raises(EmailTaken):
            await world.accounts.signup(Email.parse("aNN@EX.com"), DUCKS, ORIGIN)
        assert world.storage.state.accounts == {account.id: account}
        assert world.storage.state.sessions == {}

    async def test_pw_20_of_50_parallel_signups_with_one_address_one_wins(self) -> None:
        """All the others hear that it is taken."""
        world, email = a_world(), an_email()
        results = await asyncio.gather(
            *(world.accounts.signup(email, DUCKS, ORIGIN) for _ in range(50)), return_exceptions=True
        )
        assert sum(isinstance(result, Session) for result in results) == 1
        assert sum(isinstance(result, EmailTaken) for result in results) == 49
        assert len(world.storage.state.accounts) == len(world.storage.state.sessions) == 1

    @pytest.mark.parametrize("typed", ["password1", "PASSWORD1", "postkeep", "12 PostKeep 34!", "ann.lee@ex.com"])
    async def test_pw_08_a_guessable_password_is_refused_before_hashing(self, typed: str) -> None:
        """Hashing is dear."""
        world = a_world()
        with pytest.raises(PasswordCompromised):
            await world.accounts.signup(Email.parse("Ann.Lee@ex.com"), Password.parse(typed), ORIGIN)
        assert world.journal == []

    async def test_a_busy_hasher_opens_nothing(self) -> None:
        """The client tries again later."""
        world = a_world()
        world.passwords.is_busy = True
        with pytest.raises(HashingBusy):
            await world.accounts.signup(an_email(), DUCKS, ORIGIN)
        assert world.storage.state.accounts == {}

    async def test_two_signups_have_two_salts(self) -> None:
        """Each session's refresh tokens are its own."""
        world = a_world()
        first, second = [await world.accounts.signup(an_email(), DUCKS, ORIGIN) for _ in range(2)]
        assert first.salt != second.salt
        assert first.salt != bytes(32)

    async def test_pw_24_nothing_secret_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        """Neither password nor hash nor address of the person."""
        caplog.set_level("DEBUG")
        world = a_world()
        session = await world.accounts.signup(Email.parse("ann@ex.com"), DUCKS, ORIGIN)
        said = str([vars(record) for record in caplog.records])
        assert "signed_up" in said
        for secret in (PHRASE, "ann@ex.com", world.account(session.account_id).password_hash, session.salt.hex()):
            assert secret not in said


class TestPasswordPolicy:
    """PW-08: which passwords may be kept, wherever they come from."""

    @pytest.mark.parametrize(
        "typed",
        [
            "Ann.Lee1@Bücher.Example",
            "ann.lee1@xn--bcher-kva.example",
            "ANN.LEE1@XN--BCHER-KVA.EXAMPLE",
            "ann.lee1",
            "Ann.Lee1",
        ],
    )
    async def test_one_s_own_address_is_refused(self, typed: str) -> None:
        """In any case and spelling, or what stands before the @."""
        with pytest.raises(PasswordCompromised) as caught:
            await a_world().accounts.create(Email.parse("Ann.Lee1@bücher.example"), Password.parse(typed))
        assert "address" in caught.value.detail

    @pytest.mark.parametrize("typed", ["postkeep", "PostKeep", "p.o.s.t.k.e.e.p", "!!postkeep2026!!", "1 post 2 keep"])
    async def test_the_product_s_name_is_refused(self, typed: str) -> None:
        """With whatever ornaments."""
        with pytest.raises(PasswordCompromised) as caught:
            await a_world().accounts.create(an_email(), Password.parse(typed))
        assert "product" in caught.value.detail

    async def test_a_common_password_is_refused(self) -> None:
        """With that reason."""
        with pytest.raises(PasswordCompromised) as caught:
            await a_world().accounts.create(an_email(), Password.parse("PassWord1"))
        assert "common" in caught.value.detail

    @pytest.mark.parametrize("typed", ["postkeeper", "my postkeep", "ann.lee1 again", "bücher.example", "12345 ducks"])
    async def test_others_are_taken(self, typed: str) -> None:
        """The rules refuse what they name and nothing near it."""
        await a_world().accounts.create(Email.parse("Ann.Lee1@bücher.example"), Password.parse(typed))

    async def test_pw_01_a_server_can_ask_for_longer_passwords(self) -> None:
        """Up to the 15 of NIST and beyond."""
        world = a_world(password_min_length=15)
        with pytest.raises(PasswordTooShort) as caught:
            await world.accounts.signup(an_email(), Password.parse("x" * 14), ORIGIN)
        assert "15" in caught.value.detail
        await world.accounts.signup(an_email(), Password.parse("x" * 15), ORIGIN)

    async def test_pw_01_a_server_cannot_ask_for_shorter_ones(self) -> None:
        """8 is the floor."""
        with pytest.raises(PasswordTooShort):
            await a_world(password_min_length=1).accounts.create(an_email(), Password("x" * 7))


class TestCreate:
    """Opening an account for somebody else."""

    async def test_it_opens_an_account_without_a_login(self) -> None:
        """The person logs in later."""
        world, email = a_world(), an_email()
        account = await world.accounts.create(email, DUCKS)
        assert world.storage.state.accounts == {account.id: account}
        assert world.storage.state.sessions == {}
        assert world.journal == ["hash", "transact"]

    async def test_a_taken_address_is_refused(self) -> None:
        """As at signup."""
        world = a_world().with_account(account := an_account())
        with pytest.raises(EmailTaken):
            await world.accounts.create(account.email, DUCKS)


class TestListAll:
    """Going through all accounts."""

    @pytest.fixture(autouse=True)
    def _short_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have few accounts fill a page."""
        monkeypatch.setattr("postkeep.services.accounts.PAGE", 3)

    @pytest.mark.parametrize("many", [0, 1, 3, 4, 7])
    async def test_every_account_comes_once_in_order(self, many: int) -> None:
        """Also at the edges of its pages."""
        world = a_world()
        for _ in range(many):
            world.with_account(an_account())
        listed = [account async for account in world.accounts.list_all()]
        assert listed == sorted(world.storage.state.accounts.values(), key=lambda account: account.email.key)

    async def test_it_reads_a_page_at_a_time(self) -> None:
        """A million accounts need not fit in memory."""
        world = a_world()
        for _ in range(7):
            world.with_account(an_account())
        async for _ in world.accounts.list_all():
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
        await world.accounts.reset_password(account.email, new)
        assert (await world.sessions.login(account.email, new, ORIGIN)).account_id == account.id
        with pytest.raises(CredentialsInvalid):
            await world.sessions.login(account.email, DUCKS, ORIGIN)

    async def test_pw_22_all_sessions_end(self) -> None:
        """Whoever knew the old password is out, and caches hear of it."""
        world, account, live = world_with_everything()
        await world.accounts.reset_password(account.email, Password.parse("six green geese"))
        assert_ended(world, live)
        assert world.account(account.id).access_version == account.access_version + 1
        assert len(world.kept) == 1

    async def test_it_works_on_a_disabled_account(self) -> None:
        """Which stays disabled."""
        world = a_world().with_account(account := an_account(status=AccountStatus.DISABLED))
        await world.accounts.reset_password(account.email, DUCKS)
        assert not world.account(account.id).is_active
        assert world.account(account.id).password_hash != account.password_hash

    async def test_the_policy_holds(self) -> None:
        """Operators choose no better than others."""
        world, account, live = world_with_everything()
        with pytest.raises(PasswordCompromised):
            await world.accounts.reset_password(account.email, Password.parse("password1"))
        assert world.account(account.id) == account
        assert world.session(live[0].id) == live[0]

    async def test_it_hashes_outside_the_unit(self) -> None:
        """A slow hash would hold the account's row."""
        world, account, _ = world_with_everything()
        world.journal.clear()
        await world.accounts.reset_password(account.email, Password.parse("six green geese"))
        assert world.journal == ["read", "hash", "transact"]

    async def test_nobody_has_no_password(self) -> None:
        """And nothing is hashed."""
        world = a_world()
        with pytest.raises(AccountAbsent):
            await world.accounts.reset_password(an_email(), DUCKS)
        assert world.journal == ["read"]


class TestDisableAndEnable:
    """Letting nobody in, and letting the owner in again."""

    async def test_tk_32_a_disabled_account_lets_nobody_in(self) -> None:
        """Its sessions end, its posts stay."""
        world, account, live = world_with_everything()
        await world.accounts.disable(account.email)
        assert_ended(world, live)
        assert not world.account(account.id).is_active
        assert len(world.kept) == 1
        with pytest.raises(CredentialsInvalid):
            await world.sessions.login(account.email, DUCKS, ORIGIN)

    async def test_an_enabled_account_can_be_logged_in_to(self) -> None:
        """With its old password; its old sessions stay ended."""
        world, account, live = world_with_everything()
        await world.accounts.disable(account.email)
        await world.accounts.enable(account.email)
        assert_ended(world, live)
        await world.sessions.login(account.email, DUCKS, ORIGIN)

    async def test_either_may_be_done_twice(self) -> None:
        """An operator may not know."""
        world, account, _ = world_with_everything()
        for change in (world.accounts.disable, world.accounts.enable):
            await change(account.email)
            await change(account.email)
        assert world.account(account.id).is_active

    async def test_nobody_can_be_neither(self) -> None:
        """With an error of its own."""
        for change in (a_world().accounts.disable, a_world().accounts.enable):
            with pytest.raises(AccountAbsent):
                await change(an_email())


class TestDelete:
    """Removing an account."""

    async def test_pw_23_nothing_stays(self) -> None:
        """Account, sessions, posts; a neighbour's stay."""
        world, account, _ = world_with_everything()
        world.with_post(theirs := a_post()).with_session(session := a_session(account_id=theirs.author))
        await world.accounts.delete(account.email)
        assert list(world.storage.state.accounts) == [theirs.author]
        assert list(world.storage.state.sessions) == [session.id]
        assert world.kept == [theirs]

    async def test_nobody_cannot_be_removed(self) -> None:
        """With an error of its own."""
        with pytest.raises(AccountAbsent):
            await a_world().accounts.delete(an_email())


async def test_without_a_database_nothing_is_done() -> None:
    """And the error says that it is the database's."""
    world, account, _ = world_with_everything()
    world.storage.fails = StorageUnavailable()
    for use in (world.accounts.disable, world.accounts.enable, world.accounts.delete):
        with pytest.raises(StorageUnavailable):
            await use(account.email)
    with pytest.raises(StorageUnavailable):
        await world.health.check()
