"""Searching in a SQLite file: in a thread and on a connection of its own, so that nobody waits for it but the next."""

import asyncio
import logging
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final

from postkeep.services.ports import Found, SearchUnavailable
from postkeep.storage.embedded_file import connect
from postkeep.storage.limits import SEARCH_SECONDS
from postkeep.storage.lists import listed
from postkeep.storage.search import Finds
from postkeep.storage.statements import Parameters, Statement
from postkeep.storage.writer import read_rows, unavailable

log = logging.getLogger(__name__)

_STEPS: Final = 10
"""After so many steps of SQLite's, about once for each post, the time is looked at: one long one can take a second."""


class EmbeddedSearch:
    """Searches one after the other."""

    def __init__(self, path: Path, *, seconds: float = SEARCH_SECONDS) -> None:
        """Open the file, for reading only.

        Args:
            path: The file.
            seconds: How long one search may take.
        """
        self._seconds = seconds
        self._connection = connect(path)
        self._connection.execute("PRAGMA query_only = ON")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="postkeep-search")

    async def run(self, statement: Statement, values: Parameters, finds: Finds) -> Found:
        """Run a search, and take what it finds until that is enough."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, statement, values, finds)

    async def close(self) -> None:
        """Finish what was begun, then let go of the file."""
        await asyncio.to_thread(self._thread.shutdown)
        self._connection.close()

    def _run(self, statement: Statement, values: Parameters, finds: Finds) -> Found:
        """Run a search in this thread."""
        deadline = time.monotonic() + self._seconds
        self._connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        try:
            with closing(read_rows(self._connection, statement, values)) as parts:
                for rows in parts:
                    finds.take(listed(rows))
                    if finds.has_more:
                        break
        except sqlite3.DatabaseError as error:
            if time.monotonic() > deadline:
                log.warning("search_cut", extra={"seconds": self._seconds})
                raise SearchUnavailable from error
            raise unavailable(error) from error
        return finds.found
