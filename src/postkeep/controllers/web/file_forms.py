"""Reading a form with a file: the file is given out as it comes, and all else in it is little."""

from collections.abc import AsyncGenerator
from typing import Final

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from postkeep.controllers.errors import FormInvalid, MediaTypeUnsupported
from postkeep.views.bodies import MAX_SMALL_BODY_BYTES

FILE_FORM: Final = "multipart/form-data"
FILE: Final = "file"
"""What the field of the file is called."""

_LONGEST_BOUNDARY: Final = 70
"""Source: RFC 2046 5.1.1."""


class FileForm:
    """A form with one file, and what was typed besides. Source: RFC 7578.

    Attributes:
        fields: What was typed, by name; all of it is there behind the file.
    """

    def __init__(self, request: Request) -> None:
        """Take the request that it is the body of.

        Raises:
            MediaTypeUnsupported: It is of another kind.
        """
        self.fields: dict[str, str] = {}
        self._request = request
        self._names: set[str] = set()
        self._content = bytearray()
        self._is_whole = False
        self._begin_part()
        self._parser = MultipartParser(
            _boundary(request),
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._take_header_field,
                "on_header_value": self._take_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_head,
                "on_part_data": self._take_data,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    async def content(self) -> AsyncGenerator[bytes]:
        """Give out what is in the file.

        Raises:
            FormInvalid: It is no form, has no file or two, or has more besides than any form of ours.
        """
        besides = 0
        async for chunk in self._request.stream():
            self._content = bytearray()
            self._read(chunk)
            besides += len(chunk) - len(self._content)
            if besides > MAX_SMALL_BODY_BYTES:
                raise FormInvalid
            yield bytes(self._content)
        if not self._is_whole or FILE not in self._names:
            raise FormInvalid

    def _read(self, chunk: bytes) -> None:
        """Read some more of it."""
        try:
            self._parser.write(chunk)
        except (FormParserError, UnicodeDecodeError):
            raise FormInvalid from None

    def _begin_part(self) -> None:
        """Begin a part: nothing is known of it yet."""
        self._name: str | None = None
        self._header = bytearray()
        self._value = bytearray()
        self._said = bytearray()

    def _take_header_field(self, data: bytes, start: int, end: int) -> None:
        """Take some of a header's name."""
        self._header += data[start:end]

    def _take_header_value(self, data: bytes, start: int, end: int) -> None:
        """Take some of what a header says."""
        self._value += data[start:end]

    def _end_header(self) -> None:
        """Learn from a header which field this is."""
        if bytes(self._header).lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            self._name = options.get(b"name", b"").decode()
        self._header.clear()
        self._value.clear()

    def _end_head(self) -> None:
        """Refuse a part that is no field, or one that was there before."""
        if self._name is None or self._name in self._names:
            raise FormInvalid
        self._names.add(self._name)

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        """Take some of what a field holds."""
        taken = self._content if self._name == FILE else self._said
        taken += data[start:end]

    def _end_part(self) -> None:
        """Keep what was typed."""
        if self._name is not None and self._name != FILE:
            self.fields[self._name] = self._said.decode()

    def _end(self) -> None:
        """Note that nothing is missing."""
        self._is_whole = True


def _boundary(request: Request) -> bytes:
    """Return what stands between the parts.

    Raises:
        MediaTypeUnsupported: It is no such form.
    """
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if media_type != FILE_FORM.encode() or not 0 < len(boundary) <= _LONGEST_BOUNDARY or coding != "identity":
        message = f"This form takes {FILE_FORM}, uncompressed."
        raise MediaTypeUnsupported(message)
    return boundary
