"""Metrics for Prometheus: counted in each process, added up over all of them when somebody asks."""

import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import (
    MultiProcessCollector,
    mark_process_dead,  # pyright: ignore[reportUnknownVariableType] - it has no types
)

from postkeep.adapters.alarms import ALARMS

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that says where the processes of one server put their numbers. To be set before this is imported."""

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

GAUGES: Final[Mapping[str, str]] = {
    "connections": "Connections of clients that are open.",
    "cache_bytes": "What the response cache remembers, in bytes.",
    "cache_limit_bytes": "How much it remembers at most.",
    "hashing_running": "Passwords that are being hashed.",
    "hashing_waiting": "Passwords that wait for a thread.",
    "database_connections": "Connections to the database server that are open.",
    "database_connections_busy": "Those of them that are in use.",
    "database_units_waiting": "Units of work that wait for the embedded database's writer.",
    "resident_bytes": "Memory of the processes that serve.",
    "processes": "Processes that serve.",
    "ready": "Those that could when they last looked: their database answered, with a schema that fits.",
    "database_look_seconds": "How long the database took when they last looked, where it took longest.",
    "disk_free_bytes": "Room where the embedded database is, or else the data directory.",
    "looked_timestamp_seconds": "When the process that has not looked at itself for longest last did, in Unix time.",
}
"""What is so at the moment, by name, with what it means."""

_Mode: TypeAlias = Literal["livesum", "livemax", "livemin"]

_MODES: Final[Mapping[str, _Mode]] = {
    "database_look_seconds": "livemax",
    "disk_free_bytes": "livemax",
    "looked_timestamp_seconds": "livemin",
}
"""How the numbers of several processes become one; where nothing is said they are added up."""

TOTALS: Final[Mapping[str, str]] = {
    "cache_hits": "Lists and pages of them answered from memory.",
    "cache_misses": "Lists and pages of them that the application was asked for.",
    "cache_collapsed": "Lists answered with what another request was loading.",
    "cache_stores": "Lists and pages of them that were remembered.",
    "cache_evictions": "Things forgotten because others needed the room.",
}
"""What has happened so often, counted elsewhere, by name, with what it means."""


class PrometheusMetrics:
    """One process's numbers. No label says who: there are as many series as the code has words."""

    def __init__(self, version: str) -> None:
        """Begin at nothing.

        Args:
            version: Of this release.
        """
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "postkeep_http_requests",
            "Requests that were not answered from memory.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._durations = Histogram(
            "postkeep_http_request_duration_seconds",
            "How long they took.",
            ["method", "route"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._events = Counter("postkeep_events", "Events of the log.", ["event", "level"], registry=self._registry)
        for level, names in ALARMS.items():
            for name in names:
                self._events.labels(name, level)
        self._gauges = {
            name: self._gauge(name, meaning, mode=_MODES.get(name, "livesum")) for name, meaning in GAUGES.items()
        }
        self._totals = {
            name: Counter(f"postkeep_{name}", meaning, registry=self._registry) for name, meaning in TOTALS.items()
        }
        self._counted: dict[str, int] = {}
        build = self._gauge("build_info", "Which release serves.", ["version"], mode="livemax")
        build.labels(version).set(1)

    def count_request(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Count a request that was served.

        Args:
            method: As sent; unknown ones count together.
            route: The path's pattern, None where there is none.
            status: The answer's, 0 where there was none.
            seconds: How long it took.
        """
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route or "none", str(status)).inc()
        self._durations.labels(known, route or "none").observe(seconds)

    def count_event(self, record: logging.LogRecord) -> None:
        """Count an event of the log; those about single requests are counted as such."""
        if record.msg != "request":
            self._events.labels(str(record.msg), record.levelname.lower()).inc()

    def sample(self, gauges: Mapping[str, float], totals: Mapping[str, int]) -> None:
        """Take what is so at the moment, and what was counted elsewhere since the start.

        Args:
            gauges: By the names of `GAUGES`; a name that is missing stays as it was.
            totals: By the names of `TOTALS`.
        """
        for name, value in gauges.items():
            self._gauges[name].set(value)
        for name, value in totals.items():
            self._totals[name].inc(value - self._counted.get(name, 0))
            self._counted[name] = value

    def render(self) -> bytes:
        """Return the numbers of all processes of this server, as Prometheus reads them."""
        return generate_latest(of_all_processes() if os.environ.get(FOLDER) else self._registry)

    def _gauge(
        self,
        name: str,
        meaning: str,
        labels: Sequence[str] = (),
        mode: _Mode = "livesum",
    ) -> Gauge:
        """Make a gauge that counts for the processes that live."""
        return Gauge(f"postkeep_{name}", meaning, labels, registry=self._registry, multiprocess_mode=mode)


def of_all_processes() -> CollectorRegistry:
    """Return the numbers that lie in the folder; what was so in a process that is dead is no longer so."""
    folder = Path(os.environ[FOLDER])
    for file in folder.glob("gauge_live*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not _lives(pid):
            with suppress(FileNotFoundError):
                mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]  # it has no types
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]  # it has no types
    return registry


def _lives(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
