"""Posts that are brought in: written elsewhere, or here and taken out, with what is known of them."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from postkeep.domain.accounts import AccountId
from postkeep.domain.errors import Conflict, Invalid
from postkeep.domain.ids import derived_id, moment_of, parse_id
from postkeep.domain.moments import EPOCH
from postkeep.domain.posts import MAX_BODY_BYTES, Post, PostId, PostTooLarge, Status, Text, Title

MAX_ID_LENGTH: Final = 200
"""How many characters the name may have that another system gave a post."""

MAX_VERSION: Final = 2**30
"""Half of what the column holds: there is room for edits."""

LEEWAY: Final = timedelta(minutes=10)
"""By how much the clock of another machine may be ahead."""


class DateInvalid(Invalid):
    """A date has its offset (RFC 3339) and lies between 1970 and now; an update is not before the creation."""

    code = "date_invalid"
    field = "created_date"


class IdInvalid(Invalid):
    """An id is a text of 1 to 200 characters."""

    code = "id_invalid"
    field = "id"


class PostPresent(Conflict):
    """There is a post with this id by now."""

    code = "post_present"


@dataclass(frozen=True, slots=True)
class IncomingPost:
    """A post as it comes in.

    Attributes:
        text: Becomes the post's, as it is.
        title: Likewise.
        status: Likewise.
        version: Likewise.
        id: What it was called where it comes from, if anything.
        created_date: When it was written, if that is known.
        updated_date: When it was last changed, if that is known.
    """

    text: Text
    title: Title | None = None
    status: Status = Status.PUBLISHED
    version: int = 1
    id: str | None = None
    created_date: datetime | None = None
    updated_date: datetime | None = None

    def post(self, author: AccountId, *, now: datetime, undated: datetime) -> Post:
        """Make the post that it becomes; the same one each time it comes.

        Its id is kept where that is a UUIDv7 of the very millisecond of its creation, so that ids go on ascending as
        posts were created. Any other post gets an id that its creation, its author and what it says decide.

        Args:
            author: Who brings it in.
            now: The time.
            undated: When it was created if nothing tells that.

        Raises:
            DateInvalid: In the future, before 1970, or updated before it was created.
            PostTooLarge: It has more bytes than a post may.
        """
        given = parse_id(self.id or "")
        minted = None if given is None else moment_of(given)
        created = self.created_date or minted or undated
        updated = self.updated_date or created
        if not EPOCH <= created <= updated <= now + LEEWAY:
            raise DateInvalid
        if given is None or minted != _to_millisecond(created):
            given = derived_id(created, self._seed(author))
        post = Post(PostId(given), author, self.text, self.title, self.status, self.version, created, updated)
        if post.bytes > MAX_BODY_BYTES:
            raise PostTooLarge
        return post

    def _seed(self, author: AccountId) -> bytes:
        """Return what tells it from others of the same moment."""
        return json.dumps([str(author), self.id, self.title, self.text]).encode()


def _to_millisecond(moment: datetime) -> datetime:
    """Cut a moment off behind its milliseconds."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
