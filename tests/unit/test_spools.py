"""Spools: where what is brought in waits, and how much of it."""

import os
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from pathlib import Path

import pytest

from postkeep.controllers.errors import BodyTooLarge
from postkeep.controllers.spools import ImportUnderWay, NoRoom, Spools, TooManyImports
from tests.builders import an_account_id

PLACES = 32
LIMIT = 1000
ANN, BOB = an_account_id(), an_account_id()


async def body(*chunks: bytes) -> AsyncGenerator[bytes]:
    """Return what a client sends."""
    for chunk in chunks:
        yield chunk


def test_each_account_has_one_place_and_there_are_so_many(tmp_path: Path) -> None:
    """A place is free again when its import has ended, and nothing of it is left."""
    spools = Spools(tmp_path, LIMIT)
    with ExitStack() as stack:
        for account_id in (ANN, *(an_account_id() for _ in range(PLACES - 1))):
            stack.enter_context(spools.opened(account_id))
        with pytest.raises(ImportUnderWay), spools.opened(ANN):
            pass
        with pytest.raises(TooManyImports), spools.opened(BOB):
            pass
    with spools.opened(ANN), spools.opened(BOB):
        assert os.listdir(tmp_path) == []  # noqa: PTH208 - Path.iterdir may not see what has no name either


async def test_all_together_have_four_times_as_much_as_one_may(tmp_path: Path) -> None:
    """However free the disk is: others need it, too."""
    spools = Spools(tmp_path, LIMIT)
    with ExitStack() as stack:
        for _ in range(4):
            file = stack.enter_context(spools.opened(an_account_id()))
            await spools.fill(file, body(b"x" * LIMIT), LIMIT)
        file = stack.enter_context(spools.opened(BOB))
        with pytest.raises(NoRoom):
            await spools.fill(file, body(b"x" * 500), 500)
    with spools.opened(BOB) as file:
        await spools.fill(file, body(b"x" * LIMIT), 0)
        assert file.seek(0, os.SEEK_END) == LIMIT


async def test_who_brings_little_gets_in_however_much_others_hold(tmp_path: Path) -> None:
    """They may hold it for hours."""
    spools = Spools(tmp_path, LIMIT)
    with ExitStack() as stack:
        for _ in range(4):
            await spools.fill(stack.enter_context(spools.opened(an_account_id())), body(b"x" * LIMIT), LIMIT)
        file = stack.enter_context(spools.opened(BOB))
        await spools.fill(file, body(b"x" * (LIMIT // PLACES)), LIMIT // PLACES)
        assert file.seek(0, os.SEEK_END) == LIMIT // PLACES


@pytest.mark.parametrize(("chunks", "declared"), [((), LIMIT + 1), ((b"x" * LIMIT, b"x"), 0)])
async def test_one_has_no_more_than_it_may(tmp_path: Path, chunks: tuple[bytes, ...], declared: int) -> None:
    """Whether it says so or not."""
    spools = Spools(tmp_path, LIMIT)
    with spools.opened(ANN) as file, pytest.raises(BodyTooLarge):
        await spools.fill(file, body(*chunks), declared)
