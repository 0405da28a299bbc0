"""A database under test: its storage, and a way to look at its tables beside it."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import URL, Connection, Engine, RowMapping, delete, text
from sqlalchemy.ext.asyncio import AsyncEngine

from postkeep.services.repositories import UnitOfWork
from postkeep.storage.embedded import EmbeddedStorage
from postkeep.storage.embedded_file import create_embedded_engine
from postkeep.storage.in_memory import InMemoryStorage
from postkeep.storage.migrate import upgrade
from postkeep.storage.server import ServerStorage
from postkeep.storage.server_pool import create_server_engine
from postkeep.storage.statements import Rows
from postkeep.storage.tables import AccountRow, PostRow, SessionRow
from postkeep.storage.transaction import Transaction
from postkeep.storage.unit_of_work import SqlUnitOfWork
from tests.integration.storage.watched import watched

T = TypeVar("T")

AnyStorage: TypeAlias = EmbeddedStorage | InMemoryStorage | ServerStorage

SERVERS = ["mariadb", *(["mysql"] if os.environ.get("POSTKEEP_TEST_MYSQL_URL") else [])]
KINDS = ["embedded", "memory", *SERVERS]


@dataclass(frozen=True)
class Opened:
    """An open storage over a database whose schema is there.

    Attributes:
        kind: One of KINDS.
        storage: What is tested.
        engine: For the test's own statements, each by itself.
    """

    kind: str
    storage: AnyStorage
    engine: Engine | AsyncEngine

    @property
    def is_server(self) -> bool:
        """Whether it is MySQL or MariaDB."""
        return self.kind in SERVERS

    @property
    def url(self) -> URL:
        """Where the database is."""
        return self.engine.url

    async def rows(self, sql: str, **parameters: object) -> Sequence[RowMapping]:
        """Run a statement as it stands, and return its rows as the driver gives them."""
        if isinstance(self.engine, Engine):
            with self.engine.connect() as connection:
                return _rows(connection, sql, parameters)
        async with self.engine.connect() as async_connection:
            return await async_connection.run_sync(_rows, sql, parameters)

    async def value(self, sql: str, **parameters: object) -> Any:
        """Run a statement as it stands, and return the one value it answers."""
        return next(iter((await self.rows(sql, **parameters))[0].values()))

    @contextmanager
    def statements(self) -> Generator[list[str]]:
        """Collect the statements that the storage sends."""
        sent: list[str] = []
        with (
            watched(self.storage, sent.append)
            if isinstance(self.storage, ServerStorage)
            else traced(self.storage, sent.append)
        ):
            yield sent


def _rows(connection: Connection, sql: str, parameters: dict[str, object]) -> Sequence[RowMapping]:
    found = connection.execute(text(sql), parameters)
    return found.mappings().all() if found.returns_rows else []


@contextmanager
def traced(storage: EmbeddedStorage | InMemoryStorage, note: Callable[[str], object]) -> Generator[None]:
    """Note each SELECT, INSERT, UPDATE and DELETE that SQLite runs."""
    last = [""]

    def hear(statement: str) -> None:
        # SQLite tells of a DELETE once more for what it cascades to.
        if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")) and statement != last[0]:
            note(statement)
        last[0] = statement

    # Tests watch and disturb what no caller of a storage may see.
    connections = [storage._writer._connection]  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    if isinstance(storage, EmbeddedStorage):
        connections += [reader._connection for reader in (storage._light, storage._heavy)]  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    for connection in connections:
        connection.set_trace_callback(hear)
    try:
        yield
    finally:
        for connection in connections:
            connection.set_trace_callback(None)


def transaction_of(work: UnitOfWork) -> Transaction:
    """Return what a unit runs its statements in."""
    # A test's unit does what no repository offers.
    assert isinstance(work, SqlUnitOfWork)
    return work.posts._transaction  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


async def ask(work: UnitOfWork, sql: str, **parameters: object) -> Rows:
    """Run a test's own statement inside a unit or a reading."""
    return (await transaction_of(work).read(text(sql), parameters)).rows


@cache
def empty_file() -> bytes:
    """Return a database file with our schema and nothing else; made once, since migrating takes a while."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "postkeep.db"
        path.touch()
        engine = create_embedded_engine(path)
        upgrade(engine)
        engine.dispose()
        return path.read_bytes()


def make_file(path: Path) -> None:
    """Make a file with our schema, unless it is there."""
    if not path.exists():
        path.write_bytes(empty_file())


def remove_everything(url: URL) -> None:
    """Empty a server's database."""

    async def remove() -> None:
        engine = create_server_engine(url, pool_size=1, autocommit=True)
        try:
            async with engine.connect() as connection:
                for table in (PostRow, SessionRow, AccountRow):
                    await connection.execute(delete(table))
        finally:
            await engine.dispose()

    asyncio.run(remove())


@asynccontextmanager
async def open_embedded(path: Path) -> AsyncGenerator[Opened]:
    """Open a file, made here unless it is there."""
    make_file(path)
    engine = create_embedded_engine(path)
    storage = EmbeddedStorage(path)
    try:
        yield Opened("embedded", storage, engine)
    finally:
        await storage.close()
        engine.dispose()


@asynccontextmanager
async def open_in_memory() -> AsyncGenerator[Opened]:
    """Open a database in memory."""
    engine = create_embedded_engine(None)
    upgrade(engine)
    storage = InMemoryStorage(engine)
    try:
        yield Opened("memory", storage, engine)
    finally:
        await storage.close()


@asynccontextmanager
async def open_server(kind: str, url: URL, *, pool_size: int = 10) -> AsyncGenerator[Opened]:
    """Open a server's database, whose schema is there."""
    engine = create_server_engine(url, pool_size=4, autocommit=True)
    storage = ServerStorage(url, pool_size=pool_size)
    try:
        yield Opened(kind, storage, engine)
    finally:
        await storage.close()
        await engine.dispose()
