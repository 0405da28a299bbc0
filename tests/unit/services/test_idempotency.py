"""Adding posts with keys: once, whatever happens."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from postkeep.domain.accounts import Account, AccountGone, AccountStatus
from postkeep.domain.idempotency import IdempotencyKey, KeyReused
from postkeep.domain.posts import Post, Quota, QuotaExceeded, Status, Text, Title
from postkeep.services.ports import StorageUnavailable
from postkeep.services.posts import PostService
from postkeep.services.repositories import Unit
from tests.builders import an_account
from tests.fakes import World, a_world

KEY = IdempotencyKey("k")


async def add(world: World, account: Account, text: str = "a", key: IdempotencyKey | None = KEY) -> Post:
    """Add a post with a key."""
    return await world.posts.add(account.id, Text(text), title=Title("t"), status=Status.DRAFT, key=key)


def a_writer() -> tuple[World, Account]:
    """Return a world with an account in it."""
    account = an_account()
    return a_world().with_account(account), account


async def test_sv_13_a_repetition_adds_nothing_and_answers_the_same() -> None:
    """Later too: the same post, as it was added, by one unit that changes nothing."""
    world, account = a_writer()
    first = await add(world, account)
    before = world.account(account.id)
    world.advance(timedelta(hours=1))
    assert await add(world, account) == first
    assert world.kept == [first]
    assert world.account(account.id) == before
    assert world.journal == ["transact", "transact"]


async def test_sv_13_a_key_with_another_body_is_refused() -> None:
    """Text, title and status: nothing is added, and the key goes on standing for the first."""
    world, account = a_writer()
    first = await add(world, account)
    with pytest.raises(KeyReused):
        await add(world, account, "b")
    with pytest.raises(KeyReused):
        await world.posts.add(account.id, first.text, title=None, status=first.status, key=KEY)
    with pytest.raises(KeyReused):
        await world.posts.add(account.id, first.text, title=first.title, status=Status.PUBLISHED, key=KEY)
    assert world.kept == [first]
    assert await add(world, account) == first


async def test_sv_13_another_key_is_another_post() -> None:
    """And without a key nothing is remembered."""
    world, account = a_writer()
    posts = [await add(world, account, key=key) for key in (KEY, IdempotencyKey("K"), None, None)]
    assert len({post.id for post in posts}) == len(world.kept) == 4
    assert len(world.storage.state.keys) == 2


async def test_sv_13_a_stranger_s_same_key_is_another() -> None:
    """Nobody learns or takes anything by guessing keys."""
    world, account = a_writer()
    world.with_account(stranger := an_account())
    mine, theirs = await add(world, account), await add(world, stranger, "b")
    assert mine.id != theirs.id
    assert await add(world, account) == mine


async def test_sv_13_a_key_under_way_is_in_use() -> None:
    """Of many at once one adds, and the others are told to come again, which then get the same."""
    world, account = a_writer()
    answers = await asyncio.gather(*(add(world, account) for _ in range(20)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["KeyInUse"] * 19 + ["Post"]
    assert world.journal == ["transact"]
    assert [await add(world, account)] == world.kept == [post for post in answers if isinstance(post, Post)]


async def test_sv_13_a_key_under_way_is_nobody_else_s_matter() -> None:
    """Other keys and other accounts go on."""
    world, account = a_writer()
    world.with_account(stranger := an_account())
    posts = await asyncio.gather(
        add(world, account),
        add(world, account, key=IdempotencyKey("l")),
        add(world, stranger),
        add(world, account, key=None),
    )
    assert len({post.id for post in posts}) == 4


async def test_sv_13_another_process_finds_what_the_first_one_did() -> None:
    """It knows nothing of what is under way elsewhere; the account's row makes the units take turns."""
    world, account = a_writer()
    other = PostService(world.storage, world.clock)
    first, second = await asyncio.gather(
        *(
            service.add(account.id, Text("a"), title=None, status=Status.DRAFT, key=KEY)
            for service in (world.posts, other)
        )
    )
    assert first == second
    assert world.kept == [first]


async def test_sv_13_what_was_answered_is_answered_again_after_the_post_was_deleted() -> None:
    """The client that repeats has not heard of the first answer; the post does not come back."""
    world, account = a_writer()
    first = await add(world, account)
    await world.posts.delete(account.id, first.id)
    assert await add(world, account) == first
    assert world.kept == []
    assert world.account(account.id).posts == 0


async def test_sv_13_and_after_it_was_edited() -> None:
    """As it was added: version 1, and its first date."""
    world, account = a_writer()
    first = await add(world, account)
    edited = replace(first, text=Text("b"), version=2, updated_date=first.updated_date + timedelta(hours=1))
    world.storage.state.posts[account.id, first.id] = edited
    assert await add(world, account) == first
    assert world.kept == [edited]


async def test_sv_13_a_key_lasts_for_a_day() -> None:
    """Then it is new again, for any body."""
    world, account = a_writer()
    first = await add(world, account)
    world.advance(timedelta(hours=24))
    assert await add(world, account) == first
    world.advance(timedelta(microseconds=1))
    second = await add(world, account, "b")
    assert world.kept == [second, first]
    with pytest.raises(KeyReused):
        await add(world, account)


async def test_sv_13_a_repetition_is_answered_though_the_account_is_full_by_now() -> None:
    """By the very post that it repeats, perhaps."""
    world, account = a_writer()
    posts = PostService(world.storage, world.clock, Quota(posts=1))

    async def add_one(text: str, key: str) -> Post:
        return await posts.add(account.id, Text(text), title=None, status=Status.DRAFT, key=IdempotencyKey(key))

    first = await add_one("a", "k")
    assert await add_one("a", "k") == first
    with pytest.raises(KeyReused):
        await add_one("b", "k")
    with pytest.raises(QuotaExceeded):
        await add_one("b", "l")
    await posts.delete(account.id, first.id)
    assert (await add_one("c", "l")).text == "c"


async def test_sv_13_what_was_not_kept_leaves_its_key_free() -> None:
    """A database that does not answer, an account that is gone: the key is as it was."""
    world, account = a_writer()
    world.storage.fails = StorageUnavailable()
    with pytest.raises(StorageUnavailable):
        await add(world, account)
    world.storage.fails = None
    world.with_account(replace(account, status=AccountStatus.DISABLED))
    with pytest.raises(AccountGone):
        await add(world, account)
    assert world.storage.state.keys == {}
    world.with_account(account)
    assert (await add(world, account, "b")).text == "b"


async def test_sv_12_whoever_hangs_up_finds_the_post_that_was_added() -> None:
    """A cancelled request does not cancel its unit; its key is not in use any more, and stands for the post."""
    world, account = a_writer()
    adding = asyncio.create_task(add(world, account))
    await asyncio.sleep(0)
    adding.cancel()
    await asyncio.gather(adding, return_exceptions=True)
    (post,) = world.kept
    assert await add(world, account) == post


async def test_sv_13_a_commit_of_unknown_outcome_is_settled_by_repeating(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer was 503, and the post is there all the same."""
    world, account = a_writer()
    transact = world.storage.transact

    async def commit_and_lose(account_id: object, unit: Unit, *, weight: int = 0) -> None:
        del account_id, weight
        await transact(account.id, unit)
        raise StorageUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(world.storage, "transact", commit_and_lose)
        with pytest.raises(StorageUnavailable):
            await add(world, account)
    (post,) = world.kept
    assert await add(world, account) == post
    assert world.kept == [post]


async def test_keys_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Nor texts: a repetition and a mistaken one show with the ids that they are about."""
    caplog.set_level("DEBUG")
    world, account = a_writer()
    key = IdempotencyKey("a-secret")
    first = await add(world, account, "a secret", key)
    await add(world, account, "a secret", key)
    with pytest.raises(KeyReused):
        await add(world, account, "another secret", key)
    assert [(record.getMessage(), vars(record)["post"]) for record in caplog.records] == [
        ("post_added", first.id),
        ("post_add_repeated", first.id),
        ("idempotency_key_reused", first.id),
    ]
    assert "secret" not in str([vars(record) for record in caplog.records])
