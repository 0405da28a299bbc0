"""What is brought in, by its kind: lines of JSON, or Markdown files in a ZIP."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import BinaryIO, Final

from postkeep.controllers.incoming import Incoming, in_turn, slices
from postkeep.controllers.incoming_files import IncomingFiles
from postkeep.controllers.incoming_lines import IncomingLines, LineInvalid
from postkeep.services.entries import Entry
from postkeep.services.streaming import with_first
from postkeep.views.exports import JSON_LINES, ZIP

_ZIP_BEGINS: Final = b"PK"
"""How a ZIP begins, and no line of JSON does. Source: PKWARE APPNOTE 4.3.7, 4.3.16."""


async def begun(file: BinaryIO, media_type: str | None, turns: asyncio.Semaphore) -> AsyncGenerator[Sequence[Entry]]:
    """Read the first part of what is brought in, which says whether there is anything to be read at all.

    Args:
        file: What is brought in.
        media_type: Of which kind it is; None for what it looks like.
        turns: To be entered for reading.

    Raises:
        ZipInvalid: It is no ZIP that can be read.
        ZipBomb: It would be too much.
        LineInvalid: None of the first lines is one of JSON.
    """
    incoming = await in_turn(turns, lambda: _opened(file, media_type or kind_of(file)))
    parts = slices(incoming.parts(), turns)
    first, whole = await with_first(parts)
    if first and all(isinstance(entry.post, LineInvalid) for entry in first):
        await parts.aclose()
        raise LineInvalid
    return whole


def _opened(file: BinaryIO, media_type: str) -> Incoming:
    """Look at what is brought in as a whole; of a ZIP that takes a while."""
    return IncomingFiles(file) if media_type == ZIP else IncomingLines(file)


def kind_of(file: BinaryIO) -> str:
    """Return the media type of what something looks like: browsers call one kind by many names, and some by none."""
    file.seek(0)
    return ZIP if file.read(len(_ZIP_BEGINS)) == _ZIP_BEGINS else JSON_LINES
