"""Large texts: what is made of them is made in another thread, in turn, so that nobody else waits for it."""

import asyncio
import gc
import logging
from collections.abc import AsyncGenerator, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeVar
from weakref import WeakValueDictionary

from postkeep.domain.posts import ListedPost, Post, PostId
from postkeep.domain.search import SNIPPET_LENGTH, Query
from postkeep.services.ports import StorageUnavailable
from postkeep.services.posts import PostService
from postkeep.services.sessions import Caller

T = TypeVar("T")

log = logging.getLogger(__name__)

LARGE_BYTES: Final = 64 * 1024
"""Reading, rendering or writing more takes long enough that a hundred of them at once would keep everybody waiting."""

FOUND_BYTES: Final = 4 * SNIPPET_LENGTH
"""To mark the words in a post that was found takes as long as to write so much more of its text."""

PATIENCE_SECONDS: Final = 3.0
"""How long a turn is waited for."""

_YOUNG: Final = 1
"""The collector's generation of what was made just now."""


def size_of(posts: Sequence[ListedPost], query: Query | None) -> int:
    """Return about how many bytes of text a list takes as long as, of posts that were searched for or not."""
    beside = 0 if query is None else FOUND_BYTES
    return sum(len(post.text) + beside for post in posts)


class LargeTexts:
    """Whose turn it is to have something made of a large text: one account at a time, and of each account one text.

    A text is read in its account's turn, so that whoever waits holds none. What is made of small ones is made at once.
    """

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Begin with nobody waiting."""
        self._patience_seconds = patience_seconds
        self._making, self._reading = asyncio.Lock(), asyncio.Lock()
        self._turns: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, whose: Hashable, size: int) -> AsyncGenerator[None]:
        """Wait for an account's turn, and hold it.

        Args:
            whose: The account, or None for all who have none.
            size: About how many bytes its text has; there are no turns for small ones.

        Raises:
            StorageUnavailable: It did not come in time.
        """
        if size <= LARGE_BYTES:
            yield
            return
        async with self._held(self._turns.setdefault(whose, asyncio.Lock())):
            yield

    async def make(self, size: int, work: Callable[[], T]) -> T:
        """Make something of a text: of a large one in another thread, in its account's turn, which is held meanwhile.

        Args:
            size: About how many bytes the text has.
            work: Makes it.

        Raises:
            StorageUnavailable: Too many other accounts have something made.
        """
        return await self._made(self._making, size, work)

    async def read(self, size: int, work: Callable[[], T]) -> T:
        """Read a text that was sent, as `make` makes something of one, but in a line of their own.

        What somebody sends is shaped to take long more easily than what is made of a post.
        """
        return await self._made(self._reading, size, work)

    @asynccontextmanager
    async def post(self, posts: PostService, caller: Caller, post_id: PostId) -> AsyncGenerator[Post]:
        """Read one of the caller's posts; a large one in the caller's turn, which is held until the end.

        Raises:
            PostAbsent: No such post, or it belongs to someone else.
            StorageUnavailable: The database does not answer, or the turn did not come in time.
        """
        # Most accounts have nothing large, which is known without asking.
        size = caller.stamp.list_bytes
        if size > LARGE_BYTES:
            size = await posts.size(caller.account_id, post_id)
        async with self.turn(caller.account_id, size):
            yield await posts.get(caller.account_id, post_id, size=size)

    async def _made(self, line: asyncio.Lock, size: int, work: Callable[[], T]) -> T:
        """Make something of a text: of a large one when the others in the line have come to their end."""
        if size <= LARGE_BYTES:
            return work()
        async with self._held(line):
            return await asyncio.to_thread(_made_cleanly, work)

    @asynccontextmanager
    async def _held(self, lock: asyncio.Lock) -> AsyncGenerator[None]:
        """Wait for a lock, and hold it."""
        try:
            async with asyncio.timeout(self._patience_seconds):
                await lock.acquire()
        except TimeoutError as error:
            log.warning("storage_busy", extra={"reason": "too many large texts"})
            raise StorageUnavailable from error
        try:
            yield
        finally:
            lock.release()


def _made_cleanly(work: Callable[[], T]) -> T:
    """Make something, and leave nothing of it behind.

    A page's templates refer to themselves and to the text that they show: dozens of such texts would stay until the
    collector goes through all there is.
    """
    try:
        return work()
    finally:
        gc.collect(_YOUNG)
