"""HTTP by hand, for what no client library would send."""

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self


@dataclass(frozen=True)
class RawAnswer:
    """An answer as it came over the wire."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return a header, or None; it must not be there twice."""
        found = [value for given, value in self.headers if given == name.lower()]
        assert len(found) <= 1
        return found[0] if found else None


class Door(Protocol):
    """What listens on loopback."""

    @property
    def port(self) -> int:
        """Where it does."""
        ...


class Wire:
    """One connection to a server, byte by byte."""

    def __init__(self, server: Door, *, timeout: float = 10, tls: ssl.SSLContext | None = None) -> None:
        """Connect; whoever waits longer than the time-out for a byte gets a TimeoutError."""
        self._socket = socket.create_connection(("127.0.0.1", server.port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self._socket = tls.wrap_socket(self._socket, server_hostname="127.0.0.1")
        self._come = b""

    def __enter__(self) -> Self:
        """Use it for a while."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of it."""
        self.close()

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()

    def set_timeout(self, seconds: float) -> None:
        """Wait so long for a byte from now on."""
        self._socket.settimeout(seconds)

    def send(self, data: bytes | str) -> None:
        """Send bytes, or a head as text with its line ends."""
        self._socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def send_as_taken(self, data: bytes) -> None:
        """Send bytes as long as the server takes them: it may answer and close before it has them all."""
        with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self._socket.sendall(data)

    def answer(self, *, to_head: bool = False) -> RawAnswer:
        """Read one answer, an interim one (1xx) too."""
        head, _, self._come = self._until(b"\r\n\r\n").partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        assert first.startswith("HTTP/1.1 ")
        headers = tuple((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
        answer = RawAnswer(int(first.split()[1]), headers, b"")
        if to_head or answer.status < 200 or answer.status in {204, 304}:
            return answer
        return RawAnswer(answer.status, headers, self._body(answer))

    def is_closed(self) -> bool:
        """Whether the server ends the connection now, without another byte.

        Raises:
            TimeoutError: It neither ends it nor says anything.
        """
        with suppress(ConnectionResetError, ssl.SSLEOFError):
            return not self._come and self._socket.recv(1) == b""
        return True

    def _body(self, answer: RawAnswer) -> bytes:
        if answer.header("transfer-encoding") == "chunked":
            body = b""
            while True:
                size, _, self._come = self._until(b"\r\n").partition(b"\r\n")
                chunk = self._exactly(int(size, 16) + 2)[:-2]
                if not chunk:
                    return body
                body += chunk
        return self._exactly(int(answer.header("content-length") or 0))

    def _exactly(self, size: int) -> bytes:
        while len(self._come) < size:
            self._receive()
        taken, self._come = self._come[:size], self._come[size:]
        return taken

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._come:
            self._receive()
        return self._come

    def _receive(self) -> None:
        come = self._socket.recv(65536)
        if not come:
            message = f"the connection ended after {self._come[:200]!r}"
            raise ConnectionError(message)
        self._come += come
