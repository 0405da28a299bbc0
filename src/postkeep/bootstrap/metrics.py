"""Metrics: what is counted, and where it is read. Without a setting that asks for them nothing is."""

import asyncio
import logging
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from postkeep.bootstrap.database_url import database_url, folder_of
from postkeep.bootstrap.metrics_folder import folder_of_numbers, place_of_numbers
from postkeep.domain.errors import Misconfigured, PostkeepError
from postkeep.server.served import Served
from postkeep.settings import Settings

if TYPE_CHECKING:
    from postkeep.adapters.prometheus_metrics import PrometheusMetrics

_SAMPLE_SECONDS: Final = 1.0
_READY_SECONDS: Final = 10.0
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


class Metrics:
    """One process's numbers, from everybody who counts."""

    def __init__(self, prometheus: "PrometheusMetrics", folder: Path) -> None:
        """Take where they are kept, and the folder whose room is told."""
        self._prometheus = prometheus
        self._folder = folder
        self._is_ready = False
        self._look_seconds = 0.0
        self._read: Callable[[], tuple[Mapping[str, float], Mapping[str, int]]] = lambda: ({}, {})

    def count(self, served: Served) -> None:
        """Count a request that was served."""
        self._prometheus.count_request(served.method, served.route, served.status, served.seconds)

    @contextmanager
    def events_counted(self) -> Generator[None]:
        """Count the events of the log for as long as this lasts, from warnings upwards whatever is written of them."""
        ours, teller = logging.getLogger("postkeep"), _Teller(self._prometheus.count_event)
        before = ours.level
        ours.setLevel(min(ours.getEffectiveLevel(), logging.WARNING))
        ours.addHandler(teller)
        try:
            yield
        finally:
            ours.removeHandler(teller)
            ours.setLevel(before)

    async def go_on(self, read: Callable[[], tuple[Mapping[str, float], Mapping[str, int]]]) -> None:
        """Look now and then at what is so at the moment, until cancelled.

        Args:
            read: Returns gauges and totals, by the names of `adapters.prometheus_metrics`.
        """
        self._read = read
        while True:
            self._sample()
            await asyncio.sleep(_SAMPLE_SECONDS)

    async def look_whether_ready(self, check: Callable[[], Awaitable[None]]) -> None:
        """Look now and then whether requests can be served, until cancelled, so that somebody knows before they come.

        Args:
            check: Raises what `/readyz` would answer.
        """
        while True:
            begun = time.perf_counter()
            try:
                await check()
                self._is_ready = True
            except PostkeepError:
                self._is_ready = False
            self._look_seconds = time.perf_counter() - begun
            await asyncio.sleep(_READY_SECONDS)

    async def render(self) -> bytes:
        """Return the numbers of all processes, as Prometheus reads them."""
        self._sample()
        return await asyncio.to_thread(self._prometheus.render)

    def _sample(self) -> None:
        """Take what is so at the moment."""
        gauges, totals = self._read()
        told = {
            "ready": float(self._is_ready),
            "database_look_seconds": self._look_seconds,
            "disk_free_bytes": _room_in(self._folder),
            "looked_timestamp_seconds": time.time(),
            **_about_process(),
        }
        self._prometheus.sample({**gauges, **told}, totals)


class _Teller(logging.Handler):
    """Tells somebody of each event."""

    def __init__(self, tell: Callable[[logging.LogRecord], None]) -> None:
        """Take who is told."""
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Tell."""
        self._tell(record)


def metrics_of(settings: Settings) -> Metrics | None:
    """Make what counts, if the settings ask for it."""
    if settings.metrics_token is None and settings.metrics_port is None:
        return None
    from postkeep.adapters.prometheus_metrics import PrometheusMetrics  # noqa: PLC0415 - not loaded for nothing

    return Metrics(PrometheusMetrics(version("postkeep")), folder_of(database_url(settings), settings))


@contextmanager
def gathered(settings: Settings) -> Generator[None]:
    """Have the processes that are started in here put their numbers in one place, and show it on its own port.

    Raises:
        Misconfigured: Nothing can listen on that port.
    """
    if settings.metrics_token is None and settings.metrics_port is None:
        yield
        return
    with folder_of_numbers(place_of_numbers()) as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        with _shown(settings):
            yield


@contextmanager
def _shown(settings: Settings) -> Generator[None]:
    """Show the numbers on a port of their own, from a thread."""
    if settings.metrics_port is None:
        yield
        return
    from postkeep.adapters.metrics_port import listening  # noqa: PLC0415 - not loaded for nothing
    from postkeep.adapters.prometheus_metrics import of_all_processes  # noqa: PLC0415 - likewise

    if settings.metrics_port == settings.port:
        message = "POSTKEEP_METRICS_PORT is the port that is served on: set another one."
        raise Misconfigured(message)
    with listening(settings.host, settings.metrics_port, of_all_processes):
        yield


def _room_in(folder: Path) -> float:
    """Return how many bytes are free where a folder is, or will be."""
    for there in (folder.absolute(), *folder.absolute().parents):
        with suppress(OSError):
            return shutil.disk_usage(there).free
    return 0


def _about_process() -> Mapping[str, float]:
    """Return what the system knows of this process. Source: proc(5); elsewhere nothing."""
    try:
        with open("/proc/self/statm", "rb") as about:  # noqa: PTH123 - once a second
            resident = int(about.read().split()[1]) * _PAGE_BYTES
    except OSError:
        return {"processes": 1}
    return {"processes": 1, "resident_bytes": resident}
