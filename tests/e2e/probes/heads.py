"""Mutations of heads: the request line, and the headers."""

import random
from dataclasses import replace
from typing import Final

from tests.e2e.probes.corpus import Request

METHODS: Final = (
    *(b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"QUERY", b"PROPFIND", b"M-SEARCH"),
    *(b"get", b"G\x00T", b"", b" ", b"PRI", b"FOO", b"X" * 300, b"GE\tT", b"\xff\xfe", b"{}"),
)
VERSIONS: Final = (
    b"HTTP/1.0",
    b"HTTP/1.1 ",
    b"HTTP/2.0",
    b"HTTP/0.9",
    b"HTTP/1.2",
    b"HTTP/11",
    b"http/1.1",
    b"",
    b"HTTP/1.1 x",
    b"RTSP/1.0",
)
TARGETS: Final = (
    *(
        b"*",
        b"/",
        b"//",
        b"",
        b"/..",
        b"/%2e%2e/",
        b"/static/%2e%2e/home.html",
        b"/static/..%2f..%2fpyproject.toml",
        b"/static/",
    ),
    *(
        b"http://evil.example/getPosts",
        b"http://127.0.0.1/livez",
        b"127.0.0.1:80",
        b"?",
        b"#",
        b"/\x00",
        b"/\xff\xc3\xa9",
        b"/a b",
    ),
    *(
        b"/getPosts?limit=-1",
        b"/getPosts?limit=1&limit=2",
        b"/getPosts?cursor=%00",
        b"/getPosts?limit=99999999999999999999",
        b"/x" * 9000,
    ),
    *(
        b"/getPosts?cursor=" + b"A" * 32,
        b"/getPosts?limit=1&cursor=%ff%fe",
        b"/getPosts?" + b"a=b&" * 3000,
        b"/deletePost?postID=%00",
    ),
)
BITS: Final = (
    b"%00",
    b"%",
    b"%2",
    b"%2f",
    b"%5c",
    b"%c0%af",
    b"%ff",
    b"%25",
    b"/",
    b"//",
    b"/./",
    b"/../",
    b";a",
    b"?",
    b"#",
    b"\\",
    b"\x7f",
    b"&",
    b"=",
)
VALUES: Final = (
    *(
        b"",
        b" ",
        b"\t",
        b"\x00",
        b"a\x00b",
        b"\x7f",
        b"\xff\xfe",
        "é".encode(),
        b"a\rb",
        b"a\nb: c",
        b"a\r\n b",
        b"x" * 9000,
        b"x" * 70_000,
    ),
    *(
        b"0",
        b"-1",
        b"+1",
        b"1_0",
        b"0x1",
        b"1" * 30,
        b"1, 2",
        b"*",
        b'"',
        b"'",
        b'W/"a"',
        b"bytes=0-0",
        b"chunked",
        b"gzip",
        b"100-continue",
    ),
)
EXTRAS: Final = (
    *(
        (b"Content-Length", b"0"),
        (b"Content-Length", b"5"),
        (b"Content-Length", b"99999999999999999999"),
        (b"content-length", b"-5"),
    ),
    *(
        (b"Transfer-Encoding", b"chunked"),
        (b"Transfer-Encoding", b"gzip, chunked"),
        (b"Transfer-Encoding", b"xchunked"),
    ),
    *(
        (b"Expect", b"100-continue"),
        (b"Expect", b"200-ok"),
        (b"Upgrade", b"websocket"),
        (b"Upgrade", b"h2c"),
        (b"Connection", b"upgrade"),
    ),
    *(
        (b"Connection", b"close"),
        (b"Connection", b"keep-alive, x"),
        (b"Host", b"evil.example"),
        (b"Host", b""),
        (b"Host", b"a b"),
    ),
    *(
        (b"X-Forwarded-For", b"1.2.3.4, \xff"),
        (b"X-Forwarded-Proto", b"https"),
        (b"Forwarded", b"for=[::1]"),
        (b"X-Request-ID", b"a\x1b[31m"),
    ),
    *(
        (b"If-None-Match", b"*"),
        (b"If-None-Match", b'"a", W/"b", c'),
        (b"Accept-Encoding", b"gzip;q=0, *;q=nan"),
        (b"Range", b"bytes=9-1"),
    ),
    *(
        (b"Cookie", b"a=b; " * 900),
        (b"Content-Encoding", b"gzip"),
        (b"X-HTTP-Method-Override", b"DELETE"),
        (b"Accept", b"\x00"),
    ),
    *(
        (b"Authorization", b"Bearer"),
        (b"Authorization", b"Basic YTpi"),
        (b"Authorization", b"Bearer a.b.c"),
        (b"Authorization", b"Bearer \xff"),
    ),
    *(
        (b"Content-Type", b"text/plain"),
        (b"Content-Type", b"application/json; charset=\xff"),
        (b"Content-Type", b"multipart/form-data; boundary=a"),
    ),
    *(
        (b"Sec-WebSocket-Key", b"x"),
        (b"HTTP2-Settings", b"AAA"),
        (b"Te", b"trailers"),
        (b"Trailer", b"Host"),
        (b"Origin", b"null"),
    ),
)
NAMES: Final = (
    b"",
    b" ",
    b"A B",
    b"A\x00",
    b"\xff",
    b":",
    b"A:",
    b"(a)",
    b"x" * 40_000,
    b"Host ",
    b"\tHost",
    b"content-length\x0b",
)


def mutate_line(rng: random.Random, given: Request) -> Request:
    """Change the method, the target or the version."""
    method, target, version = given.line
    match rng.randrange(6):
        case 0:
            method = rng.choice(METHODS)
        case 1:
            version = rng.choice(VERSIONS)
        case 2:
            target = rng.choice(TARGETS)
        case 3:
            target = target + rng.choice(
                (b"/", b"?", b"?a", b"#x", b"%20", b"&limit=1", b"?limit=1", b"?access_token=x", b"?postID=x&postID=y")
            )
        case 4:
            at = rng.randrange(len(target)) if target else 0
            target = target[:at] + b"%%%02x" % target[at] + target[at + 1 :] if target else b"%"
        case _:
            at = rng.randrange(len(target) + 1)
            target = target[:at] + rng.choice(BITS) + target[at + rng.randrange(2) :]
    return replace(given, line=(method, target, version))


def mutate_headers(rng: random.Random, given: Request) -> Request:
    """Change, add, repeat, move or leave out a header."""
    headers = list(given.headers)
    at = rng.randrange(len(headers)) if headers else 0
    name, value = headers[at] if headers else (b"Host", b"x")
    match rng.randrange(8):
        case 0:
            del headers[at : at + 1]
        case 1:
            headers.insert(rng.randrange(len(headers) + 1), (name, rng.choice((value, *VALUES))))
        case 2:
            headers[at : at + 1] = [(rng.choice((name.upper(), name.lower(), *NAMES)), value)]
        case 3:
            headers[at : at + 1] = [(name, rng.choice(VALUES))]
        case 4:
            cut = rng.randrange(len(value) + 1)
            headers[at : at + 1] = [(name, value[:cut] + rng.choice(VALUES) + value[cut + rng.randrange(2) :])]
        case 5:
            headers += [(b"X-%d" % number, b"y") for number in range(rng.choice((30, 120, 2000)))]
        case _:
            headers.insert(rng.randrange(len(headers) + 1), rng.choice(EXTRAS))
    return replace(given, headers=tuple(headers))
