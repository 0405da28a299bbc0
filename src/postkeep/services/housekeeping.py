"""Housekeeping: what is over is removed, also of people who never come back; one process at a time does it."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias
from uuid import UUID

from postkeep.domain.accounts import AccountGone, AccountId
from postkeep.domain.attempts import Rule, Success
from postkeep.domain.errors import Unavailable
from postkeep.domain.idempotency import KEY_LIFETIME
from postkeep.services.ports import Clock, Storage
from postkeep.services.removal import Removal
from postkeep.services.repositories import UnitOfWork
from postkeep.services.sessions import FORGET_AFTER

log = logging.getLogger(__name__)

ONCE: Final = Rule("housekeeping", limit=1, window=timedelta(hours=1), success=Success.COUNTS)
"""Counted in the database as attempts are, so all processes of all machines together do it once in an hour."""

PAUSE_SECONDS: Final = 900.0
"""About how long a process waits before it asks again whether it is its turn."""

_TURN: Final = ONCE.key()
_OWNERS_AT_ONCE: Final = 64
_MOST_FAILURES: Final = 3
_TABLE_BYTES: Final = 256 * 1024 * 1024
"""Looking for owners may go through a whole table: see `weight` of `Storage.read`."""

_Find: TypeAlias = Callable[[UnitOfWork, AccountId], Coroutine[Any, Any, Sequence[AccountId]]]
_Forget: TypeAlias = Callable[[UnitOfWork, AccountId], Coroutine[Any, Any, int]]


class _NotNow(Exception):
    """It was done less than an hour ago."""


class HousekeepingService:
    """Removes what is over, account by account, in units like any others."""

    def __init__(
        self, storage: Storage, clock: Clock, *, pause: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        """Take where everything is kept, the time, and what waits."""
        self._storage = storage
        self._removal = Removal(storage)
        self._clock = clock
        self._pause = pause

    async def go_on(self) -> None:
        """Keep house from time to time, until cancelled; whatever goes wrong, the next time comes."""
        while True:
            await self._pause(PAUSE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - jitter needs no secrecy
            try:
                await self.keep_house()
            except Unavailable:
                log.warning("housekeeping_put_off")
            except Exception:
                log.exception("housekeeping_failed")

    async def keep_house(self) -> bool:
        """Remove sessions that were over a month ago, keys that have expired, and what closed accounts left behind.

        If it is time for that, and nobody else does it.

        Returns:
            Whether it was.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        try:
            await self._storage.count(_take_turn)
        except _NotNow:
            return False
        now = self._clock.now()
        sessions = await self._sweep(*_of_sessions(now - FORGET_AFTER))
        keys = await self._sweep(*_of_keys(now - KEY_LIFETIME))
        await self._sweep_each(_find_closed, self._removal.finish)
        log.info("kept_house", extra={"sessions": sessions, "keys": keys})
        return True

    async def _sweep(self, find: _Find, forget: _Forget) -> int:
        """Have all accounts forget something that are found to have it, and return how much it was."""
        swept = 0

        async def sweep(owner: AccountId) -> None:
            nonlocal swept
            while removed := await self._forget(forget, owner):
                swept += removed

        await self._sweep_each(find, sweep)
        return swept

    async def _sweep_each(self, find: _Find, sweep: Callable[[AccountId], Awaitable[None]]) -> None:
        """Do something for all accounts that are found; one with which it fails is not in the others' way.

        Raises:
            Exception: It has failed with several.
        """
        after, failures = AccountId(UUID(int=0)), 0
        while owners := await self._find(find, after):
            for owner in owners:
                try:
                    await sweep(owner)
                except Exception:
                    failures += 1
                    if failures == _MOST_FAILURES:
                        raise
                    log.exception("housekeeping_failed", extra={"account": owner})
            after = owners[-1]

    async def _find(self, find: _Find, after: AccountId) -> Sequence[AccountId]:
        """Find the next accounts."""
        return await self._storage.read(lambda work: find(work, after), weight=_TABLE_BYTES)

    async def _forget(self, forget: _Forget, owner: AccountId) -> int:
        """Have one account forget something, and return how much it was."""
        removed = 0

        async def unit(work: UnitOfWork) -> None:
            nonlocal removed
            await work.accounts.claim(owner)
            removed = await forget(work, owner)

        try:
            await self._storage.transact(owner, unit)
        except AccountGone:
            return 0
        return removed


async def _find_closed(work: UnitOfWork, after: AccountId) -> Sequence[AccountId]:
    """Find accounts that were closed and are still there."""
    return await work.accounts.list_closed(after=after, limit=_OWNERS_AT_ONCE)


def _of_sessions(before: datetime) -> tuple[_Find, _Forget]:
    """Return how sessions are found and removed that were over before then."""
    return (
        lambda work, after: work.sessions.owners_over(before, after=after, limit=_OWNERS_AT_ONCE),
        lambda work, owner: work.sessions.forget(owner, before),
    )


def _of_keys(before: datetime) -> tuple[_Find, _Forget]:
    """Return how keys are found and removed that were used before then."""
    return (
        lambda work, after: work.keys.owners_over(before, after=after, limit=_OWNERS_AT_ONCE),
        lambda work, owner: work.keys.forget(owner, before),
    )


async def _take_turn(work: UnitOfWork) -> None:
    """Count that house is being kept.

    Raises:
        _NotNow: It was less than an hour ago.
    """
    now, kept = await work.attempts.hold([_TURN])
    if not ONCE.judge(kept.get(_TURN), now).is_free:
        raise _NotNow
    await work.attempts.put({_TURN: ONCE.failed(kept.get(_TURN), now)})
