"""What the report is made of."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bench.load import Load
from bench.measure import Measured
from bench.strainers import Strainer


@dataclass(frozen=True, slots=True)
class Comparison:
    """Sides measured in turn, the same number of times.

    Attributes:
        title: What they all do.
        note: What else to know.
        sides: Each side's name and its repeats. The first is what the others are held against.
    """

    title: str
    note: str
    sides: Sequence[tuple[str, Sequence[Measured]]]


@dataclass(frozen=True, slots=True)
class Grown:
    """How a server's memory grew while it did something once.

    Attributes:
        name: What the report calls it.
        seconds: How long that took, each time.
        before_mib: Its memory before.
        peak_mib: The most that it had meanwhile, each time.
    """

    name: str
    seconds: Sequence[float]
    before_mib: Sequence[float]
    peak_mib: Sequence[float]

    @property
    def growth_mib(self) -> Sequence[float]:
        """How much more it had, each time."""
        return [peak - before for peak, before in zip(self.peak_mib, self.before_mib, strict=True)]


@dataclass(frozen=True, slots=True)
class Growth:
    """Servers that did the same.

    Attributes:
        title: What they did.
        note: What else to know.
        allowed_mib: What their memory is held against.
        servers: Each of them.
    """

    title: str
    note: str
    allowed_mib: float
    servers: Sequence[Grown]


@dataclass(frozen=True, slots=True)
class Carried:
    """How somebody carried posts.

    Attributes:
        name: What the report calls it.
        seconds: How long that took, each time.
        growth_mib: How much the server's memory grew, each time; nothing where there is no server.
    """

    name: str
    seconds: Sequence[float]
    growth_mib: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Carrying:
    """Ways to carry the same posts.

    Attributes:
        title: Whereto.
        note: What else to know.
        posts: How many they are.
        allowed_mib: What the growth of memory is held against.
        ways: Each of them. The first is what the others are held against.
    """

    title: str
    note: str
    posts: int
    allowed_mib: float
    ways: Sequence[Carried]


@dataclass(frozen=True, slots=True)
class Noticed:
    """What others noticed of a strain, once.

    Attributes:
        alone: Their requests without it.
        meanwhile: The same with it.
        peak_mib: The most memory that the server had.
        strainer: Who strained it, with what came of it.
    """

    alone: Load
    meanwhile: Load
    peak_mib: float
    strainer: Strainer


@dataclass(frozen=True, slots=True)
class Strained:
    """What others noticed of one kind of strain.

    Attributes:
        name: What the report calls it.
        repeats: Each time it was measured.
    """

    name: str
    repeats: Sequence[Noticed]


@dataclass(frozen=True, slots=True)
class Strain:
    """What others noticed of some kinds of strain.

    Attributes:
        title: What the report calls them.
        note: What else to know.
        rows: Each of them.
    """

    title: str
    note: str
    rows: Sequence[Strained]


@dataclass(frozen=True, slots=True)
class Told:
    """How long something took, beside something that should take as long.

    Attributes:
        name: What the report calls it.
        times_ms: Each time it was done.
        reference_ms: Each time the other was.
    """

    name: str
    times_ms: Sequence[float]
    reference_ms: Sequence[float]

    @property
    def chance(self) -> float:
        """How likely one of these took longer than one of the others: Mann and Whitney's U over all pairs."""
        others = sorted(self.reference_ms)
        below = sum(bisect_left(others, each) + bisect_right(others, each) for each in self.times_ms) / 2
        return below / (len(others) * len(self.times_ms))

    @property
    def deviation(self) -> float:
        """How far from 0.5 the chance lies 95 times of 100 at most, if there is no difference."""
        one, other = len(self.times_ms), len(self.reference_ms)
        return 1.96 * math.sqrt((one + other + 1) / (12 * one * other))


@dataclass(frozen=True, slots=True)
class Telling:
    """Things that should take as long as each other.

    Attributes:
        title: What the report calls them.
        note: What else to know.
        rows: Each of them.
    """

    title: str
    note: str
    rows: Sequence[Told]


@dataclass(frozen=True, slots=True)
class Start:
    """What a start takes.

    Attributes:
        name: Of what is started.
        seconds: To the first answer; one figure per start, the first start left out.
        idle_mib: Memory of the process that serves, a while after its first answer.
        used_mib: The same of one that has since signed people up and kept their posts.
    """

    name: str
    seconds: Sequence[float]
    idle_mib: Sequence[float]
    used_mib: float = 0


Table: TypeAlias = Comparison | Growth | Carrying | Strain | Telling
