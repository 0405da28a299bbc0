"""Several workers, of whom some cannot be started (CASES.md: SV-04)."""

import errno
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import uvicorn
from uvicorn.config import STARTUP_FAILURE

from postkeep.domain.errors import Misconfigured
from postkeep.server import workers as module
from postkeep.server.workers import Workers
from tests.databases import free_port


@dataclass
class System:
    """What gives processes, as many as it has.

    Attributes:
        left: How many more it gives.
        started: Those it gave.
    """

    left: int = 100
    started: list["FakeWorker"] = field(default_factory=list["FakeWorker"])

    def worker(self, *_: object) -> "FakeWorker":
        """Make one that is not started yet."""
        return FakeWorker(self)


class FakeWorker:
    """A worker without a process."""

    def __init__(self, system: System) -> None:
        """Take what would give it a process."""
        self._system = system
        self.exitcode: int | None = None
        self.kills = 0
        self.process = SimpleNamespace(is_alive=lambda: self.exitcode is None)

    def start(self) -> None:
        """Start, if the system has a process left.

        Raises:
            OSError: It has none.
        """
        if not self._system.left:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        self._system.left -= 1
        self._system.started.append(self)

    def is_alive(self, _seconds: float) -> bool:
        """Whether it answers."""
        return self.exitcode is None

    is_ready = is_alive

    def kill(self) -> None:
        """End it, unless it has ended."""
        self.kills += 1
        self.exitcode = -signal.SIGKILL if self.exitcode is None else self.exitcode

    terminate = kill

    def join(self) -> None:
        """Wait for nothing."""


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    """Have a system that gives processes for as long as a test wants it to."""
    system = System()
    monkeypatch.setattr(module, "Process", system.worker)
    return system


@pytest.fixture
def three() -> Iterator[Workers]:
    """Make three workers, which begin later."""
    before = {number: signal.getsignal(number) for number in signal.Signals if number not in {9, 19}}
    config = uvicorn.Config("nobody:loads_this", port=free_port(), workers=3, log_config=None)
    workers = Workers(config, drain_seconds=0, shutdown_seconds=0)
    yield workers
    for listener in workers.sockets:
        listener.close()
    for number, handler in before.items():
        signal.signal(number, handler)


def test_sv_04_where_the_system_gives_no_process_the_rest_goes_on(
    system: System, three: Workers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The first process ended by that, and waited for the others, deaf, so that nothing but SIGKILL ended them."""
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0)
    three.init_processes()
    system.started[1].kill()
    system.left = 0
    three.keep_subprocess_alive()
    assert caplog.messages == ["worker_not_started"]
    assert [worker.exitcode for worker in three.processes] == [None, -9, None]
    system.left = 1
    three.keep_subprocess_alive()
    assert [worker.exitcode for worker in three.processes] == [None, None, None]


def test_a_start_for_which_there_are_too_few_processes_leaves_none(system: System, three: Workers) -> None:
    """Whoever reads that it cannot start must not find half of it serving."""
    system.left = 2
    with pytest.raises(Misconfigured, match="Of 3 workers only 2 can be started: Resource temporarily unavailable"):
        three.run()
    assert [worker.exitcode for worker in system.started] == [-9, -9]


def test_that_none_can_serve_is_told_by_the_exit_code(
    system: System, three: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 0 no service manager would start it again."""

    def fail(worker: FakeWorker) -> None:
        worker.exitcode = STARTUP_FAILURE

    monkeypatch.setattr(FakeWorker, "start", fail)
    with pytest.raises(SystemExit) as ended:
        three.run()
    assert ended.value.code == STARTUP_FAILURE
    assert len(three.processes) == 3
    assert system.started == []


def test_one_that_dies_at_once_is_not_started_again_and_again(system: System, three: Workers) -> None:
    """Each start takes a core for a second, which who serves would do without."""
    three.init_processes()
    system.started[0].exitcode = STARTUP_FAILURE
    for _ in range(3):
        three.keep_subprocess_alive()
    assert len(system.started) == 3
    assert not three.should_exit.is_set()


def test_nothing_is_begun_once_the_end_is_wanted(system: System, three: Workers) -> None:
    """A service manager may send SIGHUP right behind SIGTERM (SendSIGHUP=); the end would wait for replacements."""
    three.init_processes()
    three.signal_queue += [signal.SIGTERM, signal.SIGHUP]
    three.handle_signals()
    assert three.should_exit.is_set()
    assert len(system.started) == 3


def test_whoever_starts_at_the_same_moment_on_the_same_port_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both can have the address as long as neither listens; the second one served nobody then, and did not say so."""
    config = uvicorn.Config("nobody:loads_this", port=free_port(), workers=2, log_config=None)
    with config.bind_socket() as first, config.bind_socket() as second:
        first.listen()
        monkeypatch.setattr(config, "bind_socket", lambda: second)
        with pytest.raises(Misconfigured, match=f"127.0.0.1 port {config.port}: Address already in use"):
            Workers(config, drain_seconds=0, shutdown_seconds=0)
