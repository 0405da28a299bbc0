"""What is brought in, entry by entry, whatever it is written in. Reading it blocks; see `slices`."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final, Protocol, TypeVar

from postkeep.services.entries import Entry

T = TypeVar("T")

MOST_ENTRIES: Final = 200_000
"""How many lines or files one request may bring: twice what an account may hold unless set otherwise."""

PART_ENTRIES: Final = 100
PART_BYTES: Final = 1024 * 1024
"""A part is done when it has so many entries, or has taken so many bytes."""

PART_READ: Final = 1000
"""And when so many lines or files were read, however few of them are entries."""


class Incoming(Protocol):
    """What is brought in.

    Attributes:
        total: How much it is: bytes of lines, or files.
        done: How much of it has been read.
    """

    total: int
    done: int

    def parts(self) -> Iterator[Sequence[Entry]]:
        """Read it, some entries at a time."""
        ...


async def slices(parts: Iterator[T], turns: AbstractAsyncContextManager[object] | None = None) -> AsyncGenerator[T]:
    """Have something be read in another thread, part by part.

    Args:
        parts: What to read.
        turns: To be entered while a part is read, and left before it is given out.
    """
    while (part := await in_turn(turns, lambda: next(parts, None))) is not None:
        yield part


async def in_turn(turns: AbstractAsyncContextManager[object] | None, work: Callable[[], T]) -> T:
    """Do something in another thread, once it is its turn."""
    async with turns or nullcontext():
        return await asyncio.to_thread(work)
