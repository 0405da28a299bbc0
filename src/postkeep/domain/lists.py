"""Lists: which of somebody's posts are meant, and in what order."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from postkeep.domain.posts import ListedPost, PostId, Status


class Sort(StrEnum):
    """The order of a list, by the moment of creation or of the last change; "-" is for the latest first."""

    NEWEST_FIRST = "-created"
    OLDEST_FIRST = "created"
    LAST_CHANGED_FIRST = "-updated"
    FIRST_CHANGED_FIRST = "updated"

    @property
    def is_by_change(self) -> bool:
        """Whether it is the moment of the last change that counts; of two at one moment, the ids decide."""
        return self in {Sort.LAST_CHANGED_FIRST, Sort.FIRST_CHANGED_FIRST}

    @property
    def descends(self) -> bool:
        """Whether the latest come first."""
        return self in {Sort.NEWEST_FIRST, Sort.LAST_CHANGED_FIRST}

    def place_of(self, post: ListedPost) -> "Place":
        """Return where a post stands in a list of this order."""
        moment = datetime.fromisoformat(post.updated_date) if self.is_by_change else None
        return Place(PostId(UUID(post.id)), moment)


class Place(NamedTuple):
    """Where a post stands in a list, whether or not it is there.

    What stands behind a place stays there: a post that was not changed is on one side of it for ever.

    Attributes:
        id: The post's, by which lists go that are sorted by creation: ids ascend with it.
        updated_date: When the post was last changed, where a list is sorted by that.
    """

    id: PostId
    updated_date: datetime | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """Which posts of somebody, and in what order.

    Attributes:
        sort: The order.
        status: Only those of this status, or all.
    """

    sort: Sort = Sort.NEWEST_FIRST
    status: Status | None = None


EVERYTHING: Final = Listing()
"""All posts, newest first: the specification's list."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What somebody has.

    Attributes:
        drafts: How many posts are drafts.
        published: How many are published.
        archived: How many are archived.
        bytes: The octets of all titles and texts in UTF-8.
    """

    drafts: int
    published: int
    archived: int
    bytes: int

    @property
    def posts(self) -> int:
        """How many posts there are."""
        return self.drafts + self.published + self.archived
