"""Pages of other origins that may use this server with tokens of their own (CORS)."""

from collections.abc import Awaitable, Collection
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from postkeep.server.representations import Header
from postkeep.server.security_headers import SecurityHeaders

_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE"
_REQUEST_HEADERS: Final = "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Request-ID"
_EXPOSED: Final = b"Cache-Status, ETag, Link, Location, Retry-After, X-Request-ID"
_MAX_AGE: Final = 600

_VARY: Final = (b"vary", b"Origin")


class Cors:
    """Tells browsers that pages of these origins may read the answers, refusals too. There are no credentials in it.

    Every other request passes as if this were not here. Starlette's CORSMiddleware answers strangers' preflights in
    plain text, and does not see answers that come whole.

    Source: Fetch Standard, 3.3 (CORS protocol).
    """

    def __init__(self, app: ASGIApp, *, origins: Collection[str]) -> None:
        """Stand in front of an application."""
        self._app = app
        self._preflight = SecurityHeaders(_allow)
        self._headers: dict[bytes, tuple[Header, ...]] = {
            origin.encode(): (
                (b"access-control-allow-origin", origin.encode()),
                (b"access-control-expose-headers", _EXPOSED),
                _VARY,
            )
            for origin in origins
        }

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request."""
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        fields = dict(scope["headers"])
        # Whether there is an Origin or not: what caches keep for one page must not be given to another.
        headers = self._headers.get(fields.get(b"origin", b""), (_VARY,))

        def answer(message: Message) -> Awaitable[None]:
            if "headers" in message:
                message["headers"] = [*message["headers"], *headers]
            return send(message)

        is_preflight = scope["method"] == "OPTIONS" and b"access-control-request-method" in fields
        app = self._preflight if is_preflight and len(headers) > 1 else self._app
        return app(scope, receive, answer)


async def _allow(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a browser that asks before it sends what a form could not."""
    headers = {
        "Access-Control-Allow-Methods": _METHODS,
        "Access-Control-Allow-Headers": _REQUEST_HEADERS,
        "Access-Control-Max-Age": str(_MAX_AGE),
    }
    await Response(status_code=204, headers=headers)(scope, receive, send)
