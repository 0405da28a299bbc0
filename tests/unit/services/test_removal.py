"""Removing accounts that hold much: closed at once, and then bit by bit."""

import pytest

from postkeep.domain.accounts import Account, AccountStatus
from postkeep.domain.errors import Unavailable
from postkeep.domain.posts import Text
from postkeep.services import removal as removal_module
from postkeep.services.ports import StorageUnavailable
from postkeep.services.removal import Removal
from postkeep.services.repositories import Unit
from tests.builders import a_post, an_account
from tests.fakes import World, a_world


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world in which three posts are many."""
    monkeypatch.setattr(removal_module, "AT_ONCE_POSTS", 2)
    monkeypatch.setattr(removal_module, "SLICE_POSTS", 2)
    return a_world()


def with_posts(world: World, count: int) -> Account:
    """Have an account with so many posts."""
    account = an_account()
    world.with_account(account)
    for _ in range(count):
        world.with_post(a_post(author=account.id, text=Text("x")))
    return world.account(account.id)


def fail_at(world: World, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the database go away at a unit, from 1 on."""
    transact, units = world.storage.transact, [0]

    async def count(account_id: object, unit: Unit, *, weight: int = 0) -> None:
        units[0] += 1
        if units[0] >= number:
            raise StorageUnavailable
        await transact(account_id, unit, weight=weight)  # type: ignore[arg-type]

    monkeypatch.setattr(world.storage, "transact", count)


@pytest.mark.parametrize(("posts", "units"), [(0, 1), (2, 1), (3, 5), (9, 8)])
async def test_what_is_small_goes_in_one_unit_and_what_is_large_in_many(world: World, posts: int, units: int) -> None:
    """So that nobody waits for more than a few posts; and nobody else's go with them."""
    account, other = with_posts(world, posts), with_posts(world, 2)
    world.journal.clear()
    await Removal(world.storage).remove(account)
    assert world.journal == ["transact"] * units
    assert list(world.storage.state.accounts) == [other.id]
    assert len(world.kept) == 2


async def test_whoever_cannot_be_removed_keeps_everything(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the account is not closed, nothing has happened."""
    account = with_posts(world, 9)
    with monkeypatch.context() as patch:
        fail_at(world, 1, patch)
        with pytest.raises(Unavailable):
            await Removal(world.storage).remove(account)
    assert world.account(account.id) == account
    assert len(world.kept) == 9


@pytest.mark.parametrize("number", range(2, 7))
async def test_what_was_begun_is_done_and_housekeeping_finishes_it(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    """The account is nobody's any more, wherever it was interrupted; the operator reads that something is left."""
    account = with_posts(world, 9)
    with monkeypatch.context() as patch:
        fail_at(world, number, patch)
        await Removal(world.storage).remove(account)
    assert [record.getMessage() for record in caplog.records] == ["removal_unfinished"]
    left = world.account(account.id)
    assert (left.status, left.email == account.email) == (AccountStatus.DISABLED, False)
    assert left.posts == len(world.kept)
    assert await world.housekeeping.keep_house()
    assert world.storage.state.accounts == {}
    assert world.kept == []
