"""What is used of asyncmy, whose own types are incomplete."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol, Self


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


class Connection(Protocol):
    """What is used of asyncmy's connection, whose own types are incomplete."""

    _transport: asyncio.ReadTransport
    _result: object

    @property
    def connected(self) -> bool:
        """Whether it is open."""
        ...

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

    def close(self) -> None:
        """End it, without a word to the server."""
        ...


class Pool(Protocol):
    """What is used of asyncmy's pool."""

    size: int
    freesize: int

    async def acquire(self) -> Connection:
        """Take a connection that is open."""
        ...

    def release(self, connection: Connection) -> object:
        """Give it back; a closed one, or one in a transaction, is dropped."""
        ...

    def close(self) -> None:
        """Lend no more."""
        ...

    async def wait_closed(self) -> None:
        """Close all connections as they come back."""
        ...

    def terminate(self) -> None:
        """Close all connections at once."""
        ...
