"""The verdict on a history: what it cannot have been, and its figures."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.contents import Contents, judge_isolation, owners_of
from tests.faults.editions import Editions
from tests.faults.history import Kind, Operation, Outcome
from tests.faults.keys import judge_keys
from tests.faults.registers import Registers
from tests.faults.sessions import Sessions
from tests.faults.violations import Violation


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found.

    Attributes:
        violations: In the order of the invariants.
        operations: How many there were.
        ok: How many were answered with yes.
        fail: How many were refused.
        info: Of how many nobody knows what came of them.
        added: How many posts were acknowledged.
        lost: How many posts were missing, and were not seen again.
        never_read: How many acknowledged posts no list showed.
        stale_ms: For how long the newest acknowledged change was missed at most (I6).
    """

    violations: list[Violation]
    operations: int
    ok: int
    fail: int
    info: int
    added: int
    lost: int
    never_read: int
    stale_ms: float


def judge(history: Sequence[Operation]) -> Verdict:
    """Hold a history, in the order in which it was asked for, to all invariants."""
    owners = owners_of(history)
    registers = Registers(history, owners)
    violations = [
        *registers.judge(),
        *Editions(history, owners).judge(),
        *judge_isolation(history, owners),
        *Contents(history).judge(),
        *judge_keys(history),
        *Sessions(history).judge(),
    ]
    outcomes = Counter(operation.outcome for operation in history)
    return Verdict(
        violations=violations,
        operations=len(history),
        ok=outcomes[Outcome.OK],
        fail=outcomes[Outcome.FAIL],
        info=outcomes[Outcome.INFO],
        added=sum(operation.is_ok for operation in history if operation.kind is Kind.ADD),
        lost=registers.lost(),
        never_read=registers.never_read(),
        stale_ms=max((violation.stale_ns for violation in violations), default=0) / 1e6,
    )
