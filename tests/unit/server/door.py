"""The response cache between clients and an application, both of which do as they are told."""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from postkeep.domain.accounts import Account, AccountId
from postkeep.domain.errors import PostkeepError
from postkeep.domain.posts import Post, Status, Text
from postkeep.domain.sessions import Origin, Session
from postkeep.server.callers import Callers
from postkeep.server.memory import Memory
from postkeep.server.response_cache import ResponseCache
from postkeep.services.attempt_rules import AttemptLimits
from postkeep.services.attempts import AttemptService
from postkeep.services.ports import Freshness, Storage
from postkeep.services.posts import Page, PostService
from postkeep.services.sessions import Caller, SessionLimits, SessionService
from postkeep.services.visits import VisitService
from tests.builders import a_session, an_account
from tests.fakes import World, a_world

NAMES = ("/getPosts", "/api/v1/posts")
MIB = 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """What a client got."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def texts(self) -> list[str]:
        """The posts' texts, newest first."""
        is_packed = self.headers.get("content-encoding") == "gzip"
        texts: list[str] = json.loads(gzip.decompress(self.body) if is_packed else self.body)
        return texts

    @property
    def cache_status(self) -> str:
        """What the cache says of itself."""
        return self.headers["cache-status"]


class Client:
    """Takes an answer.

    Attributes:
        messages: What came so far.
        reads: Cleared while the client reads nothing.
    """

    def __init__(self) -> None:
        """Begin to read."""
        self.messages: list[Message] = []
        self.reads = asyncio.Event()
        self.reads.set()

    async def send(self, message: Message) -> None:
        """Take a message, when the client reads."""
        await self.reads.wait()
        self.messages.append(message)

    @property
    def answer(self) -> Answer:
        """The whole answer."""
        start, *bodies = self.messages
        assert start["type"] == "http.response.start"
        assert not bodies[-1].get("more_body", False)
        assert len({name for name, _ in start["headers"]}) == len(start["headers"])
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], headers, b"".join(body["body"] for body in bodies))


@dataclass
class Application:
    """Lists posts, as the real one does behind the cache.

    Attributes:
        posts: What it reads lists with.
        loads: How many lists it was asked for.
        before: What happens before it reads a list, once for each load that is begun.
        after: What happens between reading and answering.
        answers: What it says in place of a list, in turn: a status, an error to raise, or None for nothing at all.
        chunk: How many bytes it sends at once.
        headers: What it says besides.
    """

    posts: PostService
    loads: int = 0
    before: Callable[[], Awaitable[object]] | None = None
    after: Callable[[], Awaitable[object]] | None = None
    answers: list[int | Exception | None] = field(default_factory=list[int | Exception | None])
    chunk: int = 2**30
    headers: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer."""
        assert scope["method"] != "HEAD"
        state: dict[str, Any] = scope["state"]
        caller: Caller | Exception | None = state.get("caller")
        if caller is None or isinstance(caller, PostkeepError):
            await _say(send, 401, b"", [])
            return
        if isinstance(caller, Exception):
            raise caller
        self.loads += 1
        await _happen(self.before)
        page = await self.posts.page(caller.account_id)
        assert isinstance(page, Page)
        await _happen(self.after)
        other = self.answers.pop(0) if self.answers else 200
        if isinstance(other, Exception):
            raise other
        if other is None:
            return
        body = json.dumps([post.text for post in page.posts]).encode() if other == 200 else b"no"
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"private, no-cache"), *self.headers]
        await _say(send, other, body, [*headers, (b"vary", b"Authorization")], self.chunk)


async def _happen(what: Callable[[], Awaitable[object]] | None) -> None:
    if what is not None:
        await what()


async def _say(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]], chunk: int = 2**30) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    for begin in range(0, max(len(body), 1), chunk):
        more = begin + chunk < len(body)
        await send({"type": "http.response.body", "body": body[begin : begin + chunk], "more_body": more})


@dataclass
class Person:
    """Somebody with an account and a token."""

    door: "Door"
    account_id: AccountId
    session: Session
    authorization: bytes

    @classmethod
    def of(cls, door: "Door", session: Session) -> "Person":
        """Give whoever has this session a token."""
        token = door.world.sessions.tokens(session).access
        return cls(door, session.account_id, session, f"Bearer {token}".encode())

    async def add(self, text: str) -> Post:
        """Add a post, a moment later than anything before."""
        self.door.world.advance(timedelta(milliseconds=1))
        return await self.door.world.posts.add(self.account_id, Text(text), title=None, status=Status.PUBLISHED)

    async def lists(self, door: "Door | None" = None, **asked: Any) -> Answer:
        """Ask a door for the list."""
        return await (door or self.door).ask(self.authorization, **asked)

    async def device(self) -> "Person":
        """Log in from another device."""
        session = a_session(account_id=self.account_id, origin=Origin("other"), created_date=self.door.now)
        await self.door.world.storage.transact(self.account_id, lambda work: _log_in(work, session))
        return Person.of(self.door, session)


async def _log_in(work: Any, session: Session) -> None:
    await work.accounts.claim_access(session.account_id)
    await work.sessions.add(session)


class Door:
    """One process: a cache and callers of its own, on the storage of a world that others may share.

    Attributes:
        world: Whose storage and clocks it has.
        application: What stands behind it.
        memory: What it remembers.
        monotonic: What its monotonic clock shows.
    """

    def __init__(
        self,
        world: World | None = None,
        *,
        ttl: float = 300,
        size: int = 16 * MIB,
        kept: tuple[Storage, Freshness] | None = None,
    ) -> None:
        """Begin with nothing remembered.

        Args:
            world: Its own one, or one that is shared.
            ttl: As it is set.
            size: How much may be remembered.
            kept: Where everything is kept in place of the world's storage, and what reads stamps there.
        """
        self.world = world = world or a_world()
        self.monotonic = 1000.0
        storage, freshness = kept or (world.storage, world.freshness)
        attempts = AttemptService(storage, AttemptLimits())
        sessions = SessionService(storage, world.passwords, attempts, world.tokens, world.clock, limits=SessionLimits())
        self.application = Application(PostService(storage, world.clock))
        self.memory = Memory(size)
        self.callers = Callers(
            sessions,
            VisitService(storage, world.cookies, world.clock, idle=SessionLimits().idle),
            freshness,
            self.memory,
            remembers=ttl > 0,
            now=lambda: self.world.clock.now().timestamp(),
        )
        self.cache = ResponseCache(
            self.application,
            paths=dict.fromkeys(NAMES, ""),
            memory=self.memory,
            ttl=ttl,
            monotonic=lambda: self.monotonic,
        )

    @property
    def now(self) -> Any:
        """What the server's wall clock shows."""
        return self.world.clock.now()

    async def person(self, *texts: str, account: Account | None = None) -> Person:
        """Have somebody who is logged in and has these posts, the newest first."""
        account = account or an_account()
        session = a_session(account_id=account.id, created_date=self.now, refreshed_date=self.now)
        self.world.with_account(account).with_session(session)
        person = Person.of(self, session)
        for text in reversed(texts):
            await person.add(text)
        return person

    async def ask(self, *authorizations: bytes, client: Client | None = None, **asked: Any) -> Answer:
        """Ask for a list.

        Args:
            authorizations: The Authorization headers.
            client: Who takes the answer.
            asked: method, path, query; and headers.
        """
        client = client or Client()
        await self.cache(self.scope(*authorizations, **asked), _receive, client.send)
        return client.answer

    def scope(
        self, *authorizations: bytes, method: str = "GET", path: str = NAMES[0], query: str = "", **headers: str
    ) -> Scope:
        """Return a request as servers describe it."""
        given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        return {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(b"host", b"x"), *((b"authorization", value) for value in authorizations), *given],
            "state": {"callers": self.callers},
        }


async def _receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


class Gate:
    """Where things wait until they are let through.

    Attributes:
        come: Set when something waits there.
        open: Set to let everything through.
    """

    def __init__(self) -> None:
        """Begin closed."""
        self.come = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self) -> None:
        """Wait there."""
        self.come.set()
        await self.open.wait()
