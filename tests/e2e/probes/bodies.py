"""Mutations of bodies: JSON, forms, and the encodings of both."""

import json
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qsl, quote_plus

from tests.e2e.probes.corpus import Request

DEEP: Final = 40_000

# As they stand in a JSON text; json.dumps could not write most of them.
VALUES: Final = (
    *(
        "null",
        "true",
        "0",
        "-0",
        "1",
        "-1",
        "1.0",
        "1e0",
        "1E400",
        "-1e999",
        "1e-999",
        "9" * 101,
        "9" * 5000,
        "0x10",
        "01",
    ),
    *(
        "NaN",
        "Infinity",
        "-Infinity",
        "undefined",
        "'a'",
        "",
        "[]",
        "{}",
        "[[[]]]",
        '[""]',
        '{"":""}',
        '{"a":{"a":1,"a":2}}',
    ),
    *(
        r'"\u0000"',
        r'"a\u0000b"',
        '"\x00"',
        r'"\ud800"',
        r'"\udc00\ud800"',
        r'"\ud83e\udd86"',
        r'"\uFFFF"',
        '"\U0010ffff"',
    ),
    *(
        '"\u202e\u2066"',
        '"\ufeff"',
        '"e\u0301"',
        '"\x1f"',
        '"\n"',
        '"\\',
        r'"\x41"',
        r'"\u12"',
        '"unclosed',
        '" \t\u00a0\u3000"',
    ),
    *(
        "[" * DEEP,
        "[" * DEEP + "]" * DEEP,
        '{"a":' * 500,
        '{"a":' * 33 + "1" + "}" * 33,
        f'"{"a" * 70_000}"',
        f'"{"é" * 20_000}"',
    ),
    *(
        '"a@b.c"',
        '"ann@bücher.example"',
        '"\u0131@x.com"',
        '"a@[127.0.0.1]"',
        '"@"',
        f'"{"a" * 65}@x.com"',
        '"a@x.com\\r\\nBcc: b"',
    ),
    *(
        '"5 or 1=1"',
        '"\' OR 1 --"',
        '"draft\\u0000"',
        '"DRAFT"',
        '"{{7*7}}"',
        '"%s%n"',
        '"../../etc/passwd"',
        '"\ud7ff\ue000"',
    ),
)

NAMES: Final = (
    "text",
    "title",
    "status",
    "email",
    "password",
    "id",
    "user_id",
    "account_id",
    "is_admin",
    "",
    "\x00",
    "__proto__",
)


def mutate_body(rng: random.Random, given: Request) -> Request:
    """Change a body, or give one to a request that has none."""
    if not given.body:
        return given.with_body(rng.choice((b"{}", b"\x00", b'{"text":"x"}', b"a=b", b"x" * 20_000)))
    is_form = given.body[:1] != b"{"
    change = rng.choice(_OF_FORMS if is_form else _OF_JSON)
    return given.with_body(change(rng, given.body))


def _member(rng: random.Random, body: bytes) -> bytes:
    """Give one member another value."""
    members = _members(body)
    members[rng.randrange(len(members))][1] = rng.choice(VALUES)
    return _written(members)


def _drop(rng: random.Random, body: bytes) -> bytes:
    """Leave a member out."""
    members = _members(body)
    del members[rng.randrange(len(members))]
    return _written(members)


def _twice(rng: random.Random, body: bytes) -> bytes:
    """Name a member twice, the second time as something else perhaps."""
    members = _members(body)
    name, value = rng.choice(members)
    members.insert(rng.randrange(len(members) + 1), [name, rng.choice((value, *VALUES))])
    return _written(members)


def _strange(rng: random.Random, body: bytes) -> bytes:
    """Add a member that nobody knows."""
    members = _members(body)
    members.insert(rng.randrange(len(members) + 1), [json.dumps(rng.choice(NAMES)), rng.choice(VALUES)])
    return _written(members)


def _escaped(rng: random.Random, body: bytes) -> bytes:
    """Write some characters of the text as escapes, which means the same."""
    return b"".join(b"\\u%04x" % byte if 96 < byte < 123 and rng.random() < 0.1 else bytes([byte]) for byte in body)


def _wrapped(rng: random.Random, body: bytes) -> bytes:
    """Put something around, before or behind the whole."""
    before, behind = rng.choice(
        (
            (b"[", b"]"),
            (b'{"a":', b"}"),
            (b"", b"}"),
            (b"", b"{}"),
            (b"//\n", b""),
            (b" " * 9000, b""),
            (b"", b"\x00"),
            (b")]}'\n", b""),
        )
    )
    return before + body + behind


def _encoded(rng: random.Random, body: bytes) -> bytes:
    """Encode it otherwise."""
    text = body.decode("utf-8", "replace")
    encoding = rng.choice(("utf-16", "utf-16-le", "utf-32-be", "utf-8-sig", "utf-7", "latin-1", "cp1251", "cp037"))
    return text.encode(encoding, "replace")


def _bytes(rng: random.Random, body: bytes) -> bytes:
    """Put bytes in that are no UTF-8, or take some out."""
    at = rng.randrange(len(body) + 1)
    junk = rng.choice(
        (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x00", b"\xe2\x82", b"\x80", b"\r\n\r\n")
    )
    return body[:at] + junk + body[at + rng.randrange(3) :]


def _long(rng: random.Random, body: bytes) -> bytes:
    """Make it as long as may be, or longer."""
    size = rng.choice((16_384, 16_385, 65_536, 1_048_576, 1_048_577, 1_200_000)) if rng.random() < 0.2 else 17_000
    return body[:-1] + b" " * max(0, size - len(body)) + body[-1:]


def _field(rng: random.Random, body: bytes) -> bytes:
    """Change a field of a form."""
    fields = parse_qsl(body.decode("latin-1"), keep_blank_values=True) or [("a", "b")]
    name, value = rng.choice(fields)
    wrong = rng.choice(
        (value, "", "%", "%zz", "%00", "%ff", "%c0%80", "a" * 5000, "+", "é", "refresh_token", "client_credentials")
    )
    changed = rng.choice(
        (f"{name}={wrong}", f"{name}", f"{name}[]={wrong}", f"{wrong}={name}", f"{name}={wrong}&{name}={wrong}", ";")
    )
    rest = [f"{each}={quote_plus(kept)}" for each, kept in fields if each != name or rng.random() < 0.1]
    rest.insert(rng.randrange(len(rest) + 1), changed)
    return rng.choice(("&", "&", "&&", ";")).join(rest).encode("utf-8", "replace")


def _many(rng: random.Random, body: bytes) -> bytes:
    """Add fields, many of them."""
    return body + b"".join(b"&a%d=b" % number for number in range(rng.choice((19, 20, 21, 1500))))


_Change = Callable[[random.Random, bytes], bytes]
_ANY: Final[tuple[_Change, ...]] = (_encoded, _bytes, _long, _wrapped)
_OF_JSON: Final[tuple[_Change, ...]] = (*_ANY, _member, _member, _member, _drop, _twice, _strange, _escaped)
_OF_FORMS: Final[tuple[_Change, ...]] = (*_ANY, _field, _field, _field, _many)


def _members(body: bytes) -> list[list[str]]:
    """Return the members of a JSON object, names and values as they are written; of what is none, one member."""
    pairs: dict[str, Any] = {"text": "x"}  # Any: JSON is anything
    with suppress(ValueError, RecursionError, TypeError):
        pairs = dict(json.loads(body)) or pairs
    return [[json.dumps(name), json.dumps(given)] for name, given in pairs.items()]


def _written(members: list[list[str]]) -> bytes:
    """Write an object."""
    return ("{" + ",".join(f"{name}:{value}" for name, value in members) + "}").encode("utf-8", "surrogatepass")
