"""Cursors: where the next page of a list begins, as an opaque word."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from postkeep.domain import base64url
from postkeep.domain.accounts import AccountId
from postkeep.domain.errors import Invalid
from postkeep.domain.lists import EVERYTHING, Listing, Place
from postkeep.domain.moments import microseconds_of, moment_at
from postkeep.domain.posts import PostId

_MOMENT_BYTES: Final = 8
_PLACE_BYTES: Final = _MOMENT_BYTES + 16
_TAG_BYTES: Final = 12
_LENGTH: Final = _PLACE_BYTES + _TAG_BYTES

CURSOR_SCHEMA: Final[dict[str, Any]] = {"pattern": "^[A-Za-z0-9_-]{48}$", "maxLength": 48}
"""What a cursor looks like: that many bytes in base64url. Source: RFC 4648 5."""


class CursorInvalid(Invalid):
    """This cursor was not made by this server for this list."""

    code = "cursor_invalid"
    field = "query.cursor"


class Cursors:
    """Writes and reads cursors; each is good for one list of one account: this order, this status, this search."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        """Take the server's secrets, the newest first, of each of which a key of its own is made."""
        self._keys = [hmac.digest(secret, b"postkeep cursor", hashlib.sha256) for secret in secrets]

    def write(self, account_id: AccountId, last: Place, listing: Listing = EVERYTHING, query: str = "") -> str:
        """Return the cursor behind a page's last post.

        Args:
            account_id: Whose list it is.
            last: Where that post stands.
            listing: Which list it is.
            query: What is searched for in it, if anything.
        """
        moment = 0 if last.updated_date is None else microseconds_of(last.updated_date)
        place = moment.to_bytes(_MOMENT_BYTES) + last.id.bytes
        tag = _tag(self._keys[0], _name(account_id, listing, query), place)
        return base64url.encode(place + tag)

    def read(self, account_id: AccountId, cursor: str, listing: Listing = EVERYTHING, query: str = "") -> Place:
        """Return the place behind which the page begins. The arguments are those of `write`.

        Raises:
            CursorInvalid: Not one of ours, or another list's.
        """
        raw = base64url.decode(cursor)
        if raw is None or len(raw) != _LENGTH or not self._is_ours(_name(account_id, listing, query), raw):
            raise CursorInvalid
        moment = moment_at(int.from_bytes(raw[:_MOMENT_BYTES]))
        post_id = PostId(UUID(bytes=raw[_MOMENT_BYTES:_PLACE_BYTES]))
        return Place(post_id, moment if listing.sort.is_by_change else None)

    def _is_ours(self, name: bytes, raw: bytes) -> bool:
        """Whether one of our keys signed this for that list."""
        place, tag = raw[:_PLACE_BYTES], raw[_PLACE_BYTES:]
        return any(hmac.compare_digest(tag, _tag(key, name, place)) for key in self._keys)


def _name(account_id: AccountId, listing: Listing, query: str) -> bytes:
    """Name a list: no two have the same name, since neither an order nor a status has a space in it."""
    return account_id.bytes + f"{listing.sort} {listing.status or 'any'} {query}".encode()


def _tag(key: bytes, name: bytes, place: bytes) -> bytes:
    """Sign where a page ends, for this list only."""
    return hmac.digest(key, name + place, hashlib.sha256)[:_TAG_BYTES]
