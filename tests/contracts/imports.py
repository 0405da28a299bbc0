"""The contract of `services.repositories.Imports`."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from postkeep.domain.accounts import AccountGone
from postkeep.domain.incoming import PostPresent
from postkeep.domain.posts import UNLIMITED, Post, Quota, QuotaExceeded, Text
from postkeep.services.ports import Storage
from postkeep.services.repositories import UnitOfWork
from tests.builders import a_post, an_account
from tests.contracts.kept import (
    account_by_now,
    assert_counted,
    assert_unchanged,
    keep_account,
    keep_disabled,
    keep_posts,
    posts_of,
)


async def add(storage: Storage, posts: Sequence[Post], quota: Quota = UNLIMITED) -> None:
    """Keep several posts at once."""

    async def unit(work: UnitOfWork) -> None:
        await work.imports.add(posts, quota)

    await storage.transact(posts[0].author, unit)


class ImportsContract:
    """What several posts at once promise; `storage` is a fixture of the class that inherits this."""

    @pytest.mark.parametrize("number", [1, 9, 10, 123])
    async def test_several_posts_are_kept_and_counted(self, storage: Storage, number: int) -> None:
        """However many there are, each as it is."""
        account = await keep_account(storage)
        posts = [a_post(author=account.id, text=Text(f"'Привет' {n}\\"), version=n + 1) for n in range(number)]
        await add(storage, posts)
        await assert_counted(storage, account, *posts)

    async def test_they_raise_one_version_by_one(self, storage: Storage) -> None:
        """They are one change."""
        account = await keep_account(storage)
        posts = [a_post(author=account.id), a_post(author=account.id, title=None)]
        await add(storage, posts)
        assert await account_by_now(storage, account) == replace(
            account, posts_version=account.posts_version + 1, posts=2, bytes=posts[0].bytes + posts[1].bytes
        )

    async def test_where_one_is_there_none_is_added(self, storage: Storage) -> None:
        """Whoever asked beforehand what is there asks again."""
        account = await keep_account(storage)
        kept = a_post(author=account.id)
        await keep_posts(storage, kept)
        by_now = await account_by_now(storage, account)
        with pytest.raises(PostPresent):
            await add(storage, [a_post(author=account.id), replace(kept, text=Text("Another one."))])
        await assert_unchanged(storage, by_now, kept)

    @pytest.mark.parametrize(("more_posts", "more_bytes", "fits"), [(2, 48, True), (1, 48, False), (2, 47, False)])
    async def test_a_quota_takes_all_or_none(
        self, storage: Storage, more_posts: int, more_bytes: int, *, fits: bool
    ) -> None:
        """Up to the last post and the last byte."""
        account = await keep_account(storage)
        kept = a_post(author=account.id)
        await keep_posts(storage, kept)
        by_now = await account_by_now(storage, account)
        posts = [a_post(author=account.id, title=None, text=Text("x" * 24)) for _ in range(2)]
        quota = Quota(1 + more_posts, kept.bytes + more_bytes)
        if fits:
            await add(storage, posts, quota)
            await assert_counted(storage, account, kept, *posts)
            return
        with pytest.raises(QuotaExceeded):
            await add(storage, posts, quota)
        await assert_unchanged(storage, by_now, kept)

    async def test_nothing_is_added_to_an_account_that_is_gone(self, storage: Storage) -> None:
        """Absent or disabled."""
        disabled = await keep_disabled(storage)
        for account in (an_account(), disabled):
            with pytest.raises(AccountGone):
                await add(storage, [a_post(author=account.id)])
        assert await posts_of(storage, disabled.id) == []

    async def test_which_are_there_is_told_of_ones_own(self, storage: Storage) -> None:
        """Somebody else's post may have the same id: each account has its own."""
        mine, theirs = await keep_account(storage), await keep_account(storage)
        posts = [a_post(author=mine.id, text=Text("x" * (n + 1))) for n in range(112)]
        stranger = a_post(author=theirs.id)
        await add(storage, posts[:111])
        await keep_posts(storage, stranger, replace(posts[0], author=theirs.id, text=Text("Theirs.")))
        asked = [post.id for post in (*posts, stranger)]
        sizes = await storage.read(lambda work: work.imports.sizes(mine.id, asked))
        found = await storage.read(lambda work: work.imports.find(mine.id, asked))
        assert sizes == {post.id: post.bytes for post in posts[:111]}
        assert sorted(found, key=lambda post: post.id) == posts[:111]
        assert await storage.read(lambda work: work.imports.sizes(theirs.id, [])) == {}
