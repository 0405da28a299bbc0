"""A soak: many clients for a quarter of an hour while nothing strikes. Nothing fails, and nothing grows."""

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Final

from tests.faults.clients import Habits
from tests.faults.figures import Figures
from tests.faults.run import Phase, Plan, Run
from tests.faults.stage import Stage

CLIENTS: Final = 100
SECONDS: Final = 900

_HABITS: Final = Habits(add=30, delete=28, list=36, pages=6, refresh=4, reuse=0, logout=0, alone=0, steal=2, big=0.005)
"""As everybody does who does not log in all the time: hashing passwords is refused where too many ask at once.

With fewer of the largest posts a connection to a database meets its first one after a quarter of an hour, and keeps a
buffer for it from then on.
"""

_SETTINGS: Final = {"POSTKEEP_CACHE_BYTES": str(1024 * 1024)}
"""What is remembered is bounded, and with a larger bound still grows towards it after a quarter of an hour."""

_PATIENCE: Final = 60
"""All of them log in at once."""

MOST_GROWTH: Final = 0.02
"""By less than this part memory and open files may be more in the end than in the beginning of what is watched.

In the five minutes between, at three hundred operations a second, eighty bytes that each of them left behind would be
that much. What the connections to a database have for buffers goes up and down by half of it.
"""

LEAST_SAMPLES: Final = 60
"""With fewer, which are five minutes, thirds of them say nothing: memory goes up and down by more."""

_WARM_PART: Final = 1 / 2
_EVERY_SECONDS: Final = 5


@dataclass(frozen=True)
class Sample:
    """What a server's processes have at a moment.

    Attributes:
        at: When, in seconds of the monotonic clock.
        mib: Their resident memory.
        files: How many files and sockets they have open.
    """

    at: float
    mib: float
    files: int


@dataclass
class Growth:
    """What a server's processes had in the course of time, once everything was warm."""

    samples: list[Sample] = field(default_factory=list[Sample])

    async def watch(self, stage: Stage) -> None:
        """Look at a server's workers again and again."""
        while True:
            self.samples.append(_sample(stage.workers()))
            await asyncio.sleep(_EVERY_SECONDS)

    @property
    def is_void(self) -> bool:
        """Whether too little was seen to say anything."""
        return len(self.samples) < LEAST_SAMPLES

    @property
    def memory(self) -> float:
        """By which part there was more memory in the last third of what was seen than in the first one, by medians."""
        return self._grown(attrgetter("mib"))

    @property
    def open_files(self) -> float:
        """The same of open files."""
        return self._grown(attrgetter("files"))

    def _grown(self, what: Callable[[Sample], float]) -> float:
        """Compare the last third with the first one."""
        third = len(self.samples) // 3
        first, last = self.samples[:third], self.samples[-third:]
        return statistics.median(map(what, last)) / statistics.median(map(what, first)) - 1

    def __str__(self) -> str:
        """Say it in a line."""
        if self.is_void:
            return f"looked at the workers {len(self.samples)} times only"
        mib, files = [each.mib for each in self.samples], [each.files for each in self.samples]
        return (
            f"memory of all workers {mib[0]:.0f} to {mib[-1]:.0f} MiB (at most {max(mib):.0f}), {self.memory:+.2%};"
            f" open files {min(files)} to {max(files)}, {self.open_files:+.2%}"
        )


def complaints(figures: Figures, growth: Growth) -> Sequence[str]:
    """Say what a soak came to that it must not; nothing where all is well."""
    found: list[str] = []
    if not figures.is_good:
        found.append("something was wrong; see above")
    if figures.statuses:
        found.append(f"answers of 5xx: {dict(sorted(figures.statuses.items()))}")
    if growth.is_void:
        return [*found, f"too short to say whether anything grows: --seconds {SECONDS} is long enough"]
    for name, grown in (("memory of all workers", growth.memory), ("open files", growth.open_files)):
        if grown >= MOST_GROWTH:
            found.append(f"{name} grew by {grown:.2%}, which must be less than {MOST_GROWTH:.0%}")
    return found


async def soak(database: str, folder: Path, *, seconds: float = SECONDS, seed: int = 1) -> tuple[Figures, Growth]:
    """Have many clients use a server, and watch what it takes after the first half of the time.

    Args:
        database: "sqlite" or "mariadb".
        folder: Where everything is to lie; the history stays there.
        seconds: How long, in all.
        seed: Of everything that is chosen.
    """
    warm, hot = Phase((), seconds * _WARM_PART), Phase((), seconds * (1 - _WARM_PART))
    plan = Plan(
        database,
        (warm, hot),
        seed=seed,
        habits=_HABITS,
        clients=CLIENTS,
        patience=_PATIENCE,
        shared=20,
        own=20,
        settings=_SETTINGS,
    )
    growth = Growth()
    async with Run.begun(plan, folder) as the:
        await the.go_through(warm, random.Random(seed), settle=0)
        watching = asyncio.create_task(growth.watch(the.stage))
        try:
            await the.go_through(hot, random.Random(seed), settle=0)
        finally:
            watching.cancel()
        await the.end()
    return the.figures(seed, folder), growth


def _sample(processes: Sequence[int]) -> Sample:
    """Look at processes. Source: proc(5)."""
    kib = files = 0
    for process in processes:
        status = Path(f"/proc/{process}/status").read_text("ascii")
        kib += next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
        files += len(list(Path(f"/proc/{process}/fd").iterdir()))
    return Sample(time.monotonic(), kib / 1024, files)
