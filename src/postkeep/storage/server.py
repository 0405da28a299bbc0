"""A server database: MySQL, MariaDB and their clusters, through SQLAlchemy's async engine on asyncmy."""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from enum import Enum, auto
from typing import Any, Final, TypeVar

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from postkeep.domain.accounts import AccountId
from postkeep.services.ports import StorageUnavailable, Unit, UnitOfWork
from postkeep.storage.schema import read_state, refuse_unfit
from postkeep.storage.transaction import AlreadyDone, Parameters, Result, Run, Statement, Transaction
from postkeep.storage.unit_of_work import SqlUnitOfWork

log = logging.getLogger(__name__)

T = TypeVar("T")

SQL_MODE: Final = (
    "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION"
)

_RUNS: Final = 4
"""How often a unit may run: once, and three times again."""

_PAUSE_SECONDS: Final = 0.02
"""The longest pause before the second run; it doubles with each further one."""

_LOST: Final = frozenset({1040, 1047, 1053, 1927, 2003, 2006, 2013, 2014, 2045, 2055, 4031})
"""The connection is gone, or the server cannot take it: another connection may do better."""

_COLLIDED: Final = frozenset({1020, 1205, 1213, 3101})
"""The transaction lost against another one and was, or is now, rolled back."""


def create_server_engine(url: URL, *, pool_size: int, autocommit: bool = False) -> AsyncEngine:
    """Make SQLAlchemy's engine for a server, with every connection set as it must be.

    Args:
        url: `mysql+asyncmy://...`.
        pool_size: How many connections it keeps, and opens at most.
        autocommit: For reading single statements without a transaction around each.
    """
    return create_async_engine(
        url.update_query_dict({"charset": "utf8mb4"}),
        isolation_level="AUTOCOMMIT" if autocommit else "READ COMMITTED",
        skip_autocommit_rollback=autocommit,
        # Units end their transactions themselves; a reset would be one more round trip each.
        pool_reset_on_return=None,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=3,
        pool_recycle=1800,
        hide_parameters=True,
        connect_args={"connect_timeout": 5, "init_command": f"SET time_zone = '+00:00', sql_mode = '{SQL_MODE}'"},
    )


class ServerStorage:
    """Storage on a database server. See `services.ports.Storage`."""

    def __init__(self, url: URL, *, pool_size: int) -> None:
        """Take the server's address; connections are opened as they are needed.

        Args:
            url: `mysql+asyncmy://...`.
            pool_size: How many connections at most for units, and as many again for queries.
        """
        self._units = create_server_engine(url, pool_size=pool_size)
        self._queries = create_server_engine(url, pool_size=pool_size, autocommit=True)
        self._under_way: set[asyncio.Task[None]] = set()

    async def transact(self, account_id: AccountId, unit: Unit) -> None:
        """Run a unit and commit it; again, in whole, where the database asks for it."""
        task = asyncio.create_task(self._transact(account_id, unit))
        self._under_way.add(task)
        task.add_done_callback(self._end)
        await asyncio.shield(task)

    async def read(self, query: Callable[[UnitOfWork], Coroutine[Any, Any, T]], *, weight: int = 0) -> T:
        """Answer a query; once more on another connection where the first is lost."""
        del weight
        return await self._ask(lambda connection: query(SqlUnitOfWork(Transaction(_runs_on(connection), None))))

    async def check(self) -> None:
        """See that the database answers and that its schema fits."""
        refuse_unfit(await self._ask(lambda connection: connection.run_sync(read_state)))

    async def close(self) -> None:
        """Finish what was begun, then close the connections."""
        if self._under_way:
            await asyncio.wait(self._under_way)
        await self._units.dispose()
        await self._queries.dispose()

    async def _ask(self, question: Callable[[AsyncConnection], Coroutine[Any, Any, T]]) -> T:
        for run in range(_RUNS):
            try:
                async with self._queries.connect() as connection:
                    return await question(connection)
            except (DBAPIError, PoolTimeoutError, OSError) as error:
                await _pause_or_give_up(error, run)
        raise StorageUnavailable

    def _end(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            # Whoever waited may be gone; a failure that nobody takes is no news for the event loop.
            task.exception()

    async def _transact(self, account_id: AccountId, unit: Unit) -> None:
        settling = False
        for run in range(_RUNS):
            committing = False
            try:
                async with self._units.connect() as connection:
                    transaction = Transaction(_runs_on(connection), account_id, settling=settling)
                    await unit(SqlUnitOfWork(transaction))
                    committing = True
                    await connection.commit()
            except AlreadyDone:
                return
            except (DBAPIError, PoolTimeoutError, OSError) as error:
                # A COMMIT that lost against another transaction was rolled back; one that failed otherwise may have
                # been done all the same, and the next run looks for its effect.
                settling = settling or (committing and _fault(error) is not _Fault.COLLIDED)
                await _pause_or_give_up(error, run, settling=settling)
            else:
                return
        raise StorageUnavailable


class _Fault(Enum):
    """What an error of the database means for whoever asked."""

    COLLIDED = auto()
    LOST = auto()
    OURS = auto()


def _fault(error: Exception) -> _Fault:
    if not isinstance(error, DBAPIError):
        return _Fault.LOST
    code = error.orig.args[0] if error.orig is not None and error.orig.args else None
    if code in _COLLIDED:
        return _Fault.COLLIDED
    if error.connection_invalidated or code in _LOST:
        return _Fault.LOST
    return _Fault.OURS


async def _pause_or_give_up(error: Exception, run: int, *, settling: bool = False) -> None:
    """Wait a little before the next run, or raise where another run makes no sense.

    Raises:
        StorageUnavailable: It was the last run, or no connection came free.
        Exception: The error itself, where it is the statement's fault.
    """
    fault = _fault(error)
    if fault is _Fault.OURS and not settling:
        raise error
    if run == _RUNS - 1 or isinstance(error, PoolTimeoutError):
        log.error("storage_failed", extra={"reason": _reason(error)})
        raise StorageUnavailable from error
    log.warning("storage_retried", extra={"reason": _reason(error), "run": run + 1})
    await asyncio.sleep(random.uniform(0, _PAUSE_SECONDS * 2**run))  # noqa: S311 - jitter needs no secrecy


def _reason(error: Exception) -> str:
    """Say what the driver said; SQLAlchemy's own text would add the statement."""
    return str(error.orig) if isinstance(error, DBAPIError) else str(error)


def _runs_on(connection: AsyncConnection) -> Run:
    async def run(statement: Statement, parameters: Parameters) -> Result:
        return await connection.execute(statement, parameters)

    return run
