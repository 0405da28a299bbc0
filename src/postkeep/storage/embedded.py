"""The embedded database: a SQLite file that one writer thread and a few read connections of each process share."""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Engine, NullPool, StaticPool, create_engine, event
from sqlalchemy.exc import DBAPIError

from postkeep.domain.accounts import AccountId
from postkeep.services.ports import Unit, UnitOfWork
from postkeep.storage.schema import read_state, refuse_unfit
from postkeep.storage.transaction import Transaction
from postkeep.storage.unit_of_work import SqlUnitOfWork
from postkeep.storage.writer import Writer, is_operational, run_now, runs_on, unavailable

T = TypeVar("T")

HEAVY_BYTES: Final = 64 * 1024
"""Queries that read more leave the event loop's thread; below it, changing threads costs more than reading."""

PRAGMAS: Final = {"journal_mode": "WAL", "synchronous": "FULL", "foreign_keys": "ON", "busy_timeout": "5000"}


def create_embedded_engine(path: Path | None) -> Engine:
    """Make SQLAlchemy's engine for a database file, or for one in memory (None).

    Every connection gets the same settings, and begins and ends its transactions in so many words.
    """
    engine = create_engine(
        "sqlite://" if path is None else f"sqlite:///{path}",
        # In memory, the one connection is the database.
        poolclass=StaticPool if path is None else NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        connect_args={"check_same_thread": False},
    )
    event.listen(engine, "connect", _set)
    return engine


def _set(connection: sqlite3.Connection, _record: object) -> None:
    for name, value in PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")


class FileLock:
    """A lock beside the database file, by which processes take turns to write.

    SQLite's own waiting sleeps ever longer and starves; the operating system's queue does not.
    """

    def __init__(self, path: Path) -> None:
        """Open the lock file of a database file."""
        self._file = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def held(self) -> Generator[None]:
        """Wait for the turn, and hold it."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


class _Reader:
    """A connection that only reads."""

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.connect()
        self._connection.exec_driver_sql("PRAGMA query_only = ON")

    def run(self, query: Callable[[UnitOfWork], Coroutine[Any, Any, T]]) -> T:
        """Answer a query in the thread that asks."""
        try:
            return run_now(query(SqlUnitOfWork(Transaction(runs_on(self._connection), None))))
        except DBAPIError as error:
            raise (unavailable(error) if is_operational(error) else error) from error

    def check(self) -> None:
        """See that the schema fits.

        Raises:
            SchemaUnfit: It does not.
            StorageUnavailable: The database does not answer.
        """
        try:
            refuse_unfit(read_state(self._connection))
        except DBAPIError as error:
            raise unavailable(error) from error

    def close(self) -> None:
        self._connection.close()


class EmbeddedStorage:
    """Storage in a SQLite file, for any number of processes on one machine. See `services.ports.Storage`."""

    def __init__(self, path: Path) -> None:
        """Open a database whose schema is there. To be called in the event loop's thread."""
        self._engine = create_embedded_engine(path)
        self._lock = FileLock(path)
        self._writer = Writer(self._engine, self._lock.held)
        self._light = _Reader(self._engine)
        self._heavy = _Reader(self._engine)
        self._heavy_thread = ThreadPoolExecutor(1, thread_name_prefix="postkeep-reader")

    async def transact(self, account_id: AccountId, unit: Unit) -> None:
        """Run a unit and commit it, together with others that wait."""
        await self._writer.run(account_id, unit)

    async def read(self, query: Callable[[UnitOfWork], Coroutine[Any, Any, T]], *, weight: int = 0) -> T:
        """Answer a query: a light one at once, a heavy one in another thread."""
        if weight <= HEAVY_BYTES:
            return self._light.run(query)
        return await asyncio.get_running_loop().run_in_executor(self._heavy_thread, self._heavy.run, query)

    async def check(self) -> None:
        """See that the database answers and that its schema fits."""
        self._light.check()

    async def close(self) -> None:
        """Finish what was begun, then let go of the file."""
        await self._writer.stop()
        await asyncio.to_thread(self._heavy_thread.shutdown)
        self._heavy.close()
        self._light.close()
        self._lock.close()


class InMemoryStorage:
    """Storage in this process's memory, over one connection; gone with the process. See `services.ports.Storage`."""

    def __init__(self, engine: Engine) -> None:
        """Take the engine of a database in memory whose schema is there."""
        self._engine = engine
        self._writer = Writer(engine, _always)

    async def transact(self, account_id: AccountId, unit: Unit) -> None:
        """Run a unit and commit it, together with others that wait."""
        await self._writer.run(account_id, unit)

    async def read(self, query: Callable[[UnitOfWork], Coroutine[Any, Any, T]], *, weight: int = 0) -> T:
        """Answer a query, in turn with the units."""
        del weight
        return await self._writer.run(None, query)

    async def check(self) -> None:
        """Nothing to see: nobody else can have changed the schema."""

    async def close(self) -> None:
        """Forget everything."""
        await self._writer.stop()
        self._engine.dispose()


@contextmanager
def _always() -> Generator[None]:
    """Hold a turn that nobody else wants."""
    yield
