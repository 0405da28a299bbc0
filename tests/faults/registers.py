"""Each post is a register that is absent, then present, then absent for ever: I1, I2 and, with them, I6.

One sweep over what was told, in the order in which it was told, so the work grows with the history's size: what a list
shows, and what it should have shown, are as long as each other unless something is wrong, and then one violation per
post is enough.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.faults.editions import OUTDATED
from tests.faults.history import NEVER, Kind, Operation, Outcome
from tests.faults.violations import Invariant, Violation

_NOT_FOUND: Final = 404


@dataclass(slots=True, eq=False)
class _Register:
    """What is known of one post.

    Attributes:
        add: What asked for it.
        deletes: What its owner asked to delete it, in that order.
        since: From when on it was there for certain: somebody had been told, or shown.
        seen: What showed that: the add's own answer, or the first list with it.
        gone: From when on it was not there for certain, having been there.
        missed: What showed that: a delete's answer, or the first answer without it.
        is_judged: Whether something was found wrong with it.
        is_lost: Whether it was missing when it had to be there, and was not seen again since.
        is_read: Whether any list ever showed it.
    """

    add: Operation
    deletes: list[Operation] = field(default_factory=list[Operation])
    since: int = NEVER
    seen: Operation | None = None
    gone: int = NEVER
    missed: Operation | None = None
    is_judged: bool = False
    is_lost: bool = False
    is_read: bool = False

    def appears(self, operation: Operation) -> None:
        """Note that it was there when this was told."""
        if operation.completed < self.since:
            self.since, self.seen = operation.completed, operation

    def disappears(self, operation: Operation) -> None:
        """Note that it was gone when this was told."""
        if operation.completed < self.gone:
            self.gone, self.missed = operation.completed, operation

    def may_be_deleted(self, before: int, *, but: Operation | None = None) -> bool:
        """Whether its owner had asked for its deletion before a moment."""
        return any(delete.invoked < before for delete in self.deletes if delete is not but)


class Registers:
    """All posts of a history."""

    def __init__(self, history: Sequence[Operation], owners: dict[str, str]) -> None:
        """Take a history in the order in which it was asked for.

        Args:
            history: All operations.
            owners: The uid of each post, by the post's id.
        """
        self._posts = {each.uid: _Register(each) for each in history if each.kind is Kind.ADD}
        self._present: dict[str, set[str]] = {}
        self._uids = owners
        for each in history:
            post = self._changed_by(each)
            if post is not None and each.kind is Kind.DELETE:
                post.deletes.append(each)
        told = [each for each in history if each.is_ok or each.status in {_NOT_FOUND, OUTDATED}]
        self._told = sorted(told, key=lambda operation: operation.completed)

    def judge(self) -> Iterator[Violation]:
        """Find what was lost, and what came back."""
        for operation in self._told:
            match operation.kind:
                case Kind.ADD if operation.is_ok:
                    self._appears(self._posts[operation.uid], operation)
                case Kind.LIST if operation.is_ok:
                    yield from self._judge_list(operation)
                case Kind.DELETE | Kind.EDIT:
                    yield from self._judge_change(operation)
                case _:
                    pass

    def lost(self) -> int:
        """Return how many posts were lost, and not just late, in what has been judged."""
        return sum(post.is_lost for post in self._posts.values())

    def never_read(self) -> int:
        """Return how many acknowledged posts no list showed, of what has been judged: they were deleted soon."""
        return sum(post.add.is_ok and not post.is_read for post in self._posts.values())

    def _judge_list(self, shown_by: Operation) -> Iterator[Violation]:
        """Hold a list to what was told before it was asked for."""
        shown = {item.uid for item in shown_by.shown}
        for uid in self._present.setdefault(shown_by.user, set()) - shown:
            yield from self._judge_absence(self._posts[uid], shown_by)
        for uid in shown:
            post = self._posts.get(uid)
            if post is None or post.add.user != shown_by.user:
                continue  # A phantom, or a stranger's: I4 and I3 say so.
            post.is_read, post.is_lost = True, False
            yield from self._judge_presence(post, shown_by)

    def _judge_change(self, change: Operation) -> Iterator[Violation]:
        """Hold a change's answer: 404 says that the post was not there, others that it was, 204 that it is gone."""
        post = self._changed_by(change)
        if post is None:
            return
        if change.status != _NOT_FOUND:
            yield from self._judge_presence(post, change)
        elif post.since < NEVER:
            yield from self._judge_absence(post, change)
        if post.since < NEVER and change.kind is Kind.DELETE and change.outcome is Outcome.OK:
            post.disappears(change)
            self._present.setdefault(post.add.user, set()).discard(post.add.uid)

    def _judge_absence(self, post: _Register, missing_in: Operation) -> Iterator[Violation]:
        """Say that a post was not there."""
        if post.since >= missing_in.invoked:
            return  # It may have come meanwhile.
        self._present[post.add.user].discard(post.add.uid)
        if post.may_be_deleted(missing_in.completed, but=missing_in):
            post.disappears(missing_in)
        elif not post.is_judged:
            post.is_judged = post.is_lost = True
            seen = () if post.seen is None or post.seen is post.add else (post.seen,)
            what = f"{post.add.uid} was there and nobody asked to delete it, and it is missing"
            stale = missing_in.invoked - post.since
            yield Violation(Invariant.I1, what, (post.add, *seen, missing_in), stale)

    def _judge_presence(self, post: _Register, present_in: Operation) -> Iterator[Violation]:
        """Say that a post was there."""
        if post.gone < present_in.invoked and post.missed is not None:
            if not post.is_judged:
                post.is_judged = True
                what = f"{post.add.uid} was gone and is there again"
                stale = present_in.invoked - post.gone
                yield Violation(Invariant.I2, what, (post.add, post.missed, present_in), stale)
            return
        if post.gone == NEVER and not post.is_judged:
            self._appears(post, present_in)

    def _appears(self, post: _Register, seen_in: Operation) -> None:
        """Expect a post from now on."""
        post.appears(seen_in)
        if post.gone == NEVER:
            self._present.setdefault(post.add.user, set()).add(post.add.uid)

    def _changed_by(self, operation: Operation) -> _Register | None:
        """Return the post that its owner asks to delete or to edit here."""
        if operation.kind not in {Kind.DELETE, Kind.EDIT}:
            return None
        post = self._posts.get(self._uids.get(operation.post, ""))
        return post if post is not None and post.add.user == operation.user else None
