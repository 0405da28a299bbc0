"""The limit of requests for each client's network."""

from functools import lru_cache
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from postkeep.domain.attempts import Network
from postkeep.server.request_limit import RequestLimit
from postkeep.views.refusals import refused

_REMEMBERED: Final = 4096
_ALIVE: Final = "/livez"
"""Whoever looks after the process asks here, perhaps from a flood's own address, and would end one that has a limit."""


class AddressLimit:
    """Refuses requests of networks that send too many, but at /livez; behind the response cache, so hits are free."""

    def __init__(self, app: ASGIApp, *, limit: RequestLimit) -> None:
        """Stand in front of an application, and count by this limit."""
        self._app = app
        self._limit = limit
        self._network = lru_cache(_REMEMBERED)(_network)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        is_counted = scope["type"] == "http" and scope["path"] != _ALIVE
        seconds = self._limit.hit(self._network((scope.get("client") or ("",))[0])) if is_counted else 0
        if not seconds:
            await self._app(scope, receive, send)
            return
        refusal = refused(
            scope,
            429,
            "too_many_requests",
            detail="Too many requests from this address.",
            headers={"Retry-After": str(seconds)},
        )
        await refusal(scope, receive, send)


def _network(address: str) -> str:
    """Return what a client's address counts for."""
    return Network.of(address).name
