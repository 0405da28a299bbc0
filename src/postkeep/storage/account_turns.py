"""Whose turn it is: a few accounts, or networks, at the same time, and of each of them one thing or two."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Hashable
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from postkeep.domain.accounts import AccountId
from postkeep.services.ports import SearchUnavailable, StorageUnavailable
from postkeep.storage.limits import PATIENCE_SECONDS, PLACE_BYTES, UNDISTURBED_SECONDS

log = logging.getLogger(__name__)


class SearchTurn:
    """A turn to search."""

    def __init__(self, turns: "AccountTurns") -> None:
        """Begin it."""
        self._turns = turns
        self._began = time.monotonic()
        self.is_over = False

    def has_to_end(self) -> bool:
        """Whether others wait and this one has had its time, or it is over, because nobody waits for the answer.

        May be asked in any thread.
        """
        return self.is_over or (self._turns.waiting > 0 and time.monotonic() - self._began > UNDISTURBED_SECONDS)


class AccountTurns:
    """Who may ask. Any number may wait; whoever's turn does not come in time gets none.

    Attributes:
        waiting: How many accounts wait for others', whose own turn it is.
    """

    def __init__(self, size: int, *, own: int = 1) -> None:
        """Take how many may ask at the same time, and how often one account may."""
        self._turns = asyncio.Semaphore(size)
        self._own_size = own
        self._own: WeakValueDictionary[Hashable, asyncio.Semaphore] = WeakValueDictionary()
        self.waiting = 0

    @asynccontextmanager
    async def to_search(self, author: AccountId) -> AsyncGenerator[SearchTurn]:
        """Wait for a turn to search, and hold it; whoever holds one asks it from time to time whether it has to end.

        Raises:
            SearchUnavailable: It did not come in time.
        """
        async with AsyncExitStack() as held:
            try:
                await self._take(held, author)
            except TimeoutError as error:
                log.warning("search_refused", extra={"account": author})
                raise SearchUnavailable from error
            turn = SearchTurn(self)
            try:
                yield turn
            finally:
                turn.is_over = True

    @asynccontextmanager
    async def to_use(self, asker: Hashable, what: str) -> AsyncGenerator[None]:
        """Wait for a turn at the database, and hold it.

        Args:
            asker: Who asks: an account, or a network.
            what: Of which there are too many where it does not come, for the log.

        Raises:
            StorageUnavailable: It did not come in time.
        """
        async with AsyncExitStack() as held:
            try:
                await self._take(held, asker)
            except TimeoutError as error:
                log.warning("storage_busy", extra={"reason": f"too many {what}"})
                raise StorageUnavailable from error
            yield

    async def _take(self, held: AsyncExitStack, asker: Hashable) -> None:
        """Wait for the asker's own turn and then for one of all."""
        own = self._own.setdefault(asker, asyncio.Semaphore(self._own_size))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await held.enter_async_context(own)
            self.waiting += 1
            try:
                await held.enter_async_context(self._turns)
            finally:
                self.waiting -= 1


class Places:
    """Places in a line for one thing at a time, the lowest first: whoever wants much gives way to whoever wants little.

    Each account's next place is behind its last one, and nobody's is before what had its turn already: so a crowd of
    one account's stands behind the first of each other account, however late that comes, and nobody waits for ever.
    """

    def __init__(self) -> None:
        """Begin with nobody in line."""
        self._now = 0
        self._last: dict[AccountId, int] = {}

    def take(self, account_id: AccountId | None, weight: int) -> int:
        """Return the next place of an account, or of somebody who is none.

        Args:
            account_id: Whose.
            weight: How many bytes will be changed there.
        """
        behind = self._now if account_id is None else max(self._now, self._last.get(account_id, 0))
        place = behind + 1 + weight // PLACE_BYTES
        if account_id is not None:
            self._last[account_id] = place
        return place

    def leave(self, account_id: AccountId | None, place: int, *, served: bool) -> None:
        """Give a place back, after its turn or because nobody waits for that any more.

        Args:
            account_id: Whose.
            place: As it was taken.
            served: Whether it had its turn: only then has everybody before it had theirs.
        """
        if served:
            self._now = max(self._now, place)
        if account_id is not None and self._last.get(account_id) == place:
            del self._last[account_id]
