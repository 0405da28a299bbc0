"""The pool of connections to a database server: whoever waits gets what is free or open first."""

import asyncio
import random
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from postkeep.services.ports import StorageUnavailable
from postkeep.storage.pool import Pool


@dataclass(eq=False)
class FakeConnection:
    """A connection to nowhere."""

    connected: bool = True
    in_transaction: bool = False
    last_usage: float = float("inf")
    _stream_broken: bool = False
    ended_well: bool = False

    def get_transaction_status(self) -> bool:
        """Say what the test says."""
        return self.in_transaction

    def close(self) -> None:
        """End it."""
        self.connected = False
        self._stream_broken = True

    async def ensure_closed(self) -> None:
        """End it in good order."""
        self.ended_well = self.connected
        self.close()


class Server:
    """Opens connections, as long as it lets whoever comes in."""

    def __init__(self) -> None:
        """Let everybody in at once."""
        self.opened: list[FakeConnection] = []
        self.lets_in = asyncio.Event()
        self.lets_in.set()
        self.refuses: Exception | None = None

    async def open(self) -> FakeConnection:
        """Open one."""
        await self.lets_in.wait()
        if self.refuses is not None:
            raise self.refuses
        self.opened.append(FakeConnection())
        return self.opened[-1]


def pool_of(server: Server, size: int = 3) -> Pool[FakeConnection]:
    """Make a pool of a server's connections."""
    return Pool(server.open, size=size, idle_seconds=45)


async def turns() -> None:
    """Let everything that can go on go on."""
    for _ in range(20):
        await asyncio.sleep(0)


def asked(asking: Coroutine[Any, Any, FakeConnection]) -> asyncio.Task[FakeConnection]:
    """Ask for a connection, beside others."""
    return asyncio.create_task(asking)


async def test_those_that_are_open_are_lent_while_others_cannot_be_opened() -> None:
    """New connections are dropped on the way: whoever waits for one gets what comes back."""
    server = Server()
    pool = pool_of(server)
    connection = await pool.take()
    server.lets_in.clear()
    waiting = [asked(pool.take()) for _ in range(5)]
    await turns()
    for each in waiting:
        pool.give_back(connection)
        assert await each is connection
    pool.give_back(connection)
    assert await pool.take() is connection


async def test_what_was_opened_for_somebody_who_left_is_kept() -> None:
    """Otherwise nobody ever had a connection that takes longer to be opened than anybody waits."""
    server = Server()
    pool = pool_of(server)
    server.lets_in.clear()
    waiting = asked(pool.take())
    await turns()
    waiting.cancel()
    server.lets_in.set()
    await turns()
    assert (pool.size, pool.busy) == (1, 0)
    assert await pool.take() is server.opened[0]


async def test_nothing_is_opened_or_remembered_for_those_who_left() -> None:
    """In a long outage they are many: one after the other, each waits for the one that is being opened."""
    server = Server()
    pool = pool_of(server)
    server.lets_in.clear()
    for _ in range(3):
        leaving = asked(pool.take())
        await turns()
        leaving.cancel()
        await turns()
    assert pool.size == 1


async def test_a_refusal_is_told_to_one_who_waits_and_leaves_room() -> None:
    """The next one is tried for the next who waits."""
    server = Server()
    pool = pool_of(server, size=1)
    server.refuses = OSError("too many connections")
    answers = await asyncio.gather(pool.take(), pool.take(), return_exceptions=True)
    assert list(answers) == [server.refuses] * 2
    server.refuses = None
    assert await pool.take() is server.opened[0]


async def test_one_that_is_given_to_somebody_who_leaves_in_that_moment_is_not_lost() -> None:
    """It has been lent, and nobody has it."""
    server = Server()
    pool = pool_of(server, size=1)
    connection = await pool.take()
    leaving, staying = asked(pool.take()), asked(pool.take())
    await turns()
    pool.give_back(connection)
    leaving.cancel()
    assert await staying is connection
    assert pool.size == 1


@pytest.mark.parametrize(
    ("name", "value"), [("connected", False), ("in_transaction", True), ("_stream_broken", True)], ids=str
)
async def test_one_that_is_not_as_it_should_be_is_not_lent_again(name: str, value: object) -> None:
    """Closed, in a transaction, or closed by the server: whoever waits gets a new one in its place."""
    server = Server()
    pool = pool_of(server, size=1)
    spoilt = await pool.take()
    waiting = asked(pool.take())
    await turns()
    setattr(spoilt, name, value)
    pool.give_back(spoilt)
    assert await waiting is not spoilt
    assert (spoilt.connected, len(server.opened)) == (False, 2)


async def test_one_that_was_idle_for_long_is_replaced() -> None:
    """The server is about to end it."""
    server = Server()
    pool = pool_of(server)
    idle = await pool.take()
    idle.last_usage = asyncio.get_running_loop().time() - 46
    pool.give_back(idle)
    assert await pool.take() is not idle
    assert not idle.connected


async def test_all_that_are_open_are_renewed() -> None:
    """Those that are free and those that are lent; those that are opened later are not."""
    server = Server()
    pool = pool_of(server)
    lent, free = await pool.take(), await pool.take()
    pool.give_back(free)
    pool.renew()
    pool.give_back(lent)
    new = await pool.take()
    assert new not in {lent, free}
    pool.give_back(new)
    assert await pool.take() is new
    assert not lent.connected
    assert not free.connected


async def test_closing_refuses_who_waits_and_waits_for_what_is_lent() -> None:
    """What is free ends in good order."""
    server = Server()
    pool = pool_of(server, size=2)
    lent, free = await pool.take(), await pool.take()
    waiting = asked(pool.take())
    await turns()
    pool.give_back(free)
    assert await waiting is free
    pool.give_back(free)
    closing = asyncio.create_task(pool.close())
    await turns()
    assert (free.ended_well, closing.done()) == (True, False)
    pool.give_back(lent)
    await closing
    assert not lent.connected
    with pytest.raises(StorageUnavailable):
        await pool.take()


async def test_closing_ends_what_is_being_opened() -> None:
    """And whoever waits for it is refused."""
    server = Server()
    pool = pool_of(server)
    server.lets_in.clear()
    waiting = asked(pool.take())
    await turns()
    await pool.close()
    with pytest.raises(StorageUnavailable):
        await waiting
    assert pool.size == 0


async def test_closing_that_is_cancelled_leaves_nothing_open() -> None:
    """Somebody presses Ctrl-C: a lock that is held on a connection would keep the next one from what it is to do."""
    server = Server()
    pool = pool_of(server)
    free, lent = await pool.take(), await pool.take()
    pool.give_back(free)
    closing = asyncio.create_task(pool.close())
    # Before its first step: the cancellation comes with the first thing that it waits for.
    asyncio.get_running_loop().call_soon(closing.cancel)
    with suppress(asyncio.CancelledError):
        await closing
    assert (free.connected, lent.connected) == (False, False)


async def test_whatever_happens_there_are_never_too_many_and_none_is_lost() -> None:
    """Many come, leave, and are let down, in an order that each run makes anew."""
    server, choose = Server(), random.Random()
    pool, most, lent = pool_of(server), 0, set[FakeConnection]()

    async def use() -> None:
        nonlocal most
        connection = await pool.take()
        assert connection not in lent
        lent.add(connection)
        most = max(most, len(lent))
        try:
            for _ in range(choose.randrange(4)):
                await asyncio.sleep(0)
            if choose.random() < 0.2:
                connection.close()
        finally:
            lent.discard(connection)
            pool.give_back(connection)

    for _ in range(200):
        users = [asyncio.create_task(use()) for _ in range(choose.randrange(8))]
        server.refuses = OSError("no") if choose.random() < 0.2 else None
        for _ in range(choose.randrange(6)):
            await asyncio.sleep(0)
        for user in users:
            if choose.random() < 0.3:
                user.cancel()
        with suppress(OSError):
            await asyncio.gather(*users, return_exceptions=True)
    await turns()
    assert most <= 3
    assert (pool.busy, pool.size <= 3) == (0, True)
    assert sum(connection.connected for connection in server.opened) == pool.size
