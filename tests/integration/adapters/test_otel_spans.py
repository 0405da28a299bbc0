"""OpenTelemetry: what leaves is what may be told, whatever was recorded."""

from collections.abc import Sequence

import httpx2
import pytest
from fastapi import FastAPI
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, StatusCode, TraceFlags, TraceState

from postkeep.adapters.otel_spans import TOLD, Discreet
from postkeep.adapters.otel_storage import TracedStorage
from postkeep.bootstrap.tracing import Tracing
from postkeep.services.ports import StorageUnavailable
from tests.builders import an_account
from tests.contracts.storage import StorageContract
from tests.fake_storage import FakeStorage
from tests.fakes import FakeClock

SECRET = "geheim"


class Traced:
    """A provider whose spans are kept, as they would leave."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(Discreet(self._kept)))

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        """Those that are over."""
        return self._kept.get_finished_spans()

    @property
    def told(self) -> str:
        """All that they say."""
        return "\n".join(f"{span.to_json()} {span.context} {span.parent}" for span in self.spans)


def test_nothing_leaves_that_may_not_be_told() -> None:
    """Whoever records more one day, FastAPI or a colleague, records it for nobody."""
    traced = Traced()
    elsewhere = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("a", SECRET)]))
    span = traced.provider.get_tracer("x").start_span(
        "GET /livez",
        attributes={"http.route": "/livez", "url.query": f"q={SECRET}", "url.path": f"/{SECRET}"},
        links=[Link(elsewhere, {"said": SECRET})],
    )
    span.add_event(SECRET, {"said": SECRET})
    span.record_exception(ValueError(SECRET))
    span.set_status(StatusCode.ERROR, SECRET)
    span.end()
    (left,) = traced.spans
    assert (left.name, left.attributes, left.status.status_code) == (
        "GET /livez",
        {"http.route": "/livez"},
        StatusCode.ERROR,
    )
    assert SECRET not in traced.told


@pytest.mark.parametrize("path", ["/fails", f"/{SECRET}"])
async def test_a_request_that_fails_tells_nothing_of_itself(path: str) -> None:
    """Not in the words of the error, and not in the words of the request."""
    traced = Traced()
    app = FastAPI(telemetry=Tracing(traced.provider).telemetry)

    @app.get("/fails")
    async def fail() -> None:  # pyright: ignore[reportUnusedFunction] - FastAPI calls it
        raise ValueError(SECRET)

    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
        answer = await client.get(
            path,
            params={"q": SECRET, SECRET: "1"},
            headers={
                "Authorization": f"Bearer {SECRET}",
                "Cookie": f"a={SECRET}",
                "Host": f"{SECRET}.example.com",
                "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "tracestate": f"a={SECRET}",
                "baggage": f"a={SECRET}",
            },
        )
    (span,) = traced.spans
    assert span.attributes is not None
    assert set(span.attributes) <= TOLD
    assert span.attributes["http.response.status_code"] == answer.status_code
    assert span.attributes.get("error.type") == ("ValueError" if path == "/fails" else None)
    assert SECRET not in traced.told


@pytest.fixture
def storage() -> TracedStorage:
    """Return an empty storage that is traced."""
    return TracedStorage(FakeStorage(FakeClock()), Traced().provider.get_tracer("x"), "sqlite")


class TestTracedStorage(StorageContract):
    """Whoever is traced does the same."""


async def test_units_of_work_are_named_for_whose_they_are() -> None:
    """Whoever reads a trace finds the code; ids and texts stay behind."""
    traced, kept = Traced(), FakeStorage(FakeClock())
    storage = TracedStorage(kept, traced.provider.get_tracer("x"), "sqlite")
    account = an_account()
    await storage.transact(account.id, lambda work: work.accounts.add(account))
    kept.fails = StorageUnavailable()
    with pytest.raises(StorageUnavailable):
        await storage.check()
    added, failed = traced.spans
    mine = "test_units_of_work_are_named_for_whose_they_are"
    assert added.name == f"transact {mine}"
    assert added.attributes == {
        "db.system.name": "sqlite",
        "db.operation.name": "transact",
        "code.function.name": mine,
    }
    assert (added.status.status_code, failed.status.status_code) == (StatusCode.UNSET, StatusCode.ERROR)
    assert failed.attributes is not None
    assert failed.attributes["error.type"] == "StorageUnavailable"
    assert str(account.id) not in traced.told
    assert str(account.email) not in traced.told
