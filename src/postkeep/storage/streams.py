"""Long lists that are read at the same time: a few; where others wait, the slow and the second ones give way.

The longest, which a reader may hold for minutes without being slow, have some of the turns only.
"""

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
from postkeep.storage.limits import (
    BYTES_PER_SECOND,
    LONGEST_BYTES,
    LONGEST_STREAMS,
    OWN_STREAMS,
    PATIENCE_SECONDS,
    STREAMS,
    UNDISTURBED_SECONDS,
)

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 0.1


class Stream:
    """A long list that is being read.

    Attributes:
        author: Whose list it is.
        is_longest: Whether it is one of the longest.
        is_recalled: Whether the reader was told to stop.
    """

    def __init__(self, author: AccountId, recall: Recall, *, is_longest: bool) -> None:
        """Take whose list it is, what tells the reader to stop, and whether it is one of the longest."""
        self.author = author
        self.is_longest = is_longest
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

    def __init__(self, size: int = STREAMS, *, longest: int = LONGEST_STREAMS) -> None:
        """Take how many may be read at the same time, and how many of the longest."""
        self._turns = asyncio.Semaphore(size)
        self._longest = asyncio.Semaphore(longest)
        self._own_turns: WeakValueDictionary[AccountId, asyncio.Semaphore] = WeakValueDictionary()
        self._read: list[Stream] = []

    @asynccontextmanager
    async def turn(self, author: AccountId, recall: Recall, weight: int) -> AsyncGenerator[Stream]:
        """Wait for a turn, and hold it.

        Args:
            author: Whose list.
            recall: Tells the reader to stop, because others wait, and it is slow or has another list.
            weight: About how many bytes the list has.

        Raises:
            StorageUnavailable: All are taken, and nobody gives way in time.
        """
        own = self._own_turns.setdefault(author, asyncio.Semaphore(OWN_STREAMS))
        stream = Stream(author, recall, is_longest=weight > LONGEST_BYTES)
        async with AsyncExitStack() as held:
            await self._take(held, stream, [own, *([self._longest] if stream.is_longest else []), self._turns])
            self._read.append(stream)
            held.callback(self._read.remove, stream)
            yield stream

    async def _take(self, held: AsyncExitStack, stream: Stream, turns: Sequence[asyncio.Semaphore]) -> None:
        """Wait for the account's turn and then for one of all, while others are asked to give way."""
        asking = None
        if any(each.locked() for each in turns):
            asking = asyncio.create_task(self._make_way(stream))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                for each in turns:
                    await held.enter_async_context(each)
        except TimeoutError as error:
            log.warning("storage_busy", extra={"reason": "too many long lists are being read"})
            raise StorageUnavailable from error
        finally:
            if asking is not None:
                asking.cancel()

    async def _make_way(self, stream: Stream) -> None:
        """Tell those in this one's way to stop, one after the other, until cancelled."""
        while True:
            in_the_way = [
                each for each in self._read if each.author == stream.author or self._is_in_turns_of(each, stream)
            ]
            if not any(each.is_recalled for each in in_the_way):
                slow = [each for each in in_the_way if each.lateness > 0]
                if slow:
                    max(slow, key=lambda each: each.lateness).recall()
                elif second := self._second_ones(stream):
                    # The latest has the least to begin anew.
                    second[-1].recall()
            await asyncio.sleep(_LOOK_SECONDS)

    def _second_ones(self, stream: Stream) -> Sequence[Stream]:
        """Return what is read by accounts that read something else as well, where this author reads nothing yet."""
        read = Counter(each.author for each in self._read)
        if stream.author in read:
            return []
        return [each for each in self._read if read[each.author] > 1 and self._is_in_turns_of(each, stream)]

    def _is_in_turns_of(self, other: Stream, stream: Stream) -> bool:
        """Whether a list has a turn that this one waits for."""
        return self._turns.locked() or (stream.is_longest and other.is_longest and self._longest.locked())
