"""Requests for other servers, which are nobody's business here."""

import logging
from collections.abc import Awaitable, Iterable
from functools import lru_cache
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from postkeep.server.hosts import HostNames
from postkeep.server.security_headers import SecurityHeaders
from postkeep.views.refusals import refused

log = logging.getLogger(__name__)

SETTING: Final = "POSTKEEP_TRUSTED_HOSTS"

_LONGEST: Final = 300
"""A name has 253 characters at most, and a port five. Source: RFC 1035 3.1."""

_LOGGED: Final = 100


class TrustedHosts:
    """Refuses requests whose Host is not a name of this server.

    A page of another site that has its name lead here (DNS rebinding) gets no further, and no answer repeats a name
    that a stranger chose. Every request passes here, answered from memory or not. Starlette's TrustedHostMiddleware
    answers in plain text and may redirect.
    """

    def __init__(self, app: ASGIApp, *, names: Iterable[str]) -> None:
        """Stand in front of an application that answers to these names, and to those that are always good."""
        self._app = app
        self._refusal = SecurityHeaders(_refuse)
        # Clients of one server send one value or two.
        self._has = lru_cache(1024)(HostNames(names).has)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request."""
        if scope["type"] == "http":
            headers = scope["headers"]
            fields = dict(headers)
            host = fields.get(b"host", b"")
            if len(host) > _LONGEST or not self._has(host):
                return self._refusal(scope, receive, send)
            # Where no name comes twice, Host does not.
            if len(fields) < len(headers) and len([name for name, _ in headers if name == b"host"]) > 1:
                return self._refusal(scope, receive, send)
        return self._app(scope, receive, send)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 400, and end the connection: what follows on it is meant for the same other server."""
    given = b", ".join(value for name, value in scope["headers"] if name == b"host").decode("latin-1")
    log.warning("untrusted_host", extra={"host": given[:_LOGGED], "path": scope["path"], "setting": SETTING})
    detail = f"This server does not answer to the name in Host. {SETTING} lists the names that it has."
    refusal = refused(
        scope,
        400,
        "untrusted_host",
        detail=detail,
        headers={"Connection": "close"},
    )
    await refusal(scope, receive, send)
