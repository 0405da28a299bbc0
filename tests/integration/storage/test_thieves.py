"""A database server that asks its client for a file (CASES.md: DB-33; CVE-2025-62611 of another driver)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import URL

from postkeep.services.ports import StorageUnavailable
from tests.contracts.kept import find_account, keep_account
from tests.integration.storage.opened import Opened, open_server

_QUERY = 3
_LOCAL_FILE = b"\xfb"


@dataclass
class Thief:
    """Stands before a server, and answers whatever is asked about accounts by asking for a file.

    Attributes:
        server: The honest one.
        wanted: The file.
        asked: How often it asked.
        given: What it got in return.
    """

    server: URL
    wanted: Path
    asked: int = 0
    given: bytes = b""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[URL]:
        """Listen, and say where."""
        listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield self.server.set(host="127.0.0.1", port=listener.sockets[0].getsockname()[1])
        finally:
            listener.close()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        server, requests = await asyncio.open_connection(self.server.host, self.server.port)
        back = asyncio.create_task(_pass(server, answers))
        self._tasks.add(back)
        with suppress(OSError):
            while chunk := await client.read(65536):
                if chunk[4] == _QUERY and b"FROM accounts" in chunk:
                    self.asked += 1
                    request = _LOCAL_FILE + str(self.wanted).encode()
                    answers.write(len(request).to_bytes(3, "little") + b"\x01" + request)
                    self.given += await client.read()
                    break
                requests.write(chunk)
        requests.close()


async def _pass(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await source.read(65536):
            target.write(chunk)
    target.close()


async def test_db_33_a_server_that_asks_for_a_file_gets_nothing(server: Opened, tmp_path: Path) -> None:
    """Whoever took the database's place must not read the secret; the answer is 503, and the connection is left."""
    (secret := tmp_path / "secret.key").write_text("all that matters", "ascii")
    account = await keep_account(server.storage)
    thief = Thief(server.url, secret)
    async with thief.listening() as url, open_server(server.kind, url, pool_size=2) as opened:
        with pytest.raises(StorageUnavailable):
            await find_account(opened.storage, account.id)
    assert thief.asked == 4
    assert thief.given == b""
