"""Each post's versions are a register that counts up, and each version is what one edit made of it: I7.

An edit names the version it starts from, so what every answer says of a version can be held to what was told before it
was asked for, and to what somebody wrote. A change of many posts names none: it makes the next version of each that has
another status, of all of them or of none. One sweep over what was told, in the order in which it was told.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tests.faults.history import Item, Kind, Operation, Outcome, status_in, text_in
from tests.faults.violations import Invariant, Violation

OUTDATED: Final = 412


class _Told(NamedTuple):
    """That a post has a version.

    Attributes:
        version: Of the post, or a higher one.
        by: What told it.
        with_others: What gave the post this version together with others, where it was told of one of those only.
    """

    version: int
    by: Operation
    with_others: Operation | None = None


@dataclass(slots=True, eq=False)
class _Editions:
    """What is known of one post's versions.

    Attributes:
        add: What asked for the post: its first version.
        edits: What its owner asked to make the next version, by that version's number.
        changes: What its owner asked to give it a status, together with others.
        made: The edit that was told to have made a version.
        shown: The digest that a version was shown with first, and where.
        given: Which version each of these changes has made, by the change's name.
        told: When some version was told, ascending.
        highest: The highest version told until then, each at the same place.
        is_judged: Whether something was found wrong with it.
    """

    add: Operation
    edits: dict[int, list[Operation]] = field(default_factory=dict[int, list[Operation]])
    changes: list[Operation] = field(default_factory=list[Operation])
    made: dict[int, Operation] = field(default_factory=dict[int, Operation])
    shown: dict[int, tuple[str, Operation]] = field(default_factory=dict[int, tuple[str, Operation]])
    given: dict[str, int] = field(default_factory=dict[str, int])
    told: list[int] = field(default_factory=list[int])
    highest: list[_Told] = field(default_factory=list[_Told])
    is_judged: bool = False

    def tell(self, version: int, told_by: Operation, *, with_others: Operation | None = None) -> None:
        """Note that a version was told; what tells comes in the order in which it told."""
        known = self.highest[-1] if self.highest else None
        if known is None or version > known.version:
            self.told.append(told_by.completed)
            self.highest.append(_Told(version, told_by, with_others))
        elif version == known.version and known.with_others is not None and with_others is None:
            self.highest[-1] = _Told(version, told_by)

    def before(self, moment: int) -> _Told | None:
        """Return the highest version that was told before a moment."""
        at = bisect_left(self.told, moment)
        return self.highest[at - 1] if at else None

    def may_have_made(self, version: int, before: int, *, but: Operation | None = None) -> Sequence[Operation]:
        """Return what may have made a version before a moment."""
        asked = [*self.edits.get(version, ()), *self.changes]
        return [
            each for each in asked if each.outcome is not Outcome.FAIL and each.invoked < before and each is not but
        ]

    def digest_of(self, version: int) -> str:
        """Return the digest of a version, if it is known for certain."""
        if version in self.shown:
            return self.shown[version][0]
        made = self.add if version == 1 else self.made.get(version)
        return "" if made is None else made.digest

    def texts_of(self, version: int, before: int) -> set[str]:
        """Return what title and text a version may have that was made before a moment, by their digests."""
        texts = set[str]()
        while not (known := self.digest_of(version)):
            texts |= {text_in(each.digest) for each in self.may_have_made(version, before) if each.kind is Kind.EDIT}
            # Another status has the same text.
            version -= 1
        return {*texts, text_in(known)}

    def makers_of(self, item: Item, before: int) -> Sequence[Operation]:
        """Return what may have made the version that was shown at a moment."""
        return [
            each
            for each in self.may_have_made(item.version, before)
            if each.digest == item.digest
            or (
                each.change == status_in(item.digest)
                and self.given.get(each.name, item.version) == item.version
                and text_in(item.digest) in self.texts_of(item.version - 1, before)
            )
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
            for post in self._changed_by(each):
                if each.kind is Kind.EDIT:
                    post.edits.setdefault(each.base + 1, []).append(each)
                else:
                    post.changes.append(each)
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
                case Kind.MANY if operation.is_ok:
                    self._gives_all(operation, operation)
                case Kind.LIST:
                    for item in operation.shown:
                        yield from self._judge_item(item, operation)
                case _:
                    pass

    def _judge_edit(self, edit: Operation) -> Iterator[Violation]:
        """Hold the answer to an edit: that it was made, or which version there is instead."""
        for post in self._changed_by(edit):
            found = _fault_of_age(post, edit.version, edit)
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
        is_new = item.version > 1 and item.version not in post.shown
        yield from _told_once(
            post, _fault_of_age(post, item.version, shown_by) or _fault_of_content(post, item, shown_by)
        )
        post.tell(item.version, shown_by)
        makers = post.makers_of(item, shown_by.completed) if is_new else ()
        if len(makers) == 1 and makers[0].kind is Kind.MANY:
            # Nothing else can have made it: all that was to get this status has it.
            post.given[makers[0].name] = item.version
            self._gives_all(makers[0], shown_by)

    def _gives_all(self, change: Operation, told_by: Operation) -> None:
        """Expect that a change of many posts was made: each of them has the status that they all get, or had it."""
        for post in self._changed_by(change):
            known = post.before(change.invoked)
            digest = "" if known is None else post.digest_of(known.version)
            if known is not None and digest and status_in(digest) != change.change:
                post.tell(known.version + 1, told_by, with_others=None if told_by is change else change)

    def _changed_by(self, operation: Operation) -> Iterator[_Editions]:
        """Go through the posts that their owner asks to edit here, or to give a status together."""
        for post_id in () if operation.is_deletion else operation.changed:
            post = self._posts.get(self._uids.get(post_id, ""))
            if post is not None and post.add.user == operation.user:
                yield post


def _told_once(post: _Editions, found: Violation | None) -> Iterator[Violation]:
    """Give out what is wrong with a post, the first time."""
    if found is not None and not post.is_judged:
        post.is_judged = True
        yield found


def _fault_of_age(post: _Editions, version: int, told_by: Operation) -> Violation | None:
    """Find out whether a version is older than one that was told before this was asked for."""
    known = post.before(told_by.invoked)
    if known is None or known.version <= version:
        return None
    stale = max(told_by.invoked - known.by.completed, 0)
    if known.with_others is not None:
        what = f"{post.add.uid} has version {version}, and of what was to change with it something did"
        return Violation(Invariant.I8, what, (known.with_others, known.by, told_by), stale)
    what = f"{post.add.uid} had version {known.version}, and has version {version} again"
    return Violation(Invariant.I7, what, (known.by, told_by), stale)


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
    if not post.makers_of(item, shown_by.completed):
        what = f"version {item.version} of {post.add.uid} was written by nobody"
        return Violation(Invariant.I7, what, (post.add, shown_by))
    return None
