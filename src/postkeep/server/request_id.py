"""An id for each request, on its answer and on every log line."""

import re
import secrets
from collections.abc import Awaitable
from contextvars import ContextVar
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER: Final = "X-Request-ID"

_ACCEPTED: Final = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_EACH: Final = re.compile("[0-9a-f]{16}")
_NAME: Final = HEADER.lower().encode()

_unused: list[str] = []

current_request_id: ContextVar[str | None] = ContextVar("current_request_id", default=None)
"""The id of the request that the running code serves, if any."""


def new_request_id() -> str:
    """Make an id that no other request has."""
    if not _unused:
        # Asking the system for many costs hardly more than for one.
        _unused.extend(_EACH.findall(secrets.token_hex(8 * 256)))
    return _unused.pop()


class RequestId:
    """Gives each request an id: the client's, if it sent a harmless one, or a new one.

    Every request passes here, answered from memory or not, so nothing awaits what it can hand on.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Stand in front of an application."""
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request."""
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        request_id = ""
        for name, value in scope["headers"]:
            if name == _NAME:
                request_id = value.decode("latin-1")
                break
        if not request_id or not _ACCEPTED.fullmatch(request_id):
            request_id = new_request_id()
        scope["state"]["request_id"] = request_id
        current_request_id.set(request_id)
        header = (_NAME, request_id.encode())

        def answer(message: Message) -> Awaitable[None]:
            if "headers" in message:
                # A new list: the application may send the same headers again and again.
                message["headers"] = [*message["headers"], header]
            return send(message)

        return self._app(scope, receive, answer)
