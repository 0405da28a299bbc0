"""A server database: MySQL, MariaDB and their clusters."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, nullcontext
from typing import Any, Final, TypeVar

from asyncmy.errors import MySQLError
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from postkeep.domain.accounts import AccountId
from postkeep.domain.attempts import NOWHERE, Network
from postkeep.domain.lists import EVERYTHING, Listing, Place
from postkeep.domain.posts import ListedPost
from postkeep.domain.search import Query
from postkeep.services.ports import Found, Recall, StorageUnavailable, no_recall
from postkeep.services.repositories import Unit, UnitOfWork
from postkeep.storage.account_turns import AccountTurns
from postkeep.storage.deadlines import within
from postkeep.storage.limits import (
    BEGIN_SECONDS,
    COUNTS,
    HEAVY_BYTES,
    HEAVY_QUERIES,
    OWN_UNITS,
    PATIENCE_SECONDS,
    SEARCHES,
    STREAMS,
)
from postkeep.storage.lists import is_part, list_statement, listed
from postkeep.storage.patience import Patience
from postkeep.storage.schema import read_state, refuse_unfit
from postkeep.storage.search import Finds
from postkeep.storage.server_driver import Connection
from postkeep.storage.server_faults import Fault, is_read_only
from postkeep.storage.server_pool import Connections, create_server_engine, read_rows, runs_on
from postkeep.storage.server_search import ServerSearch
from postkeep.storage.statements import Parameters, Statement
from postkeep.storage.streams import Streams
from postkeep.storage.transaction import AlreadyDone, Transaction
from postkeep.storage.unit_of_work import SqlUnitOfWork

log = logging.getLogger(__name__)

T = TypeVar("T")

_RUNS: Final = 4
"""How often a unit may run: once, and three times again."""

_PAUSE_SECONDS: Final = 0.02
"""The longest pause before the second run; it doubles with each further one."""


class ServerStorage:
    """Storage on a database server. See `services.ports.Storage`."""

    def __init__(self, url: URL, *, pool_size: int) -> None:
        """Take the server's address; connections are opened as they are needed. To be called in the event loop.

        Args:
            url: `mysql+asyncmy://...`.
            pool_size: How many connections at most for units, and as many again for queries.
        """
        self._units = Connections(url, size=pool_size, autocommit=False)
        self._queries = Connections(url, size=pool_size, autocommit=True)
        self._streams = Streams()
        self._reading = Connections(url, size=STREAMS, autocommit=True, statement_seconds=0)
        self._search = ServerSearch(url)
        self._search_turns = AccountTurns(SEARCHES)
        self._heavy_turns = AccountTurns(max(1, min(HEAVY_QUERIES, pool_size // 2)))
        self._checks = create_server_engine(url, pool_size=1, autocommit=True)
        self._unit_turns = AccountTurns(pool_size, own=OWN_UNITS)
        self._patience = Patience()
        self._under_way: set[asyncio.Task[None]] = set()
        self._attempt_turns, self._room_turns = AccountTurns(COUNTS), AccountTurns(COUNTS)

    async def transact(self, account_id: AccountId, unit: Unit, *, weight: int = 0) -> None:
        """Run a unit and commit it; again, in whole, where the database asks for it."""
        await self._run_whole(self._transact_in_turn(_Runs(account_id, unit), account_id, weight))

    async def count(self, unit: Unit, *, asker: Network = NOWHERE, makes_room: bool = False) -> None:
        """Run a unit that counts attempts when it is its network's turn, whose row the network's others hold."""
        turns = self._room_turns if makes_room else self._attempt_turns
        await self._run_whole(self._count(_Runs(None, unit, counting=True), asker, turns))

    async def _run_whole(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something to its end, whatever becomes of whoever waits for it."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._end)
        await asyncio.shield(task)

    async def read(
        self,
        query: Callable[[UnitOfWork], Coroutine[Any, Any, T]],
        *,
        weight: int = 0,
        asker: AccountId | None = None,
    ) -> T:
        """Answer a query; once more on another connection where the first is lost."""
        # Waiting for a turn says nothing of the database, which is given its time only then.
        turn: AbstractAsyncContextManager[None] = nullcontext()
        if asker is not None and weight > HEAVY_BYTES:
            turn = self._heavy_turns.to_use(asker, "heavy queries")
        async with turn, self._patience.limit(weight):
            for run in range(_RUNS):
                try:
                    async with self._queries.lent() as connection:
                        return await query(SqlUnitOfWork(Transaction(runs_on(connection), None)))
                except MySQLError as error:
                    await _pause_or_give_up(error, run)
        raise StorageUnavailable

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
        """Answer an author's posts some at a time, from one SELECT; once it has begun, a fault ends it."""
        statement, values = list_statement(author, listing, before=before, last=last)
        async with AsyncExitStack() as held:
            try:
                async with within(BEGIN_SECONDS):
                    stream = await held.enter_async_context(self._streams.turn(author, recall, weight))
                    parts = await held.enter_async_context(aclosing(self._parts(statement, values)))
                    part = await anext(parts, None)
            except TimeoutError as error:
                log.error("storage_failed", extra={"reason": "no answer in time"})  # noqa: TRY400 - a trace says no more
                raise StorageUnavailable from error
            while part:
                stream.give(part)
                yield part
                stream.taken()
                part = await anext(parts, None)

    async def _parts(self, statement: Statement, values: Parameters) -> AsyncGenerator[Sequence[ListedPost]]:
        """Read a long list some at a time."""
        try:
            async with self._reading.lent() as connection, aclosing(read_rows(connection, statement, values)) as rows:
                part: list[ListedPost] = []
                async for some in rows:
                    part += listed(some)
                    if is_part(part):
                        yield part
                        part = []
                if part:
                    yield part
        except (MySQLError, TimeoutError) as error:
            reason = str(error) or "no answer in time"
            log.error("storage_failed", extra={"reason": reason})  # noqa: TRY400 - a trace says no more
            raise StorageUnavailable from error

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
        """Find posts, on connections of their own."""
        finds = Finds(query, limit=limit, about_bytes=about_bytes)
        async with self._search_turns.to_search(author) as turn:
            return await self._search.run(author, listing, finds, before=before, has_to_end=turn.has_to_end)

    async def check(self) -> None:
        """See that the database answers and that its schema fits."""
        try:
            async with within(PATIENCE_SECONDS), self._checks.connect() as connection:
                refuse_unfit(await connection.run_sync(read_state))
        except (DBAPIError, PoolTimeoutError, OSError, RuntimeError) as error:
            # A deadline is an OSError, too, and has no words; of RuntimeErrors see `Connections`.
            reason = str(getattr(error, "orig", error)) or "no answer in time"
            log.error("storage_failed", extra={"reason": reason})  # noqa: TRY400 - a trace says no more
            raise StorageUnavailable from error

    def usage(self) -> Mapping[str, int]:
        """Return how much of the pools is in use, by the names of the metrics."""
        pools = (self._units, self._queries, self._reading)
        return {
            "database_connections": sum(pool.opened for pool in pools),
            "database_connections_busy": sum(pool.busy for pool in pools),
        }

    async def close(self) -> None:
        """Finish what was begun, then close the connections."""
        if self._under_way:
            await asyncio.wait(self._under_way)
        await self._units.close()
        await self._queries.close()
        await self._reading.close()
        await self._search.close()
        await self._checks.dispose()

    def _end(self, task: asyncio.Task[None]) -> None:
        """Forget a unit that has come to its end."""
        self._under_way.discard(task)
        if not task.cancelled():
            # Whoever waited may be gone; a failure that nobody takes is no news for the event loop.
            task.exception()

    async def _count(self, runs: "_Runs", asker: Network, turns: AccountTurns) -> None:
        """Count attempts when it is their turn; waiting for that says nothing of the database."""
        async with turns.to_use(asker, "attempts to count"):
            await self._transact_in_time(runs, 0)

    async def _transact_in_turn(self, runs: "_Runs", account_id: AccountId, weight: int) -> None:
        """Run a unit when it is its account's turn: waiting for the account's row takes a connection from others."""
        async with self._unit_turns.to_use(account_id, "units"):
            await self._transact_in_time(runs, weight)

    async def _transact_in_time(self, runs: "_Runs", weight: int) -> None:
        """Run a unit as long as there is time. A COMMIT that is cut off by its end stays open, as the answer says."""
        async with self._patience.limit(weight):
            await self._transact(runs)

    async def _transact(self, runs: "_Runs") -> None:
        """Run a unit, and run it again as a whole where the database asks for that. docs/architecture.md says when."""
        for run in range(_RUNS):
            try:
                async with self._units.lent() as connection:
                    await runs.run(connection)
            except AlreadyDone:
                return
            except MySQLError as error:
                # A COMMIT that lost against another transaction was rolled back; one that failed otherwise may have
                # been done all the same, and the next run looks for its effect.
                if runs.committing and Fault.of(error) is not Fault.COLLIDED:
                    runs.settling, runs.why_settling = True, str(error)
                await _pause_or_give_up(error, run, settling=runs.settling)
            else:
                return
        raise StorageUnavailable


class _Runs:
    """One unit's runs, until one is committed."""

    def __init__(self, account_id: AccountId | None, unit: Unit, *, counting: bool = False) -> None:
        """Take a unit that has not run yet: an account's, or one that counts attempts."""
        self._account_id = account_id
        self._unit = unit
        self._counting = counting
        self.settling = False
        self.why_settling = ""
        self.committing = False

    async def run(self, connection: Connection) -> None:
        """Run the unit and commit it, or leave nothing behind."""
        self.committing = False
        transaction = Transaction(
            runs_on(connection),
            self._account_id,
            settling=self.settling,
            why_settling=self.why_settling,
            counting=self._counting,
        )
        try:
            await self._unit(SqlUnitOfWork(transaction))
            self.committing = True
            await connection.commit()
        except Exception as error:
            if not (isinstance(error, MySQLError) and Fault.of(error) is Fault.LOST):
                await connection.rollback()
            raise


async def _pause_or_give_up(error: MySQLError, run: int, *, settling: bool = False) -> None:
    """Wait a little before the next run, or raise where another run makes no sense.

    Raises:
        StorageUnavailable: It was the last run, or the server cannot do it now however often it is asked.
        MySQLError: The error itself, where it is the statement's fault.
    """
    fault = Fault.of(error)
    if fault is Fault.OURS and not settling:
        raise error
    # A server that only reads is left once, for a new connection; where that says the same, so will the next.
    is_hopeless = fault is Fault.REFUSED or (run > 0 and is_read_only(error))
    if run == _RUNS - 1 or (is_hopeless and not settling):
        log.error("storage_failed", extra={"reason": str(error)})
        raise StorageUnavailable from error
    log.warning("storage_retried", extra={"reason": str(error), "run": run + 1})
    await asyncio.sleep(random.uniform(0, _PAUSE_SECONDS * 2**run))  # noqa: S311 - jitter needs no secrecy
