"""What the report is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

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
