"""Mutations of what goes over the wire: line ends, lengths, chunks, single bytes, segments."""

import random
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from tests.e2e.probes.corpus import Request

_CHUNK_SIZES: Final = (
    b"0",
    b"-1",
    b"+5",
    b"0x5",
    b"g",
    b"",
    b" 5",
    b"5 ",
    b"fffffffffffffffff",
    b"7fffffffffffffff",
    b"5;a=b",
    b'5;a="\x00"',
    b"00000000005",
)
_ENDS: Final = (b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n\r\n", b"", b" \r\n", b"\r\n ", b"\x00\r\n", b"\x0b", b"\x85")
_JUNK: Final = (
    b"\x00",
    b"\r\n",
    b"\n",
    b" ",
    b":",
    b"\xff",
    b"%",
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)

Ending = Literal["half-close", "reset"]


@dataclass(frozen=True)
class Sent:
    """What is sent on one connection.

    Attributes:
        segments: Piece by piece.
        ending: Whether the client then says that nothing more comes, or is gone.
    """

    segments: tuple[bytes, ...]
    ending: Ending

    @property
    def wire(self) -> bytes:
        """All of it."""
        return b"".join(self.segments)


def chunked(rng: random.Random, given: Request) -> bytes:
    """Send a body in chunks, well formed or not."""
    headers = b"".join(
        name + b": " + value + b"\r\n" for name, value in given.headers if name.lower() != b"content-length"
    )
    head = b" ".join(given.line) + b"\r\n" + headers + b"Transfer-Encoding: chunked\r\n\r\n"
    chunks: list[bytes] = []
    body = given.body
    while body:
        size = rng.choice((1, 7, 100, 5000)) if len(body) < 20_000 else 20_000
        part, body = body[:size], body[size:]
        chunks.append(b"%x\r\n%b\r\n" % (len(part), part))
    chunks.append(b"0\r\n\r\n")
    if rng.random() < 0.6:
        at = rng.randrange(len(chunks))
        size_line, _, rest = chunks[at].partition(b"\r\n")
        chunks[at] = rng.choice(
            (
                rng.choice(_CHUNK_SIZES) + b"\r\n" + rest,
                size_line + rng.choice(_ENDS) + rest,
                size_line + b"\r\n" + rest[:-2] + rng.choice(_ENDS),
                b"0\r\nX-Trailer: a\r\nAuthorization: Bearer x\r\nContent-Length: 5\r\n\r\n",
                b"",
            )
        )
    return head + b"".join(chunks)


def mutate_wire(rng: random.Random, wire: bytes) -> bytes:
    """Change bytes of a request without regard to what they mean."""
    at = rng.randrange(len(wire) + 1)
    before, behind = wire[:at], wire[at:]
    change = rng.choice(("end", "insert", "delete", "byte", "repeat", "length", "line"))
    if change == "length":
        return _wrong_length(rng, wire)
    if change == "line":
        before, _, behind = wire.partition(rng.choice(wire.split(b"\r\n")) + b"\r\n")
        return before + rng.choice(_ENDS) + behind
    piece = behind[: rng.randrange(1, 200)]
    changed = {
        "end": b"",
        "insert": rng.choice(_JUNK) + behind,
        "delete": behind[rng.randrange(1, 20) :],
        "byte": bytes([rng.randrange(256)]) + behind[1:],
        "repeat": piece * rng.choice((2, 3, 50)) + behind[len(piece) :],
    }
    return before + changed[change]


def _wrong_length(rng: random.Random, wire: bytes) -> bytes:
    """Say another length than there is."""
    before, name, rest = wire.partition(b"Content-Length: ")
    digits, _, behind = rest.partition(b"\r\n")
    if not name or not digits.isdigit():
        return wire + b"surplus"
    said = rng.choice((int(digits) - 1, int(digits) + 1, 0, int(digits) * 2, 2**31, 2**63, 2**64 + 1, 2_000_000))
    return before + name + b"%d\r\n" % said + behind


def segmented(rng: random.Random, wire: bytes) -> tuple[bytes, ...]:
    """Cut into segments: mostly one, sometimes some, seldom single bytes."""
    kind = rng.random()
    if kind < 0.7 or not wire:
        return (wire,)
    if kind < 0.95 or len(wire) > 600:
        cuts = sorted(rng.randrange(len(wire) + 1) for _ in range(rng.randrange(1, 5)))
        edges = [0, *cuts, len(wire)]
        return tuple(wire[start:stop] for start, stop in pairwise(edges) if start < stop)
    return tuple(wire[at : at + 1] for at in range(len(wire)))
