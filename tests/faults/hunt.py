"""Hunting mutants: what the checker must find is planted, and then it has to find it."""

import asyncio
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.faults.crew import ROOT
from tests.faults.mutants import MUTANTS
from tests.faults.nemeses import NEMESES, SQLITE, Nemesis
from tests.faults.run import Phase, Plan, Run, history_in
from tests.faults.stage import Stage
from tests.faults.verdict import judge
from tests.faults.violations import Invariant, Violation

ROUNDS: Final = 10
"""A bug that is not found in so many rounds survives."""

_SECONDS: Final = 1.0
_SMALL: Final = Plan("sqlite", (), clients=7, processes=1, shared=2, own=1, workers=1)
"""What is enough to find a bug that is there: less to start, and so time for more bugs."""

_MUTATED: Final = Path(__file__).with_name("mutated")
_LOG_HEADER: Final = 32
_FRAME_HEADER: Final = 24
_LOST_FRAMES: Final = 60


@dataclass(frozen=True)
class Prey:
    """Something to be found.

    Attributes:
        breaks: The invariant that it must be found by, at least.
        plan: How the server and its database are set up so that they have it.
        phase: What happens in each round.
    """

    breaks: Invariant
    plan: Plan
    phase: Phase


async def hunt(prey: Prey, folder: Path) -> list[Violation]:
    """Go round by round until the prey is found, and return all that was found."""
    found: list[Violation] = []
    async with Run.begun(prey.plan, folder) as the:
        for number in range(ROUNDS):
            await the.go_through(prey.phase, random.Random(number), settle=0)
            found = judge(history_in(folder)).violations
            if any(violation.invariant is prey.breaks for violation in found):
                break
    return found


def _planted(name: str) -> Prey:
    """Plant a bug in a server."""
    path = os.pathsep.join([str(_MUTATED), str(ROOT)])
    settings = {"PYTHONPATH": path, "POSTKEEP_TEST_MUTANT": name}
    return Prey(MUTANTS[name].breaks, replace(_SMALL, settings=settings), Phase((), _SECONDS))


async def _lose_power(stage: Stage, _: random.Random) -> None:
    """Kill the server, lose the last of what SQLite's log had taken, as without fsync, and start it again."""
    # Clients log in first, and what is lost ought to be posts.
    await asyncio.sleep(1.5)
    await stage.kill_server()
    _shorten(stage.server.data_folder / "postkeep.db-wal")
    await stage.start_server()


def _shorten(log: Path) -> None:
    """Take the last frames away that count; behind them the file may have older ones. Source: SQLite, WAL format."""
    content = log.read_bytes()
    size = _FRAME_HEADER + int.from_bytes(content[8:12])
    begins = range(_LOG_HEADER, len(content) - size + 1, size)
    counting = [begin for begin in begins if content[begin + 8 : begin + 16] == content[16:24]]
    if counting:
        os.truncate(log, counting[-_LOST_FRAMES:][0])


def _lying_disk() -> Prey:
    """SQLite on a disk that says it has kept what it has not."""
    nemesis = Nemesis("lose-power", _lose_power, 1, SQLITE, least=1)
    return Prey(Invariant.I1, _SMALL, Phase((nemesis,), _SECONDS))


def _unflushed() -> Prey:
    """MariaDB told not to wait for its log, and then killed."""
    plan = replace(_SMALL, database="mariadb", options=("--innodb-flush-log-at-trx-commit=0",))
    return Prey(Invariant.I1, plan, Phase((replace(NEMESES["kill-database"], least=1),), _SECONDS))


PREY: Final[dict[str, Callable[[], Prey]]] = {
    **{name: (lambda name=name: _planted(name)) for name in MUTANTS},  # type: ignore[misc]  # a name of its own each
    "sqlite-on-a-lying-disk": _lying_disk,
    "mariadb-without-flush": _unflushed,
}
"""All that must be found."""
