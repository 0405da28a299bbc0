"""The embedded database: a SQLite file that one writer thread and a few read connections of each process share."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError

from postkeep.domain.accounts import AccountId
from postkeep.domain.attempts import NOWHERE, Network
from postkeep.domain.lists import EVERYTHING, Listing, Place
from postkeep.domain.posts import ListedPost
from postkeep.domain.search import Query
from postkeep.services.ports import Found, Recall, StorageUnavailable, no_recall
from postkeep.services.repositories import Unit, UnitOfWork
from postkeep.services.threads import Threads
from postkeep.storage.account_turns import AccountTurns
from postkeep.storage.embedded_file import FileLock, FileReplaced, OpenedFile, connect_reader, create_embedded_engine
from postkeep.storage.embedded_search import EmbeddedSearch
from postkeep.storage.embedded_statements import read_rows, run_now, runs_on, unavailable
from postkeep.storage.limits import HEAVY_BYTES, HEAVY_QUERIES, SEARCHES
from postkeep.storage.lists import is_part, list_statement, listed
from postkeep.storage.schema import read_state, refuse_unfit
from postkeep.storage.search import Finds, embedded_search
from postkeep.storage.statements import Parameters, Statement
from postkeep.storage.streams import Streams
from postkeep.storage.transaction import Transaction
from postkeep.storage.unit_of_work import SqlUnitOfWork
from postkeep.storage.write_ahead_log import WriteAheadLog
from postkeep.storage.writer import Writer

T = TypeVar("T")


class _Reader:
    """A connection that only reads."""

    def __init__(self, path: Path) -> None:
        """Open the file, for reading only."""
        self._connection = connect_reader(path)

    def run(self, query: Callable[[UnitOfWork], Coroutine[Any, Any, T]]) -> T:
        """Answer a query in the thread that asks."""
        try:
            return run_now(query(SqlUnitOfWork(Transaction(runs_on(self._connection), None))))
        except sqlite3.DatabaseError as error:
            raise unavailable(error) from error

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class _LongList:
    """A long list on a connection of its own, which sees the database as it was when the reading began."""

    def __init__(self, path: Path, statement: Statement, parameters: Parameters) -> None:
        """Open a connection of its own, for reading only, and begin to read."""
        self._connection = connect_reader(path)
        self._rows = read_rows(self._connection, statement, parameters)

    def next_part(self) -> Sequence[ListedPost]:
        """Return the next posts, none at the end. To be called in another thread than the event loop's."""
        part: list[ListedPost] = []
        try:
            for rows in self._rows:
                part += listed(rows)
                if is_part(part):
                    break
        except sqlite3.DatabaseError as error:
            raise unavailable(error) from error
        return part

    def close(self) -> None:
        """Let go of the database. To be called in the same thread."""
        self._rows.close()
        self._connection.close()


class EmbeddedStorage:
    """Storage in a SQLite file, for any number of processes on one machine. See `services.ports.Storage`."""

    def __init__(self, path: Path) -> None:
        """Open a database whose schema is there. To be called in the event loop's thread."""
        self._path = path
        self._engine = create_embedded_engine(path)
        self._log = WriteAheadLog(path)
        self._streams = Streams()
        self._lock = FileLock(path)
        self._file = OpenedFile(path)
        self._writer = Writer(self._file.connection, self._turn, self._file.refuse_if_replaced)
        self._light = _Reader(path)
        self._heavy = _Reader(path)
        self._heavy_thread = Threads(1, "postkeep-reader")
        # Parts are short: behind others' heavy queries each would wait longer than it takes, and a list has many.
        self._list_thread = Threads(1, "postkeep-lists")
        self._search = EmbeddedSearch(path)
        self._search_turns = AccountTurns(SEARCHES)
        self._heavy_turns = AccountTurns(HEAVY_QUERIES)
        self._closed = False

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
        """Answer a query: a light one at once; a heavy one in another thread, where changing threads costs less."""
        if self._closed:
            raise StorageUnavailable
        if weight <= HEAVY_BYTES:
            return self._light.run(query)
        async with nullcontext() if asker is None else self._heavy_turns.to_use(asker, "heavy queries"):
            return await self._in_thread(self._heavy_thread, lambda: self._heavy.run(query))

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
        """Answer an author's posts some at a time, from one SELECT, which sees the database as it was when it began."""
        async with self._streams.turn(author, recall, weight) as stream:
            try:
                # What opens the file anew would see another one than everybody else.
                self._file.refuse_if_replaced()
                await self._in_thread(self._list_thread, self._log.refuse_if_long)
                posts = _LongList(self._path, *list_statement(author, listing, before=before, last=last))
            except sqlite3.DatabaseError as error:
                raise unavailable(error) from error
            watching = asyncio.create_task(self._log.watch(recall))
            try:
                while part := await self._in_thread(self._list_thread, posts.next_part):
                    stream.give(part)
                    yield part
                    stream.taken()
            finally:
                watching.cancel()
                # Whoever is cancelled leaves the thread reading; it closes behind itself. After a shutdown nobody does.
                with suppress(RuntimeError):
                    self._list_thread.submit(posts.close)

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
        """Find posts, in a thread of their own."""
        async with self._search_turns.to_search(author) as turn:
            if self._closed:
                raise StorageUnavailable
            finds = Finds(query, limit=limit, about_bytes=about_bytes)
            statement, values = embedded_search(author, listing, query, before=before)
            return await self._search.run(statement, values, finds, turn.has_to_end)

    @contextmanager
    def _turn(self) -> Generator[None]:
        """Hold this process's turn to write; at its end the log may begin anew."""
        with self._lock.held():
            yield
            self._log.begin_anew(self._file)

    async def _in_thread(self, thread: Threads, work: Callable[[], T]) -> T:
        """Do a slow thing in a thread for such things."""
        if self._closed:
            raise StorageUnavailable
        return await asyncio.get_running_loop().run_in_executor(thread, work)

    async def check(self) -> None:
        """See that the file is the one that was opened, that the database answers and that its schema fits."""
        try:
            self._file.refuse_if_replaced()
            with self._engine.connect() as connection:
                refuse_unfit(read_state(connection))
        except (DBAPIError, FileReplaced) as error:
            raise unavailable(error) from error

    def usage(self) -> Mapping[str, int]:
        """Return how many units wait, by the names of the metrics."""
        return {"database_units_waiting": self._writer.waiting}

    async def close(self) -> None:
        """Finish what was begun, then let go of the file; whoever comes later is refused."""
        self._closed = True
        has_ended = await self._writer.stop()
        for thread in (self._heavy_thread, self._list_thread):
            await asyncio.to_thread(thread.shutdown)
        await self._search.close()
        self._heavy.close()
        self._light.close()
        self._log.close()
        # What waits for its turn in the thread all the same ends with the process.
        if has_ended:
            self._file.connection.close()
            self._lock.close()
