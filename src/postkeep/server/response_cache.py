"""The response cache: lists of posts, and their summary, from memory, never older than the request.

docs/architecture.md says why.
"""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from postkeep.server.head import as_get, without_bodies
from postkeep.server.loads import ListKey, Load, Loads, Recorder, Target
from postkeep.server.memory import ENTRY_BYTES, Memory
from postkeep.server.representations import Coding, Header, Loaded, Representation, coding_for
from postkeep.server.whole_answer import Prepared, answer
from postkeep.services.repositories import Stamp
from postkeep.services.sessions import Caller
from postkeep.views.bodies import IS_HEAD
from postkeep.views.entity_tags import has_tag

_METHODS: Final = frozenset({"GET", "HEAD"})
_FIELDS: Final = (b"authorization", b"accept-encoding", b"if-none-match")

_TURNS: Final = 2
"""How many loads of others a request waits for, should they fail, before it asks by itself."""

_HIT: Final = (b"cache-status", b"postkeep; hit")
_STORED: Final = (b"cache-status", b"postkeep; fwd=miss; stored")
_COLLAPSED: Final = (b"cache-status", b"postkeep; fwd=miss; collapsed")
_TOO_LONG: Final = (b"cache-status", b"postkeep; fwd=miss")
_SWITCHED_OFF: Final = (b"cache-status", b"postkeep; fwd=bypass")


@dataclass(slots=True)
class _Kept:
    """A list that is remembered.

    Attributes:
        posts_version: Of the stamp that was read before the list was.
        trusted_until: When it counts for nothing any more, by the monotonic clock.
        target: What it was asked for with. Its query is as long as a client likes, and is kept as a part of the key.
        representation: What is sent.
        whole: The head of an answer with it.
        unmodified: The head of an answer to who has it.
        size: In bytes, all in all.
    """

    posts_version: int
    trusted_until: float
    target: Target
    representation: Representation
    whole: Prepared = field(init=False)
    unmodified: Prepared = field(init=False)
    size: int = field(init=False)

    def __post_init__(self) -> None:
        """Make all that an answer needs."""
        self.whole = Prepared(HTTPStatus.OK, [*self.representation.headers, _HIT])
        self.unmodified = Prepared(HTTPStatus.NOT_MODIFIED, [*self.representation.unmodified, _HIT])
        query_bytes = len(self.target[1]) if isinstance(self.target, tuple) else 0
        self.size = ENTRY_BYTES + query_bytes + self.representation.size + self.whole.size + self.unmodified.size


@dataclass(slots=True)
class _Request:
    """A request for a list that is not remembered.

    Attributes:
        scope: As the application sees it: a GET.
        receive: The client's.
        send: To the client; without bodies for a HEAD.
        caller: Who asks.
        target: What for.
        coding: How the body is to travel.
        if_none_match: What the client has.
    """

    scope: Scope
    receive: Receive
    send: Send
    caller: Caller
    target: Target
    coding: Coding
    if_none_match: bytes | None

    @property
    def list_key(self) -> ListKey:
        """Names the list."""
        return self.caller.account_id.int, self.target

    @property
    def key(self) -> Hashable:
        """Names the list in this coding."""
        return self.caller.account_id.int, self.target, self.coding


class ResponseCache:
    """Answers getPosts and getSummary from memory for as long as the account's stamp says that nothing has changed.

    Everything else passes through untouched, and so does every answer that is not a 200.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        paths: Mapping[str, str],
        memory: Memory,
        ttl: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Stand in front of an application whose lifespan's state has `callers`.

        Args:
            app: The application.
            paths: Where answers depend on the caller's posts only, and what is answered there to a request without a
                query: "" is the whole list, which is the same at all its names.
            memory: Where lists are remembered.
            ttl: For how many seconds at most; 0 for not at all.
            monotonic: Seconds by a clock that nobody sets.
        """
        self._app = app
        self._paths = dict(paths)
        self._memory = memory
        self._by_use = memory.by_use
        self._ttl = ttl
        self._monotonic = monotonic
        # Twice the overhead leaves room for headers, and for a body that grows when it is compressed.
        self._limit = memory.largest - 2 * ENTRY_BYTES
        self._loads = Loads()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request. All that a hit costs stands here, so nothing in it is made twice, or for nothing."""
        if scope["type"] != "http" or scope["path"] not in self._paths or scope["method"] not in _METHODS:
            await self._app(scope, receive, send)
            return
        headers = scope["headers"]
        fields = dict(headers)
        # Whoever sends a body may be answered with the end of the connection, which is nobody else's affair.
        if b"authorization" not in fields or b"content-length" in fields or b"transfer-encoding" in fields:
            await self._app(scope, receive, send)
            return
        if len(fields) < len(headers):
            fields = _joined(headers)
        state = scope["state"]
        # No operation gets to see a hit; these paths are their own patterns.
        state["route"] = scope["path"]
        try:
            caller = state["caller"] = await state["callers"].identify(fields[b"authorization"])
        except Exception as error:  # noqa: BLE001 - whatever it is, the application raises it where it is answered
            state["caller"] = error
            await self._app(scope, receive, send)
            return
        query = scope["query_string"]
        target: Target = (scope["path"], query) if query else self._paths[scope["path"]]
        coding = coding_for(fields[b"accept-encoding"]) if b"accept-encoding" in fields else "identity"
        if_none_match = fields.get(b"if-none-match")
        if scope["method"] == "HEAD":
            scope, send = as_get(scope), without_bodies(send)
        kept = self._find((caller.account_id.int, target, coding), caller.stamp)
        if kept is None:
            await self._load(_Request(scope, receive, send, caller, target, coding, if_none_match))
            return
        self._memory.counts.hits += 1
        state["cache"] = "hit"
        if if_none_match is not None and has_tag(if_none_match, kept.representation.etag):
            await answer(scope, send, kept.unmodified, b"")
        else:
            await answer(scope, send, kept.whole, kept.representation.body)

    def _find(self, key: Hashable, stamp: Stamp) -> _Kept | None:
        """Return the list that is remembered under a key, if it is what the account's posts are now."""
        kept = self._by_use.get(key)
        if not isinstance(kept, _Kept) or kept.posts_version != stamp.posts_version:
            return None
        self._by_use.move_to_end(key)
        return kept if self._monotonic() < kept.trusted_until else None

    async def _load(self, request: _Request) -> None:
        """Answer with what the application says, or with what it is saying to somebody else."""
        stamp, key = request.caller.stamp, request.list_key
        is_too_long = not request.target and stamp.list_bytes > self._limit
        load = Load(stamp.posts_version, self._monotonic(), is_too_long)
        for _ in range(_TURNS if self._ttl and not is_too_long else 0):
            other = self._loads.join(key, load)
            if other is load:
                break
            await other.ended.wait()
            if other.loaded is not None:
                self._memory.counts.collapsed += 1
                request.scope["state"]["cache"] = "collapsed"
                await self._answer_loaded(request, other.loaded, other.begun, _COLLAPSED)
                return
            load.is_too_long = other.is_too_long
            if load.is_too_long:
                break
        await self._lead(request, load)

    async def _lead(self, request: _Request, load: Load) -> None:
        """Ask the application. Its answer goes to memory first, so that nobody waits for this client."""
        self._memory.counts.misses += 1
        request.scope["state"]["cache"] = "miss" if self._ttl else "bypass"
        end = partial(self._loads.end, request.list_key, load)
        not_kept = _TOO_LONG if self._ttl else _SWITCHED_OFF
        try:
            is_head = IS_HEAD in request.scope
            recorder = Recorder(request.send, load, limit=self._limit, cache_status=not_kept, end=end, is_head=is_head)
            await self._app(request.scope, request.receive, recorder)
        finally:
            end()
        if load.loaded is not None:
            status = _STORED if self._ttl else _SWITCHED_OFF
            await self._answer_loaded(request, load.loaded, load.begun, status)

    async def _answer_loaded(self, request: _Request, loaded: Loaded, begun: float, status: Header) -> None:
        """Send a list that came just now, and remember it in this coding."""
        made = await loaded.representation(request.coding)
        posts_version = request.caller.stamp.posts_version
        if self._ttl and self._find(request.key, request.caller.stamp) is None:
            self._memory[request.key] = _Kept(posts_version, begun + self._ttl, request.target, made)
            self._memory.counts.stores += 1
        await _answer(request.send, made, [*made.headers, status], [*made.unmodified, status], request.if_none_match)


async def _answer(
    send: Send,
    made: Representation,
    headers: Sequence[Header],
    unmodified: Sequence[Header],
    if_none_match: bytes | None,
) -> None:
    """Send a list, or that the client has it."""
    if if_none_match is not None and has_tag(if_none_match, made.etag):
        await send({"type": "http.response.start", "status": 304, "headers": unmodified})
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": made.body})


def _joined(headers: Sequence[Header]) -> dict[bytes, bytes]:
    """Return the headers that matter by name; several of one are the one list that they are. Source: RFC 9110 5.3."""
    joined = {name: b", ".join(value for other, value in headers if other == name) for name in _FIELDS}
    return {name: value for name, value in joined.items() if value}
