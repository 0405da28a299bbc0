"""What is brought in, read entry by entry: lines of JSON, or Markdown files in a ZIP. It blocks; see `slices`."""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import BinaryIO, Final, Protocol, TypeVar

from postkeep.controllers import strict_json
from postkeep.controllers.zip_reading import ZipEntry, ZipReader
from postkeep.domain.errors import Invalid, PostkeepError
from postkeep.domain.incoming import (
    MAX_ID_LENGTH,
    MAX_VERSION,
    DateInvalid,
    IdInvalid,
    IncomingPost,
    PostTooLarge,
)
from postkeep.domain.posts import (
    Status,
    StatusInvalid,
    TextInvalid,
    TitleInvalid,
    VersionInvalid,
    parse_status,
    parse_text,
    parse_title,
)
from postkeep.services.imports import Entry
from postkeep.views.post_files import read_file, read_note

T = TypeVar("T")

MOST_ENTRIES: Final = 200_000
"""How many lines or files one request may bring: twice what an account may hold unless set otherwise."""

MAX_LINE_BYTES: Final = 8 * 1024 * 1024
"""No line is longer: a megabyte of control characters takes six, and the rest of a post less than one."""

PART_ENTRIES: Final = 100
PART_BYTES: Final = 1024 * 1024
"""A part is done when it has so many entries, or has taken so many bytes."""

_PART_LINES: Final = 1000
_SHOWN_LENGTH: Final = 255
_MOST_NAME: Final = 4096
"""No longer path can be opened. Source: limits.h(0p), PATH_MAX as Linux has it."""

_ENDINGS: Final = {".md", ".markdown"}
# Python itself takes much else for a date. Source: RFC 3339 5.6.
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_MEMBERS: Final = {"id", "title", "text", "status", "version", "created_date", "updated_date"}


class LineInvalid(Invalid):
    """The line is not a JSON object in UTF-8 as this server takes it."""

    code = "line_invalid"
    field = "line"


class MemberUnknown(Invalid):
    """A post has the members id, title, text, status, version, created_date and updated_date, and no others."""

    code = "extra_forbidden"
    field = "line"


class TooManyEntries(Invalid):
    """One request brings 200,000 lines or files at most; send the rest with another one."""

    code = "too_many_entries"
    field = "body"


class NameUnsafe(Invalid):
    """A file's name is a path from the archive's top: no `..`, drive or backslash; 4,096 printable characters at most."""

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


class Incoming(Protocol):
    """What is brought in.

    Attributes:
        total: How much it is: bytes of lines, or files.
        done: How much of it has been read.
    """

    total: int
    done: int

    def parts(self) -> Iterator[Sequence[Entry]]:
        """Read it, some entries at a time."""
        ...


class IncomingLines:
    """A line of JSON for each post."""

    def __init__(self, file: BinaryIO, *, most: int = MOST_ENTRIES) -> None:
        """Take a file that is there in whole, and how many lines it may have."""
        self.total = file.seek(0, os.SEEK_END)
        self.done = 0
        self._file = file
        self._most = most

    def parts(self) -> Iterator[Sequence[Entry]]:
        """Read it, some entries at a time."""
        self._file.seek(0)
        part: list[Entry] = []
        begun = 0
        for number, line in enumerate(iter(lambda: self._file.readline(MAX_LINE_BYTES), b""), 1):
            if number > self._most:
                part.append(Entry(number, TooManyEntries()))
                break
            if line.strip(b" \t\r\n"):
                part.append(Entry(number, self._read(line)))
            self.done = self._file.tell()
            if len(part) >= PART_ENTRIES or self.done - begun >= PART_BYTES or number % _PART_LINES == 0:
                yield part
                part, begun = [], self.done
        yield part

    def _read(self, line: bytes) -> IncomingPost | PostkeepError:
        """Read a line, or what has come of it."""
        if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            self._skip()
            return PostTooLarge()
        try:
            values = strict_json.parse(line.decode())
        except UnicodeDecodeError:
            return LineInvalid("The line is not UTF-8.")
        except strict_json.JsonInvalid as error:
            return LineInvalid(f"Not JSON: {error}.")
        if not isinstance(values, dict):
            return LineInvalid()
        return _read_post(values)

    def _skip(self) -> None:
        """Go to the end of a line that is too long."""
        while (more := self._file.readline(MAX_LINE_BYTES)) and not more.endswith(b"\n"):
            pass


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
        """Read it, some entries at a time; folders are none."""
        part: list[Entry] = []
        size = 0
        for number, entry in enumerate(self._zip.entries(), 1):
            self.done = number
            if not entry.is_folder:
                part.append(Entry(entry.name[:_SHOWN_LENGTH], self._read(entry)))
                size += entry.size
            if len(part) >= PART_ENTRIES or size >= PART_BYTES or number % _PART_LINES == 0:
                yield part
                part, size = [], 0
        yield part

    def _read(self, entry: ZipEntry) -> IncomingPost | PostkeepError:
        """Read a file, or what has come of it."""
        try:
            self._check(entry)
            content = self._zip.content(entry).decode().removeprefix("\ufeff")
            values = read_file(content)
            return _read_post(read_note(content, entry.name, entry.modified) if values is None else values)
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


async def slices(
    parts: Iterator[T], turns: AbstractAsyncContextManager[object] | None = None
) -> AsyncGenerator[T]:
    """Have something be read in another thread, part by part.

    Args:
        parts: What to read.
        turns: To be entered while a part is read, and left before it is given out.
    """
    while (part := await in_turn(turns, lambda: next(parts, None))) is not None:
        yield part


async def in_turn(turns: AbstractAsyncContextManager[object] | None, work: Callable[[], T]) -> T:
    """Do something in another thread, once it is its turn."""
    async with turns or nullcontext():
        return await asyncio.to_thread(work)


def _is_safe(name: str) -> bool:
    """Whether a file's name leads nowhere but down."""
    begins_well = not name.startswith("/") and name[1:2] != ":" and len(name) <= _MOST_NAME
    return begins_well and ".." not in name.split("/") and "\\" not in name and name.isprintable()


def _read_post(values: Mapping[str, object]) -> IncomingPost | PostkeepError:
    """Read a post's members, each as what it must be."""
    if not values.keys() <= _MEMBERS:
        return MemberUnknown()
    try:
        return IncomingPost(
            text=parse_text(_text(values.get("text"), TextInvalid)),
            title=None if values.get("title") is None else parse_title(_text(values["title"], TitleInvalid)),
            status=parse_status(_text(values.get("status", Status.PUBLISHED), StatusInvalid)),
            version=_version(values.get("version", 1)),
            id=_id(values.get("id")),
            created_date=_moment(values.get("created_date")),
            updated_date=_moment(values.get("updated_date")),
        )
    except PostkeepError as error:
        return error


def _text(given: object, error: type[Invalid]) -> str:
    """Take a string for what it is, and nothing else."""
    if not isinstance(given, str):
        raise error
    return given


def _version(given: object) -> int:
    """Read a version; JSON's true and 1.0 are none."""
    if type(given) is not int or not 1 <= given <= MAX_VERSION:
        raise VersionInvalid
    return given


def _id(given: object) -> str | None:
    """Read the name that a post had where it comes from."""
    if given is None:
        return None
    if not 1 <= len(_text(given, IdInvalid)) <= MAX_ID_LENGTH:
        raise IdInvalid
    return str(given)


def _moment(given: object) -> datetime | None:
    """Read a date as RFC 3339 has it."""
    if given is None:
        return None
    written = _text(given, DateInvalid).upper()
    if not _DATE.fullmatch(written):
        raise DateInvalid
    try:
        return datetime.fromisoformat(written).astimezone(UTC)
    except (ValueError, OverflowError):
        raise DateInvalid from None
