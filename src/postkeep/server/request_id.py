"""An id for each request, on its answer and on every log line."""

import random
import re
from contextvars import ContextVar
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER: Final = "X-Request-ID"

_ACCEPTED: Final = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_NAME: Final = HEADER.lower().encode()

current_request_id: ContextVar[str | None] = ContextVar("current_request_id", default=None)
"""The id of the request that the running code serves, if any."""


def new_request_id() -> str:
    """Make an id that no other request has."""
    return f"{random.getrandbits(64):016x}"


class RequestId:
    """Gives each request an id: the client's, if it sent a harmless one, or a new one."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand in front of an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _given(scope) or new_request_id()
        scope.setdefault("state", {})["request_id"] = request_id
        current_request_id.set(request_id)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                # The application may send the same headers again and again.
                headers = [*message["headers"], (_NAME, request_id.encode())]
                message = {"type": "http.response.start", "status": message["status"], "headers": headers}
            await send(message)

        await self._app(scope, receive, answer)


def _given(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == _NAME:
            given = value.decode("latin-1")
            return given if _ACCEPTED.fullmatch(given) else None
    return None
