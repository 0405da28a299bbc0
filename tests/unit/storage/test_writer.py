"""The embedded database's writer, whose turn never comes."""

import asyncio
import sqlite3
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager

import pytest

from postkeep.storage import writer as writer_module
from postkeep.storage.writer import Writer
from tests.builders import an_account


def writers() -> list[threading.Thread]:
    """Return the writers' threads."""
    return [thread for thread in threading.enumerate() if thread.name == "postkeep-writer"]


async def test_a_writer_whose_turn_never_comes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody keeps the lock: the process ends all the same, and what nobody waits for is not done afterwards."""
    monkeypatch.setattr(writer_module, "PATIENCE_SECONDS", 0.1)
    may_come, ran = threading.Event(), threading.Event()
    before = writers()

    @contextmanager
    def turn() -> Generator[None]:
        may_come.wait()
        yield

    async def unit(work: object) -> None:
        del work
        ran.set()

    with closing(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)) as connection:
        writer = Writer(connection, turn, lambda: None)
        # As Ctrl-C does: its job does not hear of it.
        running = asyncio.create_task(writer.run(an_account().id, unit))
        await asyncio.sleep(0)
        running.cancel()
        assert not await writer.stop()
        may_come.set()
        for thread in set(writers()) - set(before):
            thread.join()
        assert not ran.is_set()


async def test_a_writer_that_has_its_turn_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes: what it has begun is committed, and told so."""
    may_come, may_end = threading.Event(), threading.Event()

    @contextmanager
    def turn() -> Generator[None]:
        yield

    async def unit(work: object) -> str:
        del work
        may_come.set()
        may_end.wait()
        return "done"

    with closing(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)) as connection:
        writer = Writer(connection, turn, lambda: None)
        running = asyncio.create_task(writer.run(an_account().id, unit))
        await asyncio.to_thread(may_come.wait)
        monkeypatch.setattr(writer_module, "PATIENCE_SECONDS", 0.0)
        stopping = asyncio.create_task(writer.stop())
        await asyncio.wait({stopping}, timeout=0.3)
        assert not stopping.done()
        may_end.set()
        assert (await stopping, await running) == (True, "done")
