"""Many clients of a few users on many connections, writing and listing as fast as they can; every list is judged.

All of it runs in one event loop, so the order of what was sent and what came back is known exactly.
"""

import asyncio
import gzip
import itertools
import json
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.clients import MARK

LISTS = ("/getPosts", "/api/v1/posts")
MOST_POSTS = 25


@dataclass(frozen=True)
class Answer:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return what the body says."""
        packed = self.headers.get("content-encoding") == "gzip"
        return json.loads(gzip.decompress(self.body) if packed else self.body)


class Connection:
    """One kept connection, which some worker of the server holds; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take both ends of it."""
        self._reader = reader
        self._writer = writer
        self._turn = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(cls, port: int, number: int) -> "AsyncGenerator[list[Connection]]":
        """Open some connections, and close them in the end."""
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(number)]
        yield [cls(*each) for each in opened]
        for _, writer in opened:
            writer.close()
            await writer.wait_closed()

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Send a request and read its answer."""
        content = b"" if body is None else json.dumps(body).encode()
        if body is not None:
            headers |= {"content-type": "application/json", "content-length": str(len(content))}
        lines = [f"{method} {path} HTTP/1.1", "host: x", *(f"{n.replace('_', '-')}: {v}" for n, v in headers.items())]
        async with self._turn:
            self._writer.write("\r\n".join([*lines, "", ""]).encode() + content)
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            fields = dict(line.lower().split(": ", 1) for line in head[1:-2])
            has_body = head[0][9:12] not in {"204", "304"}
            return Answer(
                int(head[0][9:12]),
                fields,
                await self._reader.readexactly(int(fields["content-length"])) if has_body else b"",
            )


@dataclass
class User:
    """Somebody with several clients, and what is known of their posts by now.

    Attributes:
        credentials: What they log in with.
        token: What their clients send.
        connections: Theirs.
        kept: Posts that were acknowledged and whose deletion nobody has asked for, and their ids.
        asked: Posts that somebody has asked to add.
        gone: When a deletion was acknowledged.
        seen: What a list showed, by its entity tag.
    """

    credentials: dict[str, str]
    token: str
    connections: list[Connection]
    kept: dict[str, str] = field(default_factory=dict[str, str])
    asked: set[str] = field(default_factory=set[str])
    gone: dict[str, int] = field(default_factory=dict[str, int])
    seen: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @property
    def authorization(self) -> str:
        """What says who they are."""
        return f"Bearer {self.token}"


class Hammer:
    """One run.

    Attributes:
        operations: How many requests were answered.
        violations: Lists that cannot be, and why.
    """

    def __init__(self, port: int, *, users: int = 6, clients: int = 4, seed: int = 0) -> None:
        """Take a server's port, and how many are to use it."""
        self.operations = 0
        self.violations: list[str] = []
        self._port = port
        self._users = users
        self._clients = clients
        self._random = random.Random(seed)
        self._moments = itertools.count()

    async def run(self, operations: int) -> None:
        """Do so many operations, then log everybody out."""
        async with Connection.open(self._port, self._users * self._clients * 2) as connections:
            users = [
                await self._sign_up(number, connections[number :: self._users], operations)
                for number in range(self._users)
            ]
            share = -(-operations // (self._users * self._clients))
            await asyncio.gather(*(self._use(user, share) for user in users for _ in range(self._clients)))
            for user in users:
                await self._look_everywhere(user)
                await self._log_out(user)

    async def _sign_up(self, number: int, connections: list[Connection], run: int) -> User:
        credentials = {"email": f"user{number}-{run}@example.com", "password": f"{MARK} {number}"}
        signed_up = await connections[0].ask("POST", "/signup", credentials)
        assert signed_up.status == 201, signed_up.body
        return User(credentials, signed_up.json()["access_token"], connections)

    async def _use(self, user: User, operations: int) -> None:
        """Be one client: write now and then, and look at once on another connection; otherwise look."""
        done = 0
        while done < operations:
            dice = self._random.random()
            if dice < 0.15 and len(user.kept) < MOST_POSTS:
                await self._add(user)
                done += 1
            elif dice < 0.28 and user.kept:
                await self._delete(user)
                done += 1
            await self._list(user, self._random.choice(user.connections))
            done += 1

    async def _add(self, user: User) -> None:
        text = f"{MARK} {next(self._moments)} " + "x" * self._random.choice([1, 100, 5000])
        user.asked.add(text)
        connection = self._random.choice(user.connections)
        answer = await connection.ask("POST", "/addPost", {"text": text}, authorization=user.authorization)
        self.operations += 1
        assert answer.status == 201, answer.body
        user.kept[text] = answer.json()["postID"]

    async def _delete(self, user: User) -> None:
        text = self._random.choice(list(user.kept))
        post_id = user.kept.pop(text)
        connection = self._random.choice(user.connections)
        answer = await connection.ask("DELETE", f"/deletePost/{post_id}", authorization=user.authorization)
        self.operations += 1
        assert answer.status == 204, answer.body
        user.gone[text] = next(self._moments)

    async def _list(self, user: User, connection: Connection) -> None:
        begun, known = next(self._moments), set(user.kept)
        headers = {"authorization": user.authorization}
        if self._random.random() < 0.5:
            headers["accept_encoding"] = "gzip"
        if user.seen and self._random.random() < 0.3:
            headers["if_none_match"] = ", ".join(list(user.seen)[-3:])
        answer = await connection.ask("GET", self._random.choice(LISTS), **headers)
        self.operations += 1
        shown = self._shown(user, answer)
        wrong = {
            "lost": known & set(user.kept) - set(shown),
            "back": {text for text in shown if user.gone.get(text, begun) < begun},
            "strange": set(shown) - user.asked,
            "twice": [text for text in shown if shown.count(text) > 1],
        }
        self.violations += [f"{what}: {min(which)[:40]}" for what, which in wrong.items() if which]

    def _shown(self, user: User, answer: Answer) -> list[str]:
        if answer.status == 304:
            return user.seen[answer.headers["etag"]]
        assert answer.status == 200, answer.body
        posts = answer.json()
        ids = [post["id"] for post in posts]
        if ids != sorted(ids, reverse=True):
            self.violations.append("order")
        shown = user.seen[answer.headers["etag"]] = [post["text"] for post in posts]
        while len(user.seen) > 50:
            del user.seen[next(iter(user.seen))]
        return shown

    async def _look_everywhere(self, user: User) -> None:
        """In the end every worker says the same."""
        for connection in user.connections:
            answer = await connection.ask("GET", LISTS[0], authorization=user.authorization)
            if sorted(post["text"] for post in answer.json()) != sorted(user.kept):
                self.violations.append("end")

    async def _log_out(self, user: User) -> None:
        """TK-20: on every worker, at the next request; other sessions live on."""
        other = await user.connections[0].ask("POST", "/login", user.credentials)
        for connection in user.connections:
            await connection.ask("GET", LISTS[0], authorization=user.authorization)
        await user.connections[-1].ask("POST", "/api/v1/logout", authorization=user.authorization)
        for connection in user.connections:
            ended = await connection.ask("GET", LISTS[0], authorization=user.authorization)
            lives = await connection.ask("GET", LISTS[0], authorization=f"Bearer {other.json()['access_token']}")
            if (ended.status, lives.status) != (401, 200):
                self.violations.append(f"session: {ended.status}, {lives.status}")
