"""Streaming: what is answered while it is read, part by part, so that it is never in memory as a whole."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from postkeep.domain.accounts import AccountId
from postkeep.domain.lists import EVERYTHING, Listing, Place
from postkeep.domain.posts import ListedPost
from postkeep.services.ports import Storage

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LongList:
    """More posts than one wants to have in memory.

    Attributes:
        parts: Some of them at a time, in order; to be closed, or read to the end.
        recalled: Done when the parts should be closed at once, because whoever takes them is in others' way.
    """

    parts: AsyncGenerator[Sequence[ListedPost]]
    recalled: asyncio.Future[None]


async def begin_list(  # noqa: PLR0913 - which posts, and in what order
    storage: Storage,
    author: AccountId,
    listing: Listing = EVERYTHING,
    *,
    before: Place | None = None,
    last: Place | None = None,
    size: int,
) -> LongList:
    """Begin to read a list; what can go wrong at its beginning does so here, before anything is answered.

    Args:
        storage: Where the posts are.
        author: Whose posts.
        listing: Which of them, and in what order.
        before: Only those behind this place.
        last: Only down to this one, which counts.
        size: About how many bytes the list has.

    Raises:
        StorageUnavailable: The database does not answer, or too many long lists are being read.
    """
    recalled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def recall() -> None:
        if not recalled.done():
            recalled.set_result(None)

    parts = storage.stream(author, listing, before=before, last=last, weight=size, recall=recall)
    _, whole = await with_first(parts)
    return LongList(whole, recalled)


async def with_first(parts: AsyncGenerator[Sequence[T]]) -> tuple[Sequence[T], AsyncGenerator[Sequence[T]]]:
    """Read the first of some parts, and return it, and all of them, itself included."""
    # (`anext` of Python 3.11 fails where what it is to answer in the end is a tuple: `None` is none.)
    first = await anext(parts, None) or ()
    return first, _from_first(first, parts)


async def _from_first(first: Sequence[T], others: AsyncGenerator[Sequence[T]]) -> AsyncGenerator[Sequence[T]]:
    """Give out a part that has been read already, and then the others."""
    async with aclosing(others):
        yield first
        async for part in others:
            yield part
