"""A server, or what stands before it, that takes connections and closes them at once: DESIGN 4, CASES.md DB-10."""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

import pytest
import uvloop
from sqlalchemy import URL, make_url
from sqlalchemy.exc import DBAPIError

from postkeep.services.ports import StorageUnavailable
from postkeep.storage.server import ServerStorage
from postkeep.storage.server_check import check_server
from tests.builders import an_account
from tests.contracts.kept import find_account, keep_account


@pytest.fixture
def url() -> Iterator[URL]:
    """Listen, and close each connection as soon as it is there, as a proxy does that has no server behind it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            with suppress(OSError):
                while True:
                    listener.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        yield make_url(f"mysql+asyncmy://nobody@127.0.0.1:{listener.getsockname()[1]}/nothing")
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


async def read(url: URL) -> None:
    """Ask a storage there for something."""
    storage = ServerStorage(url, pool_size=1)
    try:
        await find_account(storage, an_account().id)
    finally:
        await storage.close()


async def write(url: URL) -> None:
    """Have a storage there keep something."""
    storage = ServerStorage(url, pool_size=1)
    try:
        await keep_account(storage)
    finally:
        await storage.close()


async def look(url: URL) -> None:
    """See whether a storage there can be served from."""
    storage = ServerStorage(url, pool_size=1)
    try:
        await storage.check()
    finally:
        await storage.close()


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (read, StorageUnavailable),
        (write, StorageUnavailable),
        (look, StorageUnavailable),
        (check_server, (OSError, DBAPIError)),
    ],
)
def test_a_server_that_hangs_up_at_once_is_away(
    url: URL, ask: Callable[[URL], Awaitable[None]], said: type[Exception] | tuple[type[Exception], ...]
) -> None:
    """On the event loop that serves, where the driver has a word of its own for it; a loop with much to do sees it."""

    async def ask_while_busy() -> None:
        busy = asyncio.create_task(be_busy())
        with pytest.raises(said):
            await ask(url)
        busy.cancel()

    uvloop.run(ask_while_busy())


async def be_busy() -> None:
    """Keep the event loop from looking at its connections most of the time."""
    while True:
        time.sleep(0.005)  # noqa: ASYNC251 - that is what it is for
        await asyncio.sleep(0)
