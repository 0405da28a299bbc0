"""The pages' memory: what it answers with, and what it never may (docs/cases.md, Caches)."""

import gzip
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from postkeep.domain.posts import Status, Text
from postkeep.domain.sessions import Session
from postkeep.server.callers import Callers
from postkeep.server.memory import Memory
from postkeep.server.page_memory import PageMemory
from postkeep.services.ports import StorageUnavailable
from postkeep.services.sessions import SessionLimits
from postkeep.services.visits import VisitService
from postkeep.views.pages import Pages
from tests.builders import a_session, an_account
from tests.fakes import World, a_world
from tests.unit.server.asgi import a_scope, ask, headers_of

PAGES = Pages(language="en", password_min_length=8, has_docs=True)
TTL = 300.0
HTML = (b"content-type", b"text/html; charset=utf-8")


@dataclass
class Application:
    """Shows somebody's posts, as the real one does behind the memory.

    Attributes:
        world: Whose posts.
        shown: How many pages it was asked for.
        status: What it answers with.
        headers: What it says.
        padding: What makes its pages longer.
        pieces: How many messages a page comes in.
    """

    world: World
    shown: int = 0
    status: int = 200
    headers: list[tuple[bytes, bytes]] = field(default_factory=lambda: [HTML])
    padding: str = ""
    pieces: int = 1

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer."""
        self.shown += 1
        visitor = scope["state"].get("visitor")
        kept = [post.text for post in self.world.kept if visitor and post.author == visitor.account_id]
        body = (" ".join(kept) + self.padding).encode()
        await send({"type": "http.response.start", "status": self.status, "headers": list(self.headers)})
        for piece in range(self.pieces):
            more = piece + 1 < self.pieces
            await send({"type": "http.response.body", "body": b"" if more else body, "more_body": more})


@dataclass
class Door:
    """One process: a memory of pages in front of an application.

    Attributes:
        world: What it serves.
        memory: What it remembers.
        ttl: For how long.
        now: What its monotonic clock shows.
    """

    world: World = field(default_factory=a_world)
    memory: Memory = field(default_factory=lambda: Memory(1024 * 1024))
    ttl: float = TTL
    now: float = 1000.0
    application: Application = field(init=False)
    callers: Callers = field(init=False)
    layer: PageMemory = field(init=False)

    def __post_init__(self) -> None:
        """Put everything together."""
        world = self.world
        visits = VisitService(world.storage, world.cookies, world.clock, idle=SessionLimits().idle)
        self.application = Application(world)
        self.callers = Callers(
            world.sessions, visits, world.freshness, self.memory, now=lambda: world.clock.now().timestamp()
        )
        self.layer = PageMemory(self.application, memory=self.memory, ttl=self.ttl, monotonic=lambda: self.now)

    async def asks(self, session: Session | None, *headers: tuple[str, str], **more: Any) -> tuple[str, str | None]:
        """Ask for a page as a browser in a session does; return what it shows, and what is told of the memory."""
        scope = self.scope(session, *headers, **more)
        start, *bodies = await ask(self.layer, scope)
        body: bytes = b"".join(message["body"] for message in bodies)
        is_packed = ("content-encoding", "gzip") in headers_of(start)
        return (gzip.decompress(body) if is_packed else body).decode(), scope["state"].get("cache")

    async def answers(self, session: Session | None, *headers: tuple[str, str], **more: Any) -> list[Message]:
        """Ask for a page, and return the answer's messages."""
        return await ask(self.layer, self.scope(session, *headers, **more))

    def scope(self, session: Session | None, *headers: tuple[str, str], **more: Any) -> Scope:
        """Return a request as a browser in a session sends it."""
        cookie = [] if session is None else [("cookie", f"postkeep={self.world.cookies.sign(session)}")]
        asked: dict[str, Any] = {"query_string": b"", **more}
        scope = a_scope(("host", "localhost"), *cookie, *headers, **asked)
        scope["state"] |= {"callers": self.callers, "pages": PAGES}
        return scope

    async def visitor(self, *texts: str) -> Session:
        """Have somebody who is logged in and has these posts."""
        account = an_account()
        now = self.world.clock.now()
        session = a_session(account_id=account.id, created_date=now, refreshed_date=now)
        self.world.with_account(account).with_session(session)
        for text in texts:
            await self.writes(session, text)
        return session

    async def writes(self, session: Session, text: str) -> None:
        """Add a post."""
        self.world.advance(timedelta(milliseconds=1))
        await self.world.posts.add(session.account_id, Text(text), title=None, status=Status.PUBLISHED)


class TestHits:
    """What is answered from memory."""

    async def test_the_second_page_costs_no_query(self) -> None:
        """No step of the application either; and both are counted, as lists are."""
        session = await (door := Door()).visitor("a")
        assert await door.asks(session) == ("a", "miss")
        door.world.journal.clear()
        assert await door.asks(session) == ("a", "hit")
        assert (door.application.shown, door.world.journal) == (1, [])
        counts = door.memory.counts
        assert (counts.hits, counts.misses, counts.stores) == (1, 1, 1)

    async def test_a_stranger_s_write_costs_nobody_a_hit(self) -> None:
        """Stamps are per account."""
        ann, ben = await (door := Door()).visitor("a"), await door.visitor()
        await door.asks(ann)
        await door.writes(ben, "b")
        door.world.journal.clear()
        assert await door.asks(ann) == ("a", "hit")
        assert door.world.journal == []

    async def test_every_page_of_the_list_is_remembered_by_itself(self) -> None:
        """By its query, its language, and how it travels."""
        session = await (door := Door()).visitor("a")
        asked: list[tuple[list[tuple[str, str]], bytes]] = [
            ([], b""),
            ([], b"status=draft"),
            ([("accept-language", "ru")], b""),
            ([("cookie", "postkeep-language=ru"), ("accept-encoding", "gzip")], b""),
        ]
        for expected in ("miss", "hit"):
            for headers, query in asked:
                assert (await door.asks(session, *headers, query_string=query))[1] == expected
        assert door.application.shown == len(asked)


class TestMisses:
    """What never comes from memory."""

    async def test_a_write_shows_at_once(self) -> None:
        """Whichever process it was done in."""
        here = Door()
        there = Door(here.world)
        session = await here.visitor("a")
        assert [await door.asks(session) for door in (here, there, here, there)] == [("a", "miss")] * 2 + [
            ("a", "hit")
        ] * 2
        await here.writes(session, "b")
        assert [await door.asks(session) for door in (here, there)] == [("b a", "miss")] * 2

    async def test_everybody_sees_their_own_page(self) -> None:
        """And nobody else's, logged in or not."""
        door = Door()
        sessions = [await door.visitor(f"of {number}") for number in range(3)]
        for _ in range(2):
            assert [(await door.asks(session))[0] for session in sessions] == ["of 0", "of 1", "of 2"]
            assert await door.asks(None) == ("", None)

    async def test_a_session_that_has_ended_opens_nothing(self) -> None:
        """However warm the memory is."""
        session = await (door := Door()).visitor("a")
        await door.asks(session)
        await door.world.sessions.end(session.account_id, session.id)
        assert await door.asks(session) == ("", None)

    async def test_nothing_is_remembered_for_longer_than_it_may_be(self) -> None:
        """Then it is made anew."""
        session = await (door := Door()).visitor("a")
        await door.asks(session)
        door.now += TTL
        assert (await door.asks(session))[1] == "miss"
        assert (await door.asks(session))[1] == "hit"

    async def test_it_can_be_switched_off(self) -> None:
        """With a time of nothing at all."""
        session = await (door := Door(ttl=0)).visitor("a")
        assert [(await door.asks(session))[1] for _ in range(2)] == ["bypass"] * 2
        assert door.memory.counts.stores == 0

    @pytest.mark.parametrize(
        ("status", "headers", "padding", "pieces"),
        [
            (503, [HTML], "", 1),
            (200, [HTML, (b"set-cookie", b"a=b")], "", 1),
            (200, [(b"content-type", b"text/plain")], "", 1),
            (200, [HTML], "", 2),
            (200, [HTML], "x" * 100_000, 1),
        ],
        ids=["refusal", "cookie", "no-page", "pieces", "too-long"],
    )
    async def test_only_whole_pages_that_are_good_for_the_next_time_are_remembered(
        self, status: int, headers: list[tuple[bytes, bytes]], padding: str, pieces: int
    ) -> None:
        """What is said once to one browser is not said again."""
        session = await (door := Door()).visitor("a")
        application = door.application
        application.status, application.headers, application.padding, application.pieces = (
            status,
            headers,
            padding,
            pieces,
        )
        assert [(await door.asks(session))[1] for _ in range(2)] == ["miss"] * 2
        assert door.memory.counts.stores == 0

    @pytest.mark.parametrize(("method", "path"), [("POST", "/"), ("GET", "/account"), ("HEAD", "/")])
    async def test_everything_else_passes_through(self, method: str, path: str) -> None:
        """It is compressed there, and nothing more."""
        session = await (door := Door()).visitor("a")
        assert [(await door.asks(session, method=method, path=path))[1] for _ in range(2)] == [None] * 2

    async def test_a_database_that_does_not_answer_is_the_application_s_affair(self) -> None:
        """It says so in words; the memory does not know who asks, and serves nothing."""
        session = await (door := Door()).visitor("a")
        await door.asks(session)
        door.world.freshness.fails, door.world.storage.fails = True, StorageUnavailable()
        assert await door.asks(session) == ("", None)


class TestCompression:
    """How pages travel."""

    async def test_a_page_travels_compressed_to_who_takes_that(self) -> None:
        """The same page, with its length as it is sent; also from memory."""
        session = await (door := Door()).visitor("a")
        door.application.padding = " many words" * 1000
        plain = (await door.asks(session))[0]
        for _ in range(2):
            start, body = await door.answers(session, ("accept-encoding", "gzip, br"))
            said = dict(headers_of(start))
            assert gzip.decompress(body["body"]).decode() == plain
            assert (said["content-encoding"], said["content-length"]) == ("gzip", str(len(body["body"])))
            assert len(body["body"]) < len(plain) / 10

    async def test_what_fits_into_one_packet_does_not(self) -> None:
        """There is nothing to win."""
        start, _ = await Door().answers(None, ("accept-encoding", "gzip"))
        assert "content-encoding" not in dict(headers_of(start))
