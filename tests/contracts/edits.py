"""The contracts of `services.repositories.Edits` and `services.repositories.Bulk`, and of deleting a version."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from postkeep.domain.accounts import AccountGone, AccountId, AccountStatus
from postkeep.domain.edits import (
    ANY_VERSION,
    MAX_AT_ONCE,
    MAX_VERSIONS,
    Changes,
    Edit,
    PostsAbsent,
    Revision,
    VersionConflict,
    Versions,
)
from postkeep.domain.posts import (
    MAX_BODY_BYTES,
    UNLIMITED,
    Post,
    PostAbsent,
    PostId,
    PostTooLarge,
    Quota,
    QuotaExceeded,
    Status,
    Text,
    Title,
)
from postkeep.services.ports import Storage
from postkeep.services.repositories import UnitOfWork
from tests.builders import a_moment, a_post, an_account
from tests.contracts.kept import account_by_now, assert_counted, assert_unchanged, keep_account, keep_posts
from tests.contracts.posts import TEXTS, find_post

CHANGES = {
    "text": Changes(text=Text("ü, longer than before")),
    "shorter text": Changes(text=Text("s")),
    "title": Changes(title=Title("Ü"), sets_title=True),
    "no title": Changes(sets_title=True),
    "status": Changes(status=Status.ARCHIVED),
    "text and title": Changes(text=Text("é"), title=Title("t"), sets_title=True),
    "text and no title": Changes(text=Text("é"), sets_title=True),
    "all": Changes(text=Text("'\\\""), title=Title("'\\\""), sets_title=True, status=Status.DRAFT),
}


def an_edit(post: Post, changes: Changes = CHANGES["text"], **given: Any) -> Edit:
    """Return an edit that starts from a post as it is."""
    edit = Edit(post.author, post.id, changes, Versions.only(post.version), a_moment())
    return replace(edit, **given)


def unit_that_makes(edit: Edit, quota: Quota = UNLIMITED, told: list[Revision] | None = None) -> Any:  # a unit
    """Return the unit that makes an edit."""

    async def unit(work: UnitOfWork) -> None:
        revision = await work.edits.make(edit, quota)
        if told is not None:
            told.append(revision)

    return unit


async def make(storage: Storage, edit: Edit, quota: Quota = UNLIMITED) -> Revision:
    """Edit a post."""
    told: list[Revision] = []
    await storage.transact(edit.author, unit_that_makes(edit, quota, told))
    return told[-1]


async def a_kept_post(storage: Storage, **given: Any) -> Post:
    """Keep an account with a post."""
    post = a_post(author=(await keep_account(storage)).id, **given)
    await keep_posts(storage, post)
    return post


async def remove_version(storage: Storage, post: Post, versions: Versions) -> bool:
    """Remove a post if it has such a version."""
    found: list[bool] = []

    async def unit(work: UnitOfWork) -> None:
        found.append(await work.posts.remove(post.author, post.id, versions))

    await storage.transact(post.author, unit)
    return found[-1]


async def set_status(
    storage: Storage, author: AccountId, posts: Sequence[PostId], status: Status, now: datetime
) -> int:
    """Give some posts a status."""
    found: list[int] = []

    async def unit(work: UnitOfWork) -> None:
        found.append(await work.bulk.set_status(author, posts, status, now))

    await storage.transact(author, unit)
    return found[-1]


async def remove_all(storage: Storage, author: AccountId, posts: Sequence[PostId]) -> int:
    """Remove some posts."""
    found: list[int] = []

    async def unit(work: UnitOfWork) -> None:
        found.append(await work.bulk.remove(author, posts))

    await storage.transact(author, unit)
    return found[-1]


class EditsContract:
    """What edits promise; `storage` is a fixture of the class that inherits this."""

    @pytest.mark.parametrize("title", [Title("Tödäy"), None], ids=["titled", "untitled"])
    @pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
    async def test_an_edit_changes_what_it_says(self, storage: Storage, changes: Changes, title: Title | None) -> None:
        """And the version and its date; the size is counted, and the posts' version rises by one."""
        post = await a_kept_post(storage, title=title)
        before = await account_by_now(storage, replace(an_account(), id=post.author))
        edit = an_edit(post, changes)
        revision = await make(storage, edit)
        edited = edit.applied_to(post)
        assert revision == Revision(post.id, 2, post.created_date, edit.now)
        assert await find_post(storage, post) == edited
        await assert_counted(storage, before, edited)
        assert await account_by_now(storage, before) == replace(
            before, posts_version=before.posts_version + 1, bytes=edited.bytes
        )

    @pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in TEXTS.items()])
    async def test_iv_12_an_edited_text_comes_back_byte_for_byte(self, storage: Storage, text: str) -> None:
        """As an added one does."""
        post = await a_kept_post(storage, title=None)
        edit = an_edit(post, Changes(text=Text(text)))
        await make(storage, edit)
        found = await find_post(storage, post)
        assert found is not None
        # Compared as a truth: pytest would print both megabytes.
        assert (found.text == text) is True
        await assert_counted(storage, replace(an_account(), id=post.author), edit.applied_to(post))

    async def test_versions_count_up(self, storage: Storage) -> None:
        """Each edit starts from the one before."""
        post = await a_kept_post(storage)
        for number in range(2, 6):
            edit = an_edit(post, Changes(text=Text(f"edition {number}")))
            assert (await make(storage, edit)).version == number
            post = edit.applied_to(post)
        assert await find_post(storage, post) == post

    async def test_of_two_edits_from_one_version_the_second_is_refused(self, storage: Storage) -> None:
        """And told which version there is; it changes nothing, and raises nothing."""
        post = await a_kept_post(storage)
        first = an_edit(post)
        await make(storage, first)
        before = await account_by_now(storage, replace(an_account(), id=post.author))
        with pytest.raises(VersionConflict) as caught:
            await make(storage, an_edit(post, Changes(text=Text("x" * 999))))
        assert caught.value.facts == {"version": 2}
        await assert_unchanged(storage, before, first.applied_to(post))

    async def test_of_20_parallel_edits_from_one_version_one_is_made(self, storage: Storage) -> None:
        """Nobody overwrites what he has not seen."""
        post = await a_kept_post(storage)
        edits = [an_edit(post, Changes(text=Text("x" * (number + 1)))) for number in range(20)]
        answers = await asyncio.gather(*(make(storage, edit) for edit in edits), return_exceptions=True)
        (made,) = [edit for edit, answer in zip(edits, answers, strict=True) if isinstance(answer, Revision)]
        assert sum(isinstance(answer, VersionConflict) for answer in answers) == 19
        await assert_counted(storage, replace(an_account(), id=post.author), made.applied_to(post))

    async def test_20_parallel_edits_of_whichever_version_are_all_made(self, storage: Storage) -> None:
        """One after the other."""
        post = await a_kept_post(storage)
        edits = [an_edit(post, Changes(text=Text("x" * (number + 1))), versions=ANY_VERSION) for number in range(20)]
        answers = await asyncio.gather(*(make(storage, edit) for edit in edits))
        assert sorted(answer.version for answer in answers) == list(range(2, 22))
        last = next(edit for edit, answer in zip(edits, answers, strict=True) if answer.version == 21)
        edited = replace(last.applied_to(post), version=21)
        await assert_counted(storage, replace(an_account(), id=post.author), edited)

    @pytest.mark.parametrize(
        ("named", "is_made"),
        [
            (range(1, MAX_VERSIONS + 1), True),
            ((7, 9), True),
            ((7,), True),
            ((6, 8), False),
            ((1,), False),
            ((), False),
        ],
        ids=str,
    )
    async def test_an_edit_starts_from_any_of_the_versions_it_names(
        self, storage: Storage, named: Sequence[int], *, is_made: bool
    ) -> None:
        """And from no other."""
        post = await a_kept_post(storage, version=7)
        edit = an_edit(post, versions=Versions(frozenset(named)))
        if is_made:
            assert (await make(storage, edit)).version == 8
        else:
            with pytest.raises(VersionConflict):
                await make(storage, edit)
        left = edit.applied_to(post) if is_made else post
        await assert_counted(storage, replace(an_account(), id=post.author), left)

    async def test_an_edit_is_never_older_than_its_post(self, storage: Storage) -> None:
        """Where a clock was set back, the first moment stands."""
        post = await a_kept_post(storage)
        early = an_edit(post, now=post.created_date - timedelta(hours=1))
        assert (await make(storage, early)).updated_date == post.created_date
        assert await find_post(storage, post) == early.applied_to(post)

    async def test_az_02_a_stranger_s_post_is_not_there_to_edit(self, storage: Storage) -> None:
        """Like a missing one; nothing of either account changes."""
        mine, stranger = await a_kept_post(storage), await keep_account(storage)
        account = await account_by_now(storage, replace(an_account(), id=mine.author))
        for post in (replace(mine, author=stranger.id), replace(a_post(), author=stranger.id)):
            for versions in (ANY_VERSION, Versions.only(1)):
                with pytest.raises(PostAbsent):
                    await make(storage, an_edit(post, versions=versions))
        await assert_unchanged(storage, account, mine)
        await assert_unchanged(storage, stranger)

    async def test_sz_20_an_edit_grows_as_far_as_there_is_room(self, storage: Storage) -> None:
        """To the very byte; the number of posts does not matter, and what is refused changes nothing."""
        post = await a_kept_post(storage, title=None, text=Text("x" * 10))
        quota = Quota(posts=1, bytes=20)
        full = an_edit(post, Changes(text=Text("ü" * 10)))
        await make(storage, full, quota)
        post = full.applied_to(post)
        before = await account_by_now(storage, replace(an_account(), id=post.author))
        for changes in (Changes(text=Text("x" * 21)), Changes(title=Title("t"), sets_title=True)):
            with pytest.raises(QuotaExceeded):
                await make(storage, an_edit(post, changes), quota)
        await assert_unchanged(storage, before, post)

    async def test_sz_20_who_holds_more_than_he_may_can_still_make_posts_shorter(self, storage: Storage) -> None:
        """After the limit was lowered: shorter, or as long, is taken; longer is not."""
        post, quota = await a_kept_post(storage, title=Title("tt")), Quota(bytes=1)
        same = an_edit(post, Changes(status=Status.DRAFT))
        await make(storage, same, quota)
        post = same.applied_to(post)
        with pytest.raises(QuotaExceeded):
            await make(storage, an_edit(post, Changes(title=Title("ttt"), sets_title=True)), quota)
        shorter = an_edit(post, Changes(text=Text("xx"), sets_title=True))
        await make(storage, shorter, quota)
        await assert_counted(storage, replace(an_account(), id=post.author), shorter.applied_to(post))

    @pytest.mark.parametrize(
        "changes",
        [Changes(text=Text("x" * (MAX_BODY_BYTES - 1))), Changes(title=Title("ttt"), sets_title=True)],
        ids=["text", "title"],
    )
    async def test_sz_01_title_and_text_are_no_larger_together_than_a_post_may_be(
        self, storage: Storage, changes: Changes
    ) -> None:
        """Whichever of them an edit brings, and to the very byte; what is refused changes nothing."""
        post = await a_kept_post(storage, title=Title("t"), text=Text("x" * (MAX_BODY_BYTES - 2)))
        full = an_edit(post, Changes(title=Title("é"), sets_title=True))
        await make(storage, full)
        post = full.applied_to(post)
        before = await account_by_now(storage, replace(an_account(), id=post.author))
        for versions in (Versions.only(2), ANY_VERSION):
            with pytest.raises(PostTooLarge):
                await make(storage, an_edit(post, changes, versions=versions))
        with pytest.raises(VersionConflict):
            await make(storage, an_edit(post, changes, versions=Versions.only(1)))
        await assert_unchanged(storage, before, post)

    async def test_sz_01_a_post_that_is_too_large_can_still_be_made_shorter(self, storage: Storage) -> None:
        """Or be given a status, from when edits were not held to that."""
        post = await a_kept_post(storage, title=Title("ttt"), text=Text("x" * MAX_BODY_BYTES))
        for changes in (Changes(status=Status.DRAFT), Changes(title=Title("tt"), sets_title=True)):
            await make(storage, edit := an_edit(post, changes))
            post = edit.applied_to(post)
        with pytest.raises(PostTooLarge):
            await make(storage, an_edit(post, Changes(title=Title("ttt"), sets_title=True)))
        await assert_counted(storage, replace(an_account(), id=post.author), post)

    async def test_an_old_version_is_a_conflict_before_it_is_too_large(self, storage: Storage) -> None:
        """Whether there was room for what will not be made is no matter."""
        post = await a_kept_post(storage, version=2)
        with pytest.raises(VersionConflict):
            await make(storage, an_edit(post, versions=Versions.only(1)), Quota(bytes=1))

    async def test_an_account_that_is_gone_edits_nothing(self, storage: Storage) -> None:
        """Whoever is not let in any more is told that."""
        post = await a_kept_post(storage)

        async def disable(work: UnitOfWork) -> None:
            await work.accounts.set_status(post.author, AccountStatus.DISABLED)

        await storage.transact(post.author, disable)
        for gone in (post, replace(post, author=an_account().id)):
            with pytest.raises(AccountGone):
                await make(storage, an_edit(gone), Quota(bytes=0))
        assert await find_post(storage, post) == post

    async def test_a_post_is_removed_in_the_version_that_was_seen(self, storage: Storage) -> None:
        """Another one stays, and is counted."""
        post = await a_kept_post(storage, version=3)
        account = replace(an_account(), id=post.author)
        before = await account_by_now(storage, account)
        for versions in (Versions.only(2), Versions.only(4), Versions(frozenset()), Versions(frozenset({1, 2}))):
            with pytest.raises(VersionConflict) as caught:
                await remove_version(storage, post, versions)
            assert caught.value.facts == {"version": 3}
        await assert_unchanged(storage, before, post)
        assert await remove_version(storage, post, Versions(frozenset({1, 3})))
        assert not await remove_version(storage, post, Versions.only(3))
        await assert_counted(storage, account)


class BulkContract:
    """What many posts at once promise; `storage` is a fixture of the class that inherits this."""

    @pytest.mark.parametrize("number", [1, 9, 65, MAX_AT_ONCE])
    async def test_a_status_is_given_to_all(self, storage: Storage, number: int) -> None:
        """Each that had another one has its next version; the others stay, and the posts' version rises once."""
        account, now = await keep_account(storage), a_moment()
        posts = [
            a_post(author=account.id, text=Text("x"), status=Status.ARCHIVED if each % 3 else Status.DRAFT)
            for each in range(number)
        ]
        await keep_at_once(storage, account.id, [*posts, other := a_post(author=account.id)])
        before, later = await account_by_now(storage, account), now + timedelta(days=365)
        changed = await set_status(storage, account.id, [post.id for post in posts], Status.ARCHIVED, later)
        assert changed == (number + 2) // 3
        edited = [
            post
            if post.status is Status.ARCHIVED
            else replace(post, status=Status.ARCHIVED, version=2, updated_date=later)
            for post in posts
        ]
        await assert_counted(storage, account, *edited, other)
        assert await account_by_now(storage, account) == replace(before, posts_version=before.posts_version + 1)
        assert await set_status(storage, account.id, [post.id for post in posts], Status.ARCHIVED, later) == 0
        await assert_counted(storage, account, *edited, other)

    async def test_a_status_is_never_older_than_its_post(self, storage: Storage) -> None:
        """As with any edit."""
        early, post = a_moment(), await a_kept_post(storage)
        assert await set_status(storage, post.author, [post.id], Status.DRAFT, early) == 1
        found = await find_post(storage, post)
        assert found == replace(post, status=Status.DRAFT, version=2)

    @pytest.mark.parametrize("number", [1, 9, 65, MAX_AT_ONCE])
    async def test_all_are_removed(self, storage: Storage, number: int) -> None:
        """And counted out, each with its own size."""
        account = await keep_account(storage)
        posts = [a_post(author=account.id, text=Text("ü" * (1 + each % 7))) for each in range(number)]
        await keep_at_once(storage, account.id, [*posts, other := a_post(author=account.id)])
        before = await account_by_now(storage, account)
        assert await remove_all(storage, account.id, [post.id for post in posts]) == number
        await assert_counted(storage, account, other)
        assert (await account_by_now(storage, account)).posts_version == before.posts_version + 1

    async def test_where_some_are_absent_nothing_is_changed(self, storage: Storage) -> None:
        """Missing ones and a stranger's are told, all of them; and the others stay as they were."""
        account, theirs = await keep_account(storage), await a_kept_post(storage)
        posts = [a_post(author=account.id) for _ in range(70)]
        await keep_at_once(storage, account.id, posts)
        before = await account_by_now(storage, account)
        missing = [a_post().id for _ in range(3)]
        named = [missing[0], *(post.id for post in posts), theirs.id, *missing[1:]]
        for change in (
            set_status(storage, account.id, named, Status.DRAFT, a_moment()),
            remove_all(storage, account.id, named),
        ):
            with pytest.raises(PostsAbsent) as caught:
                await change
            assert caught.value.absent == [str(post_id) for post_id in (missing[0], theirs.id, *missing[1:])]
        await assert_unchanged(storage, before, *posts[::-1])
        assert await find_post(storage, theirs) == theirs

    async def test_of_parallel_removes_of_the_same_posts_one_finds_them(self, storage: Storage) -> None:
        """Counted out once."""
        account = await keep_account(storage)
        posts = [a_post(author=account.id) for _ in range(20)]
        await keep_at_once(storage, account.id, posts)
        ids = [post.id for post in posts]
        answers = await asyncio.gather(
            *(remove_all(storage, account.id, ids[number:] + ids[:number]) for number in range(10)),
            return_exceptions=True,
        )
        assert sum(answer == 20 for answer in answers) == 1
        assert sum(isinstance(answer, PostsAbsent) for answer in answers) == 9
        await assert_counted(storage, account)

    async def test_an_account_that_is_gone_changes_nothing(self, storage: Storage) -> None:
        """Nor does one that never was."""
        account = await keep_account(storage, status=AccountStatus.DISABLED)
        for author in (account.id, an_account().id):
            with pytest.raises(AccountGone):
                await set_status(storage, author, [a_post().id], Status.DRAFT, a_moment())
            with pytest.raises(AccountGone):
                await remove_all(storage, author, [a_post().id])

    async def test_long_posts_are_changed_together(self, storage: Storage) -> None:
        """A change of status does not carry their texts about."""
        account = await keep_account(storage)
        posts = [a_post(author=account.id, text=Text("x" * MAX_BODY_BYTES)) for _ in range(4)]
        await keep_at_once(storage, account.id, posts)
        now, ids = a_moment(), [post.id for post in posts]
        assert await set_status(storage, account.id, ids, Status.DRAFT, now) == 4
        edited = [replace(post, status=Status.DRAFT, version=2, updated_date=now) for post in posts]
        await assert_counted(storage, account, *edited)
        assert await remove_all(storage, account.id, ids) == 4
        await assert_counted(storage, account)


async def keep_at_once(storage: Storage, author: AccountId, posts: Sequence[Post]) -> None:
    """Keep many posts in one unit, which is so much faster."""

    async def unit(work: UnitOfWork) -> None:
        for post in posts:
            await work.posts.add(post)

    await storage.transact(author, unit)
