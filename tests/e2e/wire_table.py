"""Bytes in, statuses out: what a connection may be sent, and how it may end (CASES.md 5)."""

import gzip
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from tests.e2e.clients import Person

MEBIBYTE: Final = 1024 * 1024
SMUGGLED: Final = "smuggled"

End = Literal["closed", "open", "either"]


@dataclass(frozen=True)
class Outcome:
    """How a connection may go.

    Attributes:
        answers: The statuses that each answer may have, in order.
        end: Whether the connection is closed behind them.
    """

    answers: tuple[Collection[int], ...]
    end: End = "closed"


@dataclass(frozen=True)
class Row:
    """One connection.

    Attributes:
        id: Of CASES.md, and what this row tries of it.
        sent: What is sent by whom.
        direct: What comes of it.
    """

    id: str
    sent: Callable[[Person], bytes]
    direct: Outcome


def get(*lines: str, target: str = "/livez", method: str = "GET", host: str = "Host: localhost") -> bytes:
    """Return a request without a body."""
    return "\r\n".join([f"{method} {target} HTTP/1.1", *([host] if host else []), *lines, "", ""]).encode("latin-1")


def post(person: Person, *lines: str, body: bytes = b"", token: bool = True) -> bytes:
    """Return an addPost with these lines in its head; without one about its length it has the right one."""
    is_framed = any(line.lower().startswith(("content-length", "transfer-encoding")) for line in lines)
    head = ["POST /addPost HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    head += [f"Authorization: Bearer {person.access}"] if token else []
    head += [*lines, *([] if is_framed else [f"Content-Length: {len(body)}"]), "", ""]
    return "\r\n".join(head).encode("latin-1") + body


def text(size: int) -> bytes:
    """Return a post's body of exactly so many bytes."""
    return b'{"text": "' + b"x" * (size - 12) + b'"}'


def chunks(body: bytes, size: int = 65536) -> bytes:
    """Return a body in chunks."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def always(sent: bytes) -> Callable[[Person], bytes]:
    """Send the same, whoever sends it."""
    return lambda _: sent


def posting(*lines: str, body: bytes = b"", token: bool = True) -> Callable[[Person], bytes]:
    """Send an addPost: see `post`."""
    return lambda who: post(who, *lines, body=body, token=token)


def asking(*lines: str) -> Callable[[Person], bytes]:
    """Ask for the posts."""
    return lambda who: get(f"Authorization: Bearer {who.access}", *lines, target="/getPosts")


def smuggled(person: Person) -> bytes:
    """Return a request that must not be run where it hides in another one's body."""
    return post(person, body=json.dumps({"text": SMUGGLED}).encode())


SMALL: Final = b'{"text":"x"}'
CHUNKED: Final = "Transfer-Encoding: chunked"


def rows() -> Iterator[Row]:
    """Return all of them."""
    yield from sizes()
    yield from framing()
    yield from heads()
    yield from hosts()
    yield from methods()
    yield from pipelines()
    yield from other_protocols()


def sizes() -> Iterator[Row]:
    """Return those about the size of a body, and whose it is."""
    refused = Outcome(({413},))
    for name, size, outcome in (("1 MiB", MEBIBYTE, Outcome(({201},), "open")), ("1 MiB + 1", MEBIBYTE + 1, refused)):
        yield Row(f"SZ-01 {name}", posting(body=text(size)), outcome)
        yield Row(
            f"SZ-01 {name} chunked",
            posting(CHUNKED, body=chunks(text(size))),
            # The whole body may have come before its last byte is found to be one too many.
            Outcome(outcome.answers, "either" if outcome is refused else outcome.end),
        )
    yield Row("SZ-02 declared", posting("Content-Length: 1048577"), refused)
    yield Row("SZ-03 chunked 2.5 MB", posting(CHUNKED, body=chunks(text(2_500_000))), refused)
    yield Row("SZ-04 expect", posting("Content-Length: 1048577", "Expect: 100-continue"), refused)
    bomb = gzip.compress(text(10 * MEBIBYTE))
    yield Row("SZ-18 gzip", posting("Content-Encoding: gzip", body=bomb), Outcome(({415},), "either"))
    yield Row("SZ-22 stranger", posting(body=text(MEBIBYTE), token=False), Outcome(({401},)))
    form = b'--b\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\npassword\r\n--b--\r\n'
    lines = ["Content-Type: multipart/form-data; boundary=b", f"Content-Length: {len(form) * 1000}"]
    yield Row(
        "SZ-26 multipart",
        always(get(*lines, method="POST", target="/api/v1/token") + form * 1000),
        Outcome(({400, 413, 415},)),
    )


def framing() -> Iterator[Row]:
    """Return those about where a body ends."""
    yield Row(
        "SZ-06 length too short",
        posting("Content-Length: 5", body=SMALL),
        Outcome(({422}, {400})),
    )
    for line in (
        "Content-Length: 12\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 12",
    ):
        yield Row("SZ-07 " + line.replace("\r\n", ", "), _with_smuggled(line), Outcome(({400},)))
    for line in (
        "Content-Length: 12\r\nContent-Length: 13",
        "Content-Length: 12\r\nContent-Length: 12",
        "Content-Length: +12",
        "Content-Length: -5",
        "Content-Length: 0x0c",
        "Content-Length: 12,12",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\x0b",
        "Transfer-Encoding : chunked",
    ):
        yield Row("SZ-08 " + repr(line), _with_smuggled(line), Outcome(({400, 501},)))
    yield Row(
        "SZ-08 chunked in HTTP/1.0",
        lambda who: post(who, CHUNKED, body=chunks(SMALL)).replace(b"HTTP/1.1", b"HTTP/1.0"),
        Outcome(({400},)),
    )
    for name, body in (
        ("no chunk", b"RUBBISH\r\n"),
        ("sign in a size", b"+c\r\n" + SMALL + b"\r\n0\r\n\r\n"),
        ("size beyond 64 bits", b"1000000000000000c\r\n" + SMALL + b"\r\n0\r\n\r\n"),
        ("chunk longer than its size", b"5\r\n" + SMALL + b"\r\n0\r\n\r\n"),
        ("bare LF behind a size", b"c\n" + SMALL + b"\n0\n\n"),
        ("extension without end", b"c;" + b"x" * 100_000),
        ("trailers without end", b"c\r\n" + SMALL + b"\r\n0\r\n" + b"T: x\r\n" * 20_000),
        ("one byte in each chunk", chunks(text(4000), 1)),
        ("a trailer without end", b"c\r\n" + SMALL + b"\r\n0\r\nT: " + b"x" * 100_000),
    ):
        yield Row(f"SZ-08 {name}", posting(CHUNKED, body=body), Outcome(({400, 413},)))

    yield Row("SZ-08 small in chunks of a byte", posting(CHUNKED, body=chunks(SMALL, 1)), Outcome(({201},), "open"))
    for protocol in ("h2c", "websocket"):
        offer = (
            "Connection: Upgrade, HTTP2-Settings",
            f"Upgrade: {protocol}",
            "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk",
        )
        yield Row(f"SZ-08 a body behind {protocol}", posting(*offer, body=SMALL), Outcome(({201},), "open"))
        yield Row(
            f"SZ-08 chunks behind {protocol}",
            posting(*offer, CHUNKED, body=chunks(SMALL, 5)),
            Outcome(({201},), "open"),
        )
        yield Row(f"SZ-08 nothing behind {protocol}", always(get(*offer)), Outcome(({200},), "open"))


def _with_smuggled(line: str) -> Callable[[Person], bytes]:
    """Send a request in the body of another one."""
    return lambda who: post(who, line, body=SMALL + smuggled(who))


def heads() -> Iterator[Row]:
    """Return those about the lines of a head, and how many and long they are."""
    bad, large = Outcome(({400},)), Outcome(({431},))
    for name, sent in (
        ("bare LF", b"GET /livez HTTP/1.1\nHost: localhost\n\n"),
        ("one bare LF", b"GET /livez HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n"),
        ("bare CR", b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n"),
        ("folded", get("X: a", " b")),
        ("folded at once", get(" X: a")),
        ("blank before colon", get("X : a")),
        ("no colon", get("nonsense")),
        ("no name", get(": a")),
        ("NUL", get("X: a\0b")),
        ("control character", get("X: a\x01b")),
        ("odd name", get('X"(): a')),
    ):
        yield Row(f"SZ-09 {name}", always(sent), bad)
    for name, sent in (
        ("SZ-11 100 KB header", get("X: " + "x" * 100_000)),
        ("SZ-11 1 MB header", get("X: " + "x" * 1_000_000)),
        ("SZ-11 a header without end", get("X: " + "x" * 100_000)[:-4]),
        ("SZ-11 a name without end", get("X" * 100_000)[:-4]),
        ("SZ-11 33 KB in lines", get(*(f"X-{n}: " + "x" * 4000 for n in range(9)))),
        ("SZ-11 101 headers", get(*(f"X-{n}: x" for n in range(100)))),
        ("SZ-11 20,000 headers", get(*(f"X-{n}: x" for n in range(20_000)))),
        ("TK-15 16 KB bearer", get("Authorization: Bearer " + "x" * 16_000, target="/getPosts")),
        ("TK-15 8 MB bearer", get("Authorization: Bearer " + "x" * 8_000_000, target="/getPosts")),
        ("BR-18 8 KB cookie", get("Cookie: a=" + "x" * 8_000)),
        ("BR-18 8 KiB cookie", get("Cookie: a=" + "x" * 8_192)),
    ):
        yield Row(name, always(sent), large)
    yield Row("BR-18 two lines of cookies", always(get("Cookie: a=b", "Cookie: a=c")), bad)
    yield Row("IV-25 two media types", always(get("Content-Type: application/json", "Content-Type: text/plain")), bad)
    yield Row("BR-18 a cookie twice", always(get("Cookie: a=b; a=c")), Outcome(({200},), "open"))
    yield Row("SZ-11 95 headers", always(get(*(f"X-{n}: x" for n in range(94)))), Outcome(({200},), "open"))
    yield Row(
        "SZ-11 30 KB in lines", always(get(*(f"X-{n}: " + "x" * 4000 for n in range(7)))), Outcome(({200},), "open")
    )
    yield Row("SZ-11 8,000 bytes of target", always(get(target="/livez?" + "x" * 7993)), Outcome(({200},), "open"))
    for size in (8001, 100_000):
        target = "/livez?" + "x" * (size - 7)
        yield Row(f"SZ-11 {size:,} bytes of target", always(get(target=target)), Outcome(({414},)))
    for number, outcome in ((100, Outcome(({200},), "open")), (101, Outcome(({414},)))):
        yield Row(f"SZ-11 {number} parameters", always(get(target="/livez?" + "&".join(["a"] * number))), outcome)
    yield Row("SZ-11 3,500 parameters", always(get(target="/livez?" + "a&" * 3500)), Outcome(({414},)))
    absolute = "http://localhost/livez?" + "&" * 100
    yield Row("SZ-11 101 parameters of an address", always(get(target=absolute)), Outcome(({414},)))
    yield Row("SZ-11 100 ampersands in a path", always(get(target="/" + "&" * 100)), Outcome(({404},), "open"))
    endless = b"GET /" + b"x" * 100_000
    yield Row("SZ-11 a target without end", always(endless), Outcome(({414},)))
    yield Row("SZ-11 a method without end", always(b"X" * 100_000), bad)
    yield Row("SZ-11 empty lines without end", always(b"\r\n" * 20_000), large)
    yield Row("SZ-11 an empty line", always(b"\r\n" + get()), Outcome(({200},), "open"))


def hosts() -> Iterator[Row]:
    """Return those about who is asked."""
    bad, good = Outcome(({400},)), Outcome(({200},), "open")
    for name, sent in (
        ("none", get(host="")),
        ("none in HTTP/1.0", get(host="").replace(b"1.1", b"1.0")),
        ("two", get("Host: localhost")),
        ("two that differ", get("host: other")),
        ("empty", get(host="Host:")),
        ("with a path", get(host="Host: localhost/x")),
        ("with a user", get(host="Host: user@localhost")),
        ("with a blank", get(host="Host: local host")),
        ("with a broken address", get(host="Host: [::1")),
        ("with a broken port", get(host="Host: localhost:80a")),
        ("with a broken escape", get(host="Host: local%zzhost")),
    ):
        yield Row(f"SZ-10 Host {name}", always(sent), bad)
    for host in ("localhost:8000", "127.0.0.1", "[::1]:80", "LOCALHOST"):
        yield Row(f"SZ-10 Host {host}", always(get(host=f"Host: {host}")), good)
    for target, outcome in (
        ("http://localhost/livez", good),
        ("HTTP://localhost:80/livez?a=b", good),
        ("http://localhost", Outcome(({200},), "open")),
        ("http://localhost?a=b", Outcome(({200},), "open")),
        ("http:///livez", bad),
        ("http://user@localhost/livez", bad),
        ("ftp://localhost/livez", bad),
        ("localhost/livez", bad),
        ("*", bad),
    ):
        yield Row(f"SZ-10 target {target}", always(get(target=target)), outcome)
    yield Row(
        "SZ-10 two tokens",
        lambda who: get(*[f"Authorization: Bearer {who.access}"] * 2, target="/getPosts"),
        bad,
    )


def methods() -> Iterator[Row]:
    """Return those about what is asked for."""
    no = Outcome(({405},), "either")
    for line in (
        "TRACE /getPosts",
        "CONNECT /getPosts",
        "CONNECT example.com:443",
        "FOO /getPosts",
        "get /getPosts",
        "GETS /getPosts",
        "OPTIONS *",
        "PROPFIND /getPosts",
    ):
        method, target = line.split(" ")
        yield Row(f"SZ-24 {line}", always(get(method=method, target=target)), no)
    for header in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        yield Row(
            f"AZ-10 {header}",
            asking(header + ": DELETE"),
            Outcome(({200},), "open"),
        )


def pipelines() -> Iterator[Row]:
    """Return those in which requests come in a row."""
    fine = {200}
    for name, sent, second in (
        ("rubbish", b"RUBBISH\x00\r\n\r\n", {400}),
        ("no Host", get(host=""), {400}),
        ("a large head", get("X: " + "x" * 40_000), {431}),
        ("an unknown method", get(method="FOO"), {400, 405}),
        ("CONNECT", get(method="CONNECT", target="x:1"), {405}),
        ("broken chunks", get(CHUNKED, method="POST", target="/addPost") + b"RUBBISH\r\n", {400, 401}),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}),
    ):
        yield Row(f"in a row: {name}", always(get() * 3 + sent + get()), Outcome((fine, fine, fine, second)))
    yield Row("in a row: many", always(get() * 1000), Outcome((fine,) * 1000, "open"))


def other_protocols() -> Iterator[Row]:
    """Return those that are no HTTP/1.1."""
    bad = Outcome(({400},))
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)
    for name, sent in (
        ("TLS", hello),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)),
        ("PROXY", b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n" + get()),
        ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
        ("SMTP", b"EHLO x\r\n"),
        ("zeros", bytes(1000)),
    ):
        yield Row(f"another protocol: {name}", always(sent), bad)
    yield Row("another version: none", always(b"GET /livez\r\n\r\n"), Outcome(({400, 505},)))
    for version in ("HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/9.9", "http/1.1", "HTTP/1.1 ", "ICY/1.1"):
        line = get().replace(b"HTTP/1.1", version.encode())
        yield Row(f"another version: {version}", always(line), Outcome(({400, 505},)))
