"""Bodies: how large a request's may be and says it is, how long it may take, and whether an answer's is wanted."""

from typing import Final

from starlette.datastructures import Headers

MAX_SMALL_BODY_BYTES: Final = 16 * 1024
"""How many bytes a body may have that carries no post."""

LONG_BODY: Final = "takes_long_body"
"""In the state of a request whose body may take long, as long as it keeps coming."""

IS_HEAD: Final = "postkeep.is_head"
"""In the scope of a GET whose answer's body nobody will see: it need not be made. See `server.head`."""

_MANY_DIGITS: Final = 15


def declared_length(headers: Headers) -> int:
    """Return how many bytes Content-Length claims; 0 without one, and about infinitely many for an absurd one."""
    digits = headers.get("content-length", "").lstrip("0")
    if not digits:
        return 0
    return int(digits) if digits.isdecimal() and len(digits) <= _MANY_DIGITS else 10**_MANY_DIGITS
