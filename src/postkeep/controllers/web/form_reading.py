"""Reading a form that anybody may have made: nothing of it twice, and no more than can be shown again."""

import binascii
import re
from typing import Final

from postkeep.controllers.errors import FormInvalid
from postkeep.controllers.route import MAX_FORM_FIELDS
from postkeep.views.forms import MAX_DECODED_BYTES, Entered, TextTooLong

_MOST_SAID: Final = MAX_DECODED_BYTES + 2 * MAX_FORM_FIELDS
"""What a form says, with the signs between and within its fields."""

_NO_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")

_READ_AT_ONCE: Final = 4 * 1024


def parse_form(body: bytes) -> Entered:
    """Read what was typed. Source: WHATWG URL Standard, 5.1 (application/x-www-form-urlencoded).

    What is refused is shown again, five times as long where it is all quotes, so nothing is read that is much longer
    than what a post may have: only its escapes make a form longer.

    Raises:
        FormInvalid: It is not UTF-8, or says one thing twice, or has more fields than any form of ours.
        TextTooLong: It says more than `MAX_DECODED_BYTES`.
    """
    parts = body.split(b"&", MAX_FORM_FIELDS)
    if len(parts) > MAX_FORM_FIELDS:
        raise FormInvalid
    # At least so much is left of it: an escape is three bytes for one, and of a line's two ends one counts.
    if len(body) - 2 * body.count(b"%") - sum(map(body.count, (b"\r", b"%0D", b"%0d"))) > _MOST_SAID:
        raise TextTooLong
    halves = [part.partition(b"=") for part in parts if part]
    written = [(_decoded(name), _decoded(value)) for name, _, value in halves]
    # Of the two characters that end a line, one counts: see `Entered`.
    if sum(len(said) - said.count(b"\r\n") for field in written for said in field) > MAX_DECODED_BYTES:
        raise TextTooLong
    try:
        fields = [(name.decode("utf-8"), value.decode("utf-8")) for name, value in written]
    except UnicodeDecodeError:
        raise FormInvalid from None
    given = dict(fields)
    if len(given) < len(fields):
        message = "A field is given more than once."
        raise FormInvalid(message)
    return Entered(given)


def _decoded(written: bytes) -> bytes:
    """Read a name or a value, piece by piece: each begins with a sign of percent, which no escape has within it.

    The standard library takes ten times as long, and keeps an object of some dozens of bytes for each escape. What it
    has for mail (RFC 2045 6.7) takes no time, and needs only another sign before the same two digits.
    """
    read, end = bytearray(), 0
    while (begin := end) < len(written):
        end = written.find(b"%", begin + _READ_AT_ONCE)
        end = len(written) if end < 0 else end
        piece = _NO_ESCAPE.sub(b"%25", written[begin:end]).replace(b"+", b" ").replace(b"=", b"%3D")
        read += binascii.a2b_qp(piece.replace(b"%", b"="))
    return bytes(read)
