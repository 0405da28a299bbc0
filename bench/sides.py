"""The sides of a comparison: each can be measured for some seconds, and says when what it answered was wrong."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from bench.databases import Database, count_posts
from bench.drivers import Loop
from bench.load import CONNECTIONS, Load, Playlist, Void
from bench.measure import Measured, measure
from bench.postkeep import count_logged
from bench.processes import Server, machine_cpu_seconds
from bench.requests import look

WARM_SECONDS: Final = 1

_SAMPLES: Final = 20
"""So many answers are looked at before a load; each of the others has the same length."""

_SETTLE_SECONDS: Final = 0.3
"""Until what was under way when the load stopped is done."""


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
    """A server that lists posts. Every answer is as long as the first few.

    Attributes:
        name: What the report calls it.
        server: Its process.
        playlist: What it is asked.
        database: What it reads from, if anything.
        status: What it answers.
        misses: Where it is Postkeep, whether it must answer each time from the database (True), or never (False).
        connections: How many ask at the same time.
        warm_seconds: For how long it is asked beforehand; at least one answer must come within that.
    """

    name: str
    server: Server
    playlist: Playlist
    database: Database | None = None
    status: int = 200
    misses: bool | None = None
    connections: int = CONNECTIONS
    warm_seconds: int = WARM_SECONDS

    def measure(self, seconds: int) -> Measured:
        """Measure it."""
        samples = self.playlist.take(_SAMPLES)
        looked = look(self.server.port, samples)
        if self.misses is False:
            # The first time they were stored, and said so.
            looked = look(self.server.port, samples)
        if any(each.status != self.status for each in looked):
            message = f"{self.name}: answered with {sorted({each.status for each in looked})}, not {self.status}"
            raise Void(message)
        self._play(self.warm_seconds)
        logged = _in_the_end(partial(count_logged, self.server))
        measured = measure(self.server, self.database, lambda: self._play(seconds))
        sizes = [each.size for each in looked]
        # The answers that were under way in the end were read in part, perhaps.
        most = measured.load.answers + self.connections
        if not measured.load.answers * min(sizes) <= measured.load.bytes <= most * max(sizes):
            message = f"{self.name}: {measured.load.answers} answers of {sizes} bytes, but {measured.load.bytes} came"
            raise Void(message)
        missed = _in_the_end(partial(count_logged, self.server)) - logged
        if self.misses is not None and not measured.load.answers * self.misses <= missed <= most * self.misses:
            message = f"{self.name}: {missed} of {measured.load.answers} answers came from the database"
            raise Void(message)
        return measured

    def _play(self, seconds: int) -> Load:
        return self.playlist.play(self.server.port, seconds, connections=self.connections)


def _in_the_end(count: Callable[[], int]) -> int:
    """Return a count once those are done that were under way when the load stopped."""
    before, now = -1, count()
    while now != before:
        time.sleep(_SETTLE_SECONDS)
        before, now = now, count()
    return now


@dataclass(frozen=True, slots=True)
class Adding:
    """A server that adds posts, or edits them. Every answer is a row, or a version.

    Attributes:
        name: What the report calls it.
        server: Its process.
        requests: Makes what it is asked.
        database: What it writes to, if anything.
        count: Counts the rows, or the versions.
        connections: How many ask at the same time.
    """

    name: str
    server: Server
    requests: Callable[[], Playlist]
    database: Database | None = None
    count: Callable[[Database], int] = count_posts
    connections: int = CONNECTIONS

    def measure(self, seconds: int) -> Measured:
        """Measure it."""
        playlist = self.requests()
        play = partial(playlist.play, self.server.port, connections=self.connections)
        play(WARM_SECONDS)
        before = self._count()
        measured = measure(self.server, self.database, lambda: play(seconds))
        rows = self._count() - before
        # wrk goes away with a request of each connection under way: those rows have nobody left to answer.
        if self.database is not None and not 0 <= rows - measured.load.answers <= self.connections:
            message = f"{self.name}: {measured.load.answers} answers, but {rows} rows"
            raise Void(message)
        return measured

    def _count(self) -> int:
        return 0 if self.database is None else _in_the_end(partial(self.count, self.database))


@dataclass(frozen=True, slots=True)
class Mixing:
    """A server that lists, adds and deletes.

    Attributes:
        name: What the report calls it.
        server: Its process.
        mixes: What it is asked in each repeat, with what each request does to the number of posts.
        database: Where it keeps posts.
    """

    name: str
    server: Server
    mixes: Iterator[tuple[Playlist, Sequence[int]]]
    database: Database

    def measure(self, seconds: int) -> Measured:
        """Measure it."""
        playlist, changes = next(self.mixes)
        playlist.play(self.server.port, WARM_SECONDS)
        begun, before = playlist.played, self._count()
        measured = measure(self.server, self.database, lambda: playlist.play(self.server.port, seconds))
        rows, expected = self._count() - before, sum(changes[begun : playlist.played])
        if playlist.played > len(changes):
            message = f"{self.name}: answered more than the {len(changes)} requests that there are"
            raise Void(message)
        # Of the requests that were under way in the end, and of those that a request was left out for, any may count.
        if abs(rows - expected) > CONNECTIONS:
            message = f"{self.name}: {rows} more rows, not about {expected}"
            raise Void(message)
        return measured

    def _count(self) -> int:
        time.sleep(_SETTLE_SECONDS)
        return count_posts(self.database)


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
        before = count_posts(self.database)
        machine, used = machine_cpu_seconds(), self.database.cpu_seconds()
        looped = self.loop(seconds)
        machine, used = machine_cpu_seconds() - machine, self.database.cpu_seconds() - used
        answers, rows = looped.load.answers, count_posts(self.database) - before
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
