"""Processes: starting servers on loopback, what they use of the machine, stopping them by their handles."""

import os
import re
import subprocess
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 30
_POLL_SECONDS: Final = 0.005
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "PYTHONPATH")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and its children use of the machine.

    Attributes:
        cpu_seconds: Since their start, in user and system mode.
        resident_mib: Memory at this moment.
    """

    cpu_seconds: float
    resident_mib: float


@dataclass(frozen=True, slots=True)
class Server:
    """A running HTTP server.

    Attributes:
        port: Where it listens on loopback.
        pid: Its process.
        log: The file with all that it says.
        start_seconds: How long its first answer took from its start.
    """

    port: int
    pid: int
    log: Path
    start_seconds: float


@contextmanager
def started(  # noqa: PLR0913 - each says one thing about the start
    command: Sequence[str],
    port: int,
    folder: Path,
    *,
    ready: str,
    settings: Mapping[str, str] | None = None,
    run_in: Path | None = None,
) -> Generator[Server]:
    """Start a server, wait for its first answer, and stop it in the end.

    Args:
        command: What to run; it knows its port.
        port: Where it will listen.
        folder: Its log is kept here.
        ready: The path that answers 200 once it can serve.
        settings: Variables of its environment.
        run_in: Its working directory, the folder of its log if none is given.

    Raises:
        RuntimeError: It did not answer.
    """
    log = folder / f"{port}.log"
    with log.open("wb") as output:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=run_in or folder, env=environment(settings or {}), stdout=output, stderr=output
        )
        try:
            _await_answer(process, port, ready, log)
            yield Server(port, process.pid, log, time.perf_counter() - begun)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of something that is measured: of this process's own it has what every program needs."""
    return {**{name: os.environ[name] for name in _PASSED_ON if name in os.environ}, **settings}


def usage_of(pid: int) -> Usage:
    """Look at a process and all that it started."""
    cpu = resident = 0.0
    for each in _tree(pid):
        # Fields are counted behind the program's name, which may hold anything.
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        cpu += (int(fields[11]) + int(fields[12])) / _TICKS
        resident += int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    return Usage(cpu, resident)


def reset_peak(pid: int) -> None:
    """Begin anew to watch how much memory a process has at most."""
    for each in _tree(pid):
        Path(f"/proc/{each}/clear_refs").write_text("5")


def peak_mib_of(pid: int) -> float:
    """Return how much memory a process and all that it started have had at most."""
    peaks = (
        re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{each}/status").read_text(), re.MULTILINE) for each in _tree(pid)
    )
    return sum(int(peak[1]) for peak in peaks if peak is not None) / 1024


def machine_cpu_seconds() -> float:
    """Return what all processors have spent on anything, interrupts and other machines' turns included."""
    user, nice, system, _idle, _waiting, *rest = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    return sum(int(ticks) for ticks in (user, nice, system, *rest)) / _TICKS


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _tree(int(child))


def _await_answer(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        with suppress(OSError, HTTPException):
            connection.request("GET", path)
            if connection.getresponse().status == 200:  # noqa: PLR2004 - HTTP's own number
                return
        connection.close()
        time.sleep(_POLL_SECONDS)
    message = f"{process.args!r} did not answer:\n{log.read_text(errors='replace')[-2000:]}"
    raise RuntimeError(message)
