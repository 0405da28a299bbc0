"""One list in the forms that clients take it in: plain or compressed, each with an entity tag; whole, or unmodified."""

import asyncio
import hashlib
import re
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal, TypeAlias

Header: TypeAlias = tuple[bytes, bytes]

Coding: TypeAlias = Literal["identity", "gzip"]
"""How a body travels."""

VARY: Final = (b"vary", b"Authorization, Accept-Encoding")
"""What else than its address an answer depends on."""

COMPRESSED_FROM: Final = 1024
"""A body of fewer bytes is not worth compressing: it travels in one packet anyway."""

_HEAVY_BYTES: Final = 64 * 1024
"""Larger bodies are hashed and compressed in another thread, so that nobody waits."""

_LEVEL: Final = 6
_GZIP: Final = 16 + zlib.MAX_WBITS

_MADE_ANEW: Final = frozenset({b"content-length", b"content-encoding", b"etag", b"vary", b"connection"})
_OF_CONTENT: Final = frozenset({b"content-length", b"content-encoding", b"content-type"})
"""What a 304 does not say, because it has no content. Source: RFC 9110 15.4.5."""

_CODING: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9a-z-]+)(?:[ \t]*;[ \t]*q=([01](?:\.[0-9]{0,3})?))?")
_REMEMBERED_LENGTH: Final = 100
_READ_LENGTH: Final = 500
"""No client names more codings than fit into this; reading a header's worth of them costs twenty times a hit."""


class Representation:
    """One form of a list, ready to be sent.

    Attributes:
        etag: Names these bytes; strong.
        body: These bytes.
        headers: Of an answer with the body.
        unmodified: Of an answer without, for who has it.
        size: In bytes, all in all.
    """

    __slots__ = ("body", "etag", "headers", "size", "unmodified")

    def __init__(self, headers: Sequence[Header], body: bytes, coding: Coding, vary: Header = VARY) -> None:
        """Make it.

        Args:
            headers: As the application set them.
            body: As it travels.
            coding: How it was made.
            vary: What else than its address it depends on.
        """
        self.body = body
        self.etag = b'"' + hashlib.blake2b(body, digest_size=16).hexdigest().encode() + b'"'
        self.headers = [header for header in headers if header[0] not in _MADE_ANEW]
        if coding == "gzip":
            self.headers.append((b"content-encoding", b"gzip"))
        self.headers += [(b"content-length", b"%d" % len(body)), (b"etag", self.etag), vary]
        self.unmodified = [header for header in self.headers if header[0] not in _OF_CONTENT]
        self.size = len(body) + sum(len(name) + len(value) for name, value in self.headers)


class Loaded:
    """A list as the application answered it; its forms are made when they are asked for, each once."""

    def __init__(self, headers: Sequence[Header], body: bytes, vary: Header = VARY) -> None:
        """Take an answer: its headers, its body as it is, and what else than its address it depends on."""
        self._vary = vary
        self._headers = headers
        self._body = body
        self._made: dict[Coding, Representation] = {}
        self._making = asyncio.Lock()

    async def representation(self, coding: Coding) -> Representation:
        """Return one form."""
        async with self._making:
            if coding not in self._made:
                heavy = len(self._body) > _HEAVY_BYTES
                self._made[coding] = await asyncio.to_thread(self._make, coding) if heavy else self._make(coding)
        return self._made[coding]

    def _make(self, coding: Coding) -> Representation:
        """Make one form of the list; a short one is never compressed."""
        if coding == "identity" or len(self._body) < COMPRESSED_FROM:
            return Representation(self._headers, self._body, "identity", self._vary)
        return Representation(self._headers, compress(self._body), "gzip", self._vary)


def compress(body: bytes) -> bytes:
    """Return a body as it travels in gzip."""
    # Without a file's name and time, the same body makes the same bytes on every worker.
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return packer.compress(body) + packer.flush()


def coding_for(accept_encoding: bytes | None) -> Coding:
    """Choose how a body travels to a client that sent this Accept-Encoding header.

    Source: RFC 9110 12.5.3.
    """
    if accept_encoding is None:
        return "identity"
    if len(accept_encoding) > _READ_LENGTH:
        return "identity"
    # Clients of one kind send one value, so most are read once.
    return _remembered(accept_encoding) if len(accept_encoding) <= _REMEMBERED_LENGTH else _read(accept_encoding)


def _read(accept_encoding: bytes) -> Coding:
    """Choose what a client prefers of the two codings that there are. Source: RFC 9110 12.5.3."""
    weights: dict[bytes, float] = {}
    for part in accept_encoding.lower().split(b","):
        found = _CODING.fullmatch(part.strip(b" \t"))
        if found is not None:
            weights[found[1]] = float(found[2] or 1)
    anything = weights.get(b"*", 0.0)
    gzip = weights.get(b"gzip", weights.get(b"x-gzip", anything))
    identity = weights.get(b"identity", weights.get(b"*", 0.0))
    return "gzip" if gzip > 0 and gzip >= identity else "identity"


_remembered: Final = lru_cache(64)(_read)
