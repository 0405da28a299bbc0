"""Long lists that are read at the same time: a few, and where others wait, the slow ones give way."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final
from weakref import WeakValueDictionary

from postkeep.domain.accounts import AccountId
from postkeep.domain.posts import ListedPost
from postkeep.services.ports import Recall, StorageUnavailable
from postkeep.storage.limits import BYTES_PER_SECOND, PATIENCE_SECONDS, STREAMS

log = logging.getLogger(__name__)

UNDISTURBED_SECONDS: Final = 1.0
"""How long one is read before it can be slow: much less than anybody waits for a turn."""

_LOOK_SECONDS: Final = 0.1


class Stream:
    """A long list that is being read."""

    def __init__(self, author: AccountId, recall: Recall) -> None:
        """Take whose list it is, and what tells the reader to stop; that may be called more than once."""
        self.author = author
        self.recall = recall
        self._time = asyncio.get_running_loop().time
        self._due = self._time() + UNDISTURBED_SECONDS

    @property
    def is_slow(self) -> bool:
        """Whether the reader takes longer than the slowest disk would."""
        return self._time() > self._due

    def taken(self, part: Sequence[ListedPost]) -> None:
        """Count a part that the reader has taken. It gives time for the next one; whoever is fast saves up none."""
        time_for_it = sum(len(post.text) for post in part) / BYTES_PER_SECOND
        self._due = min(self._due, self._time() + UNDISTURBED_SECONDS) + time_for_it


class Streams:
    """Who may read a long list. Any number may ask; one account has half of the turns at most."""

    def __init__(self, size: int = STREAMS) -> None:
        """Take how many may be read at the same time."""
        self._turns = asyncio.Semaphore(size)
        self._own_size = max(1, size // 2)
        self._own_turns: WeakValueDictionary[AccountId, asyncio.Semaphore] = WeakValueDictionary()
        self._read: set[Stream] = set()

    @asynccontextmanager
    async def turn(self, author: AccountId, recall: Recall) -> AsyncGenerator[Stream]:
        """Wait for a turn, and hold it.

        Args:
            author: Whose list.
            recall: Tells the reader to stop, because others wait and it is slow.

        Raises:
            StorageUnavailable: All are taken, and nobody who is slow gives way in time.
        """
        own = self._own_turns.setdefault(author, asyncio.Semaphore(self._own_size))
        async with AsyncExitStack() as held:
            await self._take(held, author, own)
            stream = Stream(author, recall)
            self._read.add(stream)
            held.callback(self._read.discard, stream)
            yield stream

    async def _take(self, held: AsyncExitStack, author: AccountId, own: asyncio.Semaphore) -> None:
        """Wait for the account's turn and then for one of all, while the slow are asked to give way."""
        asking = None
        if own.locked() or self._turns.locked():
            asking = asyncio.create_task(self._recall_slow_ones(author))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await held.enter_async_context(own)
                await held.enter_async_context(self._turns)
        except TimeoutError as error:
            log.warning("storage_failed", extra={"reason": "too many long lists are being read"})
            raise StorageUnavailable from error
        finally:
            if asking is not None:
                asking.cancel()

    async def _recall_slow_ones(self, author: AccountId) -> None:
        """Tell whoever is slow and in this author's way to stop, until cancelled."""
        while True:
            for stream in self._read:
                if stream.is_slow and (stream.author == author or self._turns.locked()):
                    stream.recall()
            await asyncio.sleep(_LOOK_SECONDS)
