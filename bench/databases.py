"""The databases that are measured: private, durable, thrown away in the end."""

import asyncio
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import create_async_engine

from bench.processes import usage_of
from tests.databases import MariaDbServer

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

    def count_posts(self, *, without: Sequence[bytes] = ()) -> int:
        """Return how many rows there are in the posts' table, past all caches and counters.

        Args:
            without: Accounts whose posts do not count.
        """
        ...

    def cpu_seconds(self) -> float:
        """Return what its own process has used; 0 where it has none."""
        ...


class Sqlite:
    """A SQLite file."""

    name = "SQLite"

    def __init__(self, folder: Path) -> None:
        """Choose a file; Postkeep makes it."""
        self.path = folder / "postkeep.db"
        self.url = URL.create("sqlite", database=str(self.path))

    def count_posts(self, *, without: Sequence[bytes] = ()) -> int:
        """Return how many posts there are."""
        with closing(sqlite3.connect(self.path)) as connection:
            count: int = connection.execute(_counting(without)).fetchone()[0]
            return count

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

    def count_posts(self, *, without: Sequence[bytes] = ()) -> int:
        """Return how many posts there are."""
        return asyncio.run(self._count_posts(_counting(without)))

    def cpu_seconds(self) -> float:
        """Return what the server has used, all its databases together."""
        return usage_of(self._pid).cpu_seconds

    async def _count_posts(self, query: str) -> int:
        engine = create_async_engine(self.url)
        try:
            async with engine.connect() as connection:
                count: int = (await connection.execute(text(query))).scalar_one()
                return count
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
        with MariaDbServer.started(folder, *_DURABLE) as server:
            yield cls(server, int((folder / "pid").read_text()))

    @contextmanager
    def database(self) -> Generator[MariaDb]:
        """Make an empty database, and drop it in the end."""
        with self._server.database() as url:
            yield MariaDb(url, self._pid)


def _counting(without: Sequence[bytes]) -> str:
    """Write the query that counts rows; both databases write bytes like this."""
    if not without:
        return "SELECT COUNT(*) FROM posts"
    listed = ", ".join(f"X'{account.hex()}'" for account in without)
    return f"SELECT COUNT(*) FROM posts WHERE account_id NOT IN ({listed})"  # noqa: S608 - hexadecimal digits
