"""What comes of rows of the wire table behind the proxies that we ship configurations for, where it is something else.

A proxy's connection to its client is its own: whether it ends is not looked at. What matters is that no request is run
that a client did not send as one, and that nothing is answered with a server error.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from tests.e2e.wire_table import Outcome, Row

_SERVED: Final = Outcome(({200},), "either")
_UNDERSTOOD: Final = Outcome(({201},), "either")
_REFUSED: Final = Outcome(({400},), "either")
_WAITS: Final = Outcome((), "either")


@dataclass(frozen=True)
class Difference:
    """What a proxy does otherwise.

    Attributes:
        rows: Patterns of rows' ids.
        outcome: What comes of them.
        why: Why that is as good.
    """

    rows: Collection[str]
    outcome: Outcome
    why: str


_NGINX: Final = (
    Difference(
        ["SZ-02 declared", "SZ-08 extension without end", "SZ-08 trailers without end", "SZ-08 a trailer without end"],
        _WAITS,
        "It reads the whole body first, for its own ten seconds at most (client_body_timeout).",
    ),
    Difference(["SZ-04 expect"], Outcome(({100},), "either"), "It asks for the body itself, to pass it on as a whole."),
    Difference(["SZ-08 bare LF behind a size"], _UNDERSTOOD, "It reads a bare LF as CRLF, and passes a length on."),
    Difference(["SZ-08 one byte in each chunk"], _UNDERSTOOD, "It passes a length on, and no chunks."),
    Difference(
        ["SZ-09 bare LF", "SZ-09 one bare LF", "SZ-09 no colon", "SZ-09 odd name", "another version: HTTP/1.[12]*"],
        _SERVED,
        "It reads generously, leaves out headers that are none, and passes a clean HTTP/1.1 on.",
    ),
    Difference(
        ["SZ-11 *B header", "SZ-11 *header without end", "SZ-11 a name without end", "SZ-11 33 KB in lines"],
        _REFUSED,
        "Its own limit comes first (large_client_header_buffers), and its status for that is 400.",
    ),
    Difference(["SZ-11 20,000 headers", "TK-15 *", "BR-18 8 KiB cookie"], _REFUSED, "The same limit."),
    Difference(["SZ-11 a method without end"], Outcome(({414},), "either"), "The same limit, of a request line."),
    Difference(["SZ-10 Host with a broken port"], _SERVED, "It passes the name on without the port."),
    Difference(["SZ-10 target ftp://localhost/livez"], _SERVED, "It passes the path on, whatever the scheme."),
    Difference(
        ["SZ-24 CONNECT example.com:443", "SZ-24 get /getPosts", "SZ-24 OPTIONS [*]"],
        _REFUSED,
        "It knows no such method or target.",
    ),
    Difference(
        ["in a row: a large head", "in a row: CONNECT"], Outcome(({200},) * 3 + ({400},), "either"), "As above."
    ),
    Difference(["another version: none"], _WAITS, "It speaks HTTP/0.9, which has no statuses."),
    Difference(["SZ-11 empty lines without end"], _WAITS, "It reads past them for as long as it waits for a request."),
)

_HAPROXY: Final = (
    Difference(
        ["SZ-08 extension without end"],
        Outcome(({400, 408, 413},), "either"),
        "It may wait for the rest, for its own ten seconds (timeout http-request).",
    ),
    Difference(
        ["SZ-08 'Content-Length: 12?r?nContent-Length: 12'", "SZ-08 'Content-Length: 12,12'"],
        Outcome(({201}, {201}), "either"),
        "It makes one length of two that are the same (RFC 9110 8.6), and of what follows the request that it is.",
    ),
    Difference(
        ["SZ-08 'Transfer-Encoding: gzip, chunked'"], Outcome(({422},), "either"), "Its status for codings it lacks."
    ),
    Difference(
        ["SZ-08 bare LF behind a size"], _UNDERSTOOD, "It reads a bare LF as CRLF, and writes chunks of its own."
    ),
    Difference(["SZ-08 one byte in each chunk"], _UNDERSTOOD, "It writes chunks of its own."),
    Difference(["SZ-08 nothing behind websocket"], _REFUSED, "It wants a websocket's key."),
    Difference(
        ["SZ-09 bare LF", "SZ-09 one bare LF", "SZ-09 folded", "another version: HTTP/[129].[029]"],
        _SERVED,
        "It reads generously, and passes a clean HTTP/1.1 on.",
    ),
    Difference(
        ["SZ-11 *header*", "SZ-11 a name without end", "SZ-11 *KB in lines", "TK-15 *"],
        _REFUSED,
        "A head must fit into its buffer of 16 KiB (tune.bufsize), and its status for that is 400.",
    ),
    Difference(["SZ-11 95 headers"], _SERVED, "This many pass."),
    Difference(["SZ-11 100,000 bytes of target", "SZ-11 a target without end"], _REFUSED, "The same limit."),
    Difference(["SZ-10 Host two"], _SERVED, "It makes one header of two that are the same."),
    Difference(["SZ-10 target http://localhost[?]a=b"], _REFUSED, "It wants a slash there."),
    Difference(["SZ-24 CONNECT *"], _REFUSED, "It is no such proxy."),
    Difference(["SZ-11 empty lines without end"], _REFUSED, "It takes one of them."),
    Difference(
        ["in a row: a large head", "in a row: CONNECT"], Outcome(({200},) * 3 + ({400},), "either"), "As above."
    ),
    Difference(["another protocol: HTTP/2"], _WAITS, "It speaks HTTP/2."),
)

DIFFERENCES: Final[Mapping[str, Collection[Difference]]] = {"nginx": _NGINX, "haproxy": _HAPROXY}


def outcome(proxy: str, row: Row) -> Outcome:
    """Return what comes of a row behind a proxy."""
    found = list(_differences(proxy, row))
    return found[-1].outcome if found else Outcome(row.direct.answers, "either")


def _differences(proxy: str, row: Row) -> Iterator[Difference]:
    for difference in DIFFERENCES[proxy]:
        if any(fnmatchcase(row.id, pattern) for pattern in difference.rows):
            yield difference
