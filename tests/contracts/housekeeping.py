"""Housekeeping, on whatever storage: what it removes, what it leaves alone, and that only one does it."""

import asyncio
from datetime import datetime, timedelta

import pytest

from postkeep.domain.accounts import Account, AccountStatus
from postkeep.domain.attempts import Tally
from postkeep.domain.idempotency import KEY_LIFETIME, KeyUse
from postkeep.domain.sessions import Session
from postkeep.services.housekeeping import ONCE, HousekeepingService
from postkeep.services.ports import Storage
from postkeep.services.repositories import UnitOfWork
from postkeep.services.sessions import FORGET_AFTER
from tests.builders import a_moment, a_session
from tests.contracts.idempotency import a_use, find_use, keep_use
from tests.contracts.kept import account_by_now, find_session, keep_account, keep_sessions
from tests.fakes import FakeClock

HOUR = timedelta(hours=1)


async def begin_anew(storage: Storage) -> None:
    """Have it be anybody's turn."""

    async def unit(work: UnitOfWork) -> None:
        now, _ = await work.attempts.hold([ONCE.key()])
        await work.attempts.put({ONCE.key(): Tally(0, 0, now, now)})

    await storage.count(unit)


async def disable(storage: Storage, account: Account) -> None:
    """Disable an account, which keeps what it has."""
    await storage.transact(account.id, lambda work: work.accounts.set_status(account.id, AccountStatus.DISABLED))


class HousekeepingContract:
    """What housekeeping promises; `storage` is a fixture of the class that inherits this."""

    @pytest.fixture
    async def house(self, storage: Storage) -> HousekeepingService:
        """Return somebody whose turn it is."""
        await begin_anew(storage)
        return HousekeepingService(storage, FakeClock(a_moment()))

    async def test_tk_37_sessions_of_people_who_never_come_back_are_removed(
        self, storage: Storage, house: HousekeepingService
    ) -> None:
        """Of any number of accounts, disabled ones too; those that were over less than a month ago stay."""
        now = a_moment()

        async def keep(over: datetime) -> tuple[Account, Session]:
            account = await keep_account(storage)
            created = now - 100 * FORGET_AFTER
            session = a_session(account_id=account.id, created_date=created, refreshed_date=created, expires_date=over)
            await keep_sessions(storage, session)
            return account, session

        gone = [await keep(now - FORGET_AFTER - HOUR) for _ in range(70)]
        left = [await keep(now - FORGET_AFTER + HOUR), await keep(now + HOUR)]
        await disable(storage, gone[0][0])
        assert await house.keep_house()
        assert [await find_session(storage, session.id) for _, session in gone] == [None] * 70
        assert [await find_session(storage, session.id) for _, session in left] == [session for _, session in left]
        assert await account_by_now(storage, left[0][0])

    async def test_keys_of_people_who_never_come_back_are_removed(
        self, storage: Storage, house: HousekeepingService
    ) -> None:
        """However many one account has; those that still stand for something stay."""
        now, account, other = a_moment(), await keep_account(storage), await keep_account(storage)

        async def keep(author: Account, used: datetime) -> KeyUse:
            # All of one moment, so that none is removed when the next one comes.
            use = KeyUse(author.id, (made := a_use(author.id)).key_hash, made.body_hash, made.post_id, used)
            return await keep_use(storage, use)

        gone = [await keep(account, now - KEY_LIFETIME - HOUR) for _ in range(40)]
        left = [await keep(other, now - KEY_LIFETIME + HOUR)]
        assert await house.keep_house()
        assert [await find_use(storage, use) for use in gone] == [None] * 40
        assert [await find_use(storage, use) for use in left] == left

    async def test_sv_15_one_of_all_processes_keeps_house_in_an_hour(
        self, storage: Storage, house: HousekeepingService
    ) -> None:
        """However many come at the same moment, and whoever comes later."""
        others = [HousekeepingService(storage, FakeClock(a_moment())) for _ in range(9)]
        turns = await asyncio.gather(house.keep_house(), *(other.keep_house() for other in others))
        assert sorted(turns) == [False] * 9 + [True]
        assert not await house.keep_house()
