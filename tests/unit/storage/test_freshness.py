"""Stamps that are read together."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from postkeep.domain.accounts import AccountId
from postkeep.services.ports import StorageUnavailable
from postkeep.services.repositories import Stamp
from postkeep.storage import freshness as freshness_module
from postkeep.storage.freshness import SharedFreshness
from tests.builders import an_account_id

ANN, BOB = an_account_id(), an_account_id()


class Database:
    """Answers when it is told to, with the numbers of the moment when it was asked.

    Attributes:
        asked: For whom, in the order of reads.
        version: What every account's numbers are.
        fails: What the next read raises, if anything.
        held: Whether reads wait until they are let go.
    """

    def __init__(self) -> None:
        """Begin at once."""
        self.asked: list[list[AccountId]] = []
        self.version = 1
        self.fails: Exception | None = None
        self.held: list[asyncio.Event] = []
        self.holds = False

    async def read(self, account_ids: Sequence[AccountId]) -> Mapping[AccountId, Stamp]:
        """Read stamps."""
        self.asked.append(list(account_ids))
        found = {account_id: Stamp(self.version, self.version, 0) for account_id in account_ids}
        error, self.fails = self.fails, None
        if self.holds:
            self.held.append(asyncio.Event())
            await self.held[-1].wait()
        if error is not None:
            raise error
        return found

    async def under_way(self, reads: int) -> None:
        """Wait until so many reads have begun."""
        async with asyncio.timeout(5):
            while len(self.held) < reads:  # noqa: ASYNC110 - a few turns at most
                await asyncio.sleep(0)


@pytest.fixture
def database() -> Database:
    """Return a database that answers at once."""
    return Database()


@pytest.fixture
async def freshness(database: Database) -> AsyncIterator[SharedFreshness]:
    """Return what reads its stamps."""
    found = SharedFreshness(database.read)
    yield found
    await found.close()


async def test_who_comes_while_a_read_is_under_way_waits_for_the_next(
    database: Database, freshness: SharedFreshness
) -> None:
    """A read that began before a request may be older than what that request's client was told."""
    database.holds = True
    early = asyncio.create_task(freshness.stamp(ANN))
    await database.under_way(1)
    database.version = 2
    late = asyncio.create_task(freshness.stamp(ANN))
    await asyncio.sleep(0)
    database.held[0].set()
    await database.under_way(2)
    database.held[1].set()
    assert [stamp and stamp.posts_version for stamp in (await early, await late)] == [1, 2]
    assert database.asked == [[ANN], [ANN]]


async def test_all_who_come_meanwhile_share_one_read(database: Database, freshness: SharedFreshness) -> None:
    """A hundred requests cost the database two reads, and an account asked for twice is asked for once."""
    database.holds = True
    tasks = [asyncio.create_task(freshness.stamp(ANN))]
    await database.under_way(1)
    tasks += [asyncio.create_task(freshness.stamp(ANN if number % 2 else BOB)) for number in range(100)]
    await asyncio.sleep(0)
    database.held[0].set()
    await database.under_way(2)
    database.held[1].set()
    assert set(await asyncio.gather(*tasks)) == {Stamp(1, 1, 0)}
    assert [sorted(asked) for asked in database.asked] == [[ANN], sorted([ANN, BOB])]


@pytest.mark.parametrize("error", [StorageUnavailable(), OSError(), TypeError(), KeyError()], ids=repr)
async def test_an_error_is_a_miss_for_all_and_over_then(
    database: Database, freshness: SharedFreshness, error: Exception
) -> None:
    """Whatever went wrong, nobody is answered from memory, and nobody waits for ever."""
    database.fails = error
    assert await asyncio.gather(*map(freshness.stamp, (ANN, BOB))) == [None, None]
    assert await asyncio.gather(*map(freshness.stamp, (ANN, BOB))) == [Stamp(1, 1, 0)] * 2


async def test_a_read_that_takes_too_long_is_a_miss(
    database: Database, freshness: SharedFreshness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that hangs must not hold up those whose requests would be refused in time."""
    monkeypatch.setattr(freshness_module, "READ_SECONDS", 0)
    database.holds = True
    assert await freshness.stamp(ANN) is None


async def test_who_is_cancelled_leaves_the_read_to_others(database: Database, freshness: SharedFreshness) -> None:
    """Also the one whom it began for, and also if nobody else waits."""
    database.holds = True
    first = asyncio.create_task(freshness.stamp(ANN))
    await database.under_way(1)
    other = asyncio.create_task(freshness.stamp(BOB))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    database.held[0].set()
    await database.under_way(2)
    database.held[1].set()
    assert await other == Stamp(1, 1, 0)
    database.holds = False
    assert await freshness.stamp(ANN) == Stamp(1, 1, 0)


async def test_nothing_is_left_under_way_when_it_is_closed(database: Database, freshness: SharedFreshness) -> None:
    """The storage is closed after it."""
    database.holds = True
    asked = asyncio.create_task(freshness.stamp(ANN))
    await database.under_way(1)
    closing = asyncio.create_task(freshness.close())
    await asyncio.sleep(0)
    assert not closing.done()
    database.held[0].set()
    await closing
    assert await asked == Stamp(1, 1, 0)
