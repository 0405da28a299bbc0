"""Posts: what people keep here."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple, NewType, Self
from uuid import UUID

from postkeep.domain.accounts import AccountId
from postkeep.domain.errors import Absent, Forbidden, Invalid, TooLarge
from postkeep.domain.ids import new_id, parse_id
from postkeep.domain.moments import rfc3339
from postkeep.domain.unicode import is_encodable

PostId = NewType("PostId", UUID)
Title = NewType("Title", str)
Text = NewType("Text", str)

MAX_BODY_BYTES: Final = 1024 * 1024
"""The specification's 1 MB: how many bytes the body of a request that adds a post may have."""

MAX_LINE_BYTES: Final = 8 * 1024 * 1024
"""No line of JSON with a post is longer: a megabyte of control characters takes six, and the rest less than one."""

TITLE_MAX_LENGTH: Final = 200

LISTED_BYTES: Final = 256
"""About what a list needs for a post besides its text."""

LIGHT_BYTES: Final = 64 * 1024
"""Posts whose texts have no more bytes together are read before one could ask how long they are."""


class PostAbsent(Absent):
    """There is no such post."""

    code = "post_absent"


class QuotaExceeded(Forbidden):
    """The account holds as many posts, or as many bytes, as it may; deleting some makes room."""

    code = "quota_exceeded"


class PostTooLarge(TooLarge):
    """A post's title and text have at most 1,048,576 bytes together."""

    code = "post_too_large"


class TextInvalid(Invalid):
    """A post's text has at least one character that is not white space."""

    code = "text_invalid"
    field = "text"


class TitleInvalid(Invalid):
    """A title has 1 to 200 characters, at least one of them not white space."""

    code = "title_invalid"
    field = "title"


class StatusInvalid(Invalid):
    """A status is draft, published or archived."""

    code = "status_invalid"
    field = "status"


class VersionInvalid(Invalid):
    """A version is a whole number from 1 to 1,073,741,824."""

    code = "version_invalid"
    field = "version"


@dataclass(frozen=True, slots=True)
class Quota:
    """How much one account may hold.

    Attributes:
        posts: How many posts.
        bytes: How many octets their titles and texts may have together, in UTF-8.
    """

    posts: int = 2**62
    bytes: int = 2**62


UNLIMITED: Final = Quota()


class Status(StrEnum):
    """Where a post stands in its life."""

    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


def parse_post_id(given: str) -> PostId:
    """Read a post's id as a client sends it.

    Raises:
        PostAbsent: Not an id: a thing with that name cannot exist.
    """
    parsed = parse_id(given)
    if parsed is None:
        raise PostAbsent
    return PostId(parsed)


def parse_status(given: str) -> Status:
    """Read a status by its name.

    Raises:
        StatusInvalid: There is no such status.
    """
    try:
        return Status(given)
    except ValueError:
        raise StatusInvalid from None


def parse_text(given: str) -> Text:
    """Check a text and keep it exactly as it is: no trimming, no normalisation.

    Raises:
        TextInvalid: Nothing but white space, a NUL, or a lone surrogate.
    """
    if not given or given.isspace():
        raise TextInvalid
    _refuse_unstorable(given, TextInvalid)
    return Text(given)


def parse_title(given: str) -> Title:
    """Check a title and keep it exactly as it is.

    Raises:
        TitleInvalid: Empty, nothing but white space, over 200 characters, a NUL, or a lone surrogate.
    """
    if not given or given.isspace() or len(given) > TITLE_MAX_LENGTH:
        raise TitleInvalid
    _refuse_unstorable(given, TitleInvalid)
    return Title(given)


def _refuse_unstorable(given: str, error: type[Invalid]) -> None:
    """Refuse what some database would change or drop: NUL, and surrogates that no encoding can carry."""
    if "\x00" in given:
        message = "U+0000 cannot be kept."
        raise error(message)
    if not is_encodable(given):
        message = "A lone surrogate is not a character."
        raise error(message)


@dataclass(frozen=True, slots=True)
class Post:
    """One post of one account.

    Attributes:
        id: Minted from `created_date`, so "newest first" is "id descending".
        author: Whose it is; nobody else sees it.
        text: As sent.
        title: As sent, or none.
        status: Draft, published or archived.
        version: 1 when added, one more with each edit.
        created_date: When it was added, UTC, to the microsecond.
        updated_date: When it was last changed; `created_date` until then.
    """

    id: PostId
    author: AccountId
    text: Text
    title: Title | None
    status: Status
    version: int
    created_date: datetime
    updated_date: datetime

    def __post_init__(self) -> None:
        """Hold what must be true of every post, wherever it comes from."""
        parse_text(self.text)
        if self.title is not None:
            parse_title(self.title)
        if self.version < 1:
            message = "versions count from 1"
            raise ValueError(message)
        if self.created_date.tzinfo is None or self.updated_date.tzinfo is None:
            message = "a time without its zone"
            raise ValueError(message)

    @classmethod
    def write(cls, author: AccountId, text: Text, *, title: Title | None, status: Status, now: datetime) -> Self:
        """Make a new post: its first version, written now."""
        return cls(PostId(new_id(now)), author, text, title, status, 1, now, now)

    @property
    def bytes(self) -> int:
        """The octets of title and text in UTF-8: what a quota counts."""
        return len(self.text.encode()) + len((self.title or "").encode())


class ListedPost(NamedTuple):
    """A post as one of a list, its values written out: lists are long, and asked for more often than anything else.

    Attributes:
        id: In its canonical spelling (RFC 9562).
        title: As sent, or none.
        text: As sent.
        status: Draft, published or archived.
        version: 1 when added, one more with each edit.
        created_date: RFC 3339, UTC, to the microsecond.
        updated_date: The same.
    """

    id: str
    title: str | None
    text: str
    status: str
    version: int
    created_date: str
    updated_date: str

    @classmethod
    def of(cls, post: Post) -> Self:
        """Write a post out."""
        created, updated = rfc3339(post.created_date), rfc3339(post.updated_date)
        return cls(str(post.id), post.title, post.text, post.status.value, post.version, created, updated)
