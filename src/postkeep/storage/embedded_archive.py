"""The embedded database as a whole. See `services.archive.Archive`."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

from sqlalchemy.dialects import sqlite

from postkeep.services.archive import DatabaseNotEmpty, Kept
from postkeep.storage.archive import ANY_ACCOUNT, DESCRIPTION, TABLES, DescribedSnapshot, Table, failed, unfit
from postkeep.storage.embedded_file import FileLock, connect, connect_reader
from postkeep.storage.embedded_statements import read_rows, run_now, runs_on
from postkeep.storage.statements import Rows, Statement, compiled

_DIALECT = sqlite.dialect()


class EmbeddedArchive:
    """A SQLite file as a whole."""

    def __init__(self, path: Path) -> None:
        """Take the path of a database whose schema is there."""
        self._path = path

    @asynccontextmanager
    async def snapshot(self) -> AsyncGenerator["EmbeddedSnapshot"]:
        """Hold on to everything as it is now: a transaction that reads.

        For as long as it lasts, what others write stays in the write-ahead log, which gives the room back afterwards.
        """
        with _failing(), closing(connect_reader(self._path)) as connection:
            connection.execute("BEGIN")
            yield EmbeddedSnapshot(connection)

    @asynccontextmanager
    async def restoring(self) -> AsyncGenerator["EmbeddedRestoring"]:
        """Fill it in one transaction, in turn with its writers."""
        lock = FileLock(self._path)
        with closing(lock), _failing(), closing(connect(self._path)) as connection:
            async with lock.held_by_task():
                connection.execute("BEGIN IMMEDIATE")
                # Accounts come last; the COMMIT looks whether all that were named are there.
                connection.execute("PRAGMA defer_foreign_keys = ON")
                if _all(connection, ANY_ACCOUNT):
                    raise DatabaseNotEmpty
                yield EmbeddedRestoring(connection)
                connection.execute("COMMIT")


class EmbeddedSnapshot(DescribedSnapshot):
    """A SQLite file as it was at one moment."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take a connection that has begun a transaction; its first statement fixes the moment."""
        super().__init__(_all(connection, DESCRIPTION))
        self._connection = connection

    async def parts(self) -> AsyncGenerator[Sequence[Kept]]:
        """Answer everything: sessions, posts, accounts."""
        for table in TABLES.values():
            with closing(self._parts_of(table)) as parts:
                for part in parts:
                    yield part
                    await _listen()

    def _parts_of(self, table: Table) -> Generator[Sequence[Kept]]:
        """Read one table. Nobody but us writes there, so what is no row of ours is damage."""
        try:
            with closing(read_rows(self._connection, table.select, {})) as parts:
                for rows in parts:
                    yield [table.thing_of(row) for row in rows]
        except ValueError as error:
            raise failed(error) from error


class EmbeddedRestoring:
    """A SQLite file that is being filled."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take a connection that has begun to write."""
        self._connection = connection

    async def add(self, part: Sequence[Kept]) -> None:
        """Add some of one kind."""
        table = TABLES[type(part[0])]
        form = compiled(table.insert, _DIALECT)
        with _failing():
            self._connection.executemany(form.sql, [form.values(table.values_of(thing)) for thing in part])
        await _listen()


async def _listen() -> None:
    """Let the event loop run, which would not hear otherwise that somebody ends it all."""
    await asyncio.sleep(0)


def _all(connection: sqlite3.Connection, statement: Statement) -> Rows:
    """Answer all rows of a short SELECT."""
    return run_now(runs_on(connection)(statement, {})).rows


@contextmanager
def _failing() -> Generator[None]:
    """Say what SQLite says in the port's words. Closing the connection rolls back."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError) as error:
        # OverflowError is the driver's word for a number of more than eight bytes.
        raise unfit(error) from None
    except (sqlite3.Error, UnicodeDecodeError) as error:
        # Of a damaged file, SQLite may quote what is no text.
        raise failed(error) from error
