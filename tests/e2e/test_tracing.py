"""Traces: a collector gets one span for each request and each unit of work, and nothing that anybody sent (OP-04)."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from postkeep.adapters.otel_spans import TOLD
from tests.databases import free_port
from tests.e2e.cli.commands import postkeep
from tests.e2e.clients import MARK, USED, Person, a_text, an_address, secrets_in
from tests.e2e.conftest import settings_for
from tests.e2e.raw import Wire
from tests.e2e.servers import PostkeepServer, environment
from tests.e2e.test_logs import all_that_can_go_wrong
from tests.e2e.test_processes import eventually

NAMED = "geheim-0123456789abcdef"
"""What stands where the log shows it: in a path, in a name of the host, in a request's id."""

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collector(ThreadingHTTPServer):
    """Takes what is sent to it, and keeps it.

    Attributes:
        bodies: What came.
        paths: Where it was sent to.
    """

    def __init__(self) -> None:
        """Listen somewhere."""
        super().__init__(("127.0.0.1", 0), _Taking)
        self.bodies: list[bytes] = []
        self.paths: set[str] = set()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def spans(self) -> list[Span]:
        """Return what came."""
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            span
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @classmethod
    @contextmanager
    def listening(cls) -> Generator["Collector"]:
        """Listen from a thread, until the end."""
        with cls() as collector:
            thread = threading.Thread(target=collector.serve_forever, args=(0.05,))
            thread.start()
            try:
                yield collector
            finally:
                collector.shutdown()
                thread.join()


class _Taking(BaseHTTPRequestHandler):
    """Takes one request."""

    server: Collector  # pyright: ignore[reportIncompatibleVariableOverride] - no other server has it

    def do_POST(self) -> None:
        """Keep what came."""
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.paths.add(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """Take spans."""
    with Collector.listening() as listening:
        yield listening


def traced_to(url: str) -> dict[str, str]:
    """Return settings that have everything traced, and sent at once."""
    return {**settings_for(), "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": "50"}


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[PostkeepServer]:
    """Serve with traces."""
    with PostkeepServer(tmp_path_factory.mktemp("traced"), traced_to(collector.url)).running() as server:
        yield server


def said(span: Span) -> dict[str, str | int]:
    """Return what a span says."""
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


def test_a_request_is_a_span_with_its_units_of_work(traced: PostkeepServer, collector: Collector) -> None:
    """Whoever asks why it took so long sees whose turn it was; a trace that came with the request goes on."""
    person = Person.signs_up(traced.http)
    traced.http.post(
        "/api/v1/posts",
        json={"text": a_text()},
        headers={**person.authorization, "traceparent": TRACEPARENT, "tracestate": f"a={MARK}"},
    )

    def adds() -> list[Span]:
        named = [span for span in collector.spans() if span.name == "POST /api/v1/posts"]
        return [span for span in named if span.trace_id.hex() == TRACEPARENT.split("-")[1]]

    assert eventually(lambda: len(adds()) == 1)
    (add,) = adds()
    assert said(add)["http.response.status_code"] == 201
    units = [span for span in collector.spans() if span.parent_span_id == add.span_id]
    assert "transact PostService.add" in {unit.name for unit in units}
    assert {said(unit)["db.system.name"] for unit in units} == {"sqlite"}
    assert collector.paths == {"/v1/traces"}
    assert all(b"postkeep" in body for body in collector.bodies)


def test_op_04_no_span_holds_what_anybody_sent(traced: PostkeepServer, collector: Collector) -> None:
    """Traces are kept longer and read by more people than any of it: not a word, not a token, not where it was sent."""
    person, text = Person.signs_up(traced.http), a_text()
    mine = {**person.authorization, "tracestate": f"a={MARK}", "baggage": f"a={MARK}", "X-Request-ID": NAMED}
    post_id = person.add(text, title=text)
    queries = {"q": text, "cursor": text, "access_token": person.access, "limit": MARK, MARK: person.email}
    paths = [
        "/getPosts",
        "/searchPosts",
        "/api/v1/posts",
        f"/api/v1/posts/{post_id}",
        f"/{NAMED}/{an_address()}",
        "/log-in",
    ]
    for path in paths:
        traced.http.get(path, params=queries, headers=mine)
        traced.http.request(NAMED.upper(), path, params=queries, headers=mine)
    traced.http.get("/searchPosts", params={"q": text}, headers=mine)
    traced.http.get("/getPosts", headers={**mine, "Host": f"{NAMED}.example.com"})
    with Wire(traced) as wire:
        wire.send(f"GET /livez?{MARK} HTTP/1.1\r\nHost: {NAMED}@localhost\r\n\r\n")
        wire.answer()
    refused = all_that_can_go_wrong(person, text)
    before = len(collector.spans())
    person.logout()
    assert eventually(lambda: any("log-out" in s.name or "logout" in s.name for s in collector.spans()[before:]))
    told = "\n".join(body.decode("latin-1") for body in collector.bodies)
    assert secrets_in(told, USED | {person.email}) == []
    assert [secret for secret in (NAMED, MARK, person.email, post_id, person.access) if secret in told] == []
    spans = collector.spans()
    assert len(spans) > len(refused)
    assert {name for span in spans for name in said(span)} <= TOLD
    assert [span for span in spans if span.events or span.links or span.status.message or span.trace_state] == []
    assert {422, 400, 401, 404, 405} <= {said(span).get("http.response.status_code") for span in spans}


def test_a_collector_that_is_away_holds_nobody_up(tmp_path: Path) -> None:
    """Neither requests nor the end: being watched must cost the service nothing."""
    server = PostkeepServer(tmp_path, traced_to(f"http://127.0.0.1:{free_port()}"))
    with server.running():
        person = Person.signs_up(server.http)
        for _ in range(20):
            person.add(a_text())
    assert server.events("stopped")
    assert server.events("failed") == []


def test_a_collector_that_hangs_keeps_no_process_from_its_end(tmp_path: Path) -> None:
    """It takes connections and never answers; spans that are left are not worth a restart that takes half a minute."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = {**traced_to(f"http://127.0.0.1:{silent.getsockname()[1]}"), "OTEL_EXPORTER_OTLP_TIMEOUT": "600"}
        server = PostkeepServer(tmp_path, settings)
        with server.running():
            Person.signs_up(server.http)
    assert server.events("stopped")


def test_traces_that_cannot_be_had_are_said_and_do_without(tmp_path: Path) -> None:
    """One line that says what to change; whoever sets variables for all their services must not stop this one."""
    settings = {**traced_to("http://127.0.0.1:4317"), "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    server = PostkeepServer(tmp_path, settings)
    with server.running():
        assert Person.signs_up(server.http).access
    (event,) = server.events("tracing_off")
    assert "http/protobuf" in event["reason"]
    done = postkeep("doctor", "--json", settings={**settings, "POSTKEEP_PORT": "1"}, folder=tmp_path)
    (finding,) = [each for each in json.loads(done.out) if each["place"] == "tracing"]
    assert (finding["verdict"], done.code) == ("warning", 0)
    assert "http/protobuf" in finding["said"]


def test_a_propagator_that_is_not_there_stops_the_start_with_one_line(tmp_path: Path) -> None:
    """FastAPI could not even be loaded; whoever set the variable for all services reads which it is."""
    server = PostkeepServer(tmp_path, {**settings_for(), "OTEL_PROPAGATORS": "b4"})
    with pytest.raises(RuntimeError):
        server.start()
    (line,) = server.log.splitlines()
    assert line.startswith("postkeep: OTEL_PROPAGATORS: Propagator b4 not found.")
    done = postkeep("doctor", settings={**server.settings, "POSTKEEP_PORT": "1"}, folder=tmp_path)
    assert (done.code, "Propagator b4" in done.out) == (1, True)


def test_nothing_of_it_is_loaded_unless_somebody_asks(tmp_path: Path) -> None:
    """What is off costs neither memory nor time."""
    code = "import sys; from postkeep.main import app; print([n for n in sys.modules if 'opentelemetry.sdk' in n])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env=environment({"POSTKEEP_DATA_DIR": str(tmp_path)}),
        cwd=tmp_path,
    )
    assert done.stdout.strip() == "[]"
