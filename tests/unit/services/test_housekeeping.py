"""Housekeeping goes on, whatever happens."""

import asyncio

import pytest

from postkeep.services.housekeeping import PAUSE_SECONDS, HousekeepingService
from postkeep.services.ports import StorageUnavailable
from tests.fakes import a_world


class Ended(Exception):
    """It has gone on for long enough."""


async def test_sv_15_what_goes_wrong_is_told_and_the_next_time_comes(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is away is no defect; anything else is, and shows where."""
    world, pauses = a_world(), list[float]()
    results: list[object] = [StorageUnavailable(), ZeroDivisionError(), True]

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if not results:
            raise Ended

    house = HousekeepingService(world.storage, world.clock, pause=pause)

    async def keep_house() -> bool:
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return bool(result)

    monkeypatch.setattr(house, "keep_house", keep_house)
    with pytest.raises(Ended):
        await house.go_on()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "housekeeping_put_off"),
        ("ERROR", "housekeeping_failed"),
    ]
    assert all(PAUSE_SECONDS / 2 <= seconds <= PAUSE_SECONDS * 3 / 2 for seconds in pauses)
    assert len(set(pauses)) == len(pauses) == 4


async def test_it_can_be_ended() -> None:
    """With the process, in whatever pause."""
    world = a_world()
    task = asyncio.create_task(HousekeepingService(world.storage, world.clock).go_on())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
