"""Requests and answers as layers of the door see them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CLIENT = ("198.51.100.7", 4711)


def a_scope(*headers: tuple[str, str], client: tuple[str, int] | None = CLIENT, **more: Any) -> Scope:
    """Return a request of a client, for this server unless a Host says otherwise."""
    given = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return {
        "type": "http",
        "method": "GET",
        "path": "/",
        "scheme": "http",
        "client": client,
        "headers": given,
        "state": {"request_id": "7"},
        **more,
    }


@dataclass
class Behind:
    """What stands behind a layer: it remembers what came, and answers.

    Attributes:
        answer: The messages it answers with.
        scopes: What came.
    """

    answer: Sequence[Message] = field(
        default_factory=lambda: (
            {"type": "http.response.start", "status": 200, "headers": [(b"etag", b'"a"')]},
            {"type": "http.response.body", "body": b"ok"},
        )
    )
    scopes: list[Scope] = field(default_factory=list[Scope])

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer."""
        self.scopes.append(scope)
        for message in self.answer:
            await send(dict(message))


async def ask(app: ASGIApp, scope: Scope) -> list[Message]:
    """Return the messages that a request is answered with."""
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    await app(scope, receive, send)
    return messages


def headers_of(message: Message) -> list[tuple[str, str]]:
    """Return the headers of an answer."""
    return [(name.decode(), value.decode()) for name, value in message["headers"]]
