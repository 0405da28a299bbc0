"""Spools: where what is brought in waits, and how much of it."""

import os
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from pathlib import Path

import pytest

from postkeep.controllers.errors import BodyTooLarge
from postkeep.controllers.spools import ImportUnderWay, NoRoom, Spools, TooManyImports
from postkeep.domain.accounts import AccountId

PLACES = 32
LIMIT = 1000


async def body(*chunks: bytes) -> AsyncGenerator[bytes]:
    """Return what a client sends."""
    for chunk in chunks:
        yield chunk


def test_each_account_has_one_place_and_there_are_so_many(tmp_path: Path) -> None:
    """A place is free again when its import has ended, and nothing of it is left."""
    spools = Spools(tmp_path, LIMIT)
    with ExitStack() as stack:
        for number in range(PLACES):
            stack.enter_context(spools.opened(AccountId(str(number))))
        with pytest.raises(ImportUnderWay), spools.opened(AccountId("0")):
            pass
        with pytest.raises(TooManyImports), spools.opened(AccountId("one more")):
            pass
    with spools.opened(AccountId("0")), spools.opened(AccountId("one more")):
        assert os.listdir(tmp_path) == []  # noqa: PTH208 - Path.iterdir may not see what has no name either


async def test_all_together_have_four_times_as_much_as_one_may(tmp_path: Path) -> None:
    """However free the disk is: others need it, too."""
    spools = Spools(tmp_path, LIMIT)
    with ExitStack() as stack:
        for number in range(4):
            file = stack.enter_context(spools.opened(AccountId(str(number))))
            await spools.fill(file, body(b"x" * LIMIT), LIMIT)
        file = stack.enter_context(spools.opened(AccountId("one more")))
        with pytest.raises(NoRoom):
            await spools.fill(file, body(b"x"), 1)
    with spools.opened(AccountId("one more")) as file:
        await spools.fill(file, body(b"x" * LIMIT), 0)
        assert file.seek(0, os.SEEK_END) == LIMIT


@pytest.mark.parametrize(("chunks", "declared"), [((), LIMIT + 1), ((b"x" * LIMIT, b"x"), 0)])
async def test_one_has_no_more_than_it_may(tmp_path: Path, chunks: tuple[bytes, ...], declared: int) -> None:
    """Whether it says so or not."""
    spools = Spools(tmp_path, LIMIT)
    with spools.opened(AccountId("ann")) as file, pytest.raises(BodyTooLarge):
        await spools.fill(file, body(*chunks), declared)
