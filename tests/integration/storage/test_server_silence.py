"""A database server that says nothing, or no: DB-10 to DB-16 of the cases. Whoever asks is answered all the same."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from asyncmy.errors import OperationalError

from postkeep.domain.accounts import Account
from postkeep.services.ports import StorageUnavailable
from postkeep.services.repositories import UnitOfWork
from postkeep.storage import patience as patience_module
from postkeep.storage import server as server_module
from postkeep.storage import server_faults, server_pool
from tests.builders import a_post
from tests.contracts.kept import assert_counted, find_account, keep_account, keep_posts
from tests.integration.storage.opened import Opened, ask, open_server
from tests.integration.storage.proxy import Proxy
from tests.integration.storage.test_server_faults import failing_statements

POOL = 3
SHORT = 0.5


@asynccontextmanager
async def through(server: Opened, proxy: Proxy) -> AsyncGenerator[Opened]:
    """Open a storage through a proxy, with all its connections open."""
    async with proxy.running(), open_server(server.kind, proxy.url, pool_size=POOL) as opened:
        account = await keep_account(opened.storage)
        await asyncio.gather(*(find_account(opened.storage, account.id) for _ in range(POOL)))
        yield opened


def wait_at_most(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change how long a database is waited for, wherever it is."""
    for module in (patience_module, server_module, server_pool):
        monkeypatch.setattr(module, "PATIENCE_SECONDS", seconds)


async def look_up(opened: Opened, account: Account) -> None:
    """Read."""
    await find_account(opened.storage, account.id)


async def add(opened: Opened, account: Account) -> None:
    """Write."""
    await keep_posts(opened.storage, a_post(author=account.id))


async def look_at_all(opened: Opened, account: Account) -> None:
    """Read a long list."""
    async for _ in opened.storage.stream(account.id):
        pass


async def check(opened: Opened, _account: Account) -> None:
    """Be asked whether all is well."""
    await opened.storage.check()


async def until_answered(opened: Opened, account: Account) -> None:
    """Ask until there is an answer."""
    async with asyncio.timeout(20):
        while True:
            with suppress(StorageUnavailable):
                return await look_up(opened, account)


ASKING: list[Callable[[Opened, Account], Awaitable[None]]] = [look_up, add, look_at_all, check]


@pytest.mark.parametrize("ask", ASKING)
async def test_db_12_a_silent_database_is_unavailable(
    server: Opened, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Opened, Account], Awaitable[None]]
) -> None:
    """Frozen: many ask, all are refused, and then all is as before."""
    wait_at_most(SHORT, monkeypatch)
    proxy = Proxy(server.url)
    async with through(server, proxy) as opened:
        account = await keep_account(server.storage)
        proxy.flowing.clear()
        async with asyncio.timeout(20):
            answers = await asyncio.gather(*(ask(opened, account) for _ in range(4 * POOL)), return_exceptions=True)
        assert {type(answer) for answer in answers} == {StorageUnavailable}
        proxy.flowing.set()
        monkeypatch.undo()
        # Patience comes back with the first answer.
        await until_answered(opened, account)
        await opened.storage.check()
        kept = [post async for part in opened.storage.stream(account.id) for post in part]
        await asyncio.gather(*(add(opened, account) for _ in range(4 * POOL)))
        now = [post async for part in opened.storage.stream(account.id) for post in part]
        # What was cut off may have been done, as the answer said; whatever was done is counted.
        assert len(now) == len(kept) + 4 * POOL
        assert (await opened.value("SELECT posts FROM accounts WHERE id = :id", id=account.id.bytes)) == len(now)


async def test_db_12_a_long_list_s_turn_and_its_first_posts_are_waited_for_together(
    server: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other they would take longer than anybody waits."""
    wait_at_most(30.0, monkeypatch)
    monkeypatch.setattr(server_module, "BEGIN_SECONDS", SHORT)
    proxy = Proxy(server.url)
    async with through(server, proxy) as opened:
        account = await keep_account(server.storage)
        await look_at_all(opened, account)
        proxy.flowing.clear()
        async with asyncio.timeout(20):
            with pytest.raises(StorageUnavailable):
                await look_at_all(opened, account)


async def test_db_12_a_database_that_comes_back_slow_is_found_to_answer(
    server: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All connections are gone, and opening one takes longer than a short wait: it would be refused for ever."""
    wait_at_most(SHORT, monkeypatch)
    proxy = Proxy(server.url)
    async with through(server, proxy) as opened:
        account = await keep_account(server.storage)
        proxy.flowing.clear()
        answers = await asyncio.gather(*(add(opened, account) for _ in range(4 * POOL)), return_exceptions=True)
        assert {type(answer) for answer in answers} == {StorageUnavailable}
        # A machine that is busy with other tests is slow itself.
        wait_at_most(15.0, monkeypatch)
        monkeypatch.setattr(patience_module, "SHORT_SECONDS", 0.05)
        monkeypatch.setattr(patience_module, "PROBE_SECONDS", 0.2)
        proxy.latency = lambda: 0.15
        proxy.flowing.set()
        await until_answered(opened, account)
        await add(opened, account)


async def test_db_12_a_server_that_falls_silent_behind_its_greeting_is_unavailable(
    server: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long list has no deadline but those of its parts; its turn and its connection would be gone for ever."""

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(server_pool, "PATIENCE_SECONDS", 0.1)
    async with open_server(server.kind, server.url, pool_size=POOL) as opened:
        account = await keep_account(server.storage)
        with monkeypatch.context() as silent:
            silent.setattr(server_pool, "_set_up", never)
            async with asyncio.timeout(20):
                with pytest.raises(StorageUnavailable):
                    await look_at_all(opened, account)
        monkeypatch.undo()
        await look_at_all(opened, account)


async def test_db_13_those_that_are_open_serve_while_new_ones_are_dropped(server: Opened) -> None:
    """A full table of a firewall, or a balancer that takes the server out: what is open is as good as ever."""
    proxy = Proxy(server.url)
    async with proxy.running(), open_server(server.kind, proxy.url, pool_size=2 * POOL) as opened:
        account = await keep_account(opened.storage)
        await asyncio.gather(*(look_up(opened, account) for _ in range(POOL)))
        proxy.admits.clear()
        for _ in range(3):
            await asyncio.gather(*(look_up(opened, account) for _ in range(4 * POOL)))
            await asyncio.gather(*(add(opened, account) for _ in range(4 * POOL)))
        assert await server.value("SELECT posts FROM accounts WHERE id = :id", id=account.id.bytes) == 12 * POOL


@pytest.mark.parametrize("ask", ASKING)
async def test_db_13_a_wire_that_drops_packets_is_as_good_as_none(
    server: Opened, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Opened, Account], Awaitable[None]]
) -> None:
    """Nobody hears of anything, not even that a connection is over: all are refused, and new connections are good."""
    wait_at_most(SHORT, monkeypatch)
    proxy = Proxy(server.url)
    async with through(server, proxy) as opened:
        account = await keep_account(server.storage)
        proxy.swallows = True
        async with asyncio.timeout(20):
            answers = await asyncio.gather(*(ask(opened, account) for _ in range(4 * POOL)), return_exceptions=True)
        assert {type(answer) for answer in answers} == {StorageUnavailable}
        proxy.swallows = False
        monkeypatch.undo()
        await until_answered(opened, account)
        await opened.storage.check()
        await asyncio.gather(*(add(opened, account) for _ in range(4 * POOL)))
        assert await opened.value("SELECT posts FROM accounts WHERE id = :id", id=account.id.bytes) == 4 * POOL


async def test_db_13_what_was_locked_on_a_dead_wire_is_free_again(
    server: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server knows nothing of its client's end: it is told beforehand how long a silent one may hold a lock."""
    monkeypatch.setattr(server_pool, "ORPHAN_SECONDS", 2)
    monkeypatch.setattr(patience_module, "PATIENCE_SECONDS", SHORT)
    proxy = Proxy(server.url)
    async with through(server, proxy) as opened:
        account = await keep_account(server.storage)

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.claim_access(account.id)
            proxy.swallows = True
            await work.accounts.find(account.id)

        with pytest.raises(StorageUnavailable):
            await opened.storage.transact(account.id, unit)
        async with asyncio.timeout(20):
            await until_added(server, account)


async def until_added(opened: Opened, account: Account) -> None:
    """Write until it is done."""
    while True:
        with suppress(StorageUnavailable):
            return await add(opened, account)


@pytest.mark.parametrize("turns", [30, pytest.param(2_500, marks=[pytest.mark.long, pytest.mark.timeout(300)])])
async def test_db_14_those_who_leave_do_not_leave_connections_behind(server: Opened, turns: int) -> None:
    """However many: the server has no more connections in the end than the pool may have."""
    proxy = Proxy(server.url)
    async with through(server, proxy) as opened:
        account = await keep_account(opened.storage)
        for turn in range(turns):
            tasks = [asyncio.create_task(look_up(opened, account)) for _ in range(3 * POOL)]
            for _ in range(turn % 12):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(look_up(opened, account) for _ in range(3 * POOL)))
        assert proxy.open_connections <= 2 * POOL + 1


@pytest.mark.parametrize("number", [1021, 1030, 1041, 1114, 1142, 1146, 1203, 1226, 1317, 1665, 1814, 1877])
async def test_db_16_a_server_that_cannot_is_unavailable(fresh: Opened, number: int) -> None:
    """A full disk, no memory, no right any more, a damaged table: 503 and not 500, at once, with nothing half-done."""
    account = await keep_account(fresh.storage)
    with failing_statements(fresh, "INSERT INTO posts", (number, "no")) as tried, pytest.raises(StorageUnavailable):
        await add(fresh, account)
    assert len(tried) == 1
    assert await find_account(fresh.storage, account.id) == account
    await keep_posts(fresh.storage, post := a_post(author=account.id))
    await assert_counted(fresh.storage, account, post)


@pytest.mark.parametrize("number", [1036, 1040, 1047, 1053, 1290, 1792, 1836, 1874, 1927, 4031, 2006, 2013])
async def test_db_10_a_server_that_sends_one_away_is_asked_again_elsewhere(fresh: Opened, number: int) -> None:
    """On another connection, which may lead to another server."""
    account = await keep_account(fresh.storage)
    with failing_statements(fresh, "INSERT INTO posts", (number, "no")) as tried:
        await keep_posts(fresh.storage, post := a_post(author=account.id))
    assert len(tried) == 2
    await assert_counted(fresh.storage, account, post)


async def test_db_08_a_node_that_is_not_ready_is_left(fresh: Opened) -> None:
    """1047, four times: each connection is dropped, so that the next one may lead to another node; then it is 503."""
    account = await keep_account(fresh.storage)
    seen: set[int] = set()

    async def unit(work: UnitOfWork) -> None:
        ((connection,),) = await ask(work, "SELECT CONNECTION_ID()")
        seen.add(int(str(connection)))
        raise OperationalError(1047, "WSREP has not yet prepared node for application use")

    with pytest.raises(StorageUnavailable):
        await fresh.storage.transact(account.id, unit)
    assert len(seen) == 4


async def test_db_10_a_server_that_only_reads_is_left_for_a_new_connection_once(fresh: Opened) -> None:
    """1290: every connection leads to the primary that was, and only a new one to another. More tries say no more."""
    account = await keep_account(fresh.storage)
    seen: list[int] = []

    async def unit(work: UnitOfWork) -> None:
        ((connection,),) = await ask(work, "SELECT CONNECTION_ID() + SLEEP(0.05)")
        seen.append(int(str(connection)))

    async def refused(work: UnitOfWork) -> None:
        await unit(work)
        raise OperationalError(1290, "The server is running with the --read-only option")

    others = [await keep_account(fresh.storage) for _ in range(POOL)]
    await asyncio.gather(*(fresh.storage.transact(other.id, unit) for other in others))
    before = list(seen)
    with pytest.raises(StorageUnavailable):
        await fresh.storage.transact(account.id, refused)
    assert len(set(before)) > 1
    assert len(seen) == len(before) + 2
    assert seen[-1] > max(before)


def test_every_error_is_of_one_kind() -> None:
    """A number in two sets would mean whatever was looked at first."""
    assert not server_faults._LOST & server_faults._COLLIDED  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    others = server_faults._LOST | server_faults._COLLIDED  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    assert not server_faults._REFUSED & others  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


# Only on a server of our own: another one's owner need not let us make users there.
@pytest.mark.parametrize("server", ["mariadb"], indirect=True)
async def test_a_primary_that_only_reads_is_unavailable_for_writes(server: Opened) -> None:
    """Its lists go on; and when it writes again, nobody has to restart anything."""
    await server.rows("CREATE USER IF NOT EXISTS plain@'%' IDENTIFIED BY 'plain'")
    await server.rows(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {server.url.database}.* TO plain@'%'")
    url = server.url.set(username="plain", password="plain")
    async with open_server(server.kind, url, pool_size=POOL) as opened:
        account = await keep_account(opened.storage)
        await server.rows("SET GLOBAL read_only = 1")
        try:
            with pytest.raises(StorageUnavailable):
                await add(opened, account)
            assert await find_account(opened.storage, account.id) == account
        finally:
            await server.rows("SET GLOBAL read_only = 0")
        await keep_posts(opened.storage, post := a_post(author=account.id))
        await assert_counted(opened.storage, account, post)
