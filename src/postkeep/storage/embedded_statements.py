"""Statements on a SQLite connection: each runs to its end in whatever thread asks, and nothing waits for anything."""

import logging
import sqlite3
from collections.abc import Coroutine, Generator
from contextlib import closing
from typing import Any, Final, TypeVar

from sqlalchemy.dialects import sqlite

from postkeep.services.ports import StorageUnavailable
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

T = TypeVar("T")

_DIALECT: Final = sqlite.dialect()


def run_now(coroutine: Coroutine[Any, Any, T]) -> T:
    """Drive a coroutine that never suspends straight to its end, in whatever thread this is.

    Raises:
        RuntimeError: It waits for something, so it is no unit of work.
    """
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    message = "a unit of work awaits nothing but its own statements"
    raise RuntimeError(message)


def runs_on(connection: sqlite3.Connection) -> Run:
    """Make what a transaction runs its statements with; it never suspends."""

    async def run(statement: Statement, parameters: Parameters) -> Result:
        form = compiled(statement, _DIALECT)
        try:
            cursor = connection.execute(form.sql, form.values(parameters))
            # All of them at once: a cursor left open would hold the connection to the database as it is now.
            return Result(cursor.rowcount, form.rows(cursor.fetchall()))
        except sqlite3.IntegrityError as error:
            raise ConstraintBroken(str(error)) from error

    return run


def read_rows(connection: sqlite3.Connection, statement: Statement, parameters: Parameters) -> Generator[Rows]:
    """Run a SELECT and answer its rows some at a time; the connection sees the database as it was when it began."""
    form = compiled(statement, _DIALECT)
    with closing(connection.execute(form.sql, form.values(parameters))) as cursor:
        # For the first one nobody waits long.
        most = 1
        while fetched := _next_rows(cursor, most):
            yield form.rows(fetched)
            most = MOST_AT_ONCE


def _next_rows(cursor: sqlite3.Cursor, most: int) -> Rows:
    """Return the next rows: about a part of a long list."""
    part = Part(most)
    while part.wanted and (fetched := cursor.fetchmany(part.wanted)):
        part.take(fetched)
    return part.rows


def unavailable(cause: Exception) -> StorageUnavailable:
    """Make the port's word for a database that cannot work just now, and tell the operator why."""
    log.error("storage_failed", extra={"reason": str(cause) or type(cause).__name__})
    error = StorageUnavailable()
    error.__cause__ = cause
    return error
