"""Cursors: where the next page of a list begins, as an opaque word."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from postkeep.domain.accounts import AccountId
from postkeep.domain.errors import Invalid
from postkeep.domain.posts import PostId

_TAG_BYTES: Final = 8
_LENGTH: Final = 16 + _TAG_BYTES

CURSOR_SCHEMA: Final[dict[str, Any]] = {"pattern": "^[A-Za-z0-9_-]{32}$", "maxLength": 32}
"""What a cursor looks like: that many bytes in base64url. Source: RFC 4648 5."""


class CursorInvalid(Invalid):
    """This cursor was not made by this server for this list."""

    code = "cursor_invalid"
    field = "query.cursor"


class Cursors:
    """Writes and reads cursors; each is good for one account's list."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        """Take the server's secrets, the newest first, of each of which a key of its own is made."""
        self._keys = [hmac.digest(secret, b"postkeep cursor", hashlib.sha256) for secret in secrets]

    def write(self, account_id: AccountId, last: PostId) -> str:
        """Return the cursor behind a page's last post."""
        return base64.urlsafe_b64encode(last.bytes + _tag(self._keys[0], account_id, last.bytes)).decode("ascii")

    def read(self, account_id: AccountId, cursor: str) -> PostId:
        """Return the post behind which the page begins.

        Raises:
            CursorInvalid: Not one of ours, or another account's.
        """
        try:
            raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            raise CursorInvalid from None
        # Decoders take more than one spelling of the same bytes; a cursor has one.
        is_whole = len(raw) == _LENGTH and base64.urlsafe_b64encode(raw).decode("ascii") == cursor
        if not is_whole or not self._is_ours(account_id, raw):
            raise CursorInvalid
        return PostId(UUID(bytes=raw[:16]))

    def _is_ours(self, account_id: AccountId, raw: bytes) -> bool:
        """Whether one of our keys signed this."""
        return any(hmac.compare_digest(raw[16:], _tag(key, account_id, raw[:16])) for key in self._keys)


def _tag(key: bytes, account_id: AccountId, last: bytes) -> bytes:
    """Sign where a page ends, for this account only."""
    return hmac.digest(key, account_id.bytes + last, hashlib.sha256)[:_TAG_BYTES]
