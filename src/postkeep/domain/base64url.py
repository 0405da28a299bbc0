"""Bytes as words that fit into headers, cookies and addresses as they are. Source: RFC 4648 5, without padding."""

import base64
import binascii


def encode(raw: bytes) -> str:
    """Write bytes."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode(word: str) -> bytes | None:
    """Read bytes in their one canonical spelling, or answer None.

    Decoders take more than that (padding, other characters, spare bits that are set), so that many spellings would pass
    for one word.

    Source: RFC 7515 2.
    """
    try:
        raw = base64.b64decode(word.encode("ascii") + b"=" * (-len(word) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    return raw if encode(raw) == word else None
