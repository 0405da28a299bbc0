"""What is read off a load: answers, and the processor time that they took from whom."""

import resource
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from bench.databases import Database
from bench.load import Load
from bench.processes import Server, machine_cpu_seconds, usage_of


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
        return self.load.rate


def measure(server: Server, database: Database | None, run: Callable[[], Load]) -> Measured:
    """Measure what a server and its database use while a load runs."""
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
