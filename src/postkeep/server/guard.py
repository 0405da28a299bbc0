"""The protocol: uvicorn's, where it lets through what must not come in."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class GuardedProtocol(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn speaks it with httptools, without taking trailers for headers."""

    def on_headers_complete(self) -> None:
        """Begin the request with the headers there are: fields behind the body are none (RFC 9110 6.5.1)."""
        super().on_headers_complete()
        self.headers: list[tuple[bytes, bytes]] = []
