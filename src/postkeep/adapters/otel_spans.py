"""Spans for OpenTelemetry: which route, how long, how it ended, and nothing that anybody sent."""

from collections.abc import Sequence
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, Status

TOLD: Final = frozenset(
    {
        "code.function.name",
        "db.operation.name",
        "db.system.name",
        "error.type",
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "network.protocol.version",
        "url.scheme",
    }
)
"""What a span may say. FastAPI also records the path, the query, the name of the host and unknown methods as they were
sent; the query holds what is searched for, cursors, and whatever a client puts there by mistake.
"""


class Discreet(SpanExporter):
    """Hands spans on with what is `TOLD` alone: no events, no links, no words about errors, no trace state."""

    def __init__(self, exporter: SpanExporter) -> None:
        """Stand in front of another exporter."""
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Hand them on."""
        return self._exporter.export([_told(span) for span in spans])

    def shutdown(self) -> None:
        """End the other one."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Have the other one send what it holds."""
        return self._exporter.force_flush(timeout_millis)


def provider(version: str) -> TracerProvider:
    """Make what spans are sent by, as the standard OTEL_* variables say.

    Args:
        version: Of this release.

    Raises:
        ValueError: A variable has a value that cannot be.
    """
    ours = Resource({"service.name": "postkeep", "service.version": version})
    made = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    made.add_span_processor(BatchSpanProcessor(Discreet(OTLPSpanExporter())))
    return made


def _told(span: ReadableSpan) -> ReadableSpan:
    """Return a span of nothing but what may be told."""
    return ReadableSpan(
        name=span.name,
        context=_bare(span.context),
        parent=_bare(span.parent),
        resource=span.resource,
        attributes={name: value for name, value in (span.attributes or {}).items() if name in TOLD},
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _bare(context: SpanContext | None) -> SpanContext | None:
    """Return where a span belongs, without the words that came with that."""
    return context and SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)
