"""Reading a ZIP that anybody may have made: its directory a line at a time, and of no file more than a post may have.

The standard library's `zipfile` makes an object of every line of the directory before anybody can count them, and
believes what it says of sizes. Source: PKWARE, APPNOTE.TXT 6.3.10.
"""

import os
import stat
import struct
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO, Final, NamedTuple, Self

from postkeep.controllers.zip_fields import extra_field, modified_date
from postkeep.domain.errors import Invalid
from postkeep.domain.posts import MAX_BODY_BYTES, PostTooLarge
from postkeep.views.post_files import MAX_FRONT_BYTES
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
    STORED,
    UNIX,
)

MAX_FILE_BYTES: Final = MAX_BODY_BYTES + MAX_FRONT_BYTES
"""No file that could be a post has more."""

FREE_BYTES: Final = 64 * 1024 * 1024
MOST_RATIO: Final = 20
"""Beyond `FREE_BYTES`, all files together may have so many times the bytes of the archive; texts shrink to a fifth."""

_ENCRYPTED: Final = 0x1
_MOST_PACKED: Final = MAX_FILE_BYTES + 64 * 1024

_MOST_COMMENT: Final = 0xFFFF
_LONG: Final = struct.Struct("<Q")


class ZipInvalid(Invalid):
    """This is not a ZIP that can be read; nothing of it was added."""

    code = "zip_invalid"
    field = "body"


class ZipBomb(Invalid):
    """The ZIP's files have too many bytes for its own size, or are too many; nothing of it was added."""

    code = "zip_bomb"
    field = "body"


class FileDamaged(Invalid):
    """The ZIP says something else of this file than what there is, or its checksum differs."""

    code = "file_damaged"
    field = "file"


class FilePacked(Invalid):
    """The file is encrypted, or packed in another way than stored or deflated."""

    code = "file_unreadable"
    field = "file"


class ZipEntry(NamedTuple):
    """A line of a ZIP's directory.

    Attributes:
        name: The file's name and folders.
        flags: The format's own.
        method: How it is packed.
        date: When it was changed, as DOS has it.
        time: Likewise.
        checksum: CRC-32.
        packed: How many bytes it has in the archive.
        size: How many it says that it has.
        mode: Its kind and rights, where it comes from Unix.
        offset: Where it begins.
        raw: The name as it stands there.
        extra: What the line says further.
    """

    name: str
    flags: int
    method: int
    date: int
    time: int
    checksum: int
    packed: int
    size: int
    mode: int
    offset: int
    raw: bytes
    extra: bytes

    @property
    def modified(self) -> datetime | None:
        """When it was changed, as far as that is told."""
        return modified_date(self.date, self.time, self.extra)

    @property
    def is_folder(self) -> bool:
        """Whether it is none of a file."""
        return self.name.endswith("/")

    @property
    def is_link(self) -> bool:
        """Whether it only names another file."""
        return stat.S_ISLNK(self.mode)

    @classmethod
    def read(cls, head: tuple[int, ...], raw: bytes, extra: bytes) -> Self:
        """Make it of a directory's line."""
        made_by, _, flags, method, time, date, checksum, packed, size, *_, mode, offset = head
        size, packed, offset = _with_long_ones(extra, size, packed, offset)
        unix_mode = mode >> 16 if made_by >> 8 == UNIX else 0
        return cls(_name(raw), flags, method, date, time, checksum, packed, size, unix_mode, offset, raw, extra)


class ZipReader:
    """A ZIP that is there in whole.

    Attributes:
        count: How many lines its directory says that it has.
    """

    def __init__(self, file: BinaryIO, *, most: int) -> None:
        """Find its directory, and see that it is one; takes as long as that is long.

        Args:
            file: The ZIP.
            most: How many lines its directory may have.

        Raises:
            ZipInvalid: It is no ZIP, or one in parts, or one whose files lie over each other.
            ZipBomb: All its files together are out of proportion.
        """
        self._file = file
        self._length = file.seek(0, os.SEEK_END)
        self.count, self._size, self._begin = self._find_directory()
        if self.count > most:
            raise ZipBomb
        packed = size = 0
        for entry in self.entries():
            packed += entry.packed + LOCAL.size + len(entry.raw)
            size += entry.size
        if packed > self._begin:
            message = "The ZIP's files lie over each other; nothing of it was added."
            raise ZipInvalid(message)
        if size > FREE_BYTES + MOST_RATIO * self._length:
            raise ZipBomb

    def entries(self) -> Iterator[ZipEntry]:
        """Go through the directory.

        Raises:
            ZipInvalid: It is broken.
        """
        position, end = self._begin, self._begin + self._size
        for _ in range(self.count):
            signature, *head = CENTRAL.unpack(self._read(position, CENTRAL.size))
            name, extra, comment = head[9:12]
            rest = self._read(position + CENTRAL.size, name + extra)
            position += CENTRAL.size + name + extra + comment
            if signature != CENTRAL_SIGNATURE or position > end:
                raise ZipInvalid
            yield ZipEntry.read(tuple(head), rest[:name], rest[name:])
        if position != end:
            raise ZipInvalid

    def content(self, entry: ZipEntry) -> bytes:
        """Unpack a file, and no more of it than it says that there is.

        Raises:
            FilePacked: It is encrypted, or packed in a way that is not known here.
            PostTooLarge: It is larger than any post.
            FileDamaged: It is not what the directory says.
        """
        if entry.flags & _ENCRYPTED or entry.method not in {STORED, DEFLATED}:
            raise FilePacked
        if entry.size > MAX_FILE_BYTES or entry.packed > _MOST_PACKED:
            raise PostTooLarge
        try:
            signature, *head = LOCAL.unpack(self._read(entry.offset, LOCAL.size))
            name, extra = head[8:10]
            begin = entry.offset + LOCAL.size
            is_same = signature == LOCAL_SIGNATURE and self._read(begin, name) == entry.raw
            packed = self._read(begin + name + extra, entry.packed)
            content = packed if entry.method == STORED else _unpack(packed, entry.size)
        except (ZipInvalid, zlib.error):
            raise FileDamaged from None
        if not is_same or len(content) != entry.size or zlib.crc32(content) != entry.checksum:
            raise FileDamaged
        return content

    def _find_directory(self) -> tuple[int, int, int]:
        """Return how many lines the directory has, how many bytes, and where it begins."""
        tail_size = min(self._length, END.size + _MOST_COMMENT)
        tail = self._read(self._length - tail_size, tail_size)
        at = tail.rfind(END_SIGNATURE)
        if at < 0 or len(tail) - at < END.size:
            raise ZipInvalid
        _, disk, first_disk, here, count, size, begin, comment = END.unpack_from(tail, at)
        end = self._length - tail_size + at
        if at + END.size + comment != len(tail) or disk or first_disk or here != count:
            raise ZipInvalid
        if self._is_long(end, count, size, begin):
            end, count, size, begin = self._find_long_directory(end)
        if begin + size != end:
            raise ZipInvalid
        return count, size, begin

    def _is_long(self, end: int, count: int, size: int, begin: int) -> bool:
        """Whether the directory's end is described elsewhere: what a number says then, it may also say of itself."""
        is_most = count == MOST_16 or MOST_32 in {size, begin}
        return is_most and end >= LOCATOR.size and self._read(end - LOCATOR.size, 4) == LOCATOR_SIGNATURE

    def _find_long_directory(self, end: int) -> tuple[int, int, int, int]:
        """Return where the directory's end is described, and what is said there, of a ZIP that is long."""
        _, _, at, _ = LOCATOR.unpack(self._read(end - LOCATOR.size, LOCATOR.size))
        signature, _, _, _, disk, first_disk, here, count, size, begin = END_64.unpack(self._read(at, END_64.size))
        if signature != END_64_SIGNATURE or disk or first_disk or here != count:
            raise ZipInvalid
        return at, count, size, begin

    def _read(self, position: int, size: int) -> bytes:
        """Read so many bytes from there.

        Raises:
            ZipInvalid: There are not so many.
        """
        if position < 0 or position + size > self._length:
            raise ZipInvalid
        self._file.seek(position)
        return self._file.read(size)


def _unpack(packed: bytes, size: int) -> bytes:
    """Undo deflate; where more comes than is said, one byte of that."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    content = unpacker.decompress(packed, size + 1)
    if not unpacker.eof or unpacker.unused_data:
        raise FileDamaged
    return content


def _name(raw: bytes) -> str:
    """Read a name: in UTF-8 if it can be, whatever its flag says, since many programs forget that; or as PCs had it."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp437")


def _with_long_ones(extra: bytes, *short: int) -> list[int]:
    """Return sizes and offset, those that do not fit into their places as they stand in the field for long ones."""
    found = list(short)
    long_ones = extra_field(extra, 1) if MOST_32 in short else b""
    for place, value in enumerate(short):
        if value == MOST_32:
            if len(long_ones) < _LONG.size:
                raise ZipInvalid
            (found[place],) = _LONG.unpack_from(long_ones)
            long_ones = long_ones[_LONG.size :]
    return found
