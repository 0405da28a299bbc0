"""The raw drivers: the INSERT and COMMIT of addPost without anything around it, on the same tables."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias, cast

import asyncmy
import uvloop
from sqlalchemy import URL

from bench.load import CONNECTIONS, Load
from bench.people import text_of
from postkeep.domain.ids import new_id
from postkeep.storage.embedded_file import PRAGMAS

_COLUMNS: Final = "account_id, id, text, status, version, bytes, created_date, updated_date"
LIST: Final = f"SELECT {_COLUMNS} FROM posts WHERE account_id = %s ORDER BY id DESC"  # noqa: S608 - a constant
INSERT: Final = f"INSERT INTO posts ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"  # noqa: S608 - the same

# asyncmy's own types are incomplete; what is used of it stands below.
_connect: Final = cast("Callable[..., Awaitable[Connection]]", asyncmy.connect)  # pyright: ignore[reportUnknownMemberType]

Row: TypeAlias = tuple[bytes, bytes, str, str, int, int, str, str]


class Cursor(Protocol):
    """What is used of asyncmy's cursor."""

    async def execute(self, query: str, args: Sequence[object] = ()) -> int:
        """Run one statement."""
        ...

    async def fetchall(self) -> list[tuple[Any, ...]]:
        """Return its rows."""
        ...

    async def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        """Return the next rows."""
        ...


class Connection(Protocol):
    """What is used of asyncmy's connection."""

    def cursor(self, kind: type[Any] | None = None) -> AbstractAsyncContextManager[Cursor]:
        """Make a cursor, of another kind than is usual."""
        ...

    async def commit(self) -> None:
        """Commit."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


@dataclass(frozen=True, slots=True)
class Loop:
    """What came of a loop over a driver.

    Attributes:
        load: As if it had been requests.
        cpu_seconds: What this process has used.
    """

    load: Load
    cpu_seconds: float


def insert_of(dialect: str) -> str:
    """Return the INSERT of a post with a driver's own marks for values."""
    return INSERT.replace("%s", "?") if dialect == "sqlite" else INSERT


def loop_sqlite(path: Path, accounts: Sequence[bytes], seconds: float) -> Loop:
    """Insert and commit, one after the other, with the settings of Postkeep's own connections."""
    times: list[float] = []
    turn = cycle(accounts)
    statement = insert_of("sqlite")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for name, value in PRAGMAS.items():
            connection.execute(f"PRAGMA {name} = {value}")
        cpu, begun = time.process_time(), time.perf_counter()
        while (now := time.perf_counter()) - begun < seconds:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(statement, new_row(next(turn), text_of(len(times))))
            connection.execute("COMMIT")
            times.append(time.perf_counter() - now)
        return Loop(_load(times, time.perf_counter() - begun), time.process_time() - cpu)


def loop_mysql(url: URL, accounts: Sequence[bytes], seconds: float) -> Loop:
    """Insert and commit on as many connections as there are clients elsewhere."""
    return uvloop.run(_loop_mysql(url, accounts, seconds))


@asynccontextmanager
async def connected(url: URL, count: int, *, autocommit: bool = False) -> AsyncGenerator[list[Connection]]:
    """Open connections, and close them in the end.

    Args:
        url: Of the database.
        count: How many.
        autocommit: For reading, without a transaction around each SELECT.
    """
    opened: list[Connection] = []
    try:
        for _ in range(count):
            connection = await _connect(
                host=url.host,
                port=url.port,
                user=url.username,
                database=url.database,
                charset="utf8mb4",
                autocommit=autocommit,
            )
            opened.append(connection)
        yield opened
    finally:
        for connection in opened:
            connection.close()


async def insert(connection: Connection, row: Row) -> None:
    """Insert a post and commit."""
    async with connection.cursor() as cursor:
        await cursor.execute(INSERT, row)
    await connection.commit()


def new_row(account: bytes, text: str) -> Row:
    """Make the row of a new post."""
    moment = datetime.now(UTC)
    written = moment.replace(tzinfo=None).isoformat(" ", "microseconds")
    return account, new_id(moment).bytes, text, "published", 1, len(text), written, written


async def _loop_mysql(url: URL, accounts: Sequence[bytes], seconds: float) -> Loop:
    times: list[float] = []
    turn = cycle(accounts)

    async def work(connection: Connection) -> None:
        while (now := time.perf_counter()) - begun < seconds:
            await insert(connection, new_row(next(turn), text_of(len(times))))
            times.append(time.perf_counter() - now)

    async with connected(url, CONNECTIONS) as connections:
        cpu, begun = time.process_time(), time.perf_counter()
        await asyncio.gather(*(work(connection) for connection in connections))
        return Loop(_load(times, time.perf_counter() - begun), time.process_time() - cpu)


def _load(times: list[float], seconds: float) -> Load:
    ordered = sorted(times)
    return Load(
        answers=len(times),
        seconds=seconds,
        bytes=0,
        p50_ms=ordered[len(times) // 2] * 1e3,
        p99_ms=ordered[len(times) * 99 // 100] * 1e3,
    )
