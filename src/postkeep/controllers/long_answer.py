"""Answers that are sent as they are read."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from postkeep.domain.errors import Unavailable
from postkeep.views.bodies import IS_HEAD

log = logging.getLogger(__name__)


class LongAnswer(StreamingResponse):
    """An answer in parts, which its client has to take within a time.

    Whoever is slower, or cannot be given the rest, sees the connection cut in the middle: nobody takes half an answer
    for a whole one, and nobody holds a database connection for ever by reading slowly.
    """

    def __init__(
        self,
        parts: AsyncGenerator[bytes],
        *,
        seconds: float,
        recalled: asyncio.Future[None],
        headers: Mapping[str, str],
        media_type: str = "application/json",
    ) -> None:
        """Take the parts, which are closed in the end.

        Args:
            parts: What to send.
            seconds: How long all of it may take.
            recalled: When it is done, the answer is cut.
            headers: The answer's.
            media_type: Likewise.
        """
        super().__init__(parts, headers=headers, media_type=media_type)
        self._parts = parts
        self._seconds = seconds
        self._recalled = recalled

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        if IS_HEAD in scope:
            # The parts hold the database, and nobody would see them; only what has begun is closed.
            async with aclosing(self._parts):
                await anext(self._parts, None)
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": b""})
            return
        deadline = asyncio.timeout(self._seconds)

        def stop(_recalled: object) -> None:
            # It may be over by now, and this on its way.
            with suppress(RuntimeError):
                deadline.reschedule(0)

        try:
            async with aclosing(self._parts), deadline:
                self._recalled.add_done_callback(stop)
                try:
                    await super().__call__(scope, receive, send)
                finally:
                    self._recalled.remove_done_callback(stop)
        except (TimeoutError, Unavailable) as error:
            log.warning("answer_cut", extra={"reason": repr(error)})
            await _cut(scope)


async def _cut(scope: Scope) -> None:
    """End the connection at once, with what waits to be sent; where our own protocol does not serve, uvicorn does."""
    abort: Callable[[], None] | None = scope["state"].get("abort")
    if abort is not None:
        abort()
        await asyncio.sleep(0)
