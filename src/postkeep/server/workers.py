"""Several processes that serve together, and end together."""

import logging
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Final

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from postkeep.domain.errors import Misconfigured
from postkeep.server.draining import LAST_SECONDS, let_nobody_in

log = logging.getLogger(__name__)

_CLOSING_SECONDS: Final = 2.0
"""How long a worker may take for its end beyond what it drains and answers: what it has open is closed in that time."""

_PAUSE_SECONDS: Final = 5.0
"""How long after a start the next one in its place may come: one that dies at once would take a core for nothing."""

_START_SECONDS: Final = 30.0
"""How long one that is to replace another may take to serve."""

_LOOK_SECONDS: Final = 0.1
_READY_SECONDS: Final = 1.0

_TERMINAL: Final = Path("/dev/tty")
"""The terminal that controls a process, if there is one. Source: tty(4)."""

_ENDS: Final = frozenset({signal.SIGTERM, signal.SIGINT})


class Workers(Multiprocess):
    """uvicorn's, but for starts that fail, which end nobody who serves, and for their common end, which is in time.

    Nobody is let in any more shortly before they cease to listen, and one that is frozen holds nobody up.
    """

    def __init__(self, config: uvicorn.Config, *, drain_seconds: float, shutdown_seconds: float) -> None:
        """Take how they serve, for how long each of them drains (0 ends them at once), and then answers.

        Raises:
            Misconfigured: Somebody else listens there since a moment ago.
        """
        hangup = signal.getsignal(signal.SIGHUP)
        listener = config.bind_socket()
        try:
            # An address can be had twice as long as nobody listens there; workers would find out one after the other.
            listener.listen(config.backlog)
        except OSError as error:
            message = f"Nothing can listen on {config.host} port {config.port}: {error.strerror}."
            raise Misconfigured(message) from error
        super().__init__(config, sockets=[listener])
        # What nohup has ignored stays so.
        if hangup is signal.SIG_IGN:
            signal.signal(signal.SIGHUP, hangup)
        self._had_terminal = _has_terminal()
        self._drain_seconds = drain_seconds
        self._end_seconds = drain_seconds + shutdown_seconds + _CLOSING_SECONDS
        self._begun: dict[Process, float] = {}
        self._has_failed = False

    def run(self) -> None:
        """Have them serve until somebody wants the end, or none of them can; none of them is left behind.

        Raises:
            Misconfigured: The system does not give as many processes.
            SystemExit: None of them can serve, and has said why.
        """
        try:
            super().run()
        finally:
            # Whatever it was that ended this: Python would wait for them, and nobody tell them to end.
            for worker in self.processes:
                worker.kill()
        if self._has_failed:
            sys.exit(STARTUP_FAILURE)

    def init_processes(self) -> None:
        """Start all of them.

        Raises:
            Misconfigured: The system does not give as many processes.
        """
        wanted = self.config.workers
        for number in range(wanted):
            try:
                self._start()
            except OSError as error:
                message = f"Of {wanted} workers only {number} can be started: {error.strerror}."
                raise Misconfigured(message) from error

    def keep_subprocess_alive(self) -> None:
        """Replace who has died or hangs. Whoever wants the end does not wait until all who hang were asked."""
        for worker in list(self.processes):
            if self._is_end_wanted():
                return
            if worker.is_alive(self.config.timeout_worker_healthcheck):
                continue
            worker.kill()
            worker.join()
            if worker.exitcode == STARTUP_FAILURE and not self._is_anybody_ready():
                self._has_failed = True
                self.should_exit.set()
                return
            self._replace(worker)

    def restart_all(self) -> None:
        """Replace one after the other, each by one that serves already, until that fails or somebody wants the end."""
        for worker in list(self.processes):
            if self._is_end_wanted() or not self._try_to_start():
                return
            successor = self.processes[-1]
            is_ready = self._becomes_ready(successor)
            self._retire(worker if is_ready else successor)
            if not (is_ready or self._is_end_wanted()):
                log.warning("worker_not_started", extra={"reason": "it does not serve in time"})
                return

    def join_all(self) -> None:
        """Wait until all of them have ended, and kill who has not in time. Whoever is in a hurry says it again."""
        closing = time.monotonic() + self._drain_seconds - LAST_SECONDS
        for _ in self._looks_at(self.processes):
            if self._drain_seconds and time.monotonic() >= closing:
                let_nobody_in(self.sockets)
            if self._hears_of_end():
                self.signal_queue.clear()
                self.terminate_all()

    def handle_term(self) -> None:
        """Have all of them end; a second one, also in the same moment, is for `join_all`."""
        if self.should_exit.is_set():
            self.signal_queue.append(signal.SIGTERM)
        self.should_exit.set()

    handle_int = handle_term

    def handle_hup(self) -> None:
        """Replace them, unless it says that the terminal is gone: then nobody is left who could end them."""
        if self._had_terminal and not _has_terminal():
            self.should_exit.set()
        else:
            self.restart_all()

    def handle_ttin(self) -> None:
        """Have one more of them, if the system gives one."""
        self.processes_num += self._try_to_start()

    def handle_ttou(self) -> None:
        """Have one fewer of them, but for the last."""
        if self.processes_num > 1:
            self.processes_num -= 1
            self._retire(self.processes[-1])

    def _start(self) -> None:
        """Start one more.

        Raises:
            OSError: The system does not give a process, or what it needs.
        """
        worker = Process(self.config, self.sockets)
        worker.start()
        self.processes.append(worker)
        self._begun[worker] = time.monotonic()

    def _try_to_start(self) -> bool:
        """Start one more, if the system gives one, and tell whether it did."""
        try:
            self._start()
        except OSError as error:
            log.warning("worker_not_started", extra={"reason": str(error)})
            return False
        return True

    def _replace(self, dead: Process) -> None:
        """Start one in the place of one that has ended, but not at once where that was begun, or tried, just now."""
        if time.monotonic() - self._begun[dead] < _PAUSE_SECONDS:
            return
        if self._try_to_start():
            self._forget(dead)
        else:
            self._begun[dead] = time.monotonic()

    def _retire(self, worker: Process) -> None:
        """Have one of them end, and wait for it, unless somebody wants the end of all meanwhile."""
        worker.terminate()
        for _ in self._looks_at([worker]):
            if self._is_end_wanted():
                return
        self._forget(worker)

    def _forget(self, worker: Process) -> None:
        """Count one no more that has ended."""
        self.processes.remove(worker)
        del self._begun[worker]

    def _looks_at(self, leaving: Sequence[Process]) -> Iterator[None]:
        """Give out a look now and then until they have ended, and kill who has not when it should have."""
        deadline = time.monotonic() + self._end_seconds
        while left := [worker.process.sentinel for worker in leaving if worker.exitcode is None]:
            seconds = deadline - time.monotonic()
            if seconds <= 0:
                break
            wait(left, min(seconds, _LOOK_SECONDS))
            yield
        for worker in leaving:
            worker.kill()
            worker.join()

    def _becomes_ready(self, worker: Process) -> bool:
        """Wait until one serves, and tell whether it does in time, and before somebody wants the end."""
        deadline = time.monotonic() + _START_SECONDS
        while worker.process.is_alive() and time.monotonic() < deadline and not self._is_end_wanted():
            if worker.is_ready(_READY_SECONDS):
                return True
            time.sleep(_LOOK_SECONDS)
        return False

    def _is_anybody_ready(self) -> bool:
        """Whether one of them serves."""
        return any(worker.process.is_alive() and worker.is_ready(_READY_SECONDS) for worker in self.processes)

    def _is_end_wanted(self) -> bool:
        """Whether somebody has said so: then nothing else is begun, or waited for."""
        return self.should_exit.is_set() or self._hears_of_end()

    def _hears_of_end(self) -> bool:
        """Whether somebody has said so, perhaps again, and was not heeded yet."""
        return not _ENDS.isdisjoint(self.signal_queue)


def _has_terminal() -> bool:
    """Whether this process has a terminal that controls it; one that was closed is none any more."""
    try:
        os.close(os.open(_TERMINAL, os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
