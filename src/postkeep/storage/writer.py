"""The embedded database's one writer: a thread that commits waiting units together, with one flush to the disk."""

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, TypeVar

from postkeep.domain.accounts import AccountId
from postkeep.services.ports import StorageUnavailable
from postkeep.services.repositories import UnitOfWork
from postkeep.storage.account_turns import Places
from postkeep.storage.embedded_statements import run_now, runs_on, unavailable
from postkeep.storage.limits import BATCH_BYTES, BATCH_SECONDS, BYTES_PER_SECOND, PATIENCE_SECONDS
from postkeep.storage.transaction import AlreadyDone, Transaction
from postkeep.storage.unit_of_work import SqlUnitOfWork

log = logging.getLogger(__name__)

T = TypeVar("T")

_RUNS: Final = 3
"""How often a unit may run: once, and again after each COMMIT that failed."""

_STEP_SECONDS: Final = 0.1

_SAVEPOINT: Final = ("SAVEPOINT unit",)
_RELEASE: Final = ("RELEASE unit",)
_BACK: Final = ("ROLLBACK TO unit", "RELEASE unit")
_ALL_ANEW: Final = ("ROLLBACK", "BEGIN")


@dataclass(slots=True, eq=False)
class _Job:
    """One unit that waits for the writer, and who waits for its answer."""

    account_id: AccountId | None
    unit: Callable[[UnitOfWork], Coroutine[Any, Any, Any]]
    answer: asyncio.Future[Any]
    weight: int = 0
    counting: bool = False
    place: int = 0
    runs: int = 0
    given_up: bool = False
    settling: bool = False
    why_settling: str = ""
    result: Any = None
    error: BaseException | None = None


class Writer:
    """Runs units in a thread of its own: each in a savepoint, those that wait in one transaction while it is short."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        turn: Callable[[], AbstractContextManager[object]],
        refuse_if_replaced: Callable[[], None],
    ) -> None:
        """Start the thread. To be called in the event loop's thread.

        Args:
            connection: For this thread alone from now on; it begins and commits nothing by itself.
            turn: Holds this process's turn to write for as long as it is entered.
            refuse_if_replaced: Asked before each COMMIT; raises a `sqlite3.Error` where what is committed would be
                lost.
        """
        self._connection = connection
        self._turn = turn
        self._refuse_if_replaced = refuse_if_replaced
        self._loop = asyncio.get_running_loop()
        self._stopped = False
        self._is_given_up = False
        self._waits_since: float | None = None
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._places = Places()
        self._left = 0
        self._thread = threading.Thread(target=self._work, name="postkeep-writer", daemon=True)
        self._thread.start()

    async def run(
        self,
        account_id: AccountId | None,
        unit: Callable[[UnitOfWork], Coroutine[Any, Any, T]],
        *,
        weight: int = 0,
        counting: bool = False,
    ) -> T:
        """Have a unit run and committed. Cancelling this does not cancel the unit.

        Args:
            account_id: Whose things it changes; with None it may only read, or count.
            unit: What to do.
            weight: About how many bytes it changes, 0 if few.
            counting: Whether it counts attempts.

        Raises:
            StorageUnavailable: The database cannot work just now, or the writer was stopped. A unit that had no turn in
                time gets none; one that is under way goes on.
            Exception: Whatever the unit raises.
        """
        if self._stopped:
            raise StorageUnavailable
        answer: asyncio.Future[T] = self._loop.create_future()
        job = _Job(account_id, unit, answer, weight, counting)
        self._jobs.put(job)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS + weight / BYTES_PER_SECOND):
                return await answer
        except TimeoutError as error:
            job.given_up = True
            raise unavailable(TimeoutError("no turn to write in time")) from error

    @property
    def waiting(self) -> int:
        """How many units wait."""
        return self._jobs.qsize() + self._left

    async def stop(self) -> bool:
        """Finish what waits, then end the thread; whoever comes later is refused.

        Returns:
            Whether it has ended. Where somebody keeps the turn it has not: it does nothing any more, but its connection
            and its turn are its own until the process ends.
        """
        self._stopped = True
        stopped = time.monotonic()
        self._jobs.put(None)
        while self._thread.is_alive() and not self._is_given_up:
            # In short steps: Python's end waits for the thread that joins; the writer's own it leaves behind.
            await asyncio.to_thread(self._thread.join, _STEP_SECONDS)
            since = self._waits_since
            self._is_given_up = since is not None and time.monotonic() - max(since, stopped) > PATIENCE_SECONDS
        return not self._is_given_up

    def _work(self) -> None:
        """Take the jobs that wait and settle them, until told to end."""
        while (first := self._jobs.get()) is not None:
            self._settle(self._in_line([first, *self._newcomers()]))
            # Or it stays, and what it read in memory with it, for as long as nobody comes.
            del first

    def _newcomers(self) -> Generator[_Job]:
        """Take all jobs that wait by now. What tells to end is the last there is, and stays."""
        while not self._jobs.empty():
            job = self._jobs.get()
            if job is None:
                self._jobs.put(None)
                return
            yield job

    def _in_line(self, newcomers: Iterable[_Job], left: Sequence[_Job] = ()) -> list[_Job]:
        """Return the jobs in the order of their turns; those that were left before have their places already."""
        jobs = list(left)
        for job in newcomers:
            job.place = self._places.take(job.account_id, job.weight)
            jobs.append(job)
        jobs.sort(key=attrgetter("place"))
        return jobs

    def _settle(self, jobs: list[_Job]) -> None:
        """Run and commit the jobs, and those that come meanwhile, until each has an answer, and give it."""
        while jobs:
            again: list[_Job] = []
            self._waits_since = time.monotonic()
            try:
                with self._turn():
                    self._waits_since = None
                    if self._is_given_up:
                        raise StorageUnavailable  # noqa: TRY301 - as all that fails here
                    again = _commit_together(self._connection, jobs, self._refuse_if_replaced)
            except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for an answer
                again = []
                _take_back(self._connection)
                failed = error if isinstance(error, StorageUnavailable) else unavailable(error)
                for job in jobs:
                    job.error = job.error or failed
            self._left, left = len(again), set(again)
            settled = [job for job in jobs if job not in left]
            for job in settled:
                self._places.leave(job.account_id, job.place, served=job.runs > 0)
            # After a shutdown nobody waits.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(_answer, settled)
            jobs = self._in_line(self._newcomers(), again)


def _commit_together(
    connection: sqlite3.Connection, jobs: list[_Job], refuse_if_replaced: Callable[[], None]
) -> list[_Job]:
    """Run the first of the jobs, as many as make a short transaction, and commit it.

    Returns:
        Those to run again, because their COMMIT failed, and those that had no turn.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        _refuse(jobs, error)
        return []
    taken_back_for: BaseException | None = None
    end, weight, has_begun, ran = time.monotonic() + BATCH_SECONDS, 0, False, list[_Job]()
    for job in jobs:
        if job.given_up and not job.runs:
            # Whoever was told to come again will: their unit must not be done as well.
            ran.append(job)
            continue
        weight += job.weight
        if has_begun and (weight > BATCH_BYTES or time.monotonic() >= end):
            break
        has_begun = True
        ran.append(job)
        _run(connection, job, is_alone=len(jobs) == 1)
        if not connection.in_transaction:
            # A full disk or a failing one makes SQLite take back the whole transaction by itself: the COMMIT says so.
            taken_back_for = job.error and job.error.__cause__
            break
    taken_back = not connection.in_transaction
    try:
        refuse_if_replaced()
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        _refuse(jobs, error)
        return []
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
            taken_back = True
        cause = taken_back_for if isinstance(taken_back_for, sqlite3.Error) else error
        return [*_unsettled(ran, cause, is_open=not taken_back), *jobs[len(ran) :]]
    return jobs[len(ran) :]


def _unsettled(jobs: list[_Job], cause: sqlite3.Error, *, is_open: bool) -> list[_Job]:
    """Sort out the jobs of a failed COMMIT.

    Args:
        jobs: All that waited for it.
        cause: Why it failed.
        is_open: Whether nobody knows how far it came.

    Returns:
        Those to run again: the ones that were not committed or may have been, and the ones that had no turn.
    """
    left = [job for job in jobs if job.error is None]
    for job in left:
        job.settling = job.settling or (is_open and job.runs > 0)
        job.why_settling = str(cause)
    _refuse([job for job in left if job.runs == _RUNS], cause)
    if any(0 < job.runs < _RUNS for job in left):
        log.warning("storage_retried", extra={"reason": str(cause), "run": max(job.runs for job in left)})
    return [job for job in left if job.runs < _RUNS]


def _run(connection: sqlite3.Connection, job: _Job, *, is_alone: bool) -> None:
    """Run one job; if it fails, what it did is undone, and only that: one that is alone needs no savepoint for it.

    Each statement costs two changes of the thread that Python lets run, which the event loop's waits for.
    """
    begin, keep, undo = ((), (), _ALL_ANEW) if is_alone else (_SAVEPOINT, _RELEASE, _BACK)
    job.runs += 1
    transaction = Transaction(
        runs_on(connection),
        job.account_id,
        settling=job.settling,
        why_settling=job.why_settling,
        counting=job.counting,
    )
    try:
        _do(connection, begin)
        try:
            job.result = run_now(job.unit(SqlUnitOfWork(transaction)))
        except BaseException:
            # Where SQLite has taken back everything there is no savepoint any more, and that would hide the reason.
            if connection.in_transaction:
                _do(connection, undo)
            raise
        _do(connection, keep)
    except AlreadyDone:
        job.result = None
    except sqlite3.DatabaseError as error:
        job.error = unavailable(error)
    except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for it, not to this thread
        job.error = error


def _do(connection: sqlite3.Connection, statements: Sequence[str]) -> None:
    """Run statements without values."""
    for statement in statements:
        connection.execute(statement)


def _take_back(connection: sqlite3.Connection) -> None:
    """End a transaction that was left open: its lock keeps everybody from writing, and no other one can begin here."""
    with suppress(sqlite3.Error, MemoryError):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _refuse(jobs: list[_Job], cause: sqlite3.Error) -> None:
    """Have all jobs fail for the same reason."""
    for job in jobs:
        job.error = unavailable(cause)


def _answer(jobs: list[_Job]) -> None:
    """Tell those who still wait, in the event loop's thread."""
    for job in jobs:
        if job.answer.done():
            continue
        if job.error is None:
            job.answer.set_result(job.result)
        else:
            job.answer.set_exception(job.error)
