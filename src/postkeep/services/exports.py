"""Taking out: everything that somebody keeps here, as it is at one moment."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from postkeep.domain.accounts import AccountId
from postkeep.domain.posts import ListedPost
from postkeep.services.ports import Storage

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Export:
    """All posts of somebody.

    Attributes:
        parts: Some of them at a time, newest first; to be closed, or read to the end.
        recalled: Done when the parts should be closed at once, because whoever takes them is in others' way.
    """

    parts: AsyncGenerator[Sequence[ListedPost]]
    recalled: asyncio.Future[None]


class ExportService:
    """The use case of taking everything out."""

    def __init__(self, storage: Storage) -> None:
        """Take where everything is kept."""
        self._storage = storage

    async def begin(self, author: AccountId, *, size: int = 0) -> Export:
        """Begin to read all posts of somebody, in bounded memory.

        They come newest first, as lists do: there is one order in which they are read at one moment, and whoever brings
        them in again needs none, since ids and dates come along.

        Args:
            author: Whose posts.
            size: About how many bytes the list of all of them has.

        Raises:
            StorageUnavailable: The database does not answer, or too many long lists are being read.
        """
        recalled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def recall() -> None:
            if not recalled.done():
                recalled.set_result(None)

        parts = self._storage.stream(author, weight=size, recall=recall)
        # What can go wrong at the beginning does so before anything is answered.
        # (`anext` of Python 3.11 fails where what it is to answer in the end is a tuple: `None` is none.)
        first = await anext(parts, None) or ()
        log.info("posts_exported", extra={"account": author})
        return Export(_with_first(first, parts), recalled)


async def _with_first(
    first: Sequence[ListedPost], parts: AsyncGenerator[Sequence[ListedPost]]
) -> AsyncGenerator[Sequence[ListedPost]]:
    """Give out the part that has been read already, and then the others."""
    async with aclosing(parts):
        yield first
        async for part in parts:
            yield part
