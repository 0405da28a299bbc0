"""A database in the memory of one process, over one connection: for trying out, and for tests."""

import sqlite3
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Engine

from postkeep.domain.accounts import AccountId
from postkeep.domain.attempts import NOWHERE, Network
from postkeep.domain.lists import EVERYTHING, Listing, Place
from postkeep.domain.posts import ListedPost
from postkeep.domain.search import Query
from postkeep.services.ports import Found, Recall, no_recall
from postkeep.services.repositories import Unit, UnitOfWork
from postkeep.storage.search import Finds
from postkeep.storage.writer import Writer

T = TypeVar("T")


class InMemoryStorage:
    """Storage in this process's memory, over one connection; gone with the process. See `services.ports.Storage`."""

    def __init__(self, engine: Engine) -> None:
        """Take the engine of a database in memory whose schema is there."""
        self._engine = engine
        # The engine's one connection, which is the database; it is lent for as long as this lives.
        self._lent = engine.raw_connection()
        connection = self._lent.driver_connection
        assert isinstance(connection, sqlite3.Connection)  # noqa: S101 - for the type checker: SQLAlchemy cannot say it
        self._writer = Writer(connection, _always, _never)

    async def transact(self, account_id: AccountId, unit: Unit, *, weight: int = 0) -> None:
        """Run a unit and commit it, together with others that wait."""
        await self._writer.run(account_id, unit, weight=weight)

    async def count(self, unit: Unit, *, asker: Network = NOWHERE, makes_room: bool = False) -> None:
        """Run a unit that counts attempts and commit it, together with others that wait."""
        del asker, makes_room
        await self._writer.run(None, unit, counting=True)

    async def read(
        self,
        query: Callable[[UnitOfWork], Coroutine[Any, Any, T]],
        *,
        weight: int = 0,
        asker: AccountId | None = None,
    ) -> T:
        """Answer a query, in turn with the units."""
        del weight, asker
        return await self._writer.run(None, query)

    async def stream(  # noqa: PLR0913 - as in the port
        self,
        author: AccountId,
        listing: Listing = EVERYTHING,
        *,
        before: Place | None = None,
        last: Place | None = None,
        weight: int = 0,
        recall: Recall = no_recall,
    ) -> AsyncGenerator[Sequence[ListedPost]]:
        """Answer an author's posts; they are in memory as they are, so all of them at once."""
        del weight, recall

        yield await self.read(lambda work: work.posts.list_for(author, listing, before=before, last=last))

    async def search(  # noqa: PLR0913 - as in the port
        self,
        author: AccountId,
        query: Query,
        listing: Listing = EVERYTHING,
        *,
        before: Place | None = None,
        limit: int,
        about_bytes: int,
    ) -> Found:
        """Find posts among all of the author's, which are in memory as they are."""
        finds = Finds(query, limit=limit, about_bytes=about_bytes)
        finds.take(await self.read(lambda work: work.posts.list_for(author, listing, before=before)))
        return finds.found

    async def check(self) -> None:
        """Nothing to see: nobody else can have changed the schema."""

    def usage(self) -> Mapping[str, int]:
        """Return how many units wait, by the names of the metrics."""
        return {"database_units_waiting": self._writer.waiting}

    async def close(self) -> None:
        """Forget everything."""
        await self._writer.stop()
        self._engine.dispose()


@contextmanager
def _always() -> Generator[None]:
    """Hold a turn that nobody else wants."""
    yield


def _never() -> None:
    """Refuse nothing: memory is replaced by nobody."""
