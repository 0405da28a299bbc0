"""The last resort: whatever nobody caught is logged here, and answered without a word of it."""

import asyncio
import logging

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from postkeep.views.refusals import refused

log = logging.getLogger(__name__)


class Failures:
    """Answers 500 for an error that nobody expected; the process lives on. Whoever outstays its end hears of that."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand in front of an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def answer(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            # Nobody is left to answer; what was begun goes on or not, as it would have.
            log.info("client_left")
        except asyncio.CancelledError:
            # Only the server does that, when it has waited in its end for as long as it may.
            log.warning("answer_cut", extra={"reason": "the server ends"})
            if not begun:
                await refused(scope, 503, "server_ending", headers={"Retry-After": "1"})(scope, receive, send)
        except Exception:
            log.exception("failed")
            if begun:
                # Half an answer cannot be taken back: the server cuts the connection, so nobody takes it for whole.
                raise
            await refused(scope, 500, "internal_error")(scope, receive, send)
