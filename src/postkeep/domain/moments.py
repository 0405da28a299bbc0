"""Moments: as numbers, and as they are written."""

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds_of(moment: datetime) -> int:
    """Return how many microseconds a moment is later than the epoch."""
    return (moment - EPOCH) // _MICROSECOND


def moment_at(microseconds: int) -> datetime:
    """Return the moment that is so many microseconds later than the epoch."""
    return EPOCH + microseconds * _MICROSECOND


def rfc3339(moment: datetime) -> str:
    """Write a moment in UTC as RFC 3339 has it, to the microsecond."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
