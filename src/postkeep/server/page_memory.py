"""The pages at the door: compressed, and the posts from memory for as long as nothing has changed."""

import asyncio
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from postkeep.server.memory import ENTRY_BYTES, Memory
from postkeep.server.representations import COMPRESSED_FROM, Header, coding_for, compress
from postkeep.services.sessions import Caller
from postkeep.views.cookies import read_cookie, session_cookie_name
from postkeep.views.pages import Pages

POSTS: Final = "/"
"""Where somebody's posts are shown."""

_COMPRESSED: Final = (
    b"text/html",
    b"text/css",
    b"text/javascript",
    b"image/svg+xml",
    b"application/manifest+json",
)
_HEAVY_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Kept:
    """A page that is remembered.

    Attributes:
        posts_version: Of the stamp that was read before the page was made.
        trusted_until: When it counts for nothing any more, by the monotonic clock.
        headers: As it was sent.
        body: As it was sent.
        size: In bytes, all in all.
    """

    posts_version: int
    trusted_until: float
    headers: list[Header]
    body: bytes
    size: int


class PageMemory:
    """Compresses what the pages are made of, and answers with somebody's posts from memory.

    As in `ResponseCache`, what is remembered counts as long as the account's stamp stands, which is read first. There
    are no entity tags: no browser may keep a page, so none has anything to compare.
    """

    def __init__(
        self, app: ASGIApp, *, memory: Memory, ttl: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Stand in front of an application whose lifespan's state has `callers` and `pages`.

        Args:
            app: The application.
            memory: Where pages are remembered.
            ttl: For how many seconds at most; 0 for not at all.
            monotonic: Seconds by a clock that nobody sets.
        """
        self._app = app
        self._memory = memory
        self._ttl = ttl
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visitor = await self._find_visitor(scope) if scope["path"] == POSTS and scope["method"] == "GET" else None
        if visitor is None:
            await self._app(scope, receive, _Answer(scope, send))
            return
        scope["state"]["visitor"] = visitor
        key = _key(scope, visitor)
        kept = self._memory.by_use.get(key)
        if isinstance(kept, _Kept) and self._is_good(kept, visitor):
            self._memory.by_use.move_to_end(key)
            self._memory.counts.hits += 1
            scope["state"]["cache"] = "hit"
            await _send(send, HTTPStatus.OK, kept.headers, kept.body)
            return
        self._memory.counts.misses += 1
        scope["state"]["cache"] = "miss" if self._ttl else "bypass"
        begun = self._monotonic()
        answer = _Answer(scope, send)
        await self._app(scope, receive, answer)
        if self._ttl and answer.sent is not None:
            headers, body = answer.sent
            size = ENTRY_BYTES + len(scope["query_string"]) + len(body) + sum(map(len, sum(headers, ())))
            if size <= self._memory.largest:
                posts_version = visitor.stamp.posts_version
                self._memory[key] = _Kept(posts_version, begun + self._ttl, headers, body, size)
                self._memory.counts.stores += 1

    async def _find_visitor(self, scope: Scope) -> Caller | None:
        """Return who asks for posts, if that is known here."""
        try:
            cookie = read_cookie(scope, session_cookie_name(scope))
            return await scope["state"]["callers"].identify(cookie) if cookie else None
        except Exception:  # noqa: BLE001 - whatever it is, the application meets it too, where it is answered
            return None

    def _is_good(self, kept: _Kept, visitor: Caller) -> bool:
        """Whether a page that is remembered shows the posts as they are now."""
        return kept.posts_version == visitor.stamp.posts_version and self._monotonic() < kept.trusted_until


class _Answer:
    """Sends an answer on, compressed where that is worth it.

    Attributes:
        sent: Headers and body of a page that may be remembered, once it was sent.
    """

    def __init__(self, scope: Scope, send: Send) -> None:
        """Stand between the application and a client."""
        self.sent: tuple[list[Header], bytes] | None = None
        self._scope = scope
        self._send = send
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        """Take a message of the application; of one that is whole the head waits for the body."""
        if message["type"] == "http.response.start":
            if self._is_ours(message):
                self._start = message
            else:
                await self._send(message)
        elif self._start is None:
            await self._send(message)
        else:
            start, self._start = self._start, None
            await self._send_whole(start, message)

    def _is_ours(self, start: Message) -> bool:
        """Whether this is how a page begins, or what it is drawn with."""
        kind: bytes = dict(start["headers"]).get(b"content-type", b"")
        return kind.startswith(_COMPRESSED)

    async def _send_whole(self, start: Message, message: Message) -> None:
        """Send an answer, if it comes in one piece; otherwise as it comes."""
        if message.get("more_body", False):
            await self._send(start)
            await self._send(message)
            return
        headers, body = await self._packed(start["headers"], message.get("body", b""))
        await _send(self._send, start["status"], headers, body)
        names = {name for name, _ in headers}
        if start["status"] == HTTPStatus.OK and b"set-cookie" not in names:
            self.sent = headers, body

    async def _packed(self, headers: list[Header], body: bytes) -> tuple[list[Header], bytes]:
        """Compress a body for who takes it so."""
        accepted = dict(self._scope["headers"]).get(b"accept-encoding")
        if len(body) < COMPRESSED_FROM or coding_for(accepted) != "gzip":
            return headers, body
        packed = await asyncio.to_thread(compress, body) if len(body) > _HEAVY_BYTES else compress(body)
        said = [header for header in headers if header[0] not in {b"content-length", b"etag"}]
        return [*said, (b"content-encoding", b"gzip"), (b"content-length", b"%d" % len(packed))], packed


def _key(scope: Scope, visitor: Caller) -> Hashable:
    """Name what a visitor sees: the page of the list, in which language, and how it travels."""
    pages: Pages = scope["state"]["pages"]
    coding = coding_for(dict(scope["headers"]).get(b"accept-encoding"))
    return "page", visitor.account_id.int, scope["query_string"], pages.language(scope), coding


async def _send(send: Send, status: int, headers: list[Header], body: bytes) -> None:
    """Send an answer in one piece."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
