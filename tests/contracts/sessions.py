"""The contract of `services.repositories.Sessions`."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from postkeep.domain.accounts import Account, AccountId
from postkeep.domain.sessions import ADDRESS_MAX_LENGTH, DEVICE_MAX_LENGTH, Origin, Session, SessionId, SessionStatus
from postkeep.services.ports import Storage
from postkeep.services.repositories import UnitOfWork
from tests.builders import a_moment, a_session
from tests.contracts.kept import account_by_now, find_account, find_session, keep_account, keep_sessions

MILLISECOND = timedelta(milliseconds=1)
"""As exactly as every database's clock counts."""


async def keep_session(storage: Storage, account: Account | None = None) -> Session:
    """Keep a session, of an account of its own unless one is given."""
    account = account or await keep_account(storage)
    session = a_session(account_id=account.id)
    await keep_sessions(storage, session)
    return session


async def advance(storage: Storage, session: Session) -> bool:
    """Try to use a session's refresh token up."""
    won = [False]

    async def unit(work: UnitOfWork) -> None:
        await work.accounts.claim_access(session.account_id)
        won[0] = await work.sessions.advance(session)

    await storage.transact(session.account_id, unit)
    return won[0]


async def end(storage: Storage, session: Session, now: datetime) -> None:
    """End a session."""

    async def unit(work: UnitOfWork) -> None:
        await work.accounts.claim_access(session.account_id)
        await work.sessions.end(session, now)

    await storage.transact(session.account_id, unit)


async def end_all(storage: Storage, account: Account, now: datetime, *, but: SessionId | None = None) -> None:
    """End an account's sessions."""

    async def unit(work: UnitOfWork) -> None:
        await work.accounts.claim_access(account.id)
        await work.sessions.end_all(account.id, now, but=but)

    await storage.transact(account.id, unit)


async def found_with_age(storage: Storage, session: Session) -> tuple[Session, timedelta]:
    """Look a session up that is there."""
    found = await storage.read(lambda work: work.sessions.find(session.id))
    assert found is not None
    return found


async def find_pair(storage: Storage, account_id: AccountId, session_id: SessionId) -> tuple[Account, Session] | None:
    """Look an account and its session up together."""
    return await storage.read(lambda work: work.sessions.find_account(account_id, session_id))


async def active(storage: Storage, account_id: AccountId) -> list[Session]:
    """List an account's sessions that nobody has ended."""
    return list(await storage.read(lambda work: work.sessions.list_active(account_id)))


class SessionsContract:
    """What the sessions promise; `storage` is a fixture of the class that inherits this."""

    async def test_a_session_comes_back_as_it_was_kept(self, storage: Storage) -> None:
        """Every member: the salt's bytes, the longest origin, each moment to the microsecond."""
        account = await keep_account(storage)
        session = a_session(
            account_id=account.id,
            salt=bytes(range(224, 256)),
            counter=2**31 - 1,
            origin=Origin("Ы" * (DEVICE_MAX_LENGTH - 1) + "😀", "f" * ADDRESS_MAX_LENGTH),
            status=SessionStatus.ENDED,
            created_date=datetime(2026, 3, 29, 1, 30, 0, 1, UTC),
            refreshed_date=datetime(2026, 3, 29, 2, 30, 0, 20, UTC),
            expires_date=datetime(2026, 10, 25, 1, 30, 0, 300, UTC),
            ended_date=datetime(2026, 10, 25, 2, 30, 0, 999999, UTC),
        )
        await keep_sessions(storage, session)
        assert await find_session(storage, session.id) == session

    async def test_a_session_without_an_origin_comes_back(self, storage: Storage) -> None:
        """Clients need not say who they are."""
        account = await keep_account(storage)
        session = a_session(account_id=account.id, origin=Origin())
        await keep_sessions(storage, session)
        assert await find_session(storage, session.id) == session

    async def test_what_is_not_there_is_not_found(self, storage: Storage) -> None:
        """None, and no error."""
        assert await find_session(storage, a_session().id) is None

    async def test_an_id_is_kept_once(self, storage: Storage) -> None:
        """Refresh tokens name a session by its id alone; another account's must not take its place."""
        session = await keep_session(storage)
        for thief in (await keep_account(storage), await find_account(storage, session.account_id)):
            assert thief is not None
            with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the storage calls it
                await keep_sessions(storage, a_session(id=session.id, account_id=thief.id))
        assert await find_session(storage, session.id) == session

    async def test_an_account_and_its_session_are_found_together(self, storage: Storage) -> None:
        """Who calls is one question."""
        account = await keep_account(storage)
        session = await keep_session(storage, account)
        assert await find_pair(storage, account.id, session.id) == (await account_by_now(storage, account), session)

    async def test_only_a_matching_pair_is_found(self, storage: Storage) -> None:
        """A token that splices my account with your session names nobody."""
        mine, yours = await keep_account(storage), await keep_account(storage)
        my_session, your_session = await keep_session(storage, mine), await keep_session(storage, yours)
        pairs = [(mine.id, your_session.id), (yours.id, my_session.id)]
        pairs += [(mine.id, a_session().id), (a_session().account_id, my_session.id)]
        for account_id, session_id in pairs:
            assert await find_pair(storage, account_id, session_id) is None

    async def test_the_age_is_told_by_the_database_s_clock(self, storage: Storage) -> None:
        """Two sessions' ages differ as their moments do, whatever time it is here."""
        account = await keep_account(storage)
        older = a_session(account_id=account.id, refreshed_date=datetime(2026, 1, 1, tzinfo=UTC))
        newer = a_session(account_id=account.id, refreshed_date=datetime(2026, 1, 1, 0, 0, 40, tzinfo=UTC))
        await keep_sessions(storage, older, newer)
        begun = time.monotonic()
        old_age, new_age = [(await found_with_age(storage, session))[1] for session in (older, newer)]
        elapsed = timedelta(seconds=time.monotonic() - begun) + MILLISECOND
        assert timedelta(seconds=40) - elapsed <= old_age - new_age <= timedelta(seconds=40) + MILLISECOND

    async def test_advancing_counts_one_on_and_starts_the_age_anew(self, storage: Storage) -> None:
        """By the database's clock, which all servers share; nothing else changes."""
        session = await keep_session(storage)
        begun = time.monotonic()
        assert await advance(storage, session)
        found, age = await found_with_age(storage, session)
        elapsed = timedelta(seconds=time.monotonic() - begun) + MILLISECOND
        assert timedelta(0) <= age <= elapsed
        assert found == replace(session, counter=session.counter + 1, refreshed_date=found.refreshed_date)

    async def test_advancing_again_from_the_same_counter_fails(self, storage: Storage) -> None:
        """A refresh token is used up once."""
        session = await keep_session(storage)
        await advance(storage, session)
        before = await find_session(storage, session.id)
        assert not await advance(storage, session)
        assert await find_session(storage, session.id) == before

    async def test_an_ended_session_does_not_advance(self, storage: Storage) -> None:
        """Logging out wins over renewing."""
        session = await keep_session(storage)
        await end(storage, session, a_moment())
        assert not await advance(storage, session)

    async def test_an_absent_session_does_not_advance(self, storage: Storage) -> None:
        """Nothing is made by advancing."""
        account = await keep_account(storage)
        session = a_session(account_id=account.id)
        assert not await advance(storage, session)
        assert await find_session(storage, session.id) is None

    async def test_a_session_does_not_advance_in_another_account_s_name(self, storage: Storage) -> None:
        """Every statement names the account, so a mistaken owner reaches nothing."""
        session, stranger = await keep_session(storage), await keep_account(storage)
        assert not await advance(storage, replace(session, account_id=stranger.id))
        await end(storage, replace(session, account_id=stranger.id), a_moment())
        assert await find_session(storage, session.id) == session

    async def test_tk_27_of_20_parallel_advances_one_wins(self, storage: Storage) -> None:
        """One refresh token has one successor, however many ask."""
        session = await keep_session(storage)
        won = await asyncio.gather(*(advance(storage, session) for _ in range(20)))
        assert sum(won) == 1
        kept = await find_session(storage, session.id)
        assert kept is not None
        assert kept.counter == session.counter + 1

    async def test_ending_is_kept_with_its_moment(self, storage: Storage) -> None:
        """And nothing else changes; a sister session lives on."""
        session = await keep_session(storage)
        sister = await keep_session(storage, await find_account(storage, session.account_id))
        now = a_moment()
        await end(storage, session, now)
        assert await find_session(storage, session.id) == replace(session, status=SessionStatus.ENDED, ended_date=now)
        assert await find_session(storage, sister.id) == sister

    async def test_ending_twice_is_ending_once(self, storage: Storage) -> None:
        """The first end stays, and an absent session has none."""
        session = await keep_session(storage)
        await end(storage, session, a_moment())
        before = await find_session(storage, session.id)
        await end(storage, session, a_moment())
        await end(storage, a_session(account_id=session.account_id), a_moment())
        assert await find_session(storage, session.id) == before

    async def test_ending_all_ends_the_account_s_live_ones(self, storage: Storage) -> None:
        """All of one account's, and nobody else's; those that had ended keep their end."""
        account = await keep_account(storage)
        live = [await keep_session(storage, account) for _ in range(3)]
        over, strangers = await keep_session(storage, account), await keep_session(storage)
        first, second, third = a_moment(), a_moment(), a_moment()
        await end(storage, over, first)
        await end_all(storage, account, second)
        await end_all(storage, account, third)
        ends = [await find_session(storage, session.id) for session in (*live, over, strangers)]
        assert [kept and kept.ended_date for kept in ends] == [second, second, second, first, None]

    async def test_ending_all_but_one_leaves_that_one(self, storage: Storage) -> None:
        """One that is named and belongs to somebody else saves nothing."""
        account = await keep_account(storage)
        one, other, third = [await keep_session(storage, account) for _ in range(3)]
        stranger = await keep_session(storage)
        await end_all(storage, account, a_moment(), but=other.id)
        assert await active(storage, account.id) == [other]
        await end_all(storage, account, a_moment(), but=stranger.id)
        assert await active(storage, account.id) == []
        assert await active(storage, stranger.account_id) == [stranger]
        assert len({one.id, other.id, third.id}) == 3

    async def test_tk_35_the_oldest_end_beyond_a_number(self, storage: Storage) -> None:
        """Those that ended before do not count, nor do others' sessions; with fewer, none ends."""
        account = await keep_account(storage)
        sessions = [await keep_session(storage, account) for _ in range(6)]
        stranger = await keep_session(storage)
        await end(storage, sessions[4], a_moment())

        async def keep_at_most(number: int) -> list[Session]:
            async def unit(work: UnitOfWork) -> None:
                await work.accounts.claim_access(account.id)
                await work.sessions.end_oldest(account.id, a_moment(), keep=number)

            await storage.transact(account.id, unit)
            return await active(storage, account.id)

        assert await keep_at_most(5) == [sessions[n] for n in (5, 3, 2, 1, 0)]
        assert await keep_at_most(3) == [sessions[n] for n in (5, 3, 2)]
        assert await keep_at_most(1) == [sessions[5]]
        assert await active(storage, stranger.account_id) == [stranger]

    async def test_tk_37_what_was_over_before_a_moment_is_forgotten(self, storage: Storage) -> None:
        """Ended or run out; one account's alone, and none that is good."""
        account = await keep_account(storage)
        now = a_moment()
        day = timedelta(days=1)

        def session(ends: timedelta, ended: timedelta | None = None) -> Session:
            over = {} if ended is None else {"status": SessionStatus.ENDED, "ended_date": now + ended}
            return a_session(account_id=account.id, created_date=now - 9 * day, expires_date=now + ends, **over)

        gone = [session(-2 * day), session(day, -2 * day), session(-2 * day, day), session(-2 * day, -2 * day)]
        kept = [session(day), session(-day / 2), session(day, -day / 2), session(day, timedelta(0))]
        stranger = a_session(account_id=(await keep_account(storage)).id, expires_date=now - 2 * day)
        await keep_sessions(storage, *gone, *kept, stranger)

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.claim_access(account.id)
            await work.sessions.forget(account.id, now - day)

        await storage.transact(account.id, unit)
        assert [await find_session(storage, session.id) for session in gone] == [None] * 4
        assert [await find_session(storage, session.id) for session in (*kept, stranger)] == [*kept, stranger]

    async def test_of_ended_sessions_the_newest_are_kept(self, storage: Storage) -> None:
        """One account's alone, and none that is active, however old."""
        account = await keep_account(storage)
        sessions = [await keep_session(storage, account) for _ in range(8)]
        for number in (1, 2, 4, 6, 7):
            await end(storage, sessions[number], a_moment())
        stranger = await keep_session(storage)
        await end(storage, stranger, a_moment())

        async def left(keep: int) -> list[int]:
            async def unit(work: UnitOfWork) -> None:
                await work.accounts.claim_access(account.id)
                await work.sessions.forget_oldest(account.id, keep=keep)

            await storage.transact(account.id, unit)
            return [number for number, session in enumerate(sessions) if await find_session(storage, session.id)]

        assert await left(5) == list(range(8))
        assert await left(3) == [0, 3, 4, 5, 6, 7]
        assert await left(1) == [0, 3, 5, 7]
        assert await find_session(storage, stranger.id) is not None

    async def test_active_sessions_are_listed_newest_first(self, storage: Storage) -> None:
        """One account's alone, and none that was ended."""
        account = await keep_account(storage)
        sessions = [await keep_session(storage, account) for _ in range(4)]
        await keep_session(storage)
        await end(storage, sessions[1], a_moment())
        assert await active(storage, account.id) == [sessions[3], sessions[2], sessions[0]]
        assert await active(storage, a_session().account_id) == []
