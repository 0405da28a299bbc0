"""What came back over a connection: read strictly, and held to what is true of every answer."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from tests.e2e.raw import RawAnswer

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.1 ([1-5]\d\d) [ -~]*")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e\x80-\xff]*)")
_TRACES: Final = (b"Traceback (most", b"site-packages", b"$argon2id$", b"sqlalchemy", b"asyncmy", b"sqlite3")

# A server may be too busy for one more (too many passwords wait to be hashed), and speaks no HTTP/2 without being told
# so first. Source: RFC 9110 15.6.4 and 15.6.6.
_FINE: Final = {503, 505}


class AnswerBroken(Exception):
    """What came is not a row of whole HTTP answers."""


def answers_in(come: bytes, *, to_head: bool) -> list[RawAnswer]:
    """Read answers to the last byte.

    Args:
        come: All that came.
        to_head: Whether one of the requests may have been a HEAD, whose answer has a length and no body.

    Raises:
        AnswerBroken: It is no HTTP, or ends in the middle.
    """
    found: list[RawAnswer] = []
    while come:
        head, end, come = come.partition(b"\r\n\r\n")
        if not end:
            message = f"half a head: {head[:200]!r}"
            raise AnswerBroken(message)
        answer = _head(head)
        if not (answer.status < 200 or answer.status in {204, 304} or (to_head and _lacks_body(answer, come))):
            body, come = _body(answer, come)
            answer = RawAnswer(answer.status, answer.headers, body)
        found.append(answer)
    return found


def complaints(answer: RawAnswer, forbidden: Sequence[bytes]) -> Iterator[str]:
    """Say what is wrong with an answer, whatever was asked; of forbidden bytes it may hold none.

    Source: RFC 9457 (problems); RFC 6749 5.2 (the one error that is none).
    """
    if answer.status < 200:
        return
    if answer.status >= 500 and answer.status not in _FINE:
        yield f"status {answer.status}"
    if not answer.header("x-request-id"):
        yield "no X-Request-ID"
    if answer.header("server"):
        yield "tells its name"
    if answer.status >= 400 and answer.body:
        yield from _complaints_about_refusal(answer)
    if (answer.status == 401) != bool(answer.header("www-authenticate")):
        yield f"WWW-Authenticate with {answer.status}"
    if (answer.status in {429, 503}) != bool(answer.header("retry-after")):
        yield f"Retry-After with {answer.status}"
    whole = answer.body + repr(answer.headers).encode("latin-1")
    yield from (f"holds {secret[:12]!r}..." for secret in forbidden if secret in whole)
    if answer.status >= 400:
        yield from (f"shows its inside: {trace!r}" for trace in _TRACES if trace in answer.body)


def _complaints_about_refusal(answer: RawAnswer) -> Iterator[str]:
    """Say what is wrong with an error's body."""
    media_type = answer.header("content-type")
    try:
        problem = json.loads(answer.body)
    except ValueError:
        yield f"a {answer.status} that is not JSON"
        return
    if media_type == "application/json" and answer.status == 400 and problem.keys() == {"error", "error_description"}:
        return
    if media_type != "application/problem+json":
        yield f"a {answer.status} as {media_type}"
    elif problem["status"] != answer.status or problem["request_id"] != answer.header("x-request-id"):
        yield f"a {answer.status} that says otherwise: {problem}"


def _head(head: bytes) -> RawAnswer:
    """Read a status line and headers."""
    first, *lines = head.split(b"\r\n")
    status, fields = _STATUS_LINE.fullmatch(first), [_FIELD.fullmatch(line) for line in lines]
    if status is None or None in fields:
        message = f"no head: {head[:200]!r}"
        raise AnswerBroken(message)
    headers = [(field[1].decode().lower(), field[2].decode("latin-1").strip()) for field in fields if field]
    return RawAnswer(int(status[1]), tuple(headers), b"")


def _lacks_body(answer: RawAnswer, come: bytes) -> bool:
    """Whether this answers a HEAD: it has a length, and what follows is nothing, or the next answer."""
    return answer.header("content-length") != "0" and (not come or come.startswith(b"HTTP/1.1 "))


def _body(answer: RawAnswer, come: bytes) -> tuple[bytes, bytes]:
    """Return a body, and what came behind it."""
    if answer.header("transfer-encoding") == "chunked":
        return _chunks(come)
    length = answer.header("content-length")
    if length is None or not length.isdecimal() or len(come) < int(length):
        message = f"a body of {length} with {len(come)} bytes"
        raise AnswerBroken(message)
    return come[: int(length)], come[int(length) :]


def _chunks(come: bytes) -> tuple[bytes, bytes]:
    """Return a body that came in chunks, and what came behind it."""
    body = b""
    while True:
        size, end, come = come.partition(b"\r\n")
        if not end or not re.fullmatch(rb"[0-9a-f]+", size) or come[int(size, 16) :][:2] != b"\r\n":
            message = f"a chunk of {size[:20]!r} with {len(come)} bytes"
            raise AnswerBroken(message)
        chunk, come = come[: int(size, 16)], come[int(size, 16) + 2 :]
        if not chunk:
            return body, come
        body += chunk
