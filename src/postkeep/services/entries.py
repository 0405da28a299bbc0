"""Entries: what is brought in, line by line or file by file, and what became of each."""

from enum import StrEnum
from typing import Final, NamedTuple, Self

from postkeep.domain.errors import PostkeepError
from postkeep.domain.incoming import IncomingPost
from postkeep.domain.posts import Post, PostId

DIFFERS: Final = "differs"
_DIFFERS_DETAIL: Final = "There is a post with this id that says something else; it was left as it is."


class Kind(StrEnum):
    """What became of an entry."""

    ADDED = "added"
    EXISTING = "existing"
    REFUSED = "refused"


class Entry(NamedTuple):
    """One thing to bring in.

    Attributes:
        name: The number of its line, or the name of its file.
        post: What it was read as, or why it could not be.
    """

    name: int | str
    post: IncomingPost | PostkeepError


class Outcome(NamedTuple):
    """What became of an entry.

    Attributes:
        entry: Its name.
        kind: Added, there already, or refused.
        post_id: The post's, unless it was refused.
        code: Why it was refused, for programs; or that what is there differs.
        detail: The same for people.
    """

    entry: int | str
    kind: Kind
    post_id: PostId | None = None
    code: str | None = None
    detail: str | None = None

    @classmethod
    def refused(cls, entry: Entry, error: PostkeepError) -> Self:
        """Say why it was refused."""
        return cls(entry.name, Kind.REFUSED, None, error.code, error.detail)

    @classmethod
    def existing(cls, entry: Entry, post: Post, kept: Post | None) -> Self:
        """Say that a post was there already, and whether it is the same one."""
        if post == kept:
            return cls(entry.name, Kind.EXISTING, post.id)
        return cls(entry.name, Kind.EXISTING, post.id, DIFFERS, _DIFFERS_DETAIL)
