"""A server's database as a whole. See `services.archive.Archive`."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Final

from asyncmy.errors import DataError, IntegrityError, MySQLError
from sqlalchemy import URL, bindparam, func, select, text
from sqlalchemy.dialects.mysql import asyncmy as sqlalchemy_asyncmy

from postkeep.domain.accounts import Account
from postkeep.services.archive import BackupUnfit, DatabaseNotEmpty, Kept
from postkeep.services.ports import StorageUnavailable
from postkeep.storage.archive import ANY_ACCOUNT, DESCRIPTION, STRAYS, TABLES, DescribedSnapshot, failed, unfit
from postkeep.storage.server_driver import Connection
from postkeep.storage.server_pool import Connections, read_rows, runs_on
from postkeep.storage.statements import Rows, Statement, compiled
from postkeep.storage.tables import AccountRow

log = logging.getLogger(__name__)

_DIALECT: Final = sqlalchemy_asyncmy.dialect()

_READING: Final = (
    # The backup may go to somebody slow, while the server sends or waits for the next SELECT, and the one of all posts
    # takes as long as it takes.
    "SET SESSION net_write_timeout = 3600, wait_timeout = 3600",
    "SET SESSION /*M!100100 max_statement_time = 0 */ /*!80000 max_execution_time = 0 */",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
)

_ANSWER_SECONDS: Final = 60
"""How long the server is waited for at each step: nobody waits for this who would rather be told to come again."""

_PATIENT: Final = f"SET SESSION lock_wait_timeout = {_ANSWER_SECONDS}"

_TURN_SECONDS: Final = 10

# It ends with the connection; so whoever has it knows that nothing of an earlier restoring is under way any more.
_TAKE_TURN: Final = text("SELECT GET_LOCK(CONCAT('postkeep.restore.', LEFT(SHA2(DATABASE(), 256), 32)), :seconds)")
_COUNT_THESE: Final = select(func.count()).where(AccountRow.id == bindparam("last"))

_CHECK_VIOLATED: Final = frozenset({3819, 4025})
"""MySQL's and MariaDB's words for a CHECK that does not hold, which the driver does not count among the constraints."""


class ServerArchive:
    """A database of a server as a whole."""

    def __init__(self, url: URL) -> None:
        """Take the address of a database whose schema is there."""
        self._url = url

    @asynccontextmanager
    async def snapshot(self) -> AsyncGenerator["ServerSnapshot"]:
        """Hold on to everything as it is now: a transaction that reads."""
        with _failing():
            async with self._connected(autocommit=True) as connection:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    for statement in _READING:
                        await connection.query(statement)
                    described = await _all(connection, DESCRIPTION)
                yield ServerSnapshot(connection, described)

    @asynccontextmanager
    async def restoring(self) -> AsyncGenerator["ServerRestoring"]:
        """Fill it in many transactions, of which the last one brings all accounts.

        Clusters bound a transaction's size. What is there without its account, nobody can reach.
        """
        restoring: ServerRestoring | None = None
        try:
            with _failing():
                async with self._connected() as connection:
                    await _begin(connection)
                    restoring = ServerRestoring(connection)
                    yield restoring
                    await restoring.finish()
        except BaseException as error:
            if restoring is None:
                raise
            is_done = await self._settle(restoring)
            if not (is_done and isinstance(error, StorageUnavailable)):
                raise

    @asynccontextmanager
    async def _connected(self, *, autocommit: bool = False) -> AsyncGenerator[Connection]:
        """Open a connection of its own, and close it."""
        connections = Connections(self._url, size=1, autocommit=autocommit)
        try:
            async with connections.lent() as connection:
                await connection.query(_PATIENT)
                yield connection
        finally:
            await connections.close()

    async def _settle(self, restoring: "ServerRestoring") -> bool:
        """Find out how a restoring ended that failed, and remove what it left; if that fails too, the next one will.

        Returns:
            Whether it was done after all: whoever loses the connection at COMMIT does not know.
        """
        try:
            async with self._connected() as connection:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await _take_turn(connection)
                    is_done = await restoring.is_committed(connection)
                await _remove_strays(connection)
                return is_done
        except (MySQLError, StorageUnavailable, TimeoutError) as error:
            log.warning("restore_left_rows", extra={"reason": str(error)})
            return False


class ServerSnapshot(DescribedSnapshot):
    """A server's database as it was at one moment."""

    def __init__(self, connection: Connection, described: Rows) -> None:
        """Take a connection in a transaction that began at that moment."""
        super().__init__(described)
        self._connection = connection

    async def parts(self) -> AsyncGenerator[Sequence[Kept]]:
        """Answer everything: sessions, posts, accounts."""
        for table in TABLES.values():
            rows = read_rows(self._connection, table.select, {}, patience=_ANSWER_SECONDS)
            async with aclosing(rows) as parts:
                async for part in parts:
                    yield [table.thing_of(row) for row in part]


class ServerRestoring:
    """A server's database that is being filled."""

    def __init__(self, connection: Connection) -> None:
        """Take a connection that is allowed to write what belongs to nobody yet."""
        self._connection = connection
        self._last: Account | None = None

    async def add(self, part: Sequence[Kept]) -> None:
        """Add some of one kind. Each part counts at once, but the accounts."""
        table = TABLES[type(part[0])]
        form = compiled(table.insert, _DIALECT)
        with _failing():
            async with asyncio.timeout(_ANSWER_SECONDS):
                async with self._connection.cursor() as cursor:
                    await cursor.executemany(form.sql, [form.values(table.values_of(thing)) for thing in part])
                if isinstance(part[-1], Account):
                    self._last = part[-1]
                else:
                    await self._connection.commit()

    async def finish(self) -> None:
        """Commit the accounts, which lets everybody in.

        Raises:
            BackupUnfit: Something belongs to none of them. The database was told not to look.
        """
        async with asyncio.timeout(_ANSWER_SECONDS):
            for strays in STRAYS:
                if await _all(self._connection, strays.find):
                    raise BackupUnfit
            await self._connection.commit()

    async def is_committed(self, connection: Connection) -> bool:
        """Whether the accounts are there, to be asked when nothing is under way any more."""
        if self._last is None:
            return False
        found = await runs_on(connection)(_COUNT_THESE, {"last": self._last.id})
        return found.rows == [[1]]


async def _begin(connection: Connection) -> None:
    """Make ready an empty database.

    Raises:
        DatabaseNotEmpty: There are accounts.
    """
    await _take_turn(connection)
    if await _all(connection, ANY_ACCOUNT):
        raise DatabaseNotEmpty
    await _remove_strays(connection)
    await connection.query("SET SESSION foreign_key_checks = 0")


async def _take_turn(connection: Connection) -> None:
    """Take the one restoring's lock."""
    taken = await runs_on(connection)(_TAKE_TURN, {"seconds": _TURN_SECONDS})
    if taken.rows != [[1]]:
        message = "Another restoring is under way in this database."
        raise StorageUnavailable(message)


async def _remove_strays(connection: Connection) -> None:
    """Remove what belongs to no account, some rows at a time."""
    run = runs_on(connection)
    for strays in STRAYS:
        while owners := await _all(connection, strays.find):
            for (owner,) in owners:
                while (await run(strays.remove, {"owner": owner})).rowcount:
                    await connection.commit()
    await connection.commit()


async def _all(connection: Connection, statement: Statement) -> Rows:
    """Answer all rows of a short SELECT."""
    return (await runs_on(connection)(statement, {})).rows


@contextmanager
def _failing() -> Generator[None]:
    """Say what the server says in the port's words."""
    try:
        yield
    except (IntegrityError, DataError) as error:
        raise unfit(error) from None
    except TimeoutError as error:
        raise failed(TimeoutError(f"no answer in {_ANSWER_SECONDS} seconds")) from error
    except MySQLError as error:
        if error.args and error.args[0] in _CHECK_VIOLATED:
            raise unfit(error) from None
        raise failed(error) from error
