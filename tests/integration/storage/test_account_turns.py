"""Turns at what takes long: one account's wait for each other, and nobody else for them."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from postkeep.domain.accounts import AccountId
from postkeep.domain.attempts import AttemptKey, Network, Rule
from postkeep.services.ports import SearchUnavailable, StorageUnavailable
from postkeep.services.repositories import UnitOfWork
from postkeep.storage import account_turns as turns_module
from postkeep.storage.account_turns import AccountTurns
from postkeep.storage.limits import HEAVY_BYTES
from tests.builders import an_account_id
from tests.contracts.kept import keep_account
from tests.integration.storage.opened import SERVERS, Opened

A_CROWD = 30


@pytest.mark.parametrize(
    ("ask", "refusal"),
    [(AccountTurns.to_search, SearchUnavailable), (partial(AccountTurns.to_use, what="things"), StorageUnavailable)],
    ids=["search", "use"],
)
async def test_one_account_has_one_turn_at_a_time(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[..., AbstractAsyncContextManager[None]], refusal: type[Exception]
) -> None:
    """Others need not wait for it; whoever waits too long is told so."""
    monkeypatch.setattr(turns_module, "PATIENCE_SECONDS", 0.05)
    turns = AccountTurns(2)

    def turn(account_id: AccountId) -> AbstractAsyncContextManager[None]:
        """Ask for one."""
        return ask(turns, account_id)

    mine, yours, theirs = an_account_id(), an_account_id(), an_account_id()
    async with turn(mine):
        with pytest.raises(refusal):
            async with turn(mine):
                pass
        async with turn(yours):
            with pytest.raises(refusal):
                async with turn(theirs):
                    pass
    async with turn(mine), turn(theirs):
        pass


async def test_a_search_gives_way_once_another_account_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not before it has had a second, nor for the account's own next one."""
    monkeypatch.setattr(turns_module, "UNDISTURBED_SECONDS", 0.1)
    turns, mine, yours = AccountTurns(1), an_account_id(), an_account_id()

    async def search(author: AccountId) -> None:
        async with turns.to_search(author):
            pass

    async with turns.to_search(mine) as turn:
        own_next = asyncio.create_task(search(mine))
        await asyncio.sleep(0.2)
        assert not turn.has_to_end()
        others = asyncio.create_task(search(yours))
        await asyncio.sleep(0)
        assert turn.has_to_end()
    assert turn.has_to_end()
    await asyncio.gather(own_next, others)
    async with turns.to_search(mine) as turn:
        others = asyncio.create_task(search(yours))
        await asyncio.sleep(0)
        assert not turn.has_to_end()
        others.cancel()
        await asyncio.gather(others, return_exceptions=True)
        await asyncio.sleep(0.2)
        assert not turn.has_to_end()
    assert turn.has_to_end()


async def test_turns_come_in_order(anyio_backend: str) -> None:
    """Whoever waited gets the next one."""
    del anyio_backend
    turns, author, done = AccountTurns(2), an_account_id(), list[int]()

    async def search(number: int) -> None:
        async with turns.to_search(author):
            await asyncio.sleep(0)
            done.append(number)

    await asyncio.gather(*map(search, range(10)))
    assert done == list(range(10))


@pytest.mark.parametrize("opened", ["embedded", *SERVERS], indirect=True)
async def test_nobody_waits_behind_a_crowd_of_somebody_else_s_queries(opened: Opened) -> None:
    """Who sends hundreds of requests for long lists has them answered one by one, and others between them."""
    mine, yours = an_account_id(), an_account_id()
    done: list[AccountId] = []

    def query(asker: AccountId) -> Callable[[UnitOfWork], Coroutine[Any, Any, None]]:
        async def run(work: UnitOfWork) -> None:
            await work.posts.summarise(asker)
            done.append(asker)

        return run

    askers = [*[mine] * A_CROWD, yours]
    await asyncio.gather(*(opened.storage.read(query(each), weight=HEAVY_BYTES + 1, asker=each) for each in askers))
    assert done.index(yours) < A_CROWD // 2


async def test_nobody_waits_behind_a_crowd_of_somebody_else_s_units_on_a_server(server: Opened) -> None:
    """They wait for each other anyway: those that did so at the server would take all connections to it."""
    mine, yours = await keep_account(server.storage), await keep_account(server.storage)
    has_begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow(work: UnitOfWork) -> None:
        await work.accounts.claim_access(mine.id)
        has_begun.set()
        await may_end.wait()

    async def quick(work: UnitOfWork) -> None:
        await work.accounts.claim_access(yours.id)

    crowd = [asyncio.create_task(server.storage.transact(mine.id, slow)) for _ in range(A_CROWD)]
    await has_begun.wait()
    await server.storage.transact(yours.id, quick)
    assert not any(each.done() for each in crowd)
    may_end.set()
    await asyncio.gather(*crowd)


async def test_nobody_waits_behind_a_crowd_of_another_network_s_attempts_on_a_server(server: Opened) -> None:
    """They wait for their network's row anyway; from all turns they kept everybody else from logging in.

    What became of those that were let through waits for none of them: it would come too late, and count as a failure.
    """
    theirs, mine = Network("192.0.2.1"), Network("192.0.2.2")
    has_begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow(work: UnitOfWork) -> None:
        await work.attempts.hold([a_key(theirs)])
        has_begun.set()
        await may_end.wait()

    async def quick(work: UnitOfWork) -> None:
        await work.attempts.hold([a_key(mine)])

    crowd = [asyncio.create_task(server.storage.count(slow, asker=theirs)) for _ in range(A_CROWD)]
    await has_begun.wait()
    await server.storage.count(quick, asker=mine)
    await server.storage.count(quick, asker=theirs, makes_room=True)
    assert not any(each.done() for each in crowd)
    may_end.set()
    await asyncio.gather(*crowd)


def a_key(network: Network) -> AttemptKey:
    """Return what is counted of a network."""
    return Rule("network", 100, timedelta(minutes=15)).key(network.name)
