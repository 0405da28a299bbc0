"""Ids that ascend with time and can be parsed strictly."""

import re
import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

_CANONICAL = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id(at: datetime) -> UUID:
    """Mint a UUIDv7 from a moment, so that ids sort as their moments do, to the microsecond.

    Args:
        at: Timezone-aware, from 1970 on; its microseconds fill the 12 bits behind the milliseconds.

    Returns:
        48 bits of milliseconds, 12 bits of fraction, 62 random bits, and the version and variant.

    Source: RFC 9562 5.7 and 6.2, method 3 (replace leftmost random bits with increased clock precision).
    """
    milliseconds, microseconds = divmod((at - _EPOCH) // timedelta(microseconds=1), 1000)
    fraction = microseconds * 4096 // 1000
    value = milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | secrets.randbits(62)
    return UUID(int=value)


def parse_id(text: str) -> UUID | None:
    """Read an id in its one canonical spelling (8-4-4-4-12 hexadecimal digits), or answer None."""
    return UUID(text) if _CANONICAL.fullmatch(text) else None
