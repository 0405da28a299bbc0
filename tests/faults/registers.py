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
        missed: What showed that: a delete's answer, or the first answer without it, or without what goes with it.
        with_others: What deleted it together with others, where one of those was missed.
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
    with_others: Operation | None = None
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

    def may_be_deleted(self, before: int, *, but: Operation | None = None) -> Sequence[Operation]:
        """Return what may have deleted it before a moment: what its owner asked for, and was not refused."""
        asked = (delete for delete in self.deletes if delete.outcome is not Outcome.FAIL and delete is not but)
        return [delete for delete in asked if delete.invoked < before]


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
            for _, post in self._changed_by(each) if each.is_deletion else ():
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
                case Kind.DELETE | Kind.EDIT | Kind.MANY:
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
        """Hold a change's answer: 404 says which posts were not there, any other that they were, 2xx that they go."""
        for post_id, post in self._changed_by(change):
            if change.status != _NOT_FOUND or (change.kind is Kind.MANY and post_id not in change.absent):
                yield from self._judge_presence(post, change)
            elif post.since < NEVER:
                yield from self._judge_absence(post, change)
            if post.since < NEVER and change.is_deletion and change.is_ok:
                self._disappears(post, change)

    def _judge_absence(self, post: _Register, missing_in: Operation) -> Iterator[Violation]:
        """Say that a post was not there."""
        if post.since >= missing_in.invoked:
            return  # It may have come meanwhile.
        self._present[post.add.user].discard(post.add.uid)
        deletes = post.may_be_deleted(missing_in.completed, but=missing_in)
        if deletes:
            post.with_others = None
            post.disappears(missing_in)
        if len(deletes) == 1:
            self._take_along(deletes[0], missing_in)
        elif not deletes and not post.is_judged:
            post.is_judged = post.is_lost = True
            seen = () if post.seen is None or post.seen is post.add else (post.seen,)
            what = f"{post.add.uid} was there and nobody asked to delete it, and it is missing"
            stale = missing_in.invoked - post.since
            yield Violation(Invariant.I1, what, (post.add, *seen, missing_in), stale)

    def _judge_presence(self, post: _Register, present_in: Operation) -> Iterator[Violation]:
        """Say that a post was there."""
        missed = post.missed
        is_half = missed is present_in and present_in.pages == 1
        if missed is not None and (post.gone < present_in.invoked or is_half):
            if not post.is_judged:
                post.is_judged = True
                stale = max(present_in.invoked - post.gone, 0)
                if post.with_others is not None:
                    what = f"{post.add.uid} is there, and of what was to go with it something is gone"
                    yield Violation(Invariant.I8, what, (post.with_others, missed, present_in), stale)
                else:
                    what = f"{post.add.uid} was gone and is there again"
                    yield Violation(Invariant.I2, what, (post.add, missed, present_in), stale)
            return
        if post.gone == NEVER and not post.is_judged:
            self._appears(post, present_in)

    def _appears(self, post: _Register, seen_in: Operation) -> None:
        """Expect a post from now on."""
        post.appears(seen_in)
        if post.gone == NEVER:
            self._present.setdefault(post.add.user, set()).add(post.add.uid)

    def _take_along(self, deletion: Operation, missing_in: Operation) -> None:
        """Expect no post any more that was to go together with one that nothing else can have deleted."""
        for _, post in self._changed_by(deletion):
            if post.gone == NEVER:
                post.with_others = deletion
                self._disappears(post, missing_in)

    def _disappears(self, post: _Register, gone_in: Operation) -> None:
        """Expect a post no more."""
        post.disappears(gone_in)
        self._present.setdefault(post.add.user, set()).discard(post.add.uid)

    def _changed_by(self, operation: Operation) -> Iterator[tuple[str, _Register]]:
        """Go through the posts that their owner asks to delete or to change here."""
        for post_id in operation.changed:
            post = self._posts.get(self._uids.get(post_id, ""))
            if post is not None and post.add.user == operation.user:
                yield post_id, post
