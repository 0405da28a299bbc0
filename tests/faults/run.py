"""A run: phases of load under nemeses, each ending with healing and final reads, and the verdict on all of it."""

import asyncio
import itertools
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.faults.clients import MIXED, Habits
from tests.faults.crew import Crew
from tests.faults.figures import Figures
from tests.faults.final_reads import check_files, read_everywhere, read_table
from tests.faults.history import Recorder, read_history
from tests.faults.nemeses import Nemesis
from tests.faults.stage import Stage, set_up
from tests.faults.users import User
from tests.faults.verdict import judge

SHARED: Final = 4
OWN: Final = 4


@dataclass(frozen=True)
class Phase:
    """Some time under some nemeses.

    Attributes:
        nemeses: What happens, each at its own pace; nothing where there are none.
        seconds: For how long at least.
        strikes: So many of each nemesis at least.
        adds: So many acknowledged posts at least, over the whole run so far. (Counted by the table's growth.)
    """

    nemeses: Sequence[Nemesis]
    seconds: float
    strikes: int = 0


@dataclass(frozen=True)
class Plan:
    """What a run is.

    Attributes:
        database: "sqlite" or "mariadb".
        phases: One after the other.
        seed: Of everything that is chosen.
        settle: Seconds between healing and the final reads.
        habits: What the clients do.
        clients: How many there are.
        settings: Of the server.
    """

    database: str
    phases: Sequence[Phase]
    seed: int = 1
    settle: float = 0.2
    habits: Habits = MIXED
    clients: int = 16
    settings: dict[str, str] = field(default_factory=dict[str, str])


async def run(plan: Plan, folder: Path, *, tell: bool = False) -> Figures:
    """Carry out a plan.

    Args:
        plan: What is to be done.
        folder: Where everything is to lie; the history stays there.
        tell: Whether to say on standard output how far it is.

    Raises:
        TimeoutError: The server or its database did not recover.
    """
    begun = time.monotonic()
    users = [User.anew(f"u{number}") for number in range(SHARED + OWN)]
    crew = Crew(users, clients=plan.clients, own=OWN, habits=plan.habits, seed=plan.seed)
    with (folder / "final.jsonl").open("a", encoding="utf-8") as file:
        recorder = Recorder(file, "final-")
        async with set_up(folder, plan.database, users, **plan.settings) as stage:
            async with crew.working(folder, stage.server.port) as workplace:
                for number, phase in enumerate(plan.phases):
                    await workplace.go()
                    await _strike(stage, phase, random.Random(f"{plan.seed} {number}"))
                    await stage.heal()
                    await workplace.pause()
                    # Those who waited for an answer may have had something broken in their hands until now.
                    await stage.heal()
                    await asyncio.sleep(plan.settle)
                    await read_everywhere(stage, users, recorder)
                    await read_table(stage, users, recorder)
                    if tell:
                        names = " + ".join(each.name for each in phase.nemeses) or "nothing"
                        print(f"{time.monotonic() - begun:7.1f} s  {plan.database}: {names}", flush=True)  # noqa: T201
            await stage.stop_server()
            await check_files(stage)
    _write_strikes(stage, folder)
    history = read_history(sorted(folder.glob("*.jsonl")))
    return Figures.of(plan.database, plan.seed, history, judge(history), stage.strikes, stage.flaws)


async def _strike(stage: Stage, phase: Phase, choose: random.Random) -> None:
    """Let all nemeses of a phase strike at their own pace, until its time is over and each has struck often enough."""
    until = time.monotonic() + phase.seconds

    async def keep_striking(nemesis: Nemesis, own: random.Random) -> None:
        for count in itertools.count():
            if count >= phase.strikes and time.monotonic() >= until:
                return
            await asyncio.sleep(own.uniform(0.5, 1.5) * nemesis.every if count else own.uniform(0.3, 0.6))
            stage.note(nemesis.name)
            await nemesis.strike(stage, own)

    await asyncio.gather(*(keep_striking(nemesis, random.Random(choose.random())) for nemesis in phase.nemeses))
    await asyncio.sleep(max(until - time.monotonic(), 0))


def _write_strikes(stage: Stage, folder: Path) -> None:
    """Write down what was done when, beside the history."""
    lines = [json.dumps({"nemesis": strike.name, "at": strike.at}) for strike in stage.strikes]
    (folder / "nemeses.log").write_text("\n".join([*lines, *stage.flaws, ""]), "utf-8")
