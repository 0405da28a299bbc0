"""What a line of a ZIP's directory says besides its own numbers: further fields, and by them when a file was changed.

Source: PKWARE, APPNOTE.TXT 6.3.10, 4.4.6, 4.5.1 and 4.5.5; Info-ZIP, proginfo/extrafld.txt.
"""

import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from postkeep.domain.moments import EPOCH

_MOST_FIELDS: Final = 16
"""Archivers write a handful; a line has room for 16,000, which would take as long to go through as posts to add."""

_FIELD: Final = struct.Struct("<HH")

_FLAGGED: Final = struct.Struct("<Bl")
_HAS_MODIFIED: Final = 0x1
_TWO: Final = struct.Struct("<ll")
_FILE_TIMES: Final = struct.Struct("<4xHHQ")
_FILE_TIMES_TAG: Final = 1
_FILE_TIMES_BEGIN: Final = datetime(1601, 1, 1, tzinfo=UTC)


def extra_field(extra: bytes, wanted: int) -> bytes:
    """Return one of a line's further fields, of the first few, or nothing."""
    position = 0
    for _ in range(_MOST_FIELDS):
        if position + _FIELD.size > len(extra):
            break
        kind, size = _FIELD.unpack_from(extra, position)
        position += _FIELD.size
        if kind == wanted:
            return extra[position : position + size]
        position += size
    return b""


def modified_date(date: int, time: int, extra: bytes) -> datetime | None:
    """Return when a file was changed, or None where that is told in no date.

    Args:
        date: As DOS has it.
        time: As DOS has it, to two seconds, by a clock of some zone, which is taken for UTC.
        extra: The line's further fields, of which some say the moment itself, and count before the other two.
    """
    for kind, read in _MOMENTS.items():
        moment = _read_from_epoch(read, extra_field(extra, kind))
        if moment is not None:
            return moment
    return _dos_date(date, time)


def _read_from_epoch(read: Callable[[bytes], datetime | None], field: bytes) -> datetime | None:
    """Read a moment; none that is too short, before 1970, or beyond the calendar."""
    try:
        moment = read(field)
    except (struct.error, OverflowError):
        return None
    return None if moment is None or moment < EPOCH else moment


def _of_unix(field: bytes) -> datetime | None:
    """Read what zip writes: flags say which moments follow, of which the change is the first."""
    flags, modified = _FLAGGED.unpack_from(field)
    return EPOCH + timedelta(seconds=modified) if flags & _HAS_MODIFIED else None


def _of_old_unix(field: bytes) -> datetime:
    """Read what a Mac's Finder writes: when the file was read, and when it was changed."""
    _, modified = _TWO.unpack_from(field)
    return EPOCH + timedelta(seconds=modified)


def _of_windows(field: bytes) -> datetime | None:
    """Read what 7-Zip writes: the change first, in tenths of a microsecond."""
    tag, _, modified = _FILE_TIMES.unpack_from(field)
    return _FILE_TIMES_BEGIN + timedelta(microseconds=modified // 10) if tag == _FILE_TIMES_TAG else None


_MOMENTS: Final[Mapping[int, Callable[[bytes], datetime | None]]] = {
    0x5455: _of_unix,
    0x5855: _of_old_unix,
    0x000A: _of_windows,
}


def _dos_date(date: int, time: int) -> datetime | None:
    """Read a date as DOS has it."""
    try:
        return datetime(
            (date >> 9) + 1980,
            date >> 5 & 15,
            date & 31,
            time >> 11,
            time >> 5 & 63,
            (time & 31) * 2,
            tzinfo=UTC,
        )
    except ValueError:
        return None
