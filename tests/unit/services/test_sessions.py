"""Sessions: logging in, renewing tokens, knowing who calls, logging out."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from postkeep.domain.accounts import Account, AccountStatus, Password
from postkeep.domain.sessions import (
    CredentialsInvalid,
    Origin,
    RefreshTokenInvalid,
    RefreshTokenReused,
    Session,
    SessionStatus,
    TokenInvalid,
)
from postkeep.services.ports import HashingBusy, StorageUnavailable
from postkeep.services.sessions import SessionLimits
from tests.builders import a_session, an_account, an_email
from tests.fakes import World, a_world

PHRASE = "five purple ducks"
DUCKS = Password.parse(PHRASE)
GEESE = Password.parse("six green geese")
ORIGIN = Origin("curl/8", "192.0.2.7")
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)


CHANGES: dict[str, Callable[[World, Session], object]] = {
    "the session ended": lambda world, session: world.with_session(
        replace(session, status=SessionStatus.ENDED, ended_date=session.created_date)
    ),
    "the session is too old": lambda world, session: world.with_session(
        replace(session, expires_date=world.clock.now())
    ),
    "the session was idle": lambda world, session: world.with_session(
        replace(session, refreshed_date=world.clock.now() - timedelta(days=14))
    ),
    "the session is another account's": lambda world, session: world.with_session(
        replace(session, account_id=an_account().id)
    ),
    "the session is gone": lambda world, session: world.storage.state.sessions.pop(session.id),
    "the account is gone": lambda world, session: world.storage.state.accounts.pop(session.account_id),
    "the account is disabled": lambda world, session: world.with_account(
        replace(world.account(session.account_id), status=AccountStatus.DISABLED)
    ),
    "the token expired": lambda world, _: world.clock.advance(timedelta(minutes=15)),
}
"""What makes an access token worthless."""


def world_with(account: Account, **limits: timedelta) -> World:
    """Return a world with an account that DUCKS opens."""
    return a_world(limits=SessionLimits(**limits)).with_account(account, PHRASE)


async def logged_in(**limits: timedelta) -> tuple[World, Session]:
    """Return a world and a session begun in it just now."""
    world = world_with(account := an_account(), **limits)
    return world, await world.sessions.login(account.email, DUCKS, ORIGIN)


class TestLogin:
    """Letting somebody in."""

    async def test_it_leaves_a_session_behind(self) -> None:
        """From here, of this account, as long as sessions last; and caches hear of it."""
        world = world_with(account := an_account(), lifetime=timedelta(days=3))
        session = await world.sessions.login(account.email, DUCKS, ORIGIN)
        assert world.session(session.id) == session
        assert (session.account_id, session.origin, session.counter) == (account.id, ORIGIN, 1)
        assert session.created_date == world.clock.now()
        assert session.expires_date == world.clock.now() + timedelta(days=3)
        assert world.account(account.id).access_version == account.access_version + 1

    async def test_it_looks_up_then_verifies_then_keeps(self) -> None:
        """One query, one verification, one unit, in this order; what is around it counts the attempt."""
        world, session = await logged_in()
        world.journal.clear()
        await world.sessions.login(world.account(session.account_id).email, DUCKS, ORIGIN)
        assert world.journal == ["read", "count", "read", "verify", "count", "transact"]

    async def test_two_logins_are_two_sessions(self) -> None:
        """Each with a salt of its own."""
        world, first = await logged_in()
        second = await world.sessions.login(world.account(first.account_id).email, DUCKS, ORIGIN)
        assert first.id != second.id
        assert first.salt != second.salt

    @pytest.mark.parametrize("wrong", ["password", "address", "no address", "disabled", "disabled and password"])
    async def test_pw_12_whatever_is_wrong_looks_and_costs_the_same(self, wrong: str) -> None:
        """One verification each time (a decoy's where there is no account), one error, nothing kept."""
        status = AccountStatus.DISABLED if "disabled" in wrong else AccountStatus.ACTIVE
        world = world_with(account := an_account(status=status))
        before = world.storage.state.copy()
        email = {"address": an_email(), "no address": None}.get(wrong, account.email)
        with pytest.raises(CredentialsInvalid) as caught:
            await world.sessions.login(email, GEESE if "password" in wrong else DUCKS, ORIGIN)
        assert caught.value.detail == CredentialsInvalid().detail
        assert world.journal.count("verify") == 1
        assert world.journal.count("hash") == 0
        assert "transact" not in world.journal
        assert replace(world.storage.state, attempts={}) == before

    async def test_a_failure_is_logged_without_what_was_typed(self, caplog: pytest.LogCaptureFixture) -> None:
        """The account, if there is one, and where it came from; people type passwords into address fields."""
        caplog.set_level("DEBUG")
        world = world_with(account := an_account())
        for email in (account.email, an_email(), None):
            with pytest.raises(CredentialsInvalid):
                await world.sessions.login(email, GEESE, ORIGIN)
        assert [record.getMessage() for record in caplog.records] == ["login_failed"] * 3
        assert [vars(record).get("account") for record in caplog.records] == [account.id, None, None]
        said = str([vars(record) for record in caplog.records])
        assert "192.0.2.7" in said
        assert GEESE.secret not in said
        assert account.email.key not in said

    async def test_a_busy_hasher_lets_nobody_in(self) -> None:
        """Nor says that the password is wrong."""
        world = world_with(account := an_account())
        world.passwords.is_busy = True
        with pytest.raises(HashingBusy):
            await world.sessions.login(account.email, DUCKS, ORIGIN)

    async def test_pw_10_an_outdated_hash_is_renewed(self) -> None:
        """With the same password, in the unit that lets in; hashing happens before it."""
        world = world_with(account := an_account())
        world.passwords.strengthen()
        await world.sessions.login(account.email, DUCKS, ORIGIN)
        kept = world.account(account.id).password_hash
        assert not world.passwords.is_outdated(kept)
        assert await world.passwords.verify(DUCKS, kept, ORIGIN.network)
        assert [step for step in world.journal if step != "count"][1:5] == ["read", "verify", "hash", "transact"]

    async def test_a_wrong_password_renews_nothing(self) -> None:
        """Else anybody could set one."""
        world = world_with(account := an_account())
        before = world.account(account.id)
        world.passwords.strengthen()
        with pytest.raises(CredentialsInvalid):
            await world.sessions.login(account.email, GEESE, ORIGIN)
        assert world.account(account.id) == before

    async def test_a_hash_of_today_is_left_alone(self) -> None:
        """Hashing is dear."""
        world = world_with(account := an_account())
        before = world.account(account.id).password_hash
        await world.sessions.login(account.email, DUCKS, ORIGIN)
        assert world.account(account.id).password_hash == before

    async def test_pw_10_of_20_parallel_logins_with_an_outdated_hash_all_succeed(self) -> None:
        """One renews the hash, the others prove their password against the new one."""
        world = world_with(account := an_account())
        world.passwords.strengthen()
        sessions = await asyncio.gather(*(world.sessions.login(account.email, DUCKS, ORIGIN) for _ in range(20)))
        assert len({session.id for session in sessions}) == len(world.storage.state.sessions) == 20
        assert not world.passwords.is_outdated(world.account(account.id).password_hash)
        assert world.account(account.id).access_version == account.access_version + 20

    @pytest.mark.parametrize("change", ["password", "disabled", "removed"])
    async def test_a_login_does_not_outrun_a_change_of_its_account(self, change: str) -> None:
        """The password was right when it was verified, and is worth nothing when the session would be kept."""
        world = world_with(account := an_account())

        def happen() -> None:
            if change == "removed":
                del world.storage.state.accounts[account.id]
            elif change == "disabled":
                world.with_account(replace(world.account(account.id), status=AccountStatus.DISABLED))
            else:
                world.with_account(account, GEESE.secret)

        world.passwords.meanwhile = happen
        with pytest.raises(CredentialsInvalid):
            await world.sessions.login(account.email, DUCKS, ORIGIN)
        assert world.storage.state.sessions == {}

    async def test_a_login_that_is_overtaken_for_ever_gives_up(self) -> None:
        """An account whose hash changes each time lets nobody in, and nobody spins."""
        world = world_with(account := an_account())

        def happen() -> None:
            world.with_account(account, PHRASE)
            world.passwords.meanwhile = happen

        world.passwords.meanwhile = happen
        with pytest.raises(CredentialsInvalid):
            await world.sessions.login(account.email, DUCKS, ORIGIN)
        assert world.journal.count("verify") <= 10
        assert world.storage.state.sessions == {}

    async def test_without_a_database_nobody_is_let_in(self) -> None:
        """And nobody is told that the password is wrong."""
        world = world_with(account := an_account())
        world.storage.fails = StorageUnavailable()
        with pytest.raises(StorageUnavailable):
            await world.sessions.login(account.email, DUCKS, ORIGIN)


class TestTokens:
    """What a client gets."""

    async def test_tk_22_an_access_token_lasts_as_long_as_it_says(self) -> None:
        """To the second, in `expires_in` and in the token; whole seconds, never more than the limit."""
        world, session = await logged_in()
        world.advance(timedelta(microseconds=999_999))
        tokens = world.sessions.tokens(session)
        claims = world.tokens.read_access(tokens.access)
        assert tokens.expires_in == (claims.expires - claims.issued).total_seconds() == 900
        assert claims.issued == world.clock.now().replace(microsecond=0)
        assert (claims.account_id, claims.session_id) == (session.account_id, session.id)

    @pytest.mark.parametrize("left", [0.5, 1, 1.5, 10, 899, 900, 901])
    async def test_an_access_token_never_outlives_its_session(self, left: float) -> None:
        """Not by a second."""
        world, session = await logged_in()
        world.advance(session.expires_date - world.clock.now() - timedelta(seconds=left))
        tokens = world.sessions.tokens(session)
        assert world.tokens.read_access(tokens.access, expired_too=True).expires <= session.expires_date
        assert 0 <= tokens.expires_in <= min(900, left + 1)

    async def test_the_refresh_token_is_the_session_s_current_one(self) -> None:
        """The same each time it is asked for."""
        world, session = await logged_in()
        first, second = world.sessions.tokens(session), world.sessions.tokens(session)
        assert first.refresh == second.refresh == world.tokens.sign_refresh(session)


class TestAuthenticate:
    """Knowing who calls."""

    async def test_a_good_token_names_its_caller(self) -> None:
        """With one query."""
        world, session = await logged_in()
        token = world.sessions.tokens(session).access
        world.journal.clear()
        caller = await world.sessions.authenticate(token)
        assert (caller.account_id, caller.session_id) == (session.account_id, session.id)
        assert world.journal == ["read"]

    async def test_a_bad_token_costs_no_query(self) -> None:
        """Strangers must not reach the database."""
        world = a_world()
        with pytest.raises(TokenInvalid):
            await world.sessions.authenticate("x")
        assert world.journal == []

    @pytest.mark.parametrize("change", CHANGES)
    async def test_tk_32_a_token_is_worth_nothing_as_soon_as(self, change: str) -> None:
        """Its session or its account is not live any more; the error tells nothing of the reason."""
        world, session = await logged_in()
        token = world.sessions.tokens(session).access
        CHANGES[change](world, session)
        with pytest.raises(TokenInvalid) as caught:
            await world.sessions.authenticate(token)
        assert caught.value.detail == TokenInvalid().detail

    async def test_a_refresh_token_opens_nothing(self) -> None:
        """It lives for weeks."""
        world, session = await logged_in()
        with pytest.raises(TokenInvalid):
            await world.sessions.authenticate(world.sessions.tokens(session).refresh)


class TestRefresh:
    """Renewing tokens."""

    async def test_tk_22_a_refresh_token_buys_the_next_one(self) -> None:
        """The session counts on, by the database's clock, and its old tokens' caches are outdated."""
        world, session = await logged_in()
        before = world.account(session.account_id)
        world.database_clock.advance(timedelta(hours=2))
        renewed = await world.sessions.refresh(world.sessions.tokens(session).refresh)
        kept = world.session(session.id)
        assert kept == replace(session, counter=2, refreshed_date=world.database_clock.now())
        assert world.tokens.sign_refresh(renewed) == world.tokens.sign_refresh(kept)
        assert world.account(session.account_id) == replace(before, access_version=before.access_version + 1)

    async def test_a_chain_of_renewals_holds(self) -> None:
        """Each one's token buys the next."""
        world, session = await logged_in()
        for counter in range(2, 30):
            world.advance(timedelta(minutes=20))
            session = await world.sessions.refresh(world.sessions.tokens(session).refresh)
            assert session.counter == counter

    @pytest.mark.parametrize("after", [timedelta(0), SECOND, timedelta(seconds=30)])
    async def test_tk_25_within_the_grace_the_same_successor_comes_again(self, after: timedelta) -> None:
        """Two tabs, or a lost answer: the same token, no fork, and nothing is written."""
        world, session = await logged_in()
        used = world.sessions.tokens(session).refresh
        first = world.sessions.tokens(await world.sessions.refresh(used))
        state = world.storage.state.copy()
        world.advance(after)
        again = world.sessions.tokens(await world.sessions.refresh(used))
        assert again.refresh == first.refresh
        assert world.storage.state == state

    async def test_tk_25_the_grace_is_counted_by_the_database_s_clock(self) -> None:
        """Two servers' clocks may differ by more than the grace."""
        world, session = await logged_in()
        used = world.sessions.tokens(session).refresh
        await world.sessions.refresh(used)
        world.clock.advance(timedelta(hours=10))
        assert (await world.sessions.refresh(used)).counter == 2

    async def test_tk_23_after_the_grace_a_used_token_ends_the_session(self) -> None:
        """Two parties hold its tokens; both are out, durably, before the error is raised."""
        world, session = await logged_in()
        used = world.sessions.tokens(session).refresh
        current = world.sessions.tokens(await world.sessions.refresh(used))
        world.database_clock.advance(timedelta(seconds=30) + MICROSECOND)
        with pytest.raises(RefreshTokenReused):
            await world.sessions.refresh(used)
        kept = world.session(session.id)
        assert (kept.status, kept.ended_date) == (SessionStatus.ENDED, world.clock.now())
        with pytest.raises(RefreshTokenInvalid):
            await world.sessions.refresh(current.refresh)
        with pytest.raises(TokenInvalid):
            await world.sessions.authenticate(current.access)

    async def test_tk_23_a_clock_that_was_set_back_prolongs_no_grace(self) -> None:
        """For as long as it was set back, nobody would notice a token that two parties use."""
        world, session = await logged_in()
        used = world.sessions.tokens(session).refresh
        await world.sessions.refresh(used)
        world.database_clock.advance(-timedelta(hours=1))
        with pytest.raises(RefreshTokenReused):
            await world.sessions.refresh(used)

    async def test_tk_23_a_token_used_two_renewals_ago_has_no_grace(self) -> None:
        """Its owner has shown that the successor arrived."""
        world, session = await logged_in()
        used = world.sessions.tokens(session).refresh
        following = await world.sessions.refresh(used)
        await world.sessions.refresh(world.sessions.tokens(following).refresh)
        with pytest.raises(RefreshTokenReused):
            await world.sessions.refresh(used)
        assert world.session(session.id).status is SessionStatus.ENDED

    async def test_tk_23_a_reuse_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        """With who and which login, without any token."""
        world, session = await logged_in()
        used = world.sessions.tokens(session).refresh
        await world.sessions.refresh(used)
        world.advance(timedelta(minutes=1))
        caplog.clear()
        with pytest.raises(RefreshTokenReused):
            await world.sessions.refresh(used)
        reused = [record for record in caplog.records if record.getMessage() == "refresh_token_reused"]
        assert [(vars(record)["account"], vars(record)["session"]) for record in reused] == [
            (session.account_id, session.id)
        ]
        assert used not in str([vars(record) for record in caplog.records])

    async def test_a_second_reuse_is_merely_invalid(self) -> None:
        """The session is over; there is nothing left to end."""
        world, session = await logged_in()
        used = world.sessions.tokens(session).refresh
        await world.sessions.refresh(used)
        world.advance(timedelta(minutes=1))
        with pytest.raises(RefreshTokenReused):
            await world.sessions.refresh(used)
        with pytest.raises(RefreshTokenInvalid):
            await world.sessions.refresh(used)

    async def test_tk_27_of_20_parallel_renewals_all_get_one_successor(self) -> None:
        """One counts on, the others come within the grace."""
        world, session = await logged_in()
        used = world.sessions.tokens(session).refresh
        renewed = await asyncio.gather(*(world.sessions.refresh(used) for _ in range(20)))
        assert {world.sessions.tokens(each).refresh for each in renewed} == {
            world.tokens.sign_refresh(world.session(session.id))
        }
        assert world.session(session.id).counter == 2

    async def test_without_grace_the_second_of_two_parallel_renewals_is_a_reuse(self) -> None:
        """As strict as the operator wants it."""
        world, session = await logged_in(grace=timedelta(0))
        used = world.sessions.tokens(session).refresh
        await world.sessions.refresh(used)
        world.database_clock.advance(MICROSECOND)
        with pytest.raises(RefreshTokenReused):
            await world.sessions.refresh(used)

    async def test_a_number_not_yet_reached_is_invalid(self) -> None:
        """A database put back to yesterday: today's tokens are unknown, and nobody is at fault."""
        world, session = await logged_in()
        future = world.tokens.sign_refresh(replace(session, counter=5))
        with pytest.raises(RefreshTokenInvalid):
            await world.sessions.refresh(future)
        assert world.session(session.id) == session

    @pytest.mark.parametrize("after", [timedelta(days=14), timedelta(days=30)])
    async def test_tk_30_a_session_that_died_cannot_be_renewed(self, after: timedelta) -> None:
        """Of idleness or of age."""
        world, session = await logged_in(idle=timedelta(days=14))
        token = world.sessions.tokens(session).refresh
        world.advance(after)
        with pytest.raises(RefreshTokenInvalid):
            await world.sessions.refresh(token)

    async def test_tk_30_renewing_puts_idleness_off_and_not_age(self) -> None:
        """Absolute means absolute."""
        world, session = await logged_in()
        end = session.expires_date
        for _ in range(4):
            world.advance(timedelta(days=7))
            session = await world.sessions.refresh(world.sessions.tokens(session).refresh)
        assert session.expires_date == end
        world.advance(timedelta(days=2))
        with pytest.raises(RefreshTokenInvalid):
            await world.sessions.refresh(world.sessions.tokens(session).refresh)

    async def test_a_forged_token_ends_nothing(self) -> None:
        """The signature comes first: else anybody who knows an id could log others out."""
        world, session = await logged_in()
        for _ in range(3):
            session = await world.sessions.refresh(world.sessions.tokens(session).refresh)
        forged = world.tokens.sign_refresh(replace(session, salt=bytes(32), counter=1))
        with pytest.raises(RefreshTokenInvalid):
            await world.sessions.refresh(forged)
        assert world.session(session.id).status is SessionStatus.ACTIVE

    @pytest.mark.parametrize("change", ["disabled", "removed"])
    async def test_tk_32_an_account_that_is_gone_renews_nothing(self, change: str) -> None:
        """Also where its sessions were left as they are."""
        world, session = await logged_in()
        token = world.sessions.tokens(session).refresh
        if change == "removed":
            world.storage.state.accounts.clear()
        else:
            world.with_account(replace(world.account(session.account_id), status=AccountStatus.DISABLED))
        with pytest.raises(RefreshTokenInvalid):
            await world.sessions.refresh(token)
        assert world.session(session.id).counter == 1

    async def test_junk_costs_no_query(self) -> None:
        """Strangers must not reach the database."""
        world = a_world()
        with pytest.raises(RefreshTokenInvalid):
            await world.sessions.refresh("junk")
        assert world.journal == []

    async def test_an_access_token_renews_nothing(self) -> None:
        """It may be in more hands."""
        world, session = await logged_in()
        with pytest.raises(RefreshTokenInvalid):
            await world.sessions.refresh(world.sessions.tokens(session).access)


class TestLogout:
    """Ending one's session."""

    async def test_tk_20_its_tokens_are_worth_nothing_at_once(self) -> None:
        """Neither of them; other sessions live on."""
        world, session = await logged_in()
        other = await world.sessions.login(world.account(session.account_id).email, DUCKS, ORIGIN)
        tokens = world.sessions.tokens(session)
        before = world.account(session.account_id).access_version
        await world.sessions.logout(tokens.access)
        assert world.session(session.id).ended_date == world.clock.now()
        assert world.account(session.account_id).access_version == before + 1
        with pytest.raises(TokenInvalid):
            await world.sessions.authenticate(tokens.access)
        with pytest.raises(RefreshTokenInvalid):
            await world.sessions.refresh(tokens.refresh)
        assert (await world.sessions.authenticate(world.sessions.tokens(other).access)).session_id == other.id

    async def test_tk_21_twice_is_once(self) -> None:
        """And the second time nothing is written."""
        world, session = await logged_in()
        token = world.sessions.tokens(session).access
        await world.sessions.logout(token)
        world.advance(timedelta(minutes=1))
        before = world.storage.state.copy()
        await world.sessions.logout(token)
        assert world.storage.state == before

    async def test_tk_21_an_expired_token_of_ours_will_do(self) -> None:
        """Logging out must not need logging in."""
        world, session = await logged_in()
        token = world.sessions.tokens(session).access
        world.advance(timedelta(days=1))
        await world.sessions.logout(token)
        assert world.session(session.id).status is SessionStatus.ENDED

    @pytest.mark.parametrize("gone", ["account", "session", "disabled"])
    async def test_where_nothing_is_left_nothing_is_wrong(self, gone: str) -> None:
        """What the caller wants is so already."""
        world, session = await logged_in()
        token = world.sessions.tokens(session).access
        if gone == "account":
            world.storage.state.accounts.clear()
        elif gone == "session":
            world.storage.state.sessions.clear()
        else:
            world.with_account(replace(world.account(session.account_id), status=AccountStatus.DISABLED))
        await world.sessions.logout(token)

    async def test_a_forged_token_ends_nothing(self) -> None:
        """Nor one of another kind."""
        world, session = await logged_in()
        for token in ("x", world.sessions.tokens(session).refresh, world.sessions.tokens(session).access + "x"):
            with pytest.raises(TokenInvalid):
                await world.sessions.logout(token)
        assert world.session(session.id).status is SessionStatus.ACTIVE


async def test_tk_24_the_end_after_a_reuse_stands_before_the_error() -> None:
    """Whoever catches the error and reads the state finds it so."""
    world = world_with(account := an_account())
    session = a_session(account_id=account.id, counter=9)
    world.with_session(session)
    with pytest.raises(RefreshTokenReused):
        await world.sessions.refresh(world.tokens.sign_refresh(replace(session, counter=3)))
    assert world.session(session.id).status is SessionStatus.ENDED
    assert world.account(account.id).access_version == account.access_version + 1
