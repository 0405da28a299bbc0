"""The raw drivers once more: reading very many rows of posts as they come, and inserting many at a time."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import uvloop
from asyncmy.cursors import SSCursor
from sqlalchemy import URL

from bench.drivers import INSERT, LIST, Row, connected
from postkeep.storage.embedded_file import PRAGMAS

_READ_AT_ONCE: Final = 100


def dump_sqlite(path: Path, account: bytes) -> int:
    """Read all rows of an account, and return how many there are."""
    with closing(sqlite3.connect(path)) as connection:
        return sum(1 for _ in connection.execute(LIST.replace("%s", "?"), (account,)))


def dump_mysql(url: URL, account: bytes) -> int:
    """Read all rows of an account, and return how many there are."""
    return uvloop.run(_dump_mysql(url, account))


def load_sqlite(path: Path, parts: Iterable[Sequence[Row]]) -> None:
    """Insert rows, a part in a transaction each, with the settings of Postkeep's own connections."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for name, value in PRAGMAS.items():
            connection.execute(f"PRAGMA {name} = {value}")
        for part in parts:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(_insert_of(part).replace("%s", "?"), _values_of(part))
            connection.execute("COMMIT")


def load_mysql(url: URL, parts: Iterable[Sequence[Row]]) -> None:
    """Insert rows, a part in a transaction each."""
    uvloop.run(_load_mysql(url, parts))


async def _dump_mysql(url: URL, account: bytes) -> int:
    count = 0
    async with connected(url, 1, autocommit=True) as (connection,), connection.cursor(SSCursor) as cursor:
        await cursor.execute(LIST, (account,))
        while rows := await cursor.fetchmany(_READ_AT_ONCE):
            count += len(rows)
    return count


async def _load_mysql(url: URL, parts: Iterable[Sequence[Row]]) -> None:
    async with connected(url, 1) as (connection,):
        for part in parts:
            async with connection.cursor() as cursor:
                await cursor.execute(_insert_of(part), _values_of(part))
            await connection.commit()


def _insert_of(part: Sequence[Row]) -> str:
    """Return the INSERT of some posts."""
    head, values, marks = INSERT.partition(" VALUES ")
    return f"{head}{values}{', '.join([marks] * len(part))}"


def _values_of(part: Sequence[Row]) -> Sequence[object]:
    return [value for row in part for value in row]
