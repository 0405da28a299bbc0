"""A storage whose units of work are spans: whose code, how long, and whether the database failed. No statement."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence
from contextlib import aclosing, contextmanager
from typing import Any, Final, TypeVar

from opentelemetry.trace import SpanKind, StatusCode, Tracer

from postkeep.domain.accounts import AccountId
from postkeep.domain.attempts import NOWHERE, Network
from postkeep.domain.lists import EVERYTHING, Listing, Place
from postkeep.domain.posts import ListedPost
from postkeep.domain.search import Query
from postkeep.services.ports import Found, Recall, Storage, StorageUnavailable, no_recall
from postkeep.services.repositories import Unit, UnitOfWork

T = TypeVar("T")

_WITHIN: Final = ".<locals>"


class TracedStorage:
    """Another storage, each call of which is a span, waiting included. See `services.ports.Storage`."""

    def __init__(self, storage: Storage, tracer: Tracer, system: str) -> None:
        """Stand in front of a storage.

        Args:
            storage: It does the work.
            tracer: It makes the spans.
            system: The kind of database, as OpenTelemetry names it.
        """
        self._storage = storage
        self._tracer = tracer
        self._system = system

    async def transact(self, account_id: AccountId, unit: Unit, *, weight: int = 0) -> None:
        """Run a unit in a transaction and commit it."""
        with self._span("transact", unit):
            await self._storage.transact(account_id, unit, weight=weight)

    async def count(self, unit: Unit, *, asker: Network = NOWHERE, makes_room: bool = False) -> None:
        """Run a unit that counts attempts."""
        with self._span("count", unit):
            await self._storage.count(unit, asker=asker, makes_room=makes_room)

    async def read(
        self,
        query: Callable[[UnitOfWork], Coroutine[Any, Any, T]],
        *,
        weight: int = 0,
        asker: AccountId | None = None,
    ) -> T:
        """Answer a query."""
        with self._span("read", query):
            return await self._storage.read(query, weight=weight, asker=asker)

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
        """Answer an author's posts in order; the span lasts until the last was taken."""
        parts = self._storage.stream(author, listing, before=before, last=last, weight=weight, recall=recall)
        with self._span("stream", self._storage.stream):
            async with aclosing(parts):
                async for part in parts:
                    yield part

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
        """Find posts of an author."""
        with self._span("search", self._storage.search):
            return await self._storage.search(
                author, query, listing, before=before, limit=limit, about_bytes=about_bytes
            )

    async def check(self) -> None:
        """See that the database answers and that its schema fits."""
        with self._span("check", self._storage.check):
            await self._storage.check()

    @contextmanager
    def _span(self, operation: str, work: Callable[..., object]) -> Generator[None]:
        """Make a span of some work, which nothing else becomes part of."""
        name = getattr(work, "__qualname__", type(work).__qualname__).partition(_WITHIN)[0]
        said = {"db.system.name": self._system, "db.operation.name": operation, "code.function.name": name}
        span = self._tracer.start_span(f"{operation} {name}", kind=SpanKind.CLIENT, attributes=said)
        try:
            yield
        except StorageUnavailable as error:
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            span.end()
