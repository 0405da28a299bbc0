"""Each post's versions are a register that counts up, and each version is what one edit made of it: I7.

An edit names the version it starts from, so what every answer says of a version can be held to what was told before it
was asked for, and to what somebody wrote. One sweep over what was told, in the order in which it was told.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.faults.history import Item, Kind, Operation, Outcome
from tests.faults.violations import Invariant, Violation

OUTDATED: Final = 412


@dataclass(slots=True, eq=False)
class _Editions:
    """What is known of one post's versions.

    Attributes:
        add: What asked for the post: its first version.
        edits: What its owner asked to make the next version, by that version's number.
        made: The edit that was told to have made a version.
        shown: The digest that a version was shown with first, and where.
        told: When some version was told, ascending.
        highest: The highest version told until then, each at the same place, and what told it.
        is_judged: Whether something was found wrong with it.
    """

    add: Operation
    edits: dict[int, list[Operation]] = field(default_factory=dict[int, list[Operation]])
    made: dict[int, Operation] = field(default_factory=dict[int, Operation])
    shown: dict[int, tuple[str, Operation]] = field(default_factory=dict[int, tuple[str, Operation]])
    told: list[int] = field(default_factory=list[int])
    highest: list[tuple[int, Operation]] = field(default_factory=list[tuple[int, Operation]])
    is_judged: bool = False

    def tell(self, version: int, told_by: Operation) -> None:
        """Note that a version was told; what tells comes in the order in which it told."""
        if not self.highest or version > self.highest[-1][0]:
            self.told.append(told_by.completed)
            self.highest.append((version, told_by))

    def before(self, moment: int) -> tuple[int, Operation] | None:
        """Return the highest version that was told before a moment, and what told it."""
        at = bisect_left(self.told, moment)
        return self.highest[at - 1] if at else None

    def may_have_made(self, version: int, before: int, *, but: Operation | None = None) -> Sequence[Operation]:
        """Return the edits that may have made a version before a moment."""
        asked = self.edits.get(version, ())
        return [
            each for each in asked if each.outcome is not Outcome.FAIL and each.invoked < before and each is not but
        ]


class Editions:
    """The versions of all posts of a history."""

    def __init__(self, history: Sequence[Operation], owners: Mapping[str, str]) -> None:
        """Take a history in the order in which it was asked for.

        Args:
            history: All operations.
            owners: The uid of each post, by the post's id.
        """
        self._posts = {each.uid: _Editions(each) for each in history if each.kind is Kind.ADD}
        self._uids = owners
        for each in history:
            post = self._edited_by(each)
            if post is not None:
                post.edits.setdefault(each.base + 1, []).append(each)
        told = [each for each in history if each.is_ok or each.status == OUTDATED]
        self._told = sorted(told, key=lambda operation: operation.completed)

    def judge(self) -> Iterator[Violation]:
        """Find edits that were lost, made twice or by nobody, or refused for no reason; one per post is enough."""
        for operation in self._told:
            match operation.kind:
                case Kind.ADD:
                    self._posts[operation.uid].tell(1, operation)
                case Kind.EDIT:
                    yield from self._judge_edit(operation)
                case Kind.LIST:
                    for item in operation.shown:
                        yield from self._judge_item(item, operation)
                case _:
                    pass

    def _judge_edit(self, edit: Operation) -> Iterator[Violation]:
        """Hold the answer to an edit: that it was made, or which version there is instead."""
        post = self._edited_by(edit)
        if post is None:
            return
        found = self._fault_of_age(post, edit.version, edit)
        if edit.is_ok:
            found = found or _fault_of_making(post, edit)
            post.made.setdefault(edit.version, edit)
        else:
            found = found or _fault_of_refusal(post, edit)
        yield from _told_once(post, found)
        post.tell(edit.version, edit)

    def _judge_item(self, item: Item, shown_by: Operation) -> Iterator[Violation]:
        """Hold a post that a list shows to its versions."""
        post = self._posts.get(item.uid)
        if post is None or post.add.user != shown_by.user:
            return  # A phantom, or a stranger's: I4 and I3 say so.
        yield from _told_once(
            post, self._fault_of_age(post, item.version, shown_by) or _fault_of_content(post, item, shown_by)
        )
        post.tell(item.version, shown_by)

    def _fault_of_age(self, post: _Editions, version: int, told_by: Operation) -> Violation | None:
        """Find out whether a version is older than one that was told before this was asked for."""
        known = post.before(told_by.invoked)
        if known is None or known[0] <= version:
            return None
        what = f"{post.add.uid} had version {known[0]}, and has version {version} again"
        return Violation(Invariant.I7, what, (known[1], told_by), told_by.invoked - known[1].completed)

    def _edited_by(self, operation: Operation) -> _Editions | None:
        """Return the post that its owner asks to edit here."""
        if operation.kind is not Kind.EDIT:
            return None
        post = self._posts.get(self._uids.get(operation.post, ""))
        return post if post is not None and post.add.user == operation.user else None


def _told_once(post: _Editions, found: Violation | None) -> Iterator[Violation]:
    """Give out what is wrong with a post, the first time."""
    if found is not None and not post.is_judged:
        post.is_judged = True
        yield found


def _fault_of_making(post: _Editions, edit: Operation) -> Violation | None:
    """Find out whether an edit that was acknowledged made the version after the one that it named, and alone."""
    if edit.version != edit.base + 1:
        what = f"{post.add.uid} was edited from version {edit.base} to {edit.version}"
        return Violation(Invariant.I7, what, (edit,))
    other = post.made.get(edit.version)
    if other is not None:
        return Violation(Invariant.I7, f"{post.add.uid} was edited twice from version {edit.base}", (other, edit))
    shown = post.shown.get(edit.version)
    if shown is not None and shown[0] != edit.digest:
        what = f"version {edit.version} of {post.add.uid} was shown as another edit made it"
        return Violation(Invariant.I7, what, (edit, shown[1]))
    return None


def _fault_of_refusal(post: _Editions, edit: Operation) -> Violation | None:
    """Find out whether an edit was refused though nobody else can have come first."""
    if edit.version > edit.base and post.may_have_made(edit.version, edit.completed, but=edit):
        return None
    what = f"nobody edited {post.add.uid} to version {edit.version}, and an edit from {edit.base} is refused for it"
    return Violation(Invariant.I7, what, (edit,))


def _fault_of_content(post: _Editions, item: Item, shown_by: Operation) -> Violation | None:
    """Find out whether a version is what somebody made it, and always the same; of the first one I4 says so."""
    if item.version == 1:
        return None
    made = post.made.get(item.version)
    if made is not None and made.digest != item.digest:
        what = f"version {item.version} of {post.add.uid} is not what was acknowledged"
        return Violation(Invariant.I7, what, (made, shown_by))
    digest, first = post.shown.setdefault(item.version, (item.digest, shown_by))
    if digest != item.digest:
        what = f"version {item.version} of {post.add.uid} is there in two ways"
        return Violation(Invariant.I7, what, (first, shown_by))
    if not any(each.digest == item.digest for each in post.may_have_made(item.version, shown_by.completed)):
        what = f"version {item.version} of {post.add.uid} was written by nobody"
        return Violation(Invariant.I7, what, (post.add, shown_by))
    return None
