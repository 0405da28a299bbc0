"""What is used of asyncmy, whose own types are incomplete."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol, Self

from postkeep.storage.pool import Poolable


class Cursor(Protocol):
    """What is used of asyncmy's cursor."""

    rowcount: int
    description: object

    async def __aenter__(self) -> Self:
        """Take it."""
        ...

    async def __aexit__(self, *_: object) -> None:
        """Let it go."""
        ...

    async def execute(self, query: str, args: Sequence[object]) -> int:
        """Run one statement."""
        ...

    async def executemany(self, query: str, args: Sequence[Sequence[object]]) -> int:
        """Run an INSERT of many rows, in statements of about a megabyte."""
        ...

    async def fetchmany(self, size: int) -> Sequence[Sequence[Any]]:
        """Return the next rows."""
        ...

    async def fetchall(self) -> Sequence[Sequence[Any]]:
        """Return its rows."""
        ...


class Connection(Poolable, Protocol):
    """What is used of asyncmy's connection, whose own types are incomplete."""

    _transport: asyncio.ReadTransport
    _result: object

    def cursor(self, cursor: type[Any] | None = None) -> Cursor:
        """Make a cursor, of another class where one is given."""
        ...

    async def query(self, sql: str) -> object:
        """Run a statement as it stands."""
        ...

    async def commit(self) -> None:
        """Commit."""
        ...

    async def rollback(self) -> None:
        """Roll back."""
        ...
