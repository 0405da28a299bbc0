"""The embedded database's writer: whose unit runs when, and which never does. test_embedded.py has its faults."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from postkeep.domain.accounts import AccountId
from postkeep.services.ports import StorageUnavailable
from postkeep.services.repositories import Unit, UnitOfWork
from postkeep.storage import writer as writer_module
from postkeep.storage.limits import BATCH_BYTES
from tests.builders import a_post
from tests.contracts.kept import assert_counted, keep_account, unit_that_keeps
from tests.integration.storage.opened import Opened, open_embedded

A_CROWD = 30


class Gate:
    """A unit that stands still in the writer's thread until it is let go."""

    def __init__(self, account_id: AccountId) -> None:
        """Make it for an account that is kept."""
        self._account_id = account_id
        self._loop = asyncio.get_running_loop()
        self._may_end = threading.Event()
        self.has_begun = asyncio.Event()

    async def __call__(self, work: UnitOfWork) -> None:
        """Do a little, and wait."""
        await work.accounts.claim_access(self._account_id)
        self._loop.call_soon_threadsafe(self.has_begun.set)
        self._may_end.wait()

    @contextmanager
    def closed(self) -> Generator[None]:
        """Let go at the end, whatever happens."""
        try:
            yield
        finally:
            self._may_end.set()


def noting(done: list[AccountId], account_id: AccountId) -> Unit:
    """Return a unit that notes whose it is when it runs."""

    async def unit(work: UnitOfWork) -> None:
        await work.accounts.claim_access(account_id)
        done.append(account_id)

    return unit


async def test_nobody_waits_behind_a_crowd_of_somebody_else_s_units(embedded: Opened) -> None:
    """Neither for their turn nor for their commit: a unit that changes megabytes is not followed by another in it."""
    storage, done = embedded.storage, list[AccountId]()
    mine, yours = await keep_account(storage), await keep_account(storage)
    gate = Gate(mine.id)
    with gate.closed():
        first = asyncio.create_task(storage.transact(mine.id, gate))
        await gate.has_begun.wait()
        crowd = [
            asyncio.create_task(storage.transact(mine.id, noting(done, mine.id), weight=BATCH_BYTES))
            for _ in range(A_CROWD)
        ]
        await asyncio.sleep(0)
        other = asyncio.create_task(storage.transact(yours.id, noting(done, yours.id)))
        await asyncio.sleep(0)
        assert embedded.storage.usage() == {"database_units_waiting": A_CROWD + 1}
    await other
    assert not any(task.done() for task in crowd[1:])
    await asyncio.gather(first, *crowd)
    assert done == [yours.id, *[mine.id] * A_CROWD]


async def test_a_newcomer_does_not_wait_for_those_who_came_before(embedded: Opened) -> None:
    """A long line of one account's is under way already."""
    storage, done = embedded.storage, list[AccountId]()
    mine, yours = await keep_account(storage), await keep_account(storage)
    gates = [Gate(mine.id), Gate(mine.id)]
    with gates[1].closed():
        with gates[0].closed():
            units: list[Unit] = [*gates, *(noting(done, mine.id) for _ in range(A_CROWD))]
            crowd = [asyncio.create_task(storage.transact(mine.id, unit, weight=BATCH_BYTES)) for unit in units]
            await gates[0].has_begun.wait()
        await gates[1].has_begun.wait()
        other = asyncio.create_task(storage.transact(yours.id, noting(done, yours.id)))
        await asyncio.sleep(0)
    await asyncio.gather(other, *crowd)
    assert done[0] == yours.id


async def test_a_unit_that_nobody_waits_for_any_more_does_not_run(
    embedded: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was told to come again while others of the same transaction ran; who only went away has it done."""
    monkeypatch.setattr(writer_module, "BATCH_SECONDS", 60)
    storage, done = embedded.storage, list[AccountId]()
    mine, given_up, gone = [await keep_account(storage) for _ in range(3)]
    gates = [Gate(mine.id), Gate(mine.id)]
    with gates[1].closed():
        with gates[0].closed():
            first = asyncio.create_task(storage.transact(mine.id, gates[0]))
            await gates[0].has_begun.wait()
            # Mine, and theirs behind it: one transaction.
            second = asyncio.create_task(storage.transact(mine.id, gates[1]))
            await asyncio.sleep(0)
            leaving = asyncio.create_task(storage.transact(gone.id, noting(done, gone.id), weight=BATCH_BYTES // 4))
            await asyncio.sleep(0)
            leaving.cancel()
            with monkeypatch.context() as patch:
                patch.setattr(writer_module, "PATIENCE_SECONDS", 0.1)
                refused = asyncio.create_task(
                    storage.transact(given_up.id, noting(done, given_up.id), weight=BATCH_BYTES // 2)
                )
                await asyncio.sleep(0)
        await gates[1].has_begun.wait()
        with pytest.raises(StorageUnavailable):
            await refused
    await asyncio.gather(first, second)
    await storage.transact(mine.id, noting(done, mine.id))
    assert done == [gone.id, mine.id]


@pytest.mark.parametrize("seconds", [0, 0.2])
async def test_what_is_left_of_a_transaction_is_done_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """Each once, also of those that waited when the storage was closed."""
    monkeypatch.setattr(writer_module, "BATCH_SECONDS", seconds)
    async with open_embedded(tmp_path / "postkeep.db") as opened:
        accounts = [await keep_account(opened.storage) for _ in range(5)]
        posts = [a_post(author=account.id) for account in accounts * 4]
        tasks = [asyncio.create_task(opened.storage.transact(p.author, unit_that_keeps(p))) for p in posts]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    async with open_embedded(tmp_path / "postkeep.db") as opened:
        for account in accounts:
            await assert_counted(opened.storage, account, *(post for post in posts if post.author == account.id))
