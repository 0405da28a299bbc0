"""The metrics on a port of their own, from a few threads; whoever connects there may be anybody."""

import os
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from socket import AF_INET, AF_INET6, SHUT_RDWR, socket
from socketserver import ThreadingMixIn
from typing import Any, Final, cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import (
    CollectorRegistry,
    Metric,
    make_wsgi_app,  # pyright: ignore[reportUnknownVariableType] - it has few types
)
from prometheus_client.registry import Collector

from postkeep.domain.errors import Misconfigured

_SECONDS: Final = 5
"""How long a client may let us wait for what it has to say, or for taking what it asked for."""

_CLIENTS: Final = 16
"""So many are answered at once, for the sake of the server that they watch, which needs its threads and files."""

_HANGING_UP_SECONDS: Final = 1
"""How long a client that is hung up on may take to be gone: it is, at once, unless it is just being answered."""


class _Server(ThreadingMixIn, WSGIServer):
    """A server of a few clients at a time."""

    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        """Listen."""
        self.address_family = AF_INET6 if ":" in host else AF_INET
        self._room = threading.Semaphore(_CLIENTS)
        self._clients: dict[socket, None] = {}
        super().__init__((host, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver has it
        """Answer a client in a thread of its own, if need be in the place of the one that came first.

        Whoever watches is answered within a moment, so that one is somebody else, who says something now and then.
        """
        if not self._room.acquire(blocking=False) and not self._make_room():
            self.shutdown_request(request)
            return
        self._clients[request] = None
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver has it
        """Answer a client in this thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._clients.pop(request, None)
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver has it
        """Say nothing of a client that left: by itself it would be a trace on standard error."""

    def _make_room(self) -> bool:
        """Hang up on the client that came first, and take its room; tell whether that could be had."""
        for client in list(self._clients)[:1]:
            # It may have gone meanwhile.
            with suppress(OSError):
                client.shutdown(SHUT_RDWR)
        return self._room.acquire(timeout=_HANGING_UP_SECONDS)


class _Handler(WSGIRequestHandler):
    """One connection, of one request."""

    timeout = _SECONDS

    def handle(self) -> None:
        """Answer it, unless it does not come."""
        with suppress(TimeoutError):
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - as http.server has it
        """Say nothing of it."""


class _AllProcesses(Collector):
    """The numbers of all processes as they are whenever they are asked for."""

    def __init__(self, gather: Callable[[], CollectorRegistry]) -> None:
        """Take what gathers them."""
        self._gather = gather

    def collect(self) -> Iterable[Metric]:
        """Return them."""
        return self._gather().collect()


@contextmanager
def listening(host: str, port: int, gather: Callable[[], CollectorRegistry]) -> Generator[None]:
    """Answer the numbers of all processes of this server on a port of its own, at any path, from threads.

    Args:
        host: Where to listen.
        port: Likewise.
        gather: Returns the numbers.

    Raises:
        Misconfigured: Nothing can listen there.
    """
    answer = cast("Callable[[Any, Any], Any]", make_wsgi_app(_AllProcesses(gather)))

    def app(environ: Any, start: Any) -> Any:  # noqa: ANN401 - WSGI's own types
        """Answer with all there is, whatever is asked for, and without a word of which Python this is (OP-08)."""

        # The library knows which metrics have the names in `?name[]=` in one process only, and fails.
        def start_it(status: str, headers: list[tuple[str, str]]) -> Any:  # noqa: ANN401 - WSGI's own types
            return start(status, [*headers, ("Server", "Postkeep")])

        return answer({**environ, "QUERY_STRING": ""}, start_it)

    try:
        listener = _Server(host, port)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        message = f"Nothing can listen on {host} port {port} (POSTKEEP_METRICS_PORT): {reason}."
        raise Misconfigured(message) from error
    with listener as server:
        server.set_app(app)
        thread = threading.Thread(target=server.serve_forever, name="postkeep-metrics")
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
