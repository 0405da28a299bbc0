"""Answers that are sent as they are read."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from postkeep.domain.errors import Unavailable

log = logging.getLogger(__name__)


class LongAnswer(StreamingResponse):
    """An answer in parts, which its client has to take within a time.

    Whoever is slower, or cannot be given the rest, sees the connection cut in the middle: nobody takes half an answer
    for a whole one, and nobody holds a database connection for ever by reading slowly.
    """

    def __init__(self, parts: AsyncGenerator[bytes], *, seconds: float, headers: Mapping[str, str]) -> None:
        """Take the parts, which are closed in the end, and how long all of them may take."""
        super().__init__(parts, headers=headers, media_type="application/json")
        self._parts = parts
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            async with aclosing(self._parts), asyncio.timeout(self._seconds):
                await super().__call__(scope, receive, send)
        except (TimeoutError, Unavailable) as error:
            log.warning("answer_cut", extra={"reason": repr(error)})
            await _cut(scope)


async def _cut(scope: Scope) -> None:
    """End the connection at once, with what waits to be sent; where our own protocol does not serve, uvicorn does."""
    abort: Callable[[], None] | None = scope["state"].get("abort")
    if abort is not None:
        abort()
        await asyncio.sleep(0)
