"""How long a database is waited for. Nothing here takes time: a patience of nothing is over at once."""

import asyncio
from contextlib import suppress

import pytest

from postkeep.services.ports import StorageUnavailable
from postkeep.storage import deadlines
from postkeep.storage import patience as patience_module
from postkeep.storage.patience import Patience

FOR_EVER = 3600.0


async def run_out(patience: Patience) -> None:
    """Wait for something that never comes.

    Raises:
        TimeoutError: The patience is longer than nothing.
    """
    async with asyncio.timeout(0.05):
        async with patience.limit():
            await asyncio.Event().wait()


class Watch:
    """A clock that stands until it is set."""

    seconds = 1000.0

    def __call__(self) -> float:
        """Say what time it is."""
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    """Return what the patience goes by."""
    return Watch()


@pytest.fixture
async def impatient(monkeypatch: pytest.MonkeyPatch, watch: Watch) -> Patience:
    """Return a patience whose first wait was in vain, and whose short waits take no time."""
    monkeypatch.setattr(patience_module, "SHORT_SECONDS", 0.0)
    monkeypatch.setattr(patience_module, "PATIENCE_SECONDS", 0.0)
    patience = Patience(monotonic=watch)
    with pytest.raises(StorageUnavailable):
        await run_out(patience)
    monkeypatch.setattr(patience_module, "PATIENCE_SECONDS", FOR_EVER)
    return patience


async def test_db_12_a_wait_in_vain_ends_as_unavailable(impatient: Patience) -> None:
    """The client is told to come again, whatever the database does."""
    with pytest.raises(StorageUnavailable):
        await run_out(impatient)


async def test_db_12_after_one_wait_in_vain_the_next_are_short(impatient: Patience) -> None:
    """A request may wait several times in a row, for others and for itself, and all of it must stay bearable."""
    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            await run_out(impatient)


async def test_db_12_an_answer_brings_the_patience_back(impatient: Patience) -> None:
    """What was slow for a moment must not be refused for ever."""
    with pytest.raises(StorageUnavailable):
        await run_out(impatient)
    async with impatient.limit():
        pass
    with pytest.raises(TimeoutError):
        await run_out(impatient)


async def test_db_12_one_in_a_while_waits_the_whole_time(impatient: Patience, watch: Watch) -> None:
    """A database that takes half a second for each answer, or for a new connection, would be refused for ever."""
    watch.seconds += patience_module.PROBE_SECONDS
    with pytest.raises(TimeoutError):
        await run_out(impatient)
    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            await run_out(impatient)
    watch.seconds += patience_module.PROBE_SECONDS
    async with impatient.limit():
        pass
    with pytest.raises(TimeoutError):
        await run_out(impatient)


async def test_db_12_a_deadline_that_was_not_heard_is_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.11's wait_for drops it if the connection is open in the same moment: a unit would never end."""
    monkeypatch.setattr(patience_module, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(deadlines, "AGAIN_SECONDS", 0.01)

    async def listen_to_the_second() -> None:
        async with Patience().limit():
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            await asyncio.Event().wait()

    async with asyncio.timeout(5):
        with pytest.raises(StorageUnavailable):
            await listen_to_the_second()


async def test_what_is_heavy_may_take_longer(impatient: Patience) -> None:
    """A gigabyte is not removed in the time that a post takes."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), impatient.limit(1024**3):
            await asyncio.Event().wait()


async def test_an_error_of_the_database_says_nothing_of_its_speed(impatient: Patience) -> None:
    """It comes out as it is."""
    with pytest.raises(KeyError):
        async with impatient.limit(1024**3):
            raise KeyError
