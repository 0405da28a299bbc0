"""A run: phases of load under nemeses, each ending with healing and final reads, and the verdict on all of it."""

import asyncio
import itertools
import json
import random
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.clients import MIXED, Habits
from tests.faults.crew import Crew, Workplace
from tests.faults.figures import Figures
from tests.faults.final_reads import check_files, read_everywhere, read_table
from tests.faults.history import Operation, Recorder, read_history
from tests.faults.nemeses import Nemesis
from tests.faults.stage import DURABLE, WORKERS, Stage, set_up
from tests.faults.users import User
from tests.faults.verdict import judge


@dataclass(frozen=True)
class Phase:
    """Some time under some nemeses.

    Attributes:
        nemeses: What happens, each at its own pace; nothing where there are none.
        seconds: For how long at least.
    """

    nemeses: Sequence[Nemesis]
    seconds: float

    def __str__(self) -> str:
        """Name the nemeses."""
        return " + ".join(nemesis.name for nemesis in self.nemeses) or "nothing"


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
        processes: In how many processes they are.
        patience: How long they wait for an answer, in seconds.
        shared: How many users have more than one client.
        own: How many have one each.
        workers: How many processes serve them.
        options: Of MariaDB.
        disk: Where the database is to lie, unless beside everything else.
        settings: Of the server.
    """

    database: str
    phases: Sequence[Phase]
    seed: int = 1
    settle: float = 0.2
    habits: Habits = MIXED
    clients: int = 16
    processes: int = 2
    patience: float = 10
    shared: int = 4
    own: int = 4
    workers: int = WORKERS
    options: Sequence[str] = DURABLE
    disk: Path | None = None
    settings: dict[str, str] = field(default_factory=dict[str, str])


class Run:
    """A stage, and the clients on it."""

    def __init__(self, stage: Stage, workplace: Workplace, users: Sequence[User], recorder: Recorder) -> None:
        """Take what was set up.

        Args:
            stage: The server and its database.
            workplace: The clients.
            users: All of them.
            recorder: Takes down the final reads.
        """
        self.stage = stage
        self._workplace = workplace
        self._users = users
        self._recorder = recorder

    @classmethod
    @asynccontextmanager
    async def begun(cls, plan: Plan, folder: Path) -> AsyncGenerator["Run"]:
        """Set everything up; leave no process behind."""
        users = [User.anew(f"u{number}") for number in range(plan.shared + plan.own)]
        crew = Crew(users, plan.clients, plan.processes, plan.own, plan.habits, plan.patience, plan.seed)
        async with AsyncExitStack() as stack:
            file = stack.enter_context((folder / "final.jsonl").open("a", encoding="utf-8"))
            stage = await stack.enter_async_context(set_up(folder, plan, users))
            workplace = await stack.enter_async_context(crew.working(folder, stage.server.port))
            yield cls(stage, workplace, users, Recorder(file, "final-"))

    async def go_through(self, phase: Phase, choose: random.Random, *, settle: float) -> None:
        """Go through a phase: load and strikes, healing, and then the final reads.

        Raises:
            TimeoutError: The server or its database did not recover.
        """
        await self._workplace.go()
        await _strike(self.stage, phase, choose)
        await self.stage.heal()
        await self._workplace.pause()
        await asyncio.sleep(settle)
        await read_everywhere(self.stage, self._users, self._recorder)
        await read_table(self.stage, self._users, self._recorder)

    async def end(self) -> None:
        """End the server, and look through what it leaves."""
        await self.stage.stop_server()
        await check_files(self.stage)

    def figures(self, seed: int, folder: Path) -> Figures:
        """Write down what was done, and judge all of it."""
        _write_strikes(self.stage, folder)
        history = history_in(folder)
        return Figures.of(self.stage, seed, history, judge(history))


async def run(plan: Plan, folder: Path, *, tell: Callable[[str], None] | None = None) -> Figures:
    """Carry out a plan.

    Args:
        plan: What is to be done.
        folder: Where everything is to lie; the history stays there.
        tell: Is told how far it is.

    Raises:
        TimeoutError: The server or its database did not recover.
    """
    begun = time.monotonic()
    async with Run.begun(plan, folder) as the:
        for number, phase in enumerate(plan.phases):
            await the.go_through(phase, random.Random(f"{plan.seed} {number}"), settle=plan.settle)
            if tell is not None:
                tell(f"{time.monotonic() - begun:7.1f} s  {plan.database}: {phase}")
        await the.end()
    return the.figures(plan.seed, folder)


def history_in(folder: Path) -> Sequence[Operation]:
    """Return all that the clients of a run wrote down so far."""
    return read_history(sorted(folder.glob("*.jsonl")))


async def _strike(stage: Stage, phase: Phase, choose: random.Random) -> None:
    """Let all nemeses of a phase strike at their own pace, until its time is over and each has struck often enough."""
    until = time.monotonic() + phase.seconds

    async def keep_striking(nemesis: Nemesis, own: random.Random) -> None:
        for count in itertools.count():
            if count >= nemesis.least and time.monotonic() >= until:
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
