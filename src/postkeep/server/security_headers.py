"""What browsers are told about every answer."""

from collections.abc import Awaitable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from postkeep.server.representations import Header

SECURITY: Final[tuple[Header, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""For answers that say nothing else: they are what they say they are, load nothing, and are nobody else's to embed.

Source: OWASP ASVS 5.0 3.4.3 to 3.4.8; OWASP REST Security Cheat Sheet, security headers.
"""


class SecurityHeaders:
    """Adds to each answer what it does not say itself. What is remembered has it from here, and costs nothing more."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand in front of an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if "headers" in message:
                said = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(header for header in SECURITY if header[0] not in said)]
            await send(message)

        await self._app(scope, receive, answer)


STRICT_TRANSPORT: Final[Header] = (b"strict-transport-security", b"max-age=63072000")
"""Two years. Source: RFC 6797 6.1; OWASP ASVS 5.0 3.4.1."""


class StrictTransport:
    """Tells browsers that came by TLS to come by nothing else (HSTS); who came without is told nothing.

    It stands before the response cache: what is remembered was asked for in either way. Source: RFC 6797 7.2.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Stand in front of an application."""
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request."""
        if scope["type"] != "http" or scope["scheme"] != "https":
            return self._app(scope, receive, send)

        def answer(message: Message) -> Awaitable[None]:
            if "headers" in message:
                message["headers"] = [*message["headers"], STRICT_TRANSPORT]
            return send(message)

        return self._app(scope, receive, answer)
