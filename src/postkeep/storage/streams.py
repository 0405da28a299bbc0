"""Long lists that are read at the same time: a few; where others wait, the slow and the second ones give way."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final
from weakref import WeakValueDictionary

from postkeep.domain.accounts import AccountId
from postkeep.domain.posts import ListedPost
from postkeep.services.ports import Recall, StorageUnavailable
from postkeep.storage.limits import BYTES_PER_SECOND, OWN_STREAMS, PATIENCE_SECONDS, STREAMS, UNDISTURBED_SECONDS

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 0.1


class Stream:
    """A long list that is being read.

    Attributes:
        author: Whose list it is.
        is_recalled: Whether the reader was told to stop.
    """

    def __init__(self, author: AccountId, recall: Recall) -> None:
        """Take whose list it is, and what tells the reader to stop."""
        self.author = author
        self.is_recalled = False
        self._recall = recall
        self._time = asyncio.get_running_loop().time
        self._spare = UNDISTURBED_SECONDS
        self._given: float | None = None
        self._allowed = 0.0

    @property
    def lateness(self) -> float:
        """For how many seconds the reader has taken longer than the slowest disk would; below 0, it has not."""
        taking = 0.0 if self._given is None else self._time() - self._given
        return taking - self._allowed - self._spare

    def give(self, part: Sequence[ListedPost]) -> None:
        """Begin to count the time of the reader, who has a part; the database's own does not count."""
        self._given = self._time()
        self._allowed = sum(len(post.text) for post in part) / BYTES_PER_SECOND

    def taken(self) -> None:
        """Stop counting: the reader wants the next part. Whoever is fast saves up no time by that."""
        self._spare = min(UNDISTURBED_SECONDS, -self.lateness)
        self._given, self._allowed = None, 0.0

    def recall(self) -> None:
        """Tell the reader to stop."""
        self.is_recalled = True
        self._recall()


class Streams:
    """Who may read a long list. Any number may ask; an account has few turns at most, and one where others wait."""

    def __init__(self, size: int = STREAMS) -> None:
        """Take how many may be read at the same time."""
        self._turns = asyncio.Semaphore(size)
        self._own_turns: WeakValueDictionary[AccountId, asyncio.Semaphore] = WeakValueDictionary()
        self._read: list[Stream] = []

    @asynccontextmanager
    async def turn(self, author: AccountId, recall: Recall) -> AsyncGenerator[Stream]:
        """Wait for a turn, and hold it.

        Args:
            author: Whose list.
            recall: Tells the reader to stop, because others wait, and it is slow or has another list.

        Raises:
            StorageUnavailable: All are taken, and nobody gives way in time.
        """
        own = self._own_turns.setdefault(author, asyncio.Semaphore(OWN_STREAMS))
        async with AsyncExitStack() as held:
            await self._take(held, author, own)
            stream = Stream(author, recall)
            self._read.append(stream)
            held.callback(self._read.remove, stream)
            yield stream

    async def _take(self, held: AsyncExitStack, author: AccountId, own: asyncio.Semaphore) -> None:
        """Wait for the account's turn and then for one of all, while others are asked to give way."""
        asking = None
        if own.locked() or self._turns.locked():
            asking = asyncio.create_task(self._make_way(author))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await held.enter_async_context(own)
                await held.enter_async_context(self._turns)
        except TimeoutError as error:
            log.warning("storage_busy", extra={"reason": "too many long lists are being read"})
            raise StorageUnavailable from error
        finally:
            if asking is not None:
                asking.cancel()

    async def _make_way(self, author: AccountId) -> None:
        """Tell those in this author's way to stop, one after the other, until cancelled."""
        while True:
            in_the_way = [each for each in self._read if each.author == author or self._turns.locked()]
            if not any(each.is_recalled for each in in_the_way):
                slow = [each for each in in_the_way if each.lateness > 0]
                if slow:
                    max(slow, key=lambda each: each.lateness).recall()
                elif second := self._second_ones(author):
                    # The latest has the least to begin anew.
                    second[-1].recall()
            await asyncio.sleep(_LOOK_SECONDS)

    def _second_ones(self, author: AccountId) -> Sequence[Stream]:
        """Return what is read by accounts that read something else as well, where this author reads nothing yet."""
        read = Counter(each.author for each in self._read)
        if not self._turns.locked() or author in read:
            return []
        return [each for each in self._read if read[each.author] > 1]
