"""What is said of a run."""

import bisect
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from tests.faults.history import Kind, Operation
from tests.faults.nemeses import NEMESES
from tests.faults.stage import Stage
from tests.faults.verdict import Verdict

LEAST_OK: Final = 1_000
"""A run in which less succeeded says nothing."""

_SHOWN: Final = 10


@dataclass(frozen=True)
class Figures:
    """One run's.

    Attributes:
        database: What it ran on.
        seed: What it chose by.
        verdict: What the checker found.
        seconds: From the first operation to the last one.
        strikes: How often each nemesis struck.
        unavailable_ms: From each kill until the first post was acknowledged that was sent after it.
        slowest_ms: How long the slowest answer took, or what came in its place.
        statuses: How often each status was answered, of 500 and more.
        flaws: What server and database did that no fault excuses.
    """

    database: str
    seed: int
    verdict: Verdict
    seconds: float
    strikes: Mapping[str, int]
    unavailable_ms: Sequence[float]
    slowest_ms: float
    statuses: Mapping[int, int]
    flaws: Sequence[str]

    @classmethod
    def of(cls, stage: Stage, seed: int, history: Sequence[Operation], verdict: Verdict) -> Self:
        """Count what happened on a stage."""
        strikes = stage.strikes
        seconds = (max(each.invoked for each in history) - history[0].invoked) / 1e9 if history else 0
        statuses = Counter(each.status for each in history if each.status >= 500)
        kills = [strike.at for strike in strikes if strike.name in NEMESES and NEMESES[strike.name].is_kill]
        counted = Counter(strike.name for strike in strikes)
        down = outages(history, kills)
        slowest = max((each.waited for each in history), default=0) / 1e6
        return cls(stage.database, seed, verdict, seconds, counted, down, slowest, statuses, stage.flaws)

    @property
    def is_void(self) -> bool:
        """Whether too little succeeded to say anything."""
        return self.verdict.ok < LEAST_OK

    @property
    def is_good(self) -> bool:
        """Whether nothing was wrong."""
        return not (self.is_void or self.verdict.violations or self.flaws)

    def __str__(self) -> str:
        """Say all of it in a few lines, which can be pasted."""
        verdict, downs = self.verdict, self.unavailable_ms
        down = f"p50 {statistics.median(downs):.0f} ms, max {max(downs):.0f} ms" if downs else "-"
        pace = verdict.operations / max(self.seconds, 1)
        struck = ", ".join(f"{name} {count}" for name, count in sorted(self.strikes.items())) or "none"
        first = [
            f"{self.database}, seed {self.seed}",
            f"{verdict.operations:,} operations in {self.seconds:.0f} s ({pace:.0f}/s)",
            f"{verdict.ok:,} ok, {verdict.fail:,} fail, {verdict.info:,} info",
            f"{verdict.added:,} acknowledged posts",
            f"{len(downs)} kills, unavailable {down}",
            f"{len(verdict.violations)} violations, {verdict.lost} lost, stale {verdict.stale_ms:.0f} ms",
        ]
        lines = [
            "; ".join(first),
            f"  strikes: {struck}",
            f"  never read by any list: {verdict.never_read:,}; slowest answer: {self.slowest_ms:,.0f} ms",
            f"  answers of 5xx: {dict(sorted(self.statuses.items()))}",
            *(f"  FLAW {flaw}" for flaw in self.flaws),
            *(f"  {violation}" for violation in verdict.violations[:_SHOWN]),
        ]
        if self.is_void:
            lines.append(f"  VOID: fewer than {LEAST_OK:,} operations succeeded")
        return "\n".join(lines)


def outages(history: Sequence[Operation], kills: Sequence[int]) -> Sequence[float]:
    """Return how long it took after each kill until a post was acknowledged that was sent after it, in milliseconds."""
    adds = [each for each in history if each.kind is Kind.ADD and each.is_ok]
    sent = [each.invoked for each in adds]
    # From behind: the earliest acknowledgement among all that were sent from here on.
    earliest = [each.completed for each in adds]
    for index in range(len(earliest) - 2, -1, -1):
        earliest[index] = min(earliest[index], earliest[index + 1])
    firsts = [(kill, bisect.bisect_right(sent, kill)) for kill in kills]
    return [(earliest[index] - kill) / 1e6 for kill, index in firsts if index < len(earliest)]
