"""Ids that ascend with time and can be parsed strictly."""

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from uuid import RFC_4122, UUID

from postkeep.domain.moments import EPOCH, microseconds_of

_CANONICAL = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", re.ASCII)
_RANDOM_BITS = 62


def new_id(at: datetime) -> UUID:
    """Mint a UUIDv7 from a moment, so that ids sort as their moments do, to the microsecond.

    Args:
        at: Timezone-aware, from 1970 on; its microseconds fill the 12 bits behind the milliseconds.

    Returns:
        48 bits of milliseconds, 12 bits of fraction, 62 random bits, and the version and variant.

    Source: RFC 9562 5.7 and 6.2, method 3 (replace leftmost random bits with increased clock precision).
    """
    return _minted(at, secrets.randbits(_RANDOM_BITS))


def derived_id(at: datetime, seed: bytes) -> UUID:
    """Mint a UUIDv7 whose random bits a seed decides: the same moment and seed make the same id.

    Source: RFC 9562 5.7 and 6.9 (62 bits of SHA-256 in the place of random ones).
    """
    digest = int.from_bytes(hashlib.sha256(seed).digest())
    return _minted(at, digest & (1 << _RANDOM_BITS) - 1)


def moment_of(minted: UUID) -> datetime | None:
    """Return the moment that a UUIDv7 was minted from, to the millisecond; None of another kind of UUID."""
    if (minted.version, minted.variant) != (7, RFC_4122):
        return None
    try:
        return EPOCH + timedelta(milliseconds=minted.int >> 80)
    except OverflowError:
        # Its 48 bits reach further than the calendar.
        return None


def parse_id(text: str) -> UUID | None:
    """Read an id in its one canonical spelling (8-4-4-4-12 hexadecimal digits), or answer None."""
    return UUID(text) if _CANONICAL.fullmatch(text) else None


def _minted(at: datetime, random_bits: int) -> UUID:
    """Put a UUIDv7 together."""
    milliseconds, microseconds = divmod(microseconds_of(at), 1000)
    fraction = microseconds * 4096 // 1000
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random_bits)
