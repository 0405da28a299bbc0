"""What the head of a request must be before anybody else looks at it."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from postkeep.server.refusals import Refusal, head_too_large, malformed, target_too_long
from postkeep.server.representations import Header

MAX_HEAD_BYTES: Final = 32 * 1024
MAX_LINE_BYTES: Final = 8000
"""Of a target and of a header: what every server is asked to take, and no more. Source: RFC 9112 3."""

MAX_HEADERS: Final = 100
MAX_PARAMETERS: Final = 100
"""Of a query: more than any of ours, and reading thousands costs more than answering does."""

ALLOWED_SOMEWHERE: Final = "DELETE, GET, HEAD, PATCH, POST"
"""For what names no path: the methods that some path takes. A test compares them with the API's description."""

_SINGULAR: Final = (b"host", b"authorization", b"content-length", b"content-type", b"cookie")
_LINE_END: Final = len(b": \r\n")

# uri-host [":" port]. Source: RFC 9112 3.2, RFC 3986 3.2.2.
_AUTHORITY: Final = re.compile(
    rb"(?:\[(?:[0-9A-Fa-f:.]{2,45}|[vV][0-9A-Fa-f]+\.[\w.~!$&'()*+,;=:-]+)\]"
    rb"|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)(?::[0-9]{0,5})?"
)
_ABSOLUTE: Final = re.compile(rb"https?://([^/?#]*)([/?].*)?", re.IGNORECASE | re.DOTALL)


def check_size(target: bytes, headers: Sequence[Header]) -> None:
    """Refuse a head of which a part is too long, or all of it.

    Raises:
        Refusal: It is.
    """
    if len(target) > MAX_LINE_BYTES:
        raise target_too_long()
    lines = [len(name) + len(value) + _LINE_END for name, value in headers]
    if lines and max(lines) > MAX_LINE_BYTES + _LINE_END:
        message = f"A header has more than {MAX_LINE_BYTES:,} bytes."
        raise head_too_large(message)
    if len(target) + sum(lines) > MAX_HEAD_BYTES:
        raise too_large()


def check_parameters(target: bytes) -> None:
    """Refuse a query with too many parameters.

    Raises:
        Refusal: It is one.
    """
    if target.partition(b"?")[2].count(b"&") >= MAX_PARAMETERS:
        message = f"The request's query has more than {MAX_PARAMETERS} parameters."
        raise target_too_long(message)


def too_large() -> Refusal:
    """Refuse a head for its size, known or not."""
    return head_too_large(f"The request's head has more than {MAX_HEAD_BYTES:,} bytes.")


def check_number(headers: Sequence[Header]) -> None:
    """Refuse a head with too many headers, and one that says twice what can be said once.

    Raises:
        Refusal: It is one. Source: RFC 9112 3.2 (Host), 6.3 (Content-Length); RFC 9110 5.3, 11.6.2
            (Authorization), 8.3 (Content-Type); RFC 6265 5.4 (Cookie).
    """
    if len(headers) > MAX_HEADERS:
        message = f"The request has more than {MAX_HEADERS} headers."
        raise head_too_large(message)
    names = [name for name, _ in headers]
    for name in _SINGULAR:
        if names.count(name) > 1:
            message = f"The request has more than one {name.decode().title()} header."
            raise malformed(message)


def check_framing(headers: Sequence[Header], version: str) -> None:
    """Refuse a version, or a body's coding, that nobody here can read.

    Raises:
        Refusal: It is one. Source: RFC 9110 15.6.6, RFC 9112 6.1.
    """
    if version not in {"1.0", "1.1"}:
        raise Refusal(505, "version_not_supported", "This server speaks HTTP/1.1.")
    codings = [value.strip().lower() for name, value in headers if name == b"transfer-encoding"]
    if codings not in ([], [b"chunked"]):
        message = "The body has a transfer coding that is not chunked alone."
        raise malformed(message)
    if codings and version == "1.0":
        message = "HTTP/1.0 has no transfer codings."
        raise malformed(message)


@lru_cache(maxsize=256)
def is_authority(value: bytes) -> bool:
    """Tell whether this may be what a Host header says."""
    return len(value) <= MAX_LINE_BYTES and _AUTHORITY.fullmatch(value) is not None


def origin_form(target: bytes, method: bytes, headers: list[Header]) -> bytes:
    """Return a target that is no path as the path that it means.

    An address takes the place of the Host header, wherever it leads: who is asked for is checked as always.

    Raises:
        Refusal: It means none. Source: RFC 9112 3.2.2 to 3.2.4.
    """
    if method == b"CONNECT" or (method == b"OPTIONS" and target == b"*"):
        detail = "This is no proxy, and has no options."
        raise Refusal(405, "method_not_allowed", detail, {"Allow": ALLOWED_SOMEWHERE})
    found = _ABSOLUTE.fullmatch(target)
    if found is None or not is_authority(found[1]):
        message = "The request's target is neither a path nor an address of HTTP."
        raise malformed(message)
    headers[:] = [(b"host", found[1]) if name == b"host" else (name, value) for name, value in headers]
    path = found[2] or b"/"
    return path if path.startswith(b"/") else b"/" + path
