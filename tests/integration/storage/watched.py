"""Coming between a server's storage and its connections: to hear what it sends, and to make it fail."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Self
from unittest.mock import patch

from postkeep.storage.server import ServerStorage
from postkeep.storage.server_driver import Connection
from postkeep.storage.server_pool import Connections

Before = Callable[[str], object]
Commit = Callable[[Connection], Awaitable[None]]


@dataclass
class WatchedCursor:
    """A cursor whose statements are told beforehand."""

    cursor: Any
    before: Before

    def __getattr__(self, name: str) -> Any:
        """Be the cursor in everything else."""
        return getattr(self.cursor, name)

    async def __aenter__(self) -> Self:
        """Take it."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let it go."""
        await self.cursor.close()

    async def execute(self, query: str, args: Sequence[object]) -> int:
        """Tell, then run."""
        self.before(query)
        return int(await self.cursor.execute(query, args))


@dataclass
class WatchedConnection:
    """A connection whose statements are told beforehand, and that commits as it is told to."""

    connection: Connection
    before: Before
    commit_on: Commit

    def __getattr__(self, name: str) -> Any:
        """Be the connection in everything else."""
        return getattr(self.connection, name)

    def cursor(self) -> WatchedCursor:
        """Make a cursor."""
        return WatchedCursor(self.connection.cursor(), self.before)

    async def commit(self) -> None:
        """Commit, or whatever else."""
        await self.commit_on(self.connection)


@contextmanager
def watched(
    storage: ServerStorage, before: Before = str, commit: Commit = lambda connection: connection.commit()
) -> Generator[None]:
    """Come between a storage and its connections.

    Args:
        storage: Whose connections.
        before: Is called with each statement, beforehand; what it raises is raised instead of running it.
        commit: Commits, or whatever else.
    """
    # Tests watch and disturb what no caller of a storage may see.
    mine = [storage._units, storage._queries]  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    lent = Connections.lent

    @asynccontextmanager
    async def lent_watched(self: Connections) -> AsyncGenerator[Any]:
        async with lent(self) as connection:
            yield WatchedConnection(connection, before, commit) if self in mine else connection

    with patch.object(Connections, "lent", lent_watched):
        yield
