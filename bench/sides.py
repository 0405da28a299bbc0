"""The sides of a comparison: each can be measured for some seconds, and says when what it answered was wrong."""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, Self

from bench.databases import Database
from bench.drivers import Loop
from bench.load import CONNECTIONS, Load, Void, play
from bench.processes import Server, machine_cpu_seconds, usage_of
from bench.requests import sizes_of_answers

WARM_SECONDS: Final = 1

_SETTLE_SECONDS: Final = 0.3
"""Until what was under way when the load stopped is done."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one side did in one repeat.

    Attributes:
        load: Answers and their times.
        cpu_us: The server's processor time per answer, microseconds.
        database_us: The database's, where it is a process of its own.
        resident_mib: The server's memory in the end.
        others_cores: How many processors were busy meanwhile with what is no part of this.
    """

    load: Load
    cpu_us: float
    database_us: float
    resident_mib: float
    others_cores: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.load.answers / self.load.seconds


class Side(Protocol):
    """Something to measure."""

    @property
    def name(self) -> str:
        """What the report calls it."""
        ...

    def measure(self, seconds: int) -> Measured:
        """Measure it.

        Raises:
            Void: It failed, or did not do what it said.
        """
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """A server that lists posts. Every answer is as long as it was when it was looked at.

    Attributes:
        name: What the report calls it.
        server: Its process.
        requests: Makes what it is asked.
        database: What it reads from, if anything.
    """

    name: str
    server: Server
    requests: Callable[[], list[bytes]]
    database: Database | None = None

    def measure(self, seconds: int) -> Measured:
        """Measure it."""
        requests = self.requests()
        sizes = sizes_of_answers(self.server.port, requests)
        play(self.server.port, requests, WARM_SECONDS)
        measured = _measure(self.server, self.database, lambda: play(self.server.port, requests, seconds))
        # The answers that were under way in the end were read in part, perhaps.
        least, most = measured.load.answers * min(sizes), (measured.load.answers + CONNECTIONS) * max(sizes)
        if not least <= measured.load.bytes <= most:
            message = f"{self.name}: {measured.load.bytes} bytes came, not {least} to {most}"
            raise Void(message)
        return measured


@dataclass(frozen=True, slots=True)
class Adding:
    """A server that adds posts. Every answer is a row.

    Attributes:
        name: What the report calls it.
        server: Its process.
        requests: Makes what it is asked.
        database: What it writes to, if anything.
    """

    name: str
    server: Server
    requests: Callable[[], list[bytes]]
    database: Database | None = None

    def measure(self, seconds: int) -> Measured:
        """Measure it."""
        requests = self.requests()
        play(self.server.port, requests, WARM_SECONDS)
        before = self._count()
        measured = _measure(self.server, self.database, lambda: play(self.server.port, requests, seconds))
        rows = self._count() - before
        # wrk goes away with a request of each connection under way: those rows have nobody left to answer.
        if self.database is not None and not 0 <= rows - measured.load.answers <= CONNECTIONS:
            message = f"{self.name}: {measured.load.answers} answers, but {rows} rows"
            raise Void(message)
        return measured

    def _count(self) -> int:
        time.sleep(_SETTLE_SECONDS)
        return 0 if self.database is None else self.database.count_posts()


@dataclass(frozen=True, slots=True)
class Looping:
    """A loop over a raw driver, in this process. Every commit is a row.

    Attributes:
        name: What the report calls it.
        loop: Inserts and commits for some seconds.
        database: What it writes to.
    """

    name: str
    loop: Callable[[float], Loop]
    database: Database

    def measure(self, seconds: int) -> Measured:
        """Measure it."""
        self.loop(WARM_SECONDS)
        before = self.database.count_posts()
        machine, used = machine_cpu_seconds(), self.database.cpu_seconds()
        looped = self.loop(seconds)
        machine, used = machine_cpu_seconds() - machine, self.database.cpu_seconds() - used
        answers, rows = looped.load.answers, self.database.count_posts() - before
        if rows != answers:
            message = f"{self.name}: {answers} commits, but {rows} rows"
            raise Void(message)
        return Measured(
            looped.load,
            cpu_us=looped.cpu_seconds / answers * 1e6,
            database_us=used / answers * 1e6,
            resident_mib=0,
            others_cores=(machine - used - looped.cpu_seconds) / looped.load.seconds,
        )


def _measure(server: Server, database: Database | None, run: Callable[[], Load]) -> Measured:
    counts = _Counts.of(server, database)
    load = run()
    used = _Counts.of(server, database) - counts
    return Measured(
        load,
        cpu_us=used.server / load.answers * 1e6,
        database_us=used.database / load.answers * 1e6,
        resident_mib=usage_of(server.pid).resident_mib,
        others_cores=(used.machine - used.server - used.database - used.load) / load.seconds,
    )


@dataclass(frozen=True, slots=True)
class _Counts:
    """Processor seconds so far: of all the machine, and of those who take part."""

    machine: float
    server: float
    database: float
    load: float

    @classmethod
    def of(cls, server: Server, database: Database | None) -> Self:
        """Read them."""
        load = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return cls(
            machine=machine_cpu_seconds(),
            server=usage_of(server.pid).cpu_seconds,
            database=database.cpu_seconds() if database else 0,
            load=sum(each.ru_utime + each.ru_stime for each in load),
        )

    def __sub__(self, earlier: Self) -> Self:
        """Return what was used since."""
        return type(self)(
            self.machine - earlier.machine,
            self.server - earlier.server,
            self.database - earlier.database,
            self.load - earlier.load,
        )
