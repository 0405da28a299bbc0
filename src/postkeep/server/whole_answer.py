"""A whole answer in one message, for what is sent again and again: its head is written once, and checked once.

An extension of ASGI's HTTP, which servers that have it name in the scope. Other servers are told the same in ASGI's own
words. Layers that look at heads see it as one: it has a status, and headers that may be added to.

Source: https://asgi.readthedocs.io/en/latest/extensions.html
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, Final, cast

from starlette.types import Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from postkeep.server.representations import Header
from postkeep.server.turns import Farewell

EXTENSION: Final = "postkeep.whole_answer"
EXTENSIONS: Final = {EXTENSION: dict[object, object]()}

_COPIED_BYTES: Final = 64 * 1024
"""A longer body is written as it is remembered: many clients that do not read it must not hold a copy each."""


class Prepared:
    """The head of an answer, as a list and as it travels.

    Attributes:
        status: The status code.
        headers: Such as were sent before: what they may not contain, the server found out then.
        size: Of the head as it travels, in bytes.
    """

    __slots__ = ("_lines", "headers", "size", "status")

    def __init__(self, status: HTTPStatus, headers: Sequence[Header]) -> None:
        """Write it."""
        self.status = int(status)
        self.headers = headers
        self._lines = _lines(headers)
        self.size = len(self._lines)

    def written(self, of_server: bytes, added: Sequence[Header], body: bytes) -> bytes:
        """Return the answer as it travels.

        Args:
            of_server: The lines of the server's own headers.
            added: More headers, which their adders have checked.
            body: The body.
        """
        return b"".join((STATUS_LINE[self.status], of_server, self._lines, _lines(added), b"\r\n", body))


async def answer(scope: Scope, send: Send, prepared: Prepared, body: bytes) -> None:
    """Send an answer, at once where the server can."""
    if EXTENSION in scope.get("extensions", ()):
        await send({"type": EXTENSION, "status": prepared.status, "headers": [], "prepared": prepared, "body": body})
    else:
        await _in_two(send, prepared, (), body)


class Cycle(RequestResponseCycle):
    """One request of uvicorn's protocol, and its answer, which may come whole.

    Attributes:
        sent: Names the body that was handed over, and its size; None for one that was copied or comes in parts.
    """

    sent: tuple[int, int] | None = None
    # Whether the answer ends with the connection, and nothing else says how long it is.
    _is_open_ended = False
    _of_server: tuple[object, bytes] = (None, b"")

    async def send(self, message: Any) -> None:  # noqa: ANN401 - uvicorn's type knows no extensions
        """Send a message of the application."""
        if message["type"] != EXTENSION:
            self._measure(message)
            await super().send(message)
        elif self.response_started or self.disconnected or not self.keep_alive or self.flow.write_paused:
            # One that needs more thought than a line.
            self.sent = _named(message["body"])
            await _in_two(super().send, message["prepared"], message["headers"], message["body"])
        else:
            self.response_started = self.response_complete = True
            self.waiting_for_100_continue = False
            self._write(message["prepared"], message["headers"], message["body"])
            self.message_event.set()
            self.on_response()

    def _measure(self, message: Any) -> None:  # noqa: ANN401 - as above
        """Note what is handed over, and send no chunks to a client of HTTP/1.0, who would take them for the text.

        Source: RFC 9112 6.1, 6.3.
        """
        if message["type"] == "http.response.start":
            is_measured = any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
            self._is_open_ended = self.scope["http_version"] == "1.0" and not is_measured
            if self._is_open_ended:
                self.chunked_encoding = False
                ended = partial(self._end, self.transport.close)
                self.transport = cast("asyncio.Transport", Farewell(self.transport, ended))
        elif self._is_open_ended:
            # Each part is as long as was announced.
            self.expected_content_length = len(message.get("body", b""))
        elif not self.chunked_encoding:
            self.sent = _named(message.get("body", b""))

    def _end(self, close: Callable[[], None]) -> None:
        """End the connection where that says that the answer is whole, which it may not be: then it is reset."""
        if self.response_complete:
            close()
        else:
            self.scope.get("state", {})["abort"]()

    def _write(self, prepared: Prepared, added: Sequence[Header], body: bytes) -> None:
        """Write a whole answer."""
        if len(body) <= _COPIED_BYTES:
            self.transport.write(prepared.written(self._lines_of_server(), added, body))
        else:
            self.sent = _named(body)
            self.transport.write(prepared.written(self._lines_of_server(), added, b""))
            self.transport.write(body)

    def _lines_of_server(self) -> bytes:
        """Return the lines of the server's headers, which are others each second."""
        headers, lines = Cycle._of_server
        if headers is not self.default_headers:
            lines = _lines(self.default_headers)
            Cycle._of_server = self.default_headers, lines
        return lines


def _named(body: bytes) -> tuple[int, int]:
    """Name a body for as long as it is there."""
    return id(body), len(body)


async def _in_two(
    send: Callable[[Any], Awaitable[None]], prepared: Prepared, added: Sequence[Header], body: bytes
) -> None:
    """Send an answer as ASGI has it, where there is no shorter way."""
    headers = [*prepared.headers, *added]
    await send({"type": "http.response.start", "status": prepared.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _lines(headers: Sequence[Header]) -> bytes:
    """Write headers as they stand on the wire."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])
