"""Health: a crowd of askers costs the database one question at a time, and nobody hears what is no longer so."""

import asyncio
from contextlib import suppress

import pytest

from postkeep.services.health import HealthService
from postkeep.services.ports import StorageUnavailable
from tests.fake_storage import FakeStorage
from tests.fakes import FakeClock


class SlowStorage(FakeStorage):
    """A storage whose checks last until they are let go; what it fails with is decided when one begins."""

    def __init__(self) -> None:
        """Begin with no check under way."""
        super().__init__(FakeClock())
        self.may_end = asyncio.Semaphore(0)

    async def check(self) -> None:
        """See that nothing fails, slowly."""
        self.journal.append("begun")
        fails = self.fails
        await self.may_end.acquire()
        if fails is not None:
            raise fails


async def settle() -> None:
    """Let everything that can go on do so."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_those_who_ask_during_a_check_share_the_next() -> None:
    """There is one connection for checks: a queue of a hundred would make each wait for a hundred."""
    storage = SlowStorage()
    health = HealthService(storage)
    first = asyncio.create_task(health.check())
    await settle()
    others = [asyncio.create_task(health.check()) for _ in range(100)]
    await settle()
    assert storage.journal == ["begun"]
    storage.may_end.release()
    storage.may_end.release()
    await asyncio.gather(first, *others)
    assert storage.journal == ["begun", "begun"]


async def test_nobody_hears_of_a_check_that_began_before() -> None:
    """A database that went away in between would be called ready."""
    storage = SlowStorage()
    health = HealthService(storage)
    first = asyncio.create_task(health.check())
    await settle()
    storage.fails = StorageUnavailable()
    later = asyncio.create_task(health.check())
    await settle()
    storage.may_end.release()
    await first
    storage.may_end.release()
    with pytest.raises(StorageUnavailable):
        await later


async def test_who_leaves_takes_the_answer_from_nobody() -> None:
    """The first of those who share a check may be the one whose client hangs up."""
    storage = SlowStorage()
    health = HealthService(storage)
    leaving, staying = (asyncio.create_task(health.check()) for _ in range(2))
    await settle()
    leaving.cancel()
    with suppress(asyncio.CancelledError):
        await leaving
    storage.may_end.release()
    await staying
    assert storage.journal == ["begun"]


async def test_who_waits_for_two_checks_is_answered_in_time() -> None:
    """Each may take as long as a silent database is waited for, and both together longer than is promised."""
    storage = SlowStorage()
    health = HealthService(storage, patience_seconds=0.05)
    with pytest.raises(StorageUnavailable):
        await health.check()
    # It goes on for those who come.
    storage.may_end.release()
    storage.may_end.release()
    await health.check()
