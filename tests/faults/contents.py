"""What lists show, by itself: I3 (nobody sees or changes what is another's) and I4 (no phantom, duplicate, change)."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from tests.faults.history import Item, Kind, Operation, Outcome
from tests.faults.violations import Invariant, Violation


def owners_of(history: Sequence[Operation]) -> dict[str, str]:
    """Return the uid of each post by its id: as its add's answer says, or else the first list that showed it."""
    owners = {each.post: each.uid for each in history if each.kind is Kind.ADD and each.is_ok}
    for operation in history:
        for item in operation.shown:
            owners.setdefault(item.post, item.uid)
    return owners


def judge_isolation(history: Sequence[Operation], owners: Mapping[str, str]) -> Iterator[Violation]:
    """Find whoever saw or changed what belongs to somebody else."""
    adds = {each.uid: each for each in history if each.kind is Kind.ADD}
    for operation in history:
        if operation.foreign:
            what = f"{operation.user} received the mark of {operation.foreign[0]}"
            yield Violation(Invariant.I3, what, (operation,))
        for item in operation.shown:
            add = adds.get(item.uid)
            if add is not None and add.user != operation.user:
                what = f"the list of {operation.user} shows {item.uid}"
                yield Violation(Invariant.I3, what, (add, operation))
        for post in operation.changed if operation.is_ok else ():
            add = adds.get(owners.get(post, ""))
            if add is not None and add.user != operation.user:
                what = f"{operation.user} {'deleted' if operation.is_deletion else 'changed'} {add.uid}"
                yield Violation(Invariant.I3, what, (add, operation))


class Contents:
    """Which posts there can be, and what each of them is."""

    def __init__(self, history: Sequence[Operation]) -> None:
        """Take a history in the order in which it was asked for."""
        self._history = history
        self._adds = {each.uid: each for each in history if each.kind is Kind.ADD}
        self._ids = {each.uid: each.post for each in history if each.kind is Kind.ADD and each.is_ok}
        self._judged: set[str] = set()

    def judge(self) -> Iterator[Violation]:
        """Find lists that no order of adds and deletes can explain; one violation per post is enough."""
        for operation in self._history:
            if operation.problem:
                yield Violation(Invariant.I4, operation.problem, (operation,))
            if operation.kind is Kind.LIST and operation.is_ok:
                yield from self._judge_order(operation)
                for item in operation.shown:
                    if item.uid not in self._judged and (found := self._judge_item(operation, item)):
                        self._judged.add(item.uid)
                        yield found

    def _judge_order(self, shown_by: Operation) -> Iterator[Violation]:
        """Hold a list to its order, newest first, each post once."""
        ids = [item.post for item in shown_by.shown]
        if any(newer <= older for newer, older in pairwise(ids)):
            yield Violation(Invariant.I4, "the list is not in order, or shows a post twice", (shown_by,))

    def _judge_item(self, shown_by: Operation, item: Item) -> Violation | None:
        """Hold a shown post to the one that was asked for; of what edits made of it I7 says more."""
        post, uid, digest, version = item
        add = self._adds.get(uid)
        if add is None or add.invoked > shown_by.completed:
            return Violation(Invariant.I4, f"{post} ({uid}) was added by nobody", (shown_by,))
        if add.outcome is Outcome.FAIL:
            return Violation(Invariant.I4, f"{uid} was refused, and is there", (add, shown_by))
        if version == 1 and add.digest != digest:
            return Violation(Invariant.I4, f"{uid} is not what was sent", (add, shown_by))
        known = self._ids.setdefault(uid, post)
        if known != post:
            return Violation(
                Invariant.I4, f"{uid} was added once and is there as {known} and as {post}", (add, shown_by)
            )
        return None
