"""Everything somebody keeps, as they take it out."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

from postkeep.domain.posts import ListedPost
from postkeep.views.post_files import file_name, write_file
from postkeep.views.zip_writing import ZipWriter

JSON_LINES: Final = "application/jsonl"
"""Nobody has registered it, nor any other name for this; it is what OpenAPI calls it.

Source: https://spec.openapis.org/registry/media-type/sequential_json
"""

ZIP: Final = "application/zip"

Parts: TypeAlias = AsyncGenerator[Sequence[ListedPost]]

_write: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Format(StrEnum):
    """How posts are taken out: a line of JSON each, or a Markdown file each."""

    JSON = "json"
    MARKDOWN = "markdown"


class Written(NamedTuple):
    """How a format is written.

    Attributes:
        media_type: What it is called in a head.
        ending: What it is called on a disk.
        write: Writes it as it is read.
    """

    media_type: str
    ending: str
    write: Callable[[Parts], AsyncGenerator[bytes]]


async def json_lines(parts: Parts) -> AsyncGenerator[bytes]:
    """Write a line for each post, its members those of a post in the API; closes the parts in the end."""
    async with aclosing(parts):
        async for part in parts:
            yield "".join([f"{_write(post._asdict())}\n" for post in part]).encode()


async def markdown_zip(parts: Parts) -> AsyncGenerator[bytes]:
    """Write a file for each post; closes the parts in the end. Packing is done in another thread."""
    with ZipWriter() as written:

        def pack(part: Sequence[ListedPost]) -> bytes:
            return b"".join(
                [
                    written.add(file_name(post), write_file(post), datetime.fromisoformat(post.updated_date))
                    for post in part
                ]
            )

        async with aclosing(parts):
            async for part in parts:
                yield await asyncio.to_thread(pack, part)
        for piece in written.end():
            yield piece


FORMATS: Final[Mapping[Format, Written]] = {
    Format.JSON: Written(JSON_LINES, "jsonl", json_lines),
    Format.MARKDOWN: Written(ZIP, "zip", markdown_zip),
}
