"""A bare ASGI function that runs the statements of addPost and getPosts on MariaDB's raw driver, and does nothing else.

No tokens, no checks, no counting, no log. Run as `python -m bench.on_driver URL PORT`.
"""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final, TypeAlias
from uuid import UUID

from sqlalchemy import URL, make_url
from starlette.types import Receive, Scope, Send

from bench.asgi import read_body, serve
from bench.drivers import LIST, Connection, connected, insert, new_row

POOL_SIZE: Final = 10
"""Postkeep's own for each of the two pools, unless set otherwise."""

_Pool: TypeAlias = asyncio.Queue[Connection]


class OnDriver:
    """Does what addPost (POST) and getPosts (GET) ask of the database; the path is the account's id."""

    def __init__(self, url: URL) -> None:
        """Take the database's address."""
        self._url = url
        self._writers: _Pool = asyncio.Queue()
        self._readers: _Pool = asyncio.Queue()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or the server's life."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        body = await read_body(receive)
        account = bytes.fromhex(scope["path"][1:])
        if scope["method"] == "POST":
            status, said = 201, json.dumps(await self._add(account, json.loads(body)["text"]))
        else:
            status, said = 200, json.dumps(await self._list(account))
        answer = said.encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _live(self, receive: Receive, send: Send) -> None:
        """Hold the connections from the server's start to its end."""
        await receive()
        async with (
            connected(self._url, POOL_SIZE) as writers,
            connected(self._url, POOL_SIZE, autocommit=True) as readers,
        ):
            for pool, connections in ((self._writers, writers), (self._readers, readers)):
                for connection in connections:
                    pool.put_nowait(connection)
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _add(self, account: bytes, text: str) -> dict[str, object]:
        row = new_row(account, text)
        async with _lent(self._writers) as connection:
            await insert(connection, row)
        return {"postID": str(UUID(bytes=row[1])), "version": 1, "created_date": row[6], "updated_date": row[7]}

    async def _list(self, account: bytes) -> list[dict[str, object]]:
        async with _lent(self._readers) as connection, connection.cursor() as cursor:
            await cursor.execute(LIST, (account,))
            rows = await cursor.fetchall()
        return [
            {
                "id": str(UUID(bytes=row[1])),
                "text": row[2],
                "status": row[3],
                "version": row[4],
                "created_date": row[6].isoformat(timespec="microseconds"),
                "updated_date": row[7].isoformat(timespec="microseconds"),
            }
            for row in rows
        ]


@asynccontextmanager
async def _lent(pool: _Pool) -> AsyncGenerator[Connection]:
    connection = await pool.get()
    try:
        yield connection
    finally:
        pool.put_nowait(connection)


if __name__ == "__main__":
    serve(OnDriver(make_url(sys.argv[1])), int(sys.argv[2]))
