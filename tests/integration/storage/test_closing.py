"""A storage that was closed answers at once, and says that it does not."""

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from postkeep.services.ports import StorageUnavailable
from tests.builders import a_post
from tests.contracts.kept import find_account, keep_account, keep_posts
from tests.integration.storage.opened import KINDS, Opened, open_embedded, open_in_memory, open_server


@pytest.fixture(params=KINDS)
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> AbstractAsyncContextManager[Opened]:
    """Return what opens a storage of each kind in turn."""
    if request.param == "embedded":
        return open_embedded(tmp_path / "postkeep.db")
    if request.param == "memory":
        return open_in_memory()
    return open_server(request.param, request.getfixturevalue(f"{request.param}_url"))


async def test_after_closing_nobody_waits(opening: AbstractAsyncContextManager[Opened]) -> None:
    """Neither a unit nor a query: a request that comes in the last moment is told to try again."""
    async with opening as opened:
        account = await keep_account(opened.storage)
    async with asyncio.timeout(10):
        with pytest.raises(StorageUnavailable):
            await keep_posts(opened.storage, a_post(author=account.id))
        with pytest.raises(StorageUnavailable):
            await find_account(opened.storage, account.id)


async def test_rows_that_nobody_understands_do_not_hold_the_reader_back(embedded: Opened) -> None:
    """A query that fails half-way through its rows leaves no cursor open: the next one sees the newest commit."""
    account = await keep_account(embedded.storage)
    await keep_posts(embedded.storage, post := a_post(author=account.id))
    await embedded.rows("UPDATE posts SET created_date = 'never' WHERE account_id = :id", id=account.id.bytes)
    for weight in (0, 10**9):
        with pytest.raises(ValueError, match="never"):
            await embedded.storage.read(lambda work: work.posts.find(account.id, post.id), weight=weight)
    await keep_account(embedded.storage, id=(other := a_post().author))
    assert await find_account(embedded.storage, other) is not None
