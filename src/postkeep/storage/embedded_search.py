"""Searching in a SQLite file: in threads and on connections of their own, so that nobody else waits for them."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from postkeep.services.ports import Found, SearchUnavailable
from postkeep.services.threads import Threads
from postkeep.storage.embedded_file import connect_reader
from postkeep.storage.embedded_statements import read_rows, unavailable
from postkeep.storage.limits import SEARCH_SECONDS, SEARCHES
from postkeep.storage.lists import listed
from postkeep.storage.search import Finds
from postkeep.storage.statements import Parameters, Statement

log = logging.getLogger(__name__)

_STEPS: Final = 10
"""After so many steps of SQLite's, about once for each post, the time is looked at: one long one can take long."""


class EmbeddedSearch:
    """Searches, as many at the same time as have a turn."""

    def __init__(self, path: Path, *, seconds: float = SEARCH_SECONDS) -> None:
        """Open the file, for reading only.

        Args:
            path: The file.
            seconds: How long one search may take.
        """
        self._seconds = seconds
        self._idle = [connect_reader(path) for _ in range(SEARCHES)]
        self._threads = Threads(SEARCHES, "postkeep-search")

    async def run(
        self, statement: Statement, values: Parameters, finds: Finds, has_to_end: Callable[[], bool]
    ) -> Found:
        """Run a search, and take what it finds until that is enough.

        Args:
            statement: The SELECT.
            values: Its values.
            finds: What takes them.
            has_to_end: Whether it is to be given up; asked often, in the search's own thread.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._run, statement, values, finds, has_to_end
        )

    async def close(self) -> None:
        """Finish what was begun, then let go of the file."""
        await asyncio.to_thread(self._threads.shutdown)
        for connection in self._idle:
            connection.close()

    def _run(self, statement: Statement, values: Parameters, finds: Finds, has_to_end: Callable[[], bool]) -> Found:
        """Run a search in this thread."""
        began = time.monotonic()
        connection = self._idle.pop()
        connection.set_progress_handler(lambda: has_to_end() or time.monotonic() - began > self._seconds, _STEPS)
        try:
            with closing(read_rows(connection, statement, values)) as parts:
                for rows in parts:
                    finds.take(listed(rows))
                    if finds.has_more:
                        break
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                log.warning("search_cut", extra={"seconds": round(time.monotonic() - began, 1)})
                raise SearchUnavailable from error
            raise unavailable(error) from error
        finally:
            self._idle.append(connection)
        return finds.found
