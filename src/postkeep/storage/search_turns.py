"""Whose turn it is to search: a few at the same time, and one of each account."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from postkeep.domain.accounts import AccountId
from postkeep.services.ports import SearchUnavailable
from postkeep.storage.limits import PATIENCE_SECONDS, SEARCHES

log = logging.getLogger(__name__)


class SearchTurns:
    """Who may search. Any number may ask; whoever's turn does not come in time is told to come again."""

    def __init__(self, size: int = SEARCHES) -> None:
        """Take how many may search at the same time."""
        self._turns = asyncio.Semaphore(size)
        self._own: WeakValueDictionary[AccountId, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, author: AccountId) -> AsyncGenerator[None]:
        """Wait for a turn, and hold it.

        Raises:
            SearchUnavailable: It did not come in time.
        """
        own = self._own.setdefault(author, asyncio.Lock())
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await held.enter_async_context(own)
                    await held.enter_async_context(self._turns)
            except TimeoutError as error:
                log.warning("search_refused", extra={"account": author})
                raise SearchUnavailable from error
            yield
