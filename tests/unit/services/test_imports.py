"""Bringing in: what is added, what is there, and what is refused."""

from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta

import pytest

from postkeep.domain.accounts import Account, AccountGone, AccountId
from postkeep.domain.incoming import IncomingPost, PostPresent
from postkeep.domain.posts import UNLIMITED, Quota, Text, TextInvalid
from postkeep.services.entries import Entry, Kind, Outcome
from postkeep.services.imports import ImportService
from postkeep.services.ports import Storage, StorageUnavailable
from postkeep.services.repositories import Unit
from tests.builders import MIDNIGHT, an_account, an_account_id
from tests.contracts.kept import assert_counted, keep_account, posts_of
from tests.fake_storage import FakeStorage
from tests.fakes import FakeClock


@pytest.fixture
def storage() -> FakeStorage:
    """Return an empty storage."""
    return FakeStorage(FakeClock())


def notes(*texts: str, begin: int = 1) -> list[Entry]:
    """Return lines that are nothing but texts."""
    return [Entry(number, IncomingPost(Text(text))) for number, text in enumerate(texts, begin)]


async def parts_of(parts: Sequence[Sequence[Entry]]) -> AsyncGenerator[Sequence[Entry]]:
    """Yield parts."""
    for part in parts:
        yield part


async def brought_in(
    storage: Storage,
    whose: Account | AccountId,
    *parts: Sequence[Entry],
    quota: Quota = UNLIMITED,
    dry_run: bool = False,
) -> list[Outcome]:
    """Bring something in, and return what became of it."""
    author = whose.id if isinstance(whose, Account) else whose
    outcomes = await ImportService(storage, FakeClock(), quota).begin(author, parts_of(parts), dry_run=dry_run)
    return [outcome async for some in outcomes for outcome in some]


def told(outcomes: Sequence[Outcome]) -> list[tuple[int | str, Kind, str | None]]:
    """Return the outcomes without ids and details."""
    return [(outcome.entry, outcome.kind, outcome.code) for outcome in outcomes]


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_dry_run_says_what_a_run_says(storage: FakeStorage, *, dry_run: bool) -> None:
    """Added, there, refused, twice in one part and in two; and nothing is there after the dry one."""
    account = await keep_account(storage)
    await brought_in(storage, account, notes("there"))
    broken = Entry(4, TextInvalid())
    parts = [[*notes("there", "new", "new"), broken], notes("new", "newer", begin=5)]
    outcomes = await brought_in(storage, account, *parts, dry_run=dry_run)
    assert told(outcomes) == [
        (1, Kind.EXISTING, None),
        (2, Kind.ADDED, None),
        (3, Kind.EXISTING, None),
        (4, Kind.REFUSED, "text_invalid"),
        (5, Kind.EXISTING, None),
        (6, Kind.ADDED, None),
    ]
    assert len(await posts_of(storage, account.id)) == (1 if dry_run else 3)


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("quota", [Quota(posts=5), Quota(bytes=5 * len("note 0"))], ids=["posts", "bytes"])
async def test_what_has_no_room_is_refused(storage: FakeStorage, quota: Quota, *, dry_run: bool) -> None:
    """From the first that has none on, also what would fit; what is there is still told."""
    account = await keep_account(storage)
    first, second = [f"note {n}" for n in range(8)], ["a", "note 1"]
    parts = [notes(*first), notes(*second, begin=9)]
    outcomes = await brought_in(storage, account, *parts, quota=quota, dry_run=dry_run)
    refused = [(number, Kind.REFUSED, "quota_exceeded") for number in (6, 7, 8, 9)]
    assert told(outcomes) == [
        *((number, Kind.ADDED, None) for number in range(1, 6)),
        *refused,
        (10, Kind.EXISTING, None),
    ]
    kept = await posts_of(storage, account.id)
    assert {post.text for post in kept} == (set() if dry_run else set(first[:5]))
    await assert_counted(storage, account, *kept)


async def test_what_another_one_adds_meanwhile_is_there(storage: FakeStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two imports of the same file at the same moment, on two servers: each post once, and neither fails."""
    account = await keep_account(storage)
    transact, times = storage.transact, [0]

    async def lose_the_race(account_id: AccountId, unit: Unit, *, weight: int = 0) -> None:
        times[0] += 1
        if times[0] == 1:
            monkeypatch.setattr(storage, "transact", transact)
            await brought_in(storage, account, notes("both"))
            raise PostPresent
        await transact(account_id, unit, weight=weight)

    monkeypatch.setattr(storage, "transact", lose_the_race)
    outcomes = await brought_in(storage, account, notes("both", "mine"))
    assert told(outcomes) == [(1, Kind.EXISTING, None), (2, Kind.ADDED, None)]


async def test_a_failure_in_the_middle_leaves_what_was_added(storage: FakeStorage) -> None:
    """And is told: whoever brings it in goes on later."""
    account = await keep_account(storage)

    async def fail_then() -> AsyncGenerator[Sequence[Entry]]:
        yield notes("first")
        storage.fails = StorageUnavailable()
        yield notes("second")

    outcomes = await ImportService(storage, FakeClock()).begin(account.id, fail_then())
    assert told(await anext(outcomes)) == [(1, Kind.ADDED, None)]
    with pytest.raises(StorageUnavailable):
        await anext(outcomes)
    storage.fails = None
    assert [post.text for post in await posts_of(storage, account.id)] == ["first"]


async def test_nobody_brings_in_to_an_account_that_is_gone(storage: FakeStorage) -> None:
    """It may have gone since its token was checked."""
    with pytest.raises(AccountGone):
        await brought_in(storage, an_account_id(), notes("a"))


async def test_what_has_no_date_is_as_old_as_the_account(storage: FakeStorage) -> None:
    """So that it is the same post each time it comes."""
    account = an_account(created_date=MIDNIGHT - timedelta(days=3))
    await storage.transact(account.id, lambda work: work.accounts.add(account))
    await brought_in(storage, account, notes("undated"))
    (post,) = await posts_of(storage, account.id)
    assert (post.created_date, post.updated_date) == (account.created_date, account.created_date)
