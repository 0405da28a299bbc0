"""What a history may not show."""

from dataclasses import dataclass
from enum import StrEnum

from tests.faults.history import Operation


class Invariant(StrEnum):
    """What must be true of every history (CASES.md 11)."""

    I1 = "I1 never lost"
    I2 = "I2 never listed after the delete's ack"
    I3 = "I3 isolation"
    I4 = "I4 no phantom, no duplicate, no change"
    I5 = "I5 sessions"
    I7 = "I7 edits"
    I8 = "I8 all or none"


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that cannot have happened on a store that never lies.

    Attributes:
        invariant: What it breaks.
        what: In one sentence.
        operations: The ones that cannot all be true.
        stale_ns: For how long the newest acknowledged change was missed, where it is about that.
    """

    invariant: Invariant
    what: str
    operations: tuple[Operation, ...]
    stale_ns: int = 0

    def __str__(self) -> str:
        """Name the operations."""
        return "\n  ".join([f"{self.invariant}: {self.what}", *map(str, self.operations)])
