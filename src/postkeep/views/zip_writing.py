"""Writing a ZIP as it is sent: nothing of it is held but its directory, and that in little room.

The standard library's `zipfile` keeps an object of half a kilobyte for each file; a hundred thousand would be more than
the process itself. Source: PKWARE, APPNOTE.TXT 6.3.10.
"""

import struct
import zlib
from collections.abc import Iterator
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import Final, Self

from postkeep.views.zip_format import (
    CENTRAL,
    CENTRAL_SIGNATURE,
    DEFLATED,
    END,
    END_64,
    END_64_SIGNATURE,
    END_SIGNATURE,
    LOCAL,
    LOCAL_SIGNATURE,
    LOCATOR,
    LOCATOR_SIGNATURE,
    MOST_16,
    MOST_32,
    UNIX,
)

_LEVEL: Final = 1
"""What packs fastest: all the others take longer, and texts hardly get any smaller."""

_IN_MEMORY: Final = 8 * 1024 * 1024
"""A directory that is longer waits for its turn on the disk."""

_PIECE: Final = 64 * 1024

_NEEDED: Final = 45
_UTF8: Final = 0x800
_OWN_FILE: Final = 0o100600 << 16

_EXTRA: Final = struct.Struct("<HHQ")


class ZipWriter:
    """Writes files of a few megabytes at most, one after the other."""

    def __init__(self) -> None:
        """Begin at the first byte."""
        self._directory = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by `close`
        self._count = 0
        self._offset = 0

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Forget the directory."""
        self._directory.close()

    def add(self, name: str, content: bytes, modified: datetime) -> bytes:
        """Return a file as it stands in the ZIP."""
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = packer.compress(content) + packer.flush()
        written = name.encode()
        about = (
            _UTF8,
            DEFLATED,
            modified.hour << 11 | modified.minute << 5 | modified.second // 2,
            min(max(modified.year - 1980, 0), 127) << 9 | modified.month << 5 | modified.day,
            zlib.crc32(content),
            len(packed),
            len(content),
            len(written),
        )
        far = self._offset >= MOST_32
        extra = _EXTRA.pack(1, 8, self._offset) if far else b""
        offset = MOST_32 if far else self._offset
        head = CENTRAL.pack(
            CENTRAL_SIGNATURE, UNIX << 8 | _NEEDED, _NEEDED, *about, len(extra), 0, 0, 0, _OWN_FILE, offset
        )
        self._directory.write(head + written + extra)
        self._count += 1
        entry = LOCAL.pack(LOCAL_SIGNATURE, _NEEDED, *about, 0) + written + packed
        self._offset += len(entry)
        return entry

    def end(self) -> Iterator[bytes]:
        """Return what follows the last file, in pieces."""
        size = self._directory.tell()
        self._directory.seek(0)
        yield from iter(lambda: self._directory.read(_PIECE), b"")
        number, length, offset = self._count, size, self._offset
        if self._count >= MOST_16 or self._offset + size >= MOST_32:
            counts = self._count, self._count, size, self._offset
            yield END_64.pack(END_64_SIGNATURE, END_64.size - 12, _NEEDED, _NEEDED, 0, 0, *counts)
            yield LOCATOR.pack(LOCATOR_SIGNATURE, 0, self._offset + size, 1)
            number, length, offset = MOST_16, MOST_32, MOST_32
        yield END.pack(END_SIGNATURE, 0, 0, number, number, length, offset, 0)
