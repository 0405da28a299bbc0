"""The embedded database's file: connections to it, whether it is still there, and the lock beside it."""

import asyncio
import fcntl
import os
import sqlite3
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Engine, NullPool, StaticPool, create_engine

KEPT_LOG_BYTES: Final = 64 * 1024 * 1024
"""As much of the write-ahead log's file is kept for what comes next; past this, a moment is made in which it can begin
anew: see `WriteAheadLog`."""

_LOCKED: Final = (510, 0x40000002)
"""How many bytes of a database file whoever has it open locks, and from which on. Source: SQLite, os.h, SHARED_SIZE and
SHARED_FIRST."""

_KIND_AT: Final = 18
_WITH_LOG: Final = b"\2"
"""Where a database file says what its changes go through, and how it says that it is a write-ahead log. Source:
https://www.sqlite.org/fileformat.html, 1.3.3."""

_MOMENT_SECONDS: Final = 0.5
"""Much longer than it takes whoever opens or closes a file to make, or take away, what lies beside it."""

_STEP_SECONDS: Final = 0.02

PRAGMAS: Final = {
    "journal_mode": "WAL",
    # The write-ahead log grows with the largest transaction, and gives the room back but for this much.
    "journal_size_limit": str(KEPT_LOG_BYTES),
    "synchronous": "FULL",
    "foreign_keys": "ON",
    "busy_timeout": "5000",
}


def beside(path: Path, end: str) -> Path:
    """Return a file that SQLite, or Postkeep, keeps beside a database file, wherever a link to that stands.

    Args:
        path: The database file, or a link to it.
        end: What the other file's name has more: -wal, -shm or -journal, or .lock, which is ours.
    """
    return Path(f"{os.path.realpath(path)}{end}")


def uri_of(path: Path) -> str:
    """Return how SQLite is told to open a file that is there, and to make none where there is none."""
    return f"{path.absolute().as_uri()}?mode=rw"


def connect(path: Path | None) -> sqlite3.Connection:
    """Open a database file that is there, or make a database in memory (None).

    Every connection gets the same settings, and begins and ends its transactions in so many words.
    """
    place = ":memory:" if path is None else uri_of(path)
    connection = sqlite3.connect(place, uri=True, isolation_level=None, check_same_thread=False)
    for name, value in PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open a database file that is there, for reading only: whatever is wrong in a statement, it changes nothing."""
    connection = connect(path)
    connection.execute("PRAGMA query_only = ON")
    return connection


def create_embedded_engine(path: Path | None) -> Engine:
    """Make SQLAlchemy's engine over such connections, for migrations and checks."""
    return create_engine(
        URL.create("sqlite", database=None if path is None else str(path)),
        creator=lambda: connect(path),
        # In memory, the one connection is the database.
        poolclass=StaticPool if path is None else NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
    )


class FileReplaced(sqlite3.OperationalError):
    """The database's path leads to another file than the one that was opened, or to none, or is one of several."""


class OpenedFile:
    """A database file that was opened, and whether its path still leads to it.

    Connections go on with a file that was removed or replaced, whose posts nobody finds again; and whoever opens the
    path anew puts the old write-ahead log into the new file. Where the log's index is gone, whoever comes makes another
    one, and of two indexes each leads its own to write over what the others have committed. Tools that copy what is
    there, migrations and SQLite's own upkeep leave all three in place, and as long as anybody is connected neither the
    log nor its index is removed.

    Attributes:
        connection: The one it was opened with.
    """

    def __init__(self, path: Path) -> None:
        """Open the file."""
        self._path = path
        # In this order: what comes between is taken for another file, and not for this one.
        self._inode = _inode_of(path)
        self.connection = connect(path)
        self._log = beside(path, "-wal")
        self._log_inode = _inode_of(self._log)
        self._index = beside(path, "-shm")
        self._index_inode = _inode_of(self._index)

    def refuse_if_replaced(self) -> None:
        """See that the path leads to what was opened, through whatever links, and that its log and its index are there.

        Raises:
            FileReplaced: It does not, or is not.
        """
        log_inode, index_inode = _inode_of(self._log), _inode_of(self._index)
        # An empty database has neither before the first page is written.
        self._log_inode = self._log_inode or log_inode
        self._index_inode = self._index_inode or index_inode
        if (_inode_of(self._path), log_inode) != (self._inode, self._log_inode):
            message = (
                f"{self._path} or its -wal was removed or replaced while it was served: nothing is kept until all"
                " servers are stopped, the right file is put there with no -wal and -shm beside it, and they are"
                " started again"
            )
            raise FileReplaced(message)
        if index_inode != self._index_inode:
            raise FileReplaced(_without_index(self._path))


def _without_index(path: Path) -> str:
    """Say what to do about a file whose log has lost its index. What is in the log is nowhere else."""
    return (
        f"{path}-shm was removed or replaced while the file was served: nothing is kept until all servers are stopped"
        f" and started again; leave {path}-wal where it is"
    )


def _by_another_name(path: Path) -> str:
    """Say what to do about a file that has a log and an index beside each of its names."""
    return (
        f"{path} is open by another name, a hard link or a mount of the file alone, and what is written by one of them"
        " breaks what is written by the other: use one name, or mount the folder"
    )


def _refuse_without_index(path: Path) -> None:
    """See that nobody has a file open whose index is not beside it. To be called before this process opens it.

    Raises:
        FileReplaced: Somebody has, and the index was removed, or is beside another name of the file.
    """
    end = time.monotonic() + _MOMENT_SECONDS
    while not beside(path, "-shm").exists() and _is_open(path):
        if time.monotonic() >= end:
            has_log = beside(path, "-wal").exists()
            raise FileReplaced(_without_index(path) if has_log else _by_another_name(path))
        time.sleep(_STEP_SECONDS)


def _is_open(path: Path) -> bool:
    """Whether another process has a database file with a write-ahead log open, as far as this one may ask."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if os.pread(file, 1, _KIND_AT) != _WITH_LOG:
            return False
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, *_LOCKED)
    except (BlockingIOError, PermissionError):
        return True
    except OSError:
        pass
    finally:
        os.close(file)
    return False


def create_looking_engine(path: Path) -> Engine:
    """Make an engine whose connections only look: they change neither the file nor what lies beside it."""

    def look() -> sqlite3.Connection:
        _refuse_without_index(path)
        # Whoever only reads makes a write-ahead log where there is none, and cannot take it away again. Without one,
        # nobody has the file open to write.
        at_rest = not any(beside(path, end).exists() for end in ("-wal", "-journal"))
        address = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if at_rest else ''}"
        return sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)

    return create_engine(
        URL.create("sqlite", database=str(path)),
        creator=look,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
    )


class FileLock:
    """A lock beside the database file, by which processes take turns to write.

    SQLite's own waiting sleeps ever longer and starves; the operating system's queue does not.
    """

    def __init__(self, path: Path) -> None:
        """Open the lock file of a database file."""
        self._file = os.open(beside(path, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def held(self) -> Generator[None]:
        """Wait for the turn, and hold it."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    @asynccontextmanager
    async def held_by_task(self) -> AsyncGenerator[None]:
        """Wait for the turn in short steps, in which the event loop hears that somebody ends it all; and hold it.

        For who writes once: where many write all the time, whoever only looks now and then seldom finds it free.
        """
        while not self._is_taken():  # noqa: ASYNC110 - whoever gives it back is another process
            await asyncio.sleep(_STEP_SECONDS)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    @contextmanager
    def held_if_free(self) -> Generator[bool]:
        """Hold the turn if nobody else has it, and say whether that is so."""
        is_held = self._is_taken()
        try:
            yield is_held
        finally:
            if is_held:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _is_taken(self) -> bool:
        """Take the turn if nobody else has it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _inode_of(path: Path) -> tuple[int, int] | None:
    """Return which file a path leads to, None where it leads to none."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_dev, about.st_ino
