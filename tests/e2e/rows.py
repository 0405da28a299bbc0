"""A server's database, looked at and changed from behind."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Connection, NullPool, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine


@dataclass(frozen=True)
class Rows:
    """Runs single statements, each on a connection of its own."""

    url: URL

    def ask(self, statement: str, **parameters: object) -> Sequence[dict[str, Any]]:
        """Return the rows that a SELECT finds."""
        found: Sequence[dict[str, Any]] = self._run(statement, parameters)
        return found

    def one(self, statement: str, **parameters: object) -> dict[str, Any]:
        """Return the one row that a SELECT finds."""
        (row,) = self.ask(statement, **parameters)
        return row

    def change(self, statement: str, **parameters: object) -> int:
        """Run a statement that changes something; return how many rows it found."""
        found: int = self._run(statement, parameters)
        return found

    def _run(self, statement: str, parameters: dict[str, object]) -> Any:
        def run(connection: Connection) -> object:
            result = connection.execute(text(statement), parameters)
            return [dict(row) for row in result.mappings()] if result.returns_rows else result.rowcount

        if self.url.get_backend_name() == "sqlite":
            engine = create_engine(self.url, poolclass=NullPool)
            with engine.begin() as connection:
                return run(connection)

        async def run_on_server() -> object:
            engine = create_async_engine(self.url, poolclass=NullPool)
            try:
                async with engine.begin() as connection:
                    return await connection.run_sync(run)
            finally:
                await engine.dispose()

        return asyncio.run(run_on_server())
