"""What being watched costs: the same lists without metrics, with metrics that are scraped, and with traces."""

import itertools
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from bench.arena import Plan
from bench.databases import Sqlite
from bench.groups import Group
from bench.load import Playlist, Void
from bench.measure import Measured
from bench.people import POSTS, Api
from bench.postkeep import Postkeep, check_log
from bench.processes import Server
from bench.requests import listing
from bench.sides import Reading, Side
from tests.databases import free_port

_OFF: Final = "not watched"
_METRICS: Final = "with metrics"
_TRACES: Final = "with traces"

_SCRAPE_SECONDS: Final = 1.0
_LIMITS: Final = range(POSTS, 201)
"""All of them answer the whole list, each at an address of its own."""

_HITS: Final = (
    "Remembered lists of {} persons in turn, from SQLite, from three servers over one database. Metrics are scraped"
    " once a second, fifteen times as often as usual. What is answered from memory makes no spans. The first two may"
    " differ by 3 % at most."
)
_READ: Final = (
    "The same servers; the tokens are known, the lists are read. Each request is a span, and so is each reading of the"
    " database; all of them are sent to a collector, which throws them away."
)


@dataclass(frozen=True, slots=True)
class Scraped:
    """A side whose metrics are asked for while it is measured.

    Attributes:
        side: The rest of it.
        port: Where its metrics are.
    """

    side: Side
    port: int

    @property
    def name(self) -> str:
        """What the report calls it."""
        return self.side.name

    def measure(self, seconds: int) -> Measured:
        """Measure it.

        Raises:
            Void: It failed, or its metrics could not be had.
        """
        over, scrapes = threading.Event(), list[bytes]()

        def scrape() -> None:
            while not over.wait(_SCRAPE_SECONDS):
                scrapes.append(_scraped(self.port))

        thread = threading.Thread(target=scrape)
        thread.start()
        try:
            measured = self.side.measure(seconds)
        finally:
            over.set()
            thread.join()
        if not scrapes or any(b"\npostkeep_cache_hits_total " not in scrape for scrape in scrapes):
            message = f"{self.name}: its metrics could not be had"
            raise Void(message)
        return measured


@contextmanager
def opened(plan: Plan, folder: Path) -> Generator[Sequence[Group]]:
    """Start the three over one database, and stop them in the end.

    Raises:
        Void: No span came, or Postkeep complained.
    """
    with ExitStack() as stack:
        database, port = Sqlite(folder / "postkeep.db"), free_port()
        sink = stack.enter_context(_Sink.listening())

        def served(name: str, settings: Mapping[str, str]) -> Server:
            return stack.enter_context(Postkeep(database, folder / name, settings).serve())

        readers = Postkeep(database, folder / "crowd").crowd.settle(plan.readers, posts=POSTS)
        servers = {
            _OFF: served("off", {}),
            _METRICS: served("metrics", {"POSTKEEP_METRICS_PORT": str(port)}),
            _TRACES: served("traces", {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{sink.server_address[1]}"}),
        }

        def sides(queries: Sequence[str], *, misses: bool) -> Sequence[Side]:
            found: list[Side] = []
            for name, server in servers.items():
                api = Api(server.port)
                requests = [listing(api, reader, query) for query, reader in itertools.product(queries, readers)]
                side = Reading(name, server, Playlist(requests), misses=misses)
                found.append(Scraped(side, port) if name == _METRICS else side)
            return found

        yield [
            Group("getPosts from memory, watched", _HITS.format(len(readers)), sides([""], misses=False)),
            Group("getPosts that is read, watched", _READ, sides([f"?limit={each}" for each in _LIMITS], misses=True)),
        ]
        for server in servers.values():
            check_log(server)
        if not sink.bytes:
            message = f"{_TRACES}: no span came"
            raise Void(message)


class _Sink(ThreadingHTTPServer):
    """Takes spans, and throws them away.

    Attributes:
        bytes: How many have come.
    """

    def __init__(self) -> None:
        """Listen somewhere."""
        super().__init__(("127.0.0.1", 0), _Taking)
        self.bytes = 0

    @classmethod
    @contextmanager
    def listening(cls) -> Generator["_Sink"]:
        """Listen from a thread, until the end."""
        with cls() as sink:
            thread = threading.Thread(target=sink.serve_forever)
            thread.start()
            try:
                yield sink
            finally:
                sink.shutdown()
                thread.join()


class _Taking(BaseHTTPRequestHandler):
    """Takes one request."""

    server: _Sink  # pyright: ignore[reportIncompatibleVariableOverride] - no other server has it

    def do_POST(self) -> None:
        """Read it, and say that all is well."""
        self.server.bytes += len(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


def _scraped(port: int) -> bytes:
    """Return the metrics."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics")
    said = connection.getresponse().read()
    connection.close()
    return said
