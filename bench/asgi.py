"""Serving a bare ASGI function just as `postkeep serve` serves Postkeep."""

from collections.abc import Mapping
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from postkeep.server.connections import Connections, Deadlines

OPTIONS: Final[Mapping[str, Any]] = {
    "http": "postkeep.server.guard:GuardedProtocol",
    "loop": "uvloop",
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,
}
"""Those of `postkeep serve`."""

_CONNECTIONS: Final = 2000


def serve(app: ASGIApp, port: int) -> None:
    """Serve a function on loopback until SIGTERM."""

    async def with_connections(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            # What our protocol class counts connections in; nobody looks at them here.
            scope["state"]["connections"] = Connections(Deadlines(), _CONNECTIONS)
        await app(scope, receive, send)

    uvicorn.run(with_connections, host="127.0.0.1", port=port, **OPTIONS)


async def read_body(receive: Receive) -> bytes:
    """Read a request's whole body."""
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body
