"""Cursors: where the next page of a list begins, as an opaque word."""

import base64
import binascii
import hashlib
import hmac
from typing import Final
from uuid import UUID

from postkeep.domain.accounts import AccountId
from postkeep.domain.errors import Invalid
from postkeep.domain.posts import PostId

_TAG_BYTES: Final = 8
_LENGTH: Final = 16 + _TAG_BYTES


class CursorInvalid(Invalid):
    """This cursor was not made by this server for this list."""

    code = "cursor_invalid"
    field = "query.cursor"


class Cursors:
    """Writes and reads cursors; each is good for one account's list."""

    def __init__(self, secret: bytes) -> None:
        """Take the server's secret, of which a key of its own is made."""
        self._key = hmac.digest(secret, b"postkeep cursor", hashlib.sha256)

    def write(self, account_id: AccountId, last: PostId) -> str:
        """Return the cursor behind a page's last post."""
        return base64.urlsafe_b64encode(last.bytes + self._tag(account_id, last.bytes)).decode("ascii")

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
        if not is_whole or not hmac.compare_digest(raw[16:], self._tag(account_id, raw[:16])):
            raise CursorInvalid
        return PostId(UUID(bytes=raw[:16]))

    def _tag(self, account_id: AccountId, last: bytes) -> bytes:
        """Sign where a page ends, for this account only."""
        return hmac.digest(self._key, account_id.bytes + last, hashlib.sha256)[:_TAG_BYTES]
