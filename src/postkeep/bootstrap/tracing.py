"""Tracing: whether the standard OTEL_* variables ask for it, and what makes spans. Otherwise nothing is loaded."""

import asyncio
import importlib
import importlib.util
import logging
import os
import threading
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from postkeep.domain.errors import Misconfigured
from postkeep.services.ports import Storage

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig
    from opentelemetry.sdk.trace import TracerProvider

log = logging.getLogger(__name__)

OFF: Final["TelemetryConfig"] = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""FastAPI records nothing, whatever else in the process does; it does not even look for who would want it."""

_CLOSE_SECONDS: Final = 2.0

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SPOKEN: Final = "http/protobuf"
_PACKAGE: Final = "opentelemetry.exporter"


class Tracing:
    """One process's spans."""

    def __init__(self, provider: "TracerProvider") -> None:
        """Take what sends them."""
        self._provider = provider

    @property
    def telemetry(self) -> "TelemetryConfig":
        """What FastAPI is to record: a span of each request that reaches it, and nothing of what happens in it."""
        return {**OFF, "tracing": True, "tracer_provider": self._provider, "operation_spans": False}

    def over(self, storage: Storage, system: str) -> Storage:
        """Have a storage's units of work be spans.

        Args:
            storage: It does the work.
            system: The kind of database, as OpenTelemetry names it.
        """
        from postkeep.adapters.otel_storage import TracedStorage  # noqa: PLC0415 - not loaded for nothing

        return TracedStorage(storage, self._provider.get_tracer("postkeep", version("postkeep")), system)

    async def close(self) -> None:
        """Send what is left, if somebody takes it soon: a collector that hangs must not keep a process from its end."""
        sending = threading.Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        await asyncio.to_thread(sending.join, _CLOSE_SECONDS)


def is_tracing_wanted() -> bool:
    """Tell whether the environment names somewhere to send spans to.

    Raises:
        Misconfigured: It does, but in a way that cannot be followed.
    """
    endpoint = next((name for name in _ENDPOINTS if os.environ.get(name)), None)
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() or "otlp"
    is_off = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if endpoint is None or exporter == "none" or is_off:
        return False
    if exporter != "otlp":
        message = f"OTEL_TRACES_EXPORTER is {exporter}, and Postkeep knows otlp and none."
        raise Misconfigured(message)
    protocol = next(filter(None, (os.environ.get(name) for name in _PROTOCOLS)), _SPOKEN)
    if protocol != _SPOKEN:
        message = f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol}, and Postkeep speaks {_SPOKEN}."
        raise Misconfigured(message)
    if not os.environ[endpoint].startswith(("http://", "https://")):
        message = f"{endpoint} is no http:// or https:// address."
        raise Misconfigured(message)
    if not importlib.util.find_spec("opentelemetry.sdk") or not importlib.util.find_spec(_PACKAGE):
        message = f"{endpoint} is set, but what makes spans is not installed: pip install 'postkeep[telemetry]'."
        raise Misconfigured(message)
    return True


def refuse_unknown_propagators() -> None:
    """See that FastAPI can be loaded: it reads who hands traces on, whether anything is traced or not.

    Raises:
        Misconfigured: OTEL_PROPAGATORS names one that is not there.
    """
    try:
        importlib.import_module("opentelemetry.propagate")
    except ValueError as error:
        message = f"OTEL_PROPAGATORS: {error}"
        raise Misconfigured(message) from error


def tracing_of() -> Tracing | None:
    """Make what traces, if the environment asks for it. Where that cannot be followed, serve without it and say so."""
    try:
        return _tracing() if is_tracing_wanted() else None
    except Misconfigured as error:
        log.warning("tracing_off", extra={"reason": str(error)})
        return None


def _tracing() -> Tracing:
    """Make what traces.

    Raises:
        Misconfigured: A variable has a value that cannot be.
    """
    from postkeep.adapters.otel_spans import provider  # noqa: PLC0415 - not loaded for nothing

    try:
        return Tracing(provider(version("postkeep")))
    except ValueError as error:
        message = f"A variable OTEL_* has a value that cannot be: {error}."
        raise Misconfigured(message) from error
