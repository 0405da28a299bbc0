"""Searching on a database server: on a few connections of its own, slice by slice, so that a search can be given up.

A server does not notice that nobody waits for its answer any more, and to tell it takes another connection, which may
lead to another node. So a statement has a second, in which most searches come to their end. One that does not goes on
slice by slice, and between two of them it is seen whether others wait. All slices are of one moment, up to one that
takes too long and is begun again, in smaller ones.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from asyncmy.errors import MySQLError
from sqlalchemy import URL

from postkeep.domain.accounts import AccountId
from postkeep.domain.lists import Listing, Place
from postkeep.services.ports import Found, SearchUnavailable, StorageUnavailable
from postkeep.storage.limits import SEARCH_SECONDS, SEARCHES
from postkeep.storage.lists import is_part, listed, place_of
from postkeep.storage.search import Finds, end_of_slice, server_search
from postkeep.storage.server_driver import Connection
from postkeep.storage.server_pool import Connections, read_rows, runs_on

log = logging.getLogger(__name__)

STATEMENT_SECONDS: Final = 1.0
"""After how long the server ends the look at a slice by itself."""

_TOO_LONG: Final = frozenset({1969, 3024})
"""MariaDB and MySQL ended a statement that took longer than it may."""

_SPARE_SECONDS: Final = 1.0
"""How much longer than that is waited for the server to do so."""

_FIRST_SLICE: Final[int | None] = None
"""The first slice is all there is: to find out where a smaller one ends costs a fifth of an ordinary search."""

_NEXT_SLICE: Final = 16
"""So many posts are looked at where that takes too long."""

_SLICE_SECONDS: Final = 0.2
"""Slices grow until one takes about so long."""

_SLICE_GROWTH: Final = 16

_GROWTH: Final = 4
_MOST_AT_ONCE: Final = 2000


class ServerSearch:
    """Searches, as many at the same time as there are connections."""

    def __init__(
        self, url: URL, *, seconds: float = SEARCH_SECONDS, statement_seconds: float = STATEMENT_SECONDS
    ) -> None:
        """Take the server's address. To be called in the event loop.

        Args:
            url: `mysql+asyncmy://...`.
            seconds: How long one search may take.
            statement_seconds: How long the look at one slice may take.
        """
        self._seconds = seconds
        self._patience = statement_seconds + _SPARE_SECONDS
        self._connections = Connections(
            url, size=SEARCHES, autocommit=False, isolation="REPEATABLE READ", statement_seconds=statement_seconds
        )

    async def run(
        self,
        author: AccountId,
        listing: Listing,
        finds: Finds,
        *,
        before: Place | None,
        has_to_end: Callable[[], bool],
    ) -> Found:
        """Run a search, and take what it finds until that is enough.

        Args:
            author: Whose posts.
            listing: In which of them, and in what order.
            finds: What is looked for, and what takes it.
            before: Only what is behind this place.
            has_to_end: Whether it is to be given up; asked often.
        """
        look = Look(self._patience, author, listing, finds, has_to_end, before)
        time = asyncio.get_running_loop().time
        began = time()
        try:
            async with asyncio.timeout(self._seconds):
                while not await self._is_done(look):
                    pass
        except (MySQLError, TimeoutError) as error:
            if isinstance(error, TimeoutError) or error.args[0] in _TOO_LONG:
                log.warning("search_cut", extra={"seconds": round(time() - began, 1)})
                raise SearchUnavailable from error
            log.error("storage_failed", extra={"reason": str(error)})  # noqa: TRY400 - a trace says no more
            raise StorageUnavailable from error
        return finds.found

    async def _is_done(self, look: "Look") -> bool:
        """Look on, and say whether that was all; it is not where a slice took too long."""
        try:
            async with self._connections.lent() as connection:
                try:
                    await look.on(connection)
                except MySQLError:
                    # Its transaction goes on, and whoever had it next would see what there was when this one began.
                    connection.close()
                    raise
                if connection.connected:
                    await connection.rollback()
        except MySQLError as error:
            if error.args[0] not in _TOO_LONG or look.size == 1:
                raise
            look.shrink()
            return False
        return True

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.close()


@dataclass(slots=True)
class Look:
    """One search. Whatever takes too long in it is a TimeoutError, or the server's word for it.

    Attributes:
        before: How far it has come.
        size: How many posts the next slice has; None for all.
    """

    patience: float
    author: AccountId
    listing: Listing
    finds: Finds
    has_to_end: Callable[[], bool]
    before: Place | None
    size: int | None = field(default_factory=lambda: _FIRST_SLICE)

    async def on(self, connection: Connection) -> None:
        """Look on, on a connection, until enough are found or there are no more."""
        time = asyncio.get_running_loop().time
        while True:
            began = time()
            last = None if self.size is None else await self.end_of_slice(connection, self.size)
            await self.at_slice(connection, last)
            if self.size is None or last is None or self.finds.has_more:
                return
            self._give_way()
            self.before = last
            self.size = max(1, round(self.size * min(_SLICE_GROWTH, _SLICE_SECONDS / max(time() - began, 0.001))))

    def shrink(self) -> None:
        """Make slices smaller, because one took too long."""
        self._give_way()
        self.size = _NEXT_SLICE if self.size is None else max(1, self.size // _SLICE_GROWTH)

    async def end_of_slice(self, connection: Connection, size: int) -> Place | None:
        """Return the place of the last post of a slice; None if there are no more posts than that."""
        statement, values = end_of_slice(self.author, self.listing.sort, before=self.before, size=size)
        row = (await runs_on(connection)(statement, values)).first()
        return None if row is None else place_of(row, self.listing.sort)

    async def at_slice(self, connection: Connection, last: Place | None) -> None:
        """Look at a slice.

        The server is asked for as many posts as are wanted, and again behind the last of them where it found too much.
        """
        at_most = self.finds.wanted
        while await self._at_some(connection, last, at_most) == at_most and not self.finds.has_more:
            self._give_way()
            at_most = min(_MOST_AT_ONCE, at_most * _GROWTH)

    async def _at_some(self, connection: Connection, last: Place | None, at_most: int) -> int:
        """Run one statement, take its posts, and return how many there were."""
        statement, values = server_search(
            self.author, self.listing, self.finds.query, before=self.before, last=last, limit=at_most
        )
        count = 0
        async with aclosing(read_rows(connection, statement, values, patience=self.patience)) as parts:
            async for rows in parts:
                posts = listed(rows)
                if is_part(posts):
                    # What a database finds for nothing may be long, and the event loop has others to answer.
                    await asyncio.to_thread(self.finds.take, posts)
                    self._give_way()
                else:
                    self.finds.take(posts)
                count += len(posts)
                self.before = self.listing.sort.place_of(posts[-1])
                # Rows that are left unread cost the connection; behind the last there are none.
                if self.finds.has_more and count < at_most:
                    break
        return count

    def _give_way(self) -> None:
        """Go on only as long as the search need not be given up.

        Raises:
            TimeoutError: It is to be.
        """
        if self.has_to_end():
            raise TimeoutError
