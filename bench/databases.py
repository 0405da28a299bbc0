"""The databases that are measured: private, durable, thrown away in the end."""

import asyncio
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol, TypeVar

from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from bench.processes import usage_of
from tests.databases import MariaDbServer

T = TypeVar("T")

# The tests' server keeps nothing safe, to be fast. This one flushes at each commit, as in production.
_DURABLE: Final = (
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-doublewrite=1",
    "--innodb-buffer-pool-size=256M",
    "--innodb-log-file-size=96M",
    "--table-open-cache=400",
)


class Database(Protocol):
    """Somewhere that posts are kept."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def url(self) -> URL:
        """As Postkeep takes it."""
        ...

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do some work in one transaction, past Postkeep."""
        ...

    def cpu_seconds(self) -> float:
        """Return what its own process has used; 0 where it has none."""
        ...


class Sqlite:
    """A SQLite file."""

    name = "SQLite"

    def __init__(self, path: Path) -> None:
        """Choose a file; whoever uses it makes it."""
        self.path = path
        self.url = URL.create("sqlite", database=str(self.path))

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do some work in one transaction."""
        engine = create_engine(self.url)
        try:
            with engine.begin() as connection:
                return work(connection)
        finally:
            engine.dispose()

    def cpu_seconds(self) -> float:
        """Nothing: it works inside its user's process."""
        return 0.0


class MariaDb:
    """A database on a private MariaDB."""

    name = "MariaDB"

    def __init__(self, url: URL, pid: int) -> None:
        """Take the database's address and its server's process."""
        self.url = url
        self._pid = pid

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do some work in one transaction."""
        return asyncio.run(self._run(work))

    def cpu_seconds(self) -> float:
        """Return what the server has used, all its databases together."""
        return usage_of(self._pid).cpu_seconds

    async def _run(self, work: Callable[[Connection], T]) -> T:
        engine = create_async_engine(self.url)
        try:
            async with engine.begin() as connection:
                return await connection.run_sync(work)
        finally:
            await engine.dispose()


class MariaDbHost:
    """A running MariaDB that makes databases."""

    def __init__(self, server: MariaDbServer, pid: int) -> None:
        """Take a running server and its process."""
        self._server = server
        self._pid = pid

    @classmethod
    @contextmanager
    def started(cls, folder: Path) -> Generator["MariaDbHost"]:
        """Start one that flushes at each commit, and stop it in the end."""
        folder.mkdir()
        # Its temporary tables would lie in /tmp, where servers of other tests clean up.
        with MariaDbServer.started(folder, *_DURABLE, f"--tmpdir={folder}") as server:
            yield cls(server, int((folder / "pid").read_text()))

    @contextmanager
    def database(self) -> Generator[MariaDb]:
        """Make an empty database, and drop it in the end."""
        with self._server.database() as url:
            yield MariaDb(url, self._pid)


def count_posts(database: Database) -> int:
    """Return how many rows there are in the posts' table, past all caches and counters."""
    return count(database, "SELECT COUNT(*) FROM posts")


def count_versions(database: Database) -> int:
    """Return how many versions of posts there have been, which each add and each edit makes one more."""
    return count(database, "SELECT COALESCE(SUM(version), 0) FROM posts")


def count_miscounted(database: Database, *, without: Sequence[bytes]) -> int:
    """Return how many accounts' rows say another number of posts than there are.

    Args:
        database: Of Postkeep.
        without: Accounts whose posts were added past Postkeep.
    """
    listed = ", ".join(f"X'{account.hex()}'" for account in without) or "NULL"
    counted = "SELECT COUNT(*) FROM posts WHERE posts.account_id = accounts.id"
    found = f"SELECT COUNT(*) FROM accounts WHERE posts <> ({counted}) AND id NOT IN ({listed})"  # noqa: S608 - hexadecimal digits
    return count(database, found)


def counts_of_posts(database: Database) -> dict[bytes, int]:
    """Return how many posts each account has that has any, past all caches and counters."""

    def work(connection: Connection) -> dict[bytes, int]:
        rows = connection.execute(text("SELECT account_id, COUNT(*) FROM posts GROUP BY account_id"))
        return {bytes(account): number for account, number in rows}

    return database.run(work)


def count(database: Database, query: str) -> int:
    """Return the number that a query answers."""

    def work(connection: Connection) -> int:
        number: int = connection.execute(text(query)).scalar_one()
        return number

    return database.run(work)
