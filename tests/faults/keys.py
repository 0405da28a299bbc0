"""Idempotency-Keys: a key stands for one post at most. That the post is there once, I4 says anyway."""

from collections.abc import Iterator, Sequence

from tests.faults.history import Kind, Operation
from tests.faults.violations import Invariant, Violation


def judge_keys(history: Sequence[Operation]) -> Iterator[Violation]:
    """Find keys that stand for more than one post, whether somebody was told so or a list shows it."""
    shown = {item.uid for each in history for item in each.shown}
    kept: dict[tuple[str, str], Operation] = {}
    for add in history:
        if add.kind is Kind.ADD and add.key and (add.is_ok or add.uid in shown):
            first = kept.setdefault((add.user, add.key), add)
            if first is not add:
                yield Violation(Invariant.I4, f"one key stands for {first.uid} and for {add.uid}", (first, add))
