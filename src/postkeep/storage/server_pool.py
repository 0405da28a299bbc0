"""Connections to a database server: asyncmy's, each set as it must be."""

import asyncio
import logging
import math
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, cast

import asyncmy
from asyncmy.cursors import SSCursor
from asyncmy.errors import IntegrityError, MySQLError, OperationalError
from sqlalchemy import URL
from sqlalchemy.dialects.mysql import asyncmy as sqlalchemy_asyncmy
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from postkeep.services.ports import StorageUnavailable
from postkeep.storage.deadlines import within
from postkeep.storage.limits import PATIENCE_SECONDS
from postkeep.storage.pool import Pool
from postkeep.storage.server_driver import Connection, Cursor
from postkeep.storage.server_faults import SERVER_LOST, Fault, is_read_only
from postkeep.storage.server_tls import for_driver, tls_of
from postkeep.storage.statements import (
    MOST_AT_ONCE,
    ConstraintBroken,
    Parameters,
    Part,
    Result,
    Rows,
    Statement,
    compiled,
)
from postkeep.storage.transaction import Run

log = logging.getLogger(__name__)

SQL_MODE: Final = (
    "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION"
)

_CONNECT_SECONDS: Final = 5
ORPHAN_SECONDS: Final = 60
"""So long a server keeps a connection on which nothing is said, with the locks of its transaction.

Where packets are dropped, the server does not hear that its client has left, and by default waits for eight hours.
"""

_TABLE_SECONDS: Final = 1
"""So long a server has a statement wait for a table that somebody changes, or locks for a backup: MySQL does not hear
that its client has left, and all who are told to come again would leave it a connection, until there are no more."""

_TAKING_SECONDS: Final = 3600
"""How long a server waits for its rows to be taken: whoever reads a long list has a deadline elsewhere."""

_RECYCLE_SECONDS: Final = 45
"""A connection that was idle for as long is replaced, before the server ends it."""

_LOCK_SECONDS: Final = math.ceil(PATIENCE_SECONDS)
_ISOLATION: Final = "READ COMMITTED"
_SESSION: Final = (
    # Of the connection and of results, too: a server may set those by its `init_connect`, and then it keeps "?" for
    # every character that it does not know there, without a word.
    "NAMES utf8mb4 COLLATE utf8mb4_bin",
    "time_zone = '+00:00'",
    f"sql_mode = '{SQL_MODE}'",
    # With a limit of the server's own, long lists would end early, and so would backups.
    "sql_select_limit = 18446744073709551615, sql_big_selects = 1",
    "foreign_key_checks = 1, unique_checks = 1",
    "completion_type = 0",
    # A lock that is waited for longer than anybody waits for the answer would be granted to nobody.
    f"innodb_lock_wait_timeout = {_LOCK_SECONDS}",
)
"""What is set on each connection, whatever the server's own is."""

_OPTIONS: Final = {"connect_timeout": _CONNECT_SECONDS, "init_command": f"SET {', '.join(_SESSION)}"}

_ENDING: Final = "/*M!, max_statement_time = {0} */ /*!50708, max_execution_time = {1} */"
"""One setting for MariaDB and one for MySQL, each of which takes the other's for a comment."""

_RECEIVED_BYTES: Final = 128 * 1024
"""What a connection takes for a long list before anybody reads it; more than one at once only grows buffers."""

_DIALECT: Final = sqlalchemy_asyncmy.dialect()


class Connections:
    """A bounded number of connections, each lent to one user at a time."""

    def __init__(
        self,
        url: URL,
        *,
        size: int,
        autocommit: bool,
        isolation: str = _ISOLATION,
        statement_seconds: float | None = None,
    ) -> None:
        """Take the server's address; connections are opened as they are needed. To be called in the event loop.

        Args:
            url: `mysql+asyncmy://...`.
            size: How many at most.
            autocommit: For single statements without a transaction around each.
            isolation: What a transaction sees of others.
            statement_seconds: After how many the server ends a SELECT by itself; 0 for never, None for as it likes.
        """
        _, named = _DIALECT.create_connect_args(_driver_url(url))
        options: dict[str, Any] = {**named, **_options(url), "autocommit": autocommit}
        options["init_command"] += f", wait_timeout = {ORPHAN_SECONDS}, net_write_timeout = {_TAKING_SECONDS}"
        options["init_command"] += f", lock_wait_timeout = {_TABLE_SECONDS}"
        if statement_seconds is not None:
            options["init_command"] += _ENDING.format(statement_seconds, round(statement_seconds * 1000))
        self._pool = Pool(lambda: _open(options, isolation), size=size, idle_seconds=_RECYCLE_SECONDS)

    @asynccontextmanager
    async def lent(self) -> AsyncGenerator[Connection]:
        """Lend a connection; one that may be out of step afterwards is closed.

        Raises:
            StorageUnavailable: None came free in time, or the server lets nobody in.
            MySQLError: What the driver said.
        """
        connection = await self._take()
        try:
            yield connection
        except BaseException as error:
            is_lost = isinstance(error, MySQLError) and Fault.of(error) is Fault.LOST
            if is_lost or isinstance(error, TimeoutError) or not isinstance(error, Exception):
                connection.close()
            if isinstance(error, MySQLError) and is_read_only(error):
                # All of them were opened to the server that was a primary; a new one may lead to the one that is now.
                self._pool.renew()
            raise
        finally:
            # Otherwise what was read last stays in memory for as long as nobody uses the connection.
            connection._result = None  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - there is no other way
            self._pool.give_back(connection)

    @property
    def opened(self) -> int:
        """How many connections there are."""
        return self._pool.size

    @property
    def busy(self) -> int:
        """How many of them are lent, or being opened."""
        return self._pool.busy

    async def close(self) -> None:
        """Close all connections; whoever comes later is refused."""
        await self._pool.close()

    async def _take(self) -> Connection:
        """Take a connection from the pool, waiting a while for one.

        Raises:
            StorageUnavailable: None came free in time.
            MySQLError: None can be opened.
        """
        try:
            async with within(PATIENCE_SECONDS):
                return await self._pool.take()
        except TimeoutError as error:
            log.warning("storage_busy", extra={"reason": "no free connection"})
            raise StorageUnavailable from error
        except RuntimeError as error:
            # asyncmy's word on uvloop for a connection that the other end closed as soon as it was open.
            raise OperationalError(SERVER_LOST, str(error)) from error


@contextmanager
def _connecting() -> Generator[None]:
    """Take nothing that a server says to a new connection for the fault of a statement of ours.

    There is much to say: that the account is locked, or its password has expired, or that `init_connect` fails.

    Raises:
        StorageUnavailable: It said such a thing.
    """
    try:
        yield
    except MySQLError as error:
        if Fault.of(error) is not Fault.OURS:
            raise
        log.error("storage_failed", extra={"reason": str(error)})  # noqa: TRY400 - a trace says no more
        raise StorageUnavailable from error


async def _open(options: dict[str, Any], isolation: str) -> Connection:
    """Open a connection and set it, in as much time as anybody waits for it.

    Raises:
        StorageUnavailable: The server lets nobody in.
        TimeoutError: It took longer.
        MySQLError: What the driver said.
    """
    with _connecting():
        async with within(PATIENCE_SECONDS):
            opening = asyncmy.connect(**options)  # pyright: ignore[reportUnknownMemberType] - its types are incomplete
            connection = cast("Connection", await opening)
            try:
                await _set_up(connection, isolation)
            except BaseException:
                connection.close()
                raise
            return connection


async def _set_up(connection: Connection, isolation: str) -> None:
    """Set what cannot be said while connecting."""
    await connection.query(f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation}, READ WRITE")
    async with connection.cursor() as cursor:
        await cursor.execute("SHOW VARIABLES LIKE 'wsrep_on'", ())
        is_galera = [value for _, value in await cursor.fetchall()] == ["ON"]
    if is_galera:
        # A node shows what another one committed when it comes to it; asked so, it comes to it before it answers.
        await connection.query("SET SESSION wsrep_sync_wait = 1")


def runs_on(connection: Connection) -> Run:
    """Make what a transaction runs its statements with."""

    async def run(statement: Statement, parameters: Parameters) -> Result:
        form = compiled(statement, _DIALECT)
        try:
            async with connection.cursor() as cursor:
                await cursor.execute(form.sql, form.values(parameters))
                rows = form.rows(await cursor.fetchall()) if cursor.description else ()
                return Result(cursor.rowcount, rows)
        except IntegrityError as error:
            raise ConstraintBroken(str(error)) from error
        except RuntimeError as error:
            # asyncmy's word on a server that asks for a file of this machine, which it does not get.
            raise OperationalError(SERVER_LOST, str(error)) from error

    return run


async def read_rows(
    connection: Connection, statement: Statement, parameters: Parameters, *, patience: float = PATIENCE_SECONDS
) -> AsyncGenerator[Rows]:
    """Run a SELECT and answer its rows as the server sends them, some at a time.

    A connection whose rows are not read to the end is closed: whoever gets it next would get them.

    Args:
        connection: Where to run it.
        statement: The SELECT.
        parameters: Its values.
        patience: For how many seconds the next rows are waited for.

    Raises:
        TimeoutError: The server did not send the next ones in time.
    """
    form = compiled(statement, _DIALECT)
    cursor = connection.cursor(SSCursor)
    transport = connection._transport  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - there is no other way
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVED_BYTES)
    try:
        # For the first one nobody waits long.
        most = 1
        async with asyncio.timeout(patience):
            await cursor.execute(form.sql, form.values(parameters))
        while fetched := await _next_rows(cursor, most, patience):
            # asyncmy takes whatever the server sends, wanted or not: all of it would wait in memory here.
            transport.pause_reading()
            yield form.rows(fetched)
            transport.resume_reading()
            most = MOST_AT_ONCE
    except BaseException:
        connection.close()
        raise


async def _next_rows(cursor: Cursor, most: int, patience: float) -> Rows:
    """Return the next rows as soon as they come: about a part of a long list."""
    part = Part(most)
    async with asyncio.timeout(patience):
        while part.wanted and (fetched := await cursor.fetchmany(part.wanted)):
            part.take(fetched)
    return part.rows


def create_server_engine(url: URL, *, pool_size: int, autocommit: bool = False) -> AsyncEngine:
    """Make SQLAlchemy's engine for a server, for migrations and checks, with every connection set as it must be.

    Args:
        url: `mysql+asyncmy://...`.
        pool_size: How many connections it keeps, and opens at most.
        autocommit: For reading single statements without a transaction around each.
    """
    return create_async_engine(
        _driver_url(url),
        isolation_level="AUTOCOMMIT" if autocommit else _ISOLATION,
        skip_autocommit_rollback=autocommit,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=PATIENCE_SECONDS,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args=_options(url),
    )


def _options(url: URL) -> dict[str, Any]:
    """Return what every connection is made with; the driver would take a password that is text for Latin-1."""
    return {**_OPTIONS, "password": (url.password or "").encode(), "ssl": tls_of(url)}


def _driver_url(url: URL) -> URL:
    """Ask for every character there is: the driver's default has fewer. What is ours in the URL is taken out."""
    return for_driver(url).update_query_dict({"charset": "utf8mb4"})
