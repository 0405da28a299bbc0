"""Deadlines that are kept even where a library does not hear of them the first time."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

AGAIN_SECONDS: Final = 1.0
"""After so many more it is said once more."""


@asynccontextmanager
async def within(seconds: float) -> AsyncGenerator[None]:
    """Cancel what is done meanwhile when its time is over, and once more if it goes on all the same.

    Up to Python 3.11 `asyncio.wait_for` drops a cancellation that comes in the very moment in which what it waits for
    is done (python/cpython#86296). asyncmy opens connections in one, and would wait for a silent server for ever then.

    Args:
        seconds: How long it may take.

    Raises:
        TimeoutError: It took longer.
    """
    async with asyncio.timeout(seconds + AGAIN_SECONDS), asyncio.timeout(seconds):
        yield
