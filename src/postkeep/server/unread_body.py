"""What happens to a body that nobody asked for."""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from postkeep.views.bodies import declared_length

HARMLESS_BYTES: Final = 16 * 1024
"""An unread body up to this size is cheaper to skip than a new connection."""


class UnreadBody:
    """Ends the connection after an answer that came before the whole body was read, unless what is left is small."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand in front of an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or not _may_be_large(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        read = False

        async def ask() -> Message:
            nonlocal read
            message = await receive()
            read = read or not message.get("more_body", False)
            return message

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and not read:
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        await self._app(scope, ask, answer)


def _may_be_large(headers: Headers) -> bool:
    """Tell whether a body may be so large that a new connection costs less than reading the rest of it."""
    return "transfer-encoding" in headers or declared_length(headers) > HARMLESS_BYTES
