"""The embedded database's file: connections to it, the lock beside it, and its write-ahead log."""

import asyncio
import fcntl
import logging
import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, NullPool, StaticPool, create_engine

from postkeep.services.ports import Recall, StorageUnavailable

log = logging.getLogger(__name__)

LOG_BYTES: Final = 256 * 1024 * 1024
"""As long as somebody reads, the write-ahead log only grows; past this, no long list is read on."""

_LOOK_SECONDS: Final = 1.0

PRAGMAS: Final = {
    "journal_mode": "WAL",
    # The write-ahead log grows with the largest transaction, and gives the room back but for this much.
    "journal_size_limit": str(64 * 1024 * 1024),
    "synchronous": "FULL",
    "foreign_keys": "ON",
    "busy_timeout": "5000",
}


def connect(path: Path | None) -> sqlite3.Connection:
    """Open a database file, or make a database in memory (None).

    Every connection gets the same settings, and begins and ends its transactions in so many words.
    """
    connection = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
    for name, value in PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")
    return connection


def create_embedded_engine(path: Path | None) -> Engine:
    """Make SQLAlchemy's engine over such connections, for migrations and checks."""
    return create_engine(
        "sqlite://" if path is None else f"sqlite:///{path}",
        creator=lambda: connect(path),
        # In memory, the one connection is the database.
        poolclass=StaticPool if path is None else NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
    )


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


class WriteAheadLog:
    """The write-ahead log of a database file.

    It begins anew only in a moment when nobody reads what is in it. Readers that take turns, each for long, would let
    it fill the disk.
    """

    def __init__(self, path: Path) -> None:
        """Take the database file."""
        self._path = path

    @property
    def is_long(self) -> bool:
        """Whether it is longer than it may become for a reader's sake."""
        try:
            return Path(f"{self._path}-wal").stat().st_size > LOG_BYTES
        except FileNotFoundError:
            return False

    def refuse_if_long(self) -> None:
        """Refuse one more long list where the log is long and cannot begin anew. Not for the event loop's thread.

        Raises:
            StorageUnavailable: Others read what is in it.
        """
        if not self.is_long:
            return
        with closing(connect(self._path)) as connection:
            # As much as can be copied without keeping any writer from writing; only then what does, and not for long.
            connection.execute("PRAGMA busy_timeout = 0")
            _, pages, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if pages == copied:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if self.is_long:
            log.warning("storage_busy", extra={"reason": "the write-ahead log is too long for another long list"})
            raise StorageUnavailable

    async def watch(self, recall: Recall) -> None:
        """Recall a reader whenever the log is long, until cancelled."""
        while True:
            if self.is_long:
                recall()
            await asyncio.sleep(_LOOK_SECONDS)
