"""The embedded database's write-ahead log: how long it may become, and when it begins anew."""

import asyncio
import logging
import math
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from postkeep.services.ports import Recall, StorageUnavailable
from postkeep.storage.embedded_file import KEPT_LOG_BYTES, PRAGMAS, FileLock, OpenedFile, beside, connect

log = logging.getLogger(__name__)

LOG_BYTES: Final = 256 * 1024 * 1024
"""As long as somebody reads, the log only grows; past this, no long list is read on."""

_ANEW_SECONDS: Final = 1.0
_ANEW_MILLISECONDS: Final = 50
"""How often a moment is waited for in which it can begin anew, and how long each time, which keeps everybody from
writing."""

_LOOK_SECONDS: Final = 1.0


class WriteAheadLog:
    """The write-ahead log of a database file.

    It begins anew only in a moment when nobody reads what is in it. Where somebody always does, none comes by itself;
    and readers that take turns, each for long, would let it fill the disk.

    It is copied into the file by whoever has the turn to write, and by nobody else: SQLite up to 3.51.2 may take what
    is in a log that has just begun anew for copied, and loses it. Source: https://www.sqlite.org/wal.html (11, The
    WAL-Reset Bug).
    """

    def __init__(self, path: Path) -> None:
        """Take the database file."""
        self._path = path
        # One of its own: threads that share one are not kept from each other.
        self._turn = FileLock(path)
        self._tried = -math.inf

    @property
    def is_long(self) -> bool:
        """Whether it is longer than it may become for a reader's sake."""
        return self._size > LOG_BYTES

    def begin_anew(self, file: OpenedFile) -> None:
        """Let it begin anew if it is not short: wait for the moment when nobody reads what is in it, but not for long.

        Whoever begins to read meanwhile reads the database file, as all is copied there first. Source:
        https://www.sqlite.org/c3ref/wal_checkpoint_v2.html (SQLITE_CHECKPOINT_RESTART).

        Args:
            file: Whose connection is in no transaction, and whose turn it is to write.
        """
        # A failure is nobody's: all is committed. Whoever reads for longer keeps the log until the next time.
        with suppress(sqlite3.Error, OSError):
            if self._size <= KEPT_LOG_BYTES or time.monotonic() < self._tried + _ANEW_SECONDS:
                return
            file.refuse_if_replaced()
            file.connection.execute(f"PRAGMA busy_timeout = {_ANEW_MILLISECONDS}")
            try:
                file.connection.execute("PRAGMA wal_checkpoint(RESTART)")
            finally:
                file.connection.execute(f"PRAGMA busy_timeout = {PRAGMAS['busy_timeout']}")
        self._tried = time.monotonic()

    @property
    def _size(self) -> int:
        """How many bytes its file has."""
        try:
            return beside(self._path, "-wal").stat().st_size
        except FileNotFoundError:
            return 0

    def refuse_if_long(self) -> None:
        """Refuse one more long list where the log is long and cannot begin anew. Not for the event loop's thread.

        Raises:
            StorageUnavailable: Others read what is in it.
        """
        if not self.is_long:
            return
        with self._turn.held_if_free() as is_held:
            # Whoever writes at this moment has it begin anew behind that.
            if is_held:
                self._begin_anew_at_once()
        if self.is_long:
            log.warning("storage_busy", extra={"reason": "the write-ahead log is too long for another long list"})
            raise StorageUnavailable

    def close(self) -> None:
        """Let go of what stands for the turn to write."""
        self._turn.close()

    async def watch(self, recall: Recall) -> None:
        """Recall a reader whenever the log is long, until cancelled."""
        while True:
            if self.is_long:
                recall()
            await asyncio.sleep(_LOOK_SECONDS)

    def _begin_anew_at_once(self) -> None:
        """Copy what can be copied without waiting for anybody, and empty the log if that is all of it."""
        with closing(connect(self._path)) as connection:
            connection.execute("PRAGMA busy_timeout = 0")
            _, pages, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if pages == copied:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
