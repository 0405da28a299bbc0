"""Posts that are brought in as Markdown files in a ZIP."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import BinaryIO, Final

from postkeep.controllers.incoming import MOST_ENTRIES, PART_BYTES, PART_ENTRIES, PART_READ
from postkeep.controllers.incoming_posts import read_post
from postkeep.controllers.zip_reading import ZipEntry, ZipReader
from postkeep.domain.errors import Invalid, PostkeepError
from postkeep.domain.incoming import IncomingPost
from postkeep.services.entries import Entry
from postkeep.views.post_files import read_file, read_note

_SHOWN_LENGTH: Final = 255
_MOST_NAME: Final = 4096
"""No longer path can be opened. Source: limits.h(0p), PATH_MAX as Linux has it."""

_ENDINGS: Final = {".md", ".markdown"}

_OF_A_MAC: Final = "__MACOSX/"
"""Where a Mac puts what its file system knows of a file besides its content, under the same name. Source: RFC 1740."""


class NameUnsafe(Invalid):
    """A file's name is a path from the archive's top: no `..`, drive or backslash; up to 4,096 printable characters."""

    code = "name_unsafe"
    field = "file"


class NameRepeated(Invalid):
    """Another file of this ZIP has the same name."""

    code = "name_repeated"
    field = "file"


class FileUnknown(Invalid):
    """Only Markdown files are brought in: those whose names end with .md or .markdown."""

    code = "not_markdown"
    field = "file"


class FileNotUtf8(Invalid):
    """The file is not UTF-8."""

    code = "file_not_utf8"
    field = "file"


class IncomingFiles:
    """A ZIP with a Markdown file for each post."""

    def __init__(self, file: BinaryIO, *, most: int = MOST_ENTRIES) -> None:
        """Take a file that is there in whole, and how many files it may have. Reads its directory.

        Raises:
            ZipInvalid: It is no ZIP that can be read.
            ZipBomb: It would be too much.
        """
        self._zip = ZipReader(file, most=most)
        self.total = self._zip.count
        self.done = 0
        # Hashes, which need less room than names: there may be very many.
        self._names: set[int] = set()

    def parts(self) -> Iterator[Sequence[Entry]]:
        """Read it, some entries at a time; folders are none, and neither is what a Mac adds by itself."""
        part: list[Entry] = []
        size = 0
        for number, entry in enumerate(self._zip.entries(), 1):
            self.done = number
            if not (entry.is_folder or entry.name.startswith(_OF_A_MAC)):
                part.append(Entry(entry.name[:_SHOWN_LENGTH], self._read(entry)))
                size += entry.size
            if len(part) >= PART_ENTRIES or size >= PART_BYTES or number % PART_READ == 0:
                yield part
                part, size = [], 0
        yield part

    def _read(self, entry: ZipEntry) -> IncomingPost | PostkeepError:
        """Read a file, or what has come of it."""
        try:
            self._check(entry)
            content = self._zip.content(entry).decode().removeprefix("\ufeff")
            values = read_file(content)
            return read_post(read_note(content, entry.name, entry.modified) if values is None else values)
        except UnicodeDecodeError:
            return FileNotUtf8()
        except PostkeepError as error:
            return error

    def _check(self, entry: ZipEntry) -> None:
        """Refuse what is no note that has a name of its own."""
        if not _is_safe(entry.name):
            raise NameUnsafe
        if PurePosixPath(entry.name).suffix.lower() not in _ENDINGS or entry.is_link:
            raise FileUnknown
        name = hash(entry.name)
        if name in self._names:
            raise NameRepeated
        self._names.add(name)


def _is_safe(name: str) -> bool:
    """Whether a file's name leads nowhere but down."""
    begins_well = not name.startswith("/") and name[1:2] != ":" and len(name) <= _MOST_NAME
    return begins_well and ".." not in name.split("/") and "\\" not in name and name.isprintable()
