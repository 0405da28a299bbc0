"""Where a request comes from, if it came through proxies that are known."""

import logging
from collections.abc import Awaitable, Collection
from functools import lru_cache
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from postkeep.server.networks import Address, Network, parse_address

log = logging.getLogger(__name__)

SETTING: Final = "POSTKEEP_TRUSTED_PROXIES"

_FOR: Final = b"x-forwarded-for"
_PROTO: Final = b"x-forwarded-proto"
_REMEMBERED_LENGTH: Final = 200
"""Longer values are read anew each time, so that nobody fills the memory with them."""

_MOST_HOPS: Final = 32
"""More proxies than any request passes: who is inside a trusted network may write thousands, and each takes time."""


class ClientAddress:
    """Puts the client's own address and scheme in place of the proxy's, where the proxy may be believed.

    uvicorn's ProxyHeadersMiddleware takes whatever stands at the rightmost untrusted place for an address, and knows
    no IPv4 address in the form of IPv6.
    """

    def __init__(self, app: ASGIApp, *, trusted: Collection[Network]) -> None:
        """Stand in front of an application.

        Args:
            app: The application.
            trusted: The proxies that are believed. With none, all that there is to do is to warn.
        """
        self._app = app
        self._trusted = tuple(trusted)
        self._proxy = lru_cache(1024)(self._find_proxy)
        self._client = lru_cache(1024)(self._find_client)
        self._told = False

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request."""
        if scope["type"] == "http":
            forwarded = [value for name, value in scope["headers"] if name == _FOR]
            host, port = scope.get("client") or ("", 0)
            proxy = self._proxy(host)
            if proxy is not None:
                self._believe(scope, proxy, b",".join(forwarded))
            elif forwarded and port and not self._told:
                # Port 0 is no peer's: a server that believes proxies itself has been here before.
                self._told = True
                log.warning("untrusted_proxy", extra={"address": host, "setting": SETTING})
        return self._app(scope, receive, send)

    def _believe(self, scope: Scope, proxy: Address, forwarded: bytes) -> None:
        """Take a proxy's word for where a request comes from, and how."""
        if forwarded:
            find = self._client if len(forwarded) <= _REMEMBERED_LENGTH else self._find_client
            client = find(forwarded)
            if client is not None:
                scope["client"] = (client, 0)
            elif scope["client"][0] != str(proxy):
                scope["client"] = (str(proxy), scope["client"][1])
        given = [value for name, value in scope["headers"] if name == _PROTO]
        if given:
            scheme = given[-1].rpartition(b",")[2].strip().lower()
            if scheme in {b"http", b"https"}:
                scope["scheme"] = scheme.decode()

    def _find_proxy(self, host: str) -> Address | None:
        """Return the address of a peer that is a trusted proxy."""
        address = parse_address(host.partition("%")[0])
        return address if address is not None and self._is_trusted(address) else None

    def _find_client(self, forwarded: bytes) -> str | None:
        """Return the first that is no trusted proxy, from the right; or the last one before nonsense or the end.

        What stands to the left of it was written by somebody whom nobody knows.
        """
        client = None
        for hop in reversed(forwarded.decode("latin-1").rsplit(",", _MOST_HOPS)[-_MOST_HOPS:]):
            address = parse_address(hop)
            if address is None:
                return client
            client = str(address)
            if not self._is_trusted(address):
                return client
        return client

    def _is_trusted(self, address: Address) -> bool:
        """Whether an address is one of a trusted proxy."""
        return any(address in network for network in self._trusted)
