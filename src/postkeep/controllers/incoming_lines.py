"""Posts that are brought in as lines of JSON."""

import os
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from postkeep.controllers import strict_json
from postkeep.controllers.incoming import MOST_ENTRIES, PART_BYTES, PART_ENTRIES, PART_READ
from postkeep.controllers.incoming_posts import read_post
from postkeep.domain.errors import Invalid, PostkeepError
from postkeep.domain.incoming import IncomingPost
from postkeep.domain.posts import MAX_LINE_BYTES, PostTooLarge
from postkeep.services.entries import Entry


class LineInvalid(Invalid):
    """The line is not a JSON object in UTF-8 as this server takes it."""

    code = "line_invalid"
    field = "line"


class TooManyEntries(Invalid):
    """One request brings 200,000 lines or files at most; send the rest with another one."""

    code = "too_many_entries"
    field = "body"


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
            if len(part) >= PART_ENTRIES or self.done - begun >= PART_BYTES or number % PART_READ == 0:
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
        return read_post(values)

    def _skip(self) -> None:
        """Go to the end of a line that is too long."""
        while (more := self._file.readline(MAX_LINE_BYTES)) and not more.endswith(b"\n"):
            pass
