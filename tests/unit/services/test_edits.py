"""Editing one's own posts, and changing many."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from postkeep.domain.accounts import AccountGone, AccountId, AccountStatus
from postkeep.domain.edits import (
    ANY_VERSION,
    MAX_BYTES_AT_ONCE,
    Changes,
    PostsAbsent,
    Revision,
    TooMuchAtOnce,
    VersionConflict,
    VersionRequired,
    Versions,
)
from postkeep.domain.posts import PostAbsent, PostId, Quota, QuotaExceeded, Status, Text
from postkeep.services.ports import StorageUnavailable
from postkeep.services.posts import PostService
from tests.builders import a_post, an_account, an_account_id
from tests.fake_storage import FakeImports
from tests.fakes import a_world

CHANGES = Changes(text=Text("another"))


async def test_an_edit_is_one_unit_and_no_query() -> None:
    """What it costs, and what it answers."""
    world = a_world().with_post(mine := a_post())
    revision = await world.posts.edit(mine.author, mine.id, CHANGES, Versions.only(1))
    (kept,) = world.kept
    assert kept == replace(
        mine, text=Text("another"), version=2, updated_date=max(world.clock.now(), mine.created_date)
    )
    assert revision == Revision(mine.id, 2, kept.created_date, kept.updated_date)
    assert world.journal == ["transact"]


async def test_an_edit_that_names_no_version_is_refused() -> None:
    """It could undo what its author has not seen; whether the post is there comes first."""
    world = a_world().with_post(mine := a_post())
    with pytest.raises(VersionRequired):
        await world.posts.edit(mine.author, mine.id, CHANGES, None)
    for author, post_id in ((an_account_id(), mine.id), (mine.author, a_post().id)):
        with pytest.raises(PostAbsent):
            await world.posts.edit(author, post_id, CHANGES, None)
    assert world.kept == [mine]


async def test_who_comes_late_is_told_the_version() -> None:
    """The same edit again is late, too."""
    world = a_world().with_post(mine := a_post())
    for number in range(2):
        if number:
            with pytest.raises(VersionConflict) as caught:
                await world.posts.edit(mine.author, mine.id, CHANGES, Versions.only(1))
            assert caught.value.facts == {"version": 2}
        else:
            await world.posts.edit(mine.author, mine.id, CHANGES, Versions.only(1))
    assert [post.version for post in world.kept] == [2]


async def test_az_01_a_stranger_s_post_is_not_there_to_edit(caplog: pytest.LogCaptureFixture) -> None:
    """Like a missing one, and somebody hears of it."""
    world = a_world().with_post(mine := a_post()).with_account(stranger := an_account())
    with caplog.at_level("INFO"), pytest.raises(PostAbsent):
        await world.posts.edit(stranger.id, mine.id, CHANGES, ANY_VERSION)
    assert [record.getMessage() for record in caplog.records] == ["post_missed"]
    assert world.kept == [mine]


async def test_sz_20_an_edit_has_the_same_quota_as_an_add() -> None:
    """As many bytes; the number of posts does not change."""
    world = a_world().with_post(mine := a_post())
    service = PostService(world.storage, world.clock, Quota(posts=1, bytes=mine.bytes))
    with pytest.raises(QuotaExceeded):
        await service.edit(mine.author, mine.id, Changes(text=Text("x" * 99)), ANY_VERSION)
    assert world.kept == [mine]
    await service.edit(mine.author, mine.id, Changes(text=Text("x")), ANY_VERSION)
    assert [post.text for post in world.kept] == ["x"]


async def test_a_post_is_deleted_in_the_version_that_was_seen() -> None:
    """Or stays."""
    world = a_world().with_post(mine := a_post(version=2))
    with pytest.raises(VersionConflict):
        await world.posts.delete(mine.author, mine.id, Versions.only(1))
    assert world.kept == [mine]
    await world.posts.delete(mine.author, mine.id, Versions.only(2))
    assert world.kept == []


async def test_many_get_a_status_in_one_unit() -> None:
    """Those that have it already are not touched."""
    account = an_account()
    posts = [a_post(author=account.id, status=status) for status in Status]
    world = a_world().with_account(account)
    for post in posts:
        world.with_post(post)
    named = [str(post.id).upper() for post in posts]
    assert await world.bulk.set_status(account.id, named, Status.DRAFT) == 2
    assert {post.status for post in world.kept} == {Status.DRAFT}
    assert sorted(post.version for post in world.kept) == [1, 2, 2]
    assert await world.bulk.delete(account.id, named) == 3
    assert world.kept == []
    assert world.journal == ["transact", "transact"]


async def test_all_that_are_absent_are_named_as_they_were_sent() -> None:
    """No id, nobody's, somebody else's, in the order and the letters of whoever asks; nothing was changed."""
    world = a_world().with_post(mine := a_post()).with_post(theirs := a_post())
    named = ["nonsense", str(mine.id), str(theirs.id).upper(), str(a_post().id)]
    for change in (
        world.bulk.set_status(mine.author, named, Status.DRAFT),
        world.bulk.delete(mine.author, named),
        world.bulk.delete(mine.author, ["nonsense", str(mine.id)]),
        world.bulk.delete(mine.author, ["nonsense"]),
    ):
        with pytest.raises(PostsAbsent) as caught:
            await change
        assert caught.value.absent in ([named[0], *named[2:]], ["nonsense"])
    assert {post.id for post in world.kept} == {mine.id, theirs.id}
    assert {post.version for post in world.kept} == {1}


async def test_what_would_keep_everybody_else_waiting_is_refused_before_it_begins() -> None:
    """A thousand posts of a megabyte take many seconds to write, in which nobody else could."""
    account = an_account()
    world = a_world().with_account(account)
    half = a_post(author=account.id, text=Text("x" * (MAX_BYTES_AT_ONCE // 2 - 1000)))
    for post in (
        half,
        other := replace(half, id=a_post().id),
        more := a_post(author=account.id, text=Text("y" * 3000)),
    ):
        world.with_post(post)
    named, size = [str(post.id) for post in (half, other, more)], 2 * MAX_BYTES_AT_ONCE
    for change in (
        world.bulk.set_status(account.id, named, Status.DRAFT, size=size),
        world.bulk.delete(account.id, named, size=size),
    ):
        with pytest.raises(TooMuchAtOnce):
            await change
    assert world.journal == ["read", "read"]
    assert await world.bulk.delete(account.id, named[:2], size=size) == 2
    assert world.kept == [more]


async def test_no_more_is_added_up_than_it_takes_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an account that is full: whoever asks for it a hundred times has nothing read a hundred times."""
    world = a_world().with_post(long := a_post(text=Text("x" * (MAX_BYTES_AT_ONCE + 1))))
    others = [replace(long, id=a_post().id, text=Text("short")) for _ in range(999)]
    for post in others:
        world.with_post(post)
    asked: list[PostId] = []
    sizes = FakeImports.sizes

    async def noted(work: FakeImports, author: AccountId, post_ids: Sequence[PostId]) -> Mapping[PostId, int]:
        asked.extend(post_ids)
        return await sizes(work, author, post_ids)

    monkeypatch.setattr(FakeImports, "sizes", noted)
    named = [str(post.id) for post in (long, *others)]
    with pytest.raises(TooMuchAtOnce):
        await world.bulk.delete(long.author, named, size=2 * MAX_BYTES_AT_ONCE)
    assert len(asked) == 100
    # All of them are looked at before anything is done.
    assert await world.bulk.delete(long.author, named[1:], size=2 * MAX_BYTES_AT_ONCE) == 999
    assert sorted(asked[100:]) == sorted(post.id for post in others)


async def test_those_that_are_absent_are_not_looked_for_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand in a thousand is a million steps, during which nobody else is answered."""

    class Unsearchable(list[str]):
        """Ids that may be gone through, but not searched again and again."""

        def __contains__(self, _: object) -> bool:
            """Refuse."""
            message = "searched"
            raise AssertionError(message)

    mine, absent = a_post(), a_post()
    world = a_world().with_post(mine)

    async def refuse(*_: object, **__: object) -> None:
        error = PostsAbsent()
        error.absent = Unsearchable([str(absent.id)])
        raise error

    monkeypatch.setattr(world.storage, "transact", refuse)
    with pytest.raises(PostsAbsent) as caught:
        await world.bulk.delete(mine.author, [str(mine.id), str(absent.id), "nonsense"])
    assert caught.value.absent == [str(absent.id), "nonsense"]


async def test_nothing_changes_in_an_account_that_is_gone_or_while_nothing_answers() -> None:
    """It may have gone since its token was checked."""
    world = a_world().with_post(mine := a_post())
    world.with_account(replace(world.account(mine.author), status=AccountStatus.DISABLED))
    with pytest.raises(AccountGone):
        await world.posts.edit(mine.author, mine.id, CHANGES, ANY_VERSION)
    with pytest.raises(AccountGone):
        await world.bulk.delete(mine.author, [str(mine.id)])
    world.storage.fails = StorageUnavailable()
    with pytest.raises(StorageUnavailable):
        await world.posts.edit(mine.author, mine.id, CHANGES, ANY_VERSION)
    with pytest.raises(StorageUnavailable):
        await world.bulk.set_status(mine.author, [str(mine.id)], Status.DRAFT)
    assert world.kept == [mine]
