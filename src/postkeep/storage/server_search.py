"""Searching on a database server: on a few connections of its own, whose statements the server ends by itself."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from typing import Final, TypeAlias

from asyncmy.errors import MySQLError
from sqlalchemy import URL

from postkeep.domain.lists import Place
from postkeep.domain.posts import ListedPost
from postkeep.services.ports import Found, SearchUnavailable, StorageUnavailable
from postkeep.storage.limits import SEARCH_SECONDS, SEARCHES
from postkeep.storage.lists import listed
from postkeep.storage.search import Finds
from postkeep.storage.server_pool import Connections, read_rows
from postkeep.storage.statements import Parameters, Statement

log = logging.getLogger(__name__)

_TOO_LONG: Final = frozenset({1969, 3024})
"""MariaDB and MySQL ended a statement that took longer than it may."""

_SPARE_SECONDS: Final = 1.0
"""How much longer than that is waited for the server to do so."""

_GROWTH: Final = 4
_MOST_AT_ONCE: Final = 2000

Ask: TypeAlias = Callable[[Place | None, int], tuple[Statement, Parameters]]
"""Makes the statement that finds so many posts behind a place, and its values."""


class ServerSearch:
    """Searches, as many at the same time as there are connections."""

    def __init__(self, url: URL, *, seconds: float = SEARCH_SECONDS) -> None:
        """Take the server's address. To be called in the event loop.

        Args:
            url: `mysql+asyncmy://...`.
            seconds: How long one search may take.
        """
        self._seconds = seconds
        self._connections = Connections(url, size=SEARCHES, autocommit=True, statement_seconds=seconds)

    async def run(
        self, ask: Ask, place_of: Callable[[ListedPost], Place], finds: Finds, *, before: Place | None, limit: int
    ) -> Found:
        """Run a search, and take what it finds until that is enough.

        The server is asked for as many posts as are wanted, and again behind the last of them where it found too much.
        """
        try:
            async with asyncio.timeout(self._seconds + _SPARE_SECONDS):
                at_most = limit
                while (last := await self._take(*ask(before, at_most), finds, at_most)) is not None:
                    before, at_most = place_of(last), min(_MOST_AT_ONCE, at_most * _GROWTH)
        except (MySQLError, TimeoutError) as error:
            if isinstance(error, TimeoutError) or error.args[0] in _TOO_LONG:
                log.warning("search_cut", extra={"seconds": self._seconds})
                raise SearchUnavailable from error
            log.error("storage_failed", extra={"reason": str(error)})  # noqa: TRY400 - a trace says no more
            raise StorageUnavailable from error
        return finds.found

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.close()

    async def _take(self, statement: Statement, values: Parameters, finds: Finds, at_most: int) -> ListedPost | None:
        """Run one statement and take its posts.

        Returns:
            The last of them where another statement has to go on behind it.
        """
        count, last = 0, None
        async with (
            self._connections.lent() as connection,
            aclosing(read_rows(connection, statement, values, patience=self._seconds + _SPARE_SECONDS)) as parts,
        ):
            async for rows in parts:
                posts = listed(rows)
                finds.take(posts)
                count, last = count + len(posts), posts[-1]
                # Rows that are left unread cost the connection; behind the last there are none.
                if finds.has_more and count < at_most:
                    break
        return last if count == at_most and not finds.has_more else None
