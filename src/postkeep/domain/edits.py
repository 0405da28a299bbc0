"""Edits: what changes of a post that is there, and which version of it a change may start from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple, Self

from postkeep.domain.accounts import AccountId
from postkeep.domain.errors import Absent, Invalid, Outdated, Unguarded
from postkeep.domain.posts import Post, PostId, Status, Text, Title

MAX_VERSIONS: Final = 16
"""So many versions a change may name; whoever edits knows one, or a few."""

MAX_AT_ONCE: Final = 1000
"""So many posts may be changed together."""


MAX_BYTES_AT_ONCE: Final = 16 * 1024 * 1024
"""So many bytes their titles and texts may have: all other writes may have to wait for it."""


class EditEmpty(Invalid):
    """An edit changes at least one of text, title and status."""

    code = "edit_empty"
    field = "body"


class VersionsDisagree(Invalid):
    """The version in the body is none of those in If-Match."""

    code = "versions_disagree"
    field = "version"


class TooMuchAtOnce(Invalid):
    """Posts that are changed together have at most 16 MiB of titles and texts; name fewer of them at a time."""

    code = "too_much_at_once"
    field = "posts"


class VersionRequired(Unguarded):
    """Say which version the edit starts from: in If-Match, as the post's ETag has it, or as `version` in the body."""

    code = "version_required"


class VersionConflict(Outdated):
    """The post has been edited since; `version` is the one it has now."""

    code = "version_conflict"

    def __init__(self, version: int = 1) -> None:
        """Remember the version that it has."""
        super().__init__()
        self.facts = {"version": version}


class PostsAbsent(Absent):
    """Some of these posts are not there, so nothing was changed; `absent` says which."""

    code = "posts_absent"

    def __init__(self, absent: Sequence[str] = ()) -> None:
        """Remember which, as whoever asks calls them."""
        super().__init__()
        self.absent = list(absent)
        self.facts = {"absent": self.absent}


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of a post that a change may start from.

    Attributes:
        named: These, at most `MAX_VERSIONS`; or None for whichever there is.
    """

    named: frozenset[int] | None

    @classmethod
    def only(cls, version: int) -> Self:
        """Return the one version."""
        return cls(frozenset({version}))

    def __contains__(self, version: int) -> bool:
        """Whether a change may start from this one."""
        return self.named is None or version in self.named

    @property
    def lowest(self) -> int:
        """The first that a post may have had; versions count from 1."""
        return min(self.named, default=2**62) if self.named is not None else 1


ANY_VERSION: Final = Versions(None)


class Revision(NamedTuple):
    """What a post's author is told after writing: all but the content, which they have.

    Attributes:
        id: The post's.
        version: 1 when added, one more with each edit.
        created_date: When the post was added.
        updated_date: When this version was written.
    """

    id: PostId
    version: int
    created_date: datetime
    updated_date: datetime


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be changed of a post.

    Attributes:
        text: The new one; None where it stays.
        title: The new one; None where there shall be none, or where it stays.
        sets_title: Whether the title changes.
        status: The new one; None where it stays.
    """

    text: Text | None = None
    title: Title | None = None
    sets_title: bool = False
    status: Status | None = None

    def __post_init__(self) -> None:
        """Refuse what changes nothing.

        Raises:
            EditEmpty: It does not.
        """
        if self.text is None and not self.sets_title and self.status is None:
            raise EditEmpty


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit of one post.

    Attributes:
        author: Whose post it is.
        post_id: Which.
        changes: What changes.
        versions: What it may start from.
        now: When it is made.
    """

    author: AccountId
    post_id: PostId
    changes: Changes
    versions: Versions
    now: datetime

    def applied_to(self, post: Post) -> Post:
        """Return a post's next version; its date is never before the post's first moment, whatever clocks say."""
        changes = self.changes
        return replace(
            post,
            text=post.text if changes.text is None else changes.text,
            title=changes.title if changes.sets_title else post.title,
            status=post.status if changes.status is None else changes.status,
            version=post.version + 1,
            updated_date=max(self.now, post.created_date),
        )

    def made(self, post: Post) -> bool:
        """Whether it was this edit that made a post what it is."""
        return post.version - 1 in self.versions and replace(self.applied_to(post), version=post.version) == post
