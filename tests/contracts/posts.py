"""The contract of `services.repositories.Posts`."""

import asyncio
import unicodedata
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from postkeep.domain.accounts import AccountGone, AccountId, AccountStatus
from postkeep.domain.lists import Place
from postkeep.domain.posts import (
    LIGHT_BYTES,
    MAX_BODY_BYTES,
    TITLE_MAX_LENGTH,
    ListedPost,
    Post,
    Quota,
    QuotaExceeded,
    Status,
    Text,
    Title,
)
from postkeep.services.ports import Storage
from postkeep.services.repositories import UnitOfWork
from tests.builders import a_post, an_account
from tests.contracts.kept import (
    account_by_now,
    assert_counted,
    assert_unchanged,
    keep_account,
    keep_posts,
    posts_of,
)

TEXTS = {
    "one letter": "a",
    "white space around": " \t\r\n a \r\n\u2028\u00a0 ",
    "emoji with joiners": "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308",
    "right to left": "שלום עולם \u202eمرحبا\u202c \u200f!",
    "combining": unicodedata.normalize("NFD", "é ǖ ᾂ Ṩ 각") + "e\u0301\u0323\u0323 Z̸̡̛̤͇a̴̢͝l̷",
    "composed": "é ǖ ᾂ Ṩ 각",
    "last code points": "\ud7ff\ue000\ufffd\ufffe\uffff\U00010000\U0010fffe\U0010ffff",
    "controls": "".join(map(chr, range(1, 32))) + "a\x7f\x80\x85\x9f",
    "SQL": "'; DROP TABLE posts; -- \\' \" ` %s %(x)s :name {} \\0 \\Z \\% \\_ ?",
    "case and accents": "Aa Ää ß ss I \u0131 İ i \N{KELVIN SIGN} k \u017f s",
    "byte order marks": "\ufeffa\ufeff",
    "a megabyte of 4-byte characters": "😀" * (MAX_BODY_BYTES // 4),
    "a megabyte of quotes": "'" * MAX_BODY_BYTES,
    "a megabyte of backslashes": "\\" * MAX_BODY_BYTES,
    "a megabyte of everything": ('a"\\\n\t\x1a😀é' * MAX_BODY_BYTES)[: MAX_BODY_BYTES // 2],
    "one byte over TEXT": "x" * 65_536,
}


async def add_within(storage: Storage, post: Post, quota: Quota) -> None:
    """Keep a post if there is room."""

    async def unit(work: UnitOfWork) -> None:
        await work.posts.add(post, quota)

    await storage.transact(post.author, unit)


async def remove(storage: Storage, post: Post) -> bool:
    """Remove a post in its author's name."""
    found = [False]

    async def unit(work: UnitOfWork) -> None:
        found[0] = await work.posts.remove(post.author, post.id)

    await storage.transact(post.author, unit)
    return found[0]


async def find_post(storage: Storage, post: Post) -> Post | None:
    """Look a post up in its author's name."""
    return await storage.read(lambda work: work.posts.find(post.author, post.id))


def at(post: Post) -> Place:
    """Return where a post stands in a list by creation."""
    return Place(post.id)


async def streamed(
    storage: Storage, author: AccountId, *, before: Place | None = None, last: Place | None = None
) -> list[ListedPost]:
    """Read a long list to its end."""
    return [post async for part in storage.stream(author, before=before, last=last) for post in part]


class PostsContract:
    """What the posts promise; `storage` is a fixture of the class that inherits this."""

    async def test_a_post_comes_back_as_it_was_kept(self, storage: Storage) -> None:
        """Every member, each moment to the microsecond."""
        account = await keep_account(storage)
        post = a_post(
            author=account.id,
            status=Status.DRAFT,
            version=7,
            created_date=datetime(2026, 12, 31, 23, 59, 59, 999999, UTC),
            updated_date=datetime(2027, 1, 1, 0, 0, 0, 1, UTC),
        )
        await keep_posts(storage, post)
        assert await find_post(storage, post) == post
        await assert_counted(storage, account, post)

    @pytest.mark.parametrize("status", Status)
    async def test_every_status_comes_back(self, storage: Storage, status: Status) -> None:
        """What the domain knows, the table must take."""
        post = a_post(author=(await keep_account(storage)).id, status=status)
        await keep_posts(storage, post)
        assert await find_post(storage, post) == post

    @pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in TEXTS.items()])
    async def test_iv_12_a_text_comes_back_byte_for_byte(self, storage: Storage, text: str) -> None:
        """No cutting, no trimming, no normalising, no other character set: the same bytes, and counted."""
        account = await keep_account(storage)
        post = a_post(author=account.id, text=Text(text))
        await keep_posts(storage, post)
        found = await find_post(storage, post)
        assert found is not None
        # Compared as a truth: pytest would print both megabytes.
        assert (found.text == text) is True
        await assert_counted(storage, account, post)

    @pytest.mark.parametrize("title", [None, "a", " a ", "😀" * TITLE_MAX_LENGTH, "e\u0301", "\U0010ffff", "'\\\""])
    async def test_a_title_comes_back_as_it_was_kept(self, storage: Storage, title: str | None) -> None:
        """None is not the empty title; 200 are 200 characters, not bytes."""
        account = await keep_account(storage)
        post = a_post(author=account.id, title=None if title is None else Title(title))
        await keep_posts(storage, post)
        assert await find_post(storage, post) == post
        await assert_counted(storage, account, post)

    async def test_adding_raises_one_version_by_one(self, storage: Storage) -> None:
        """The posts' version and no other: logins need not be checked anew because somebody wrote."""
        account = await keep_account(storage)
        post = a_post(author=account.id)
        await keep_posts(storage, post)
        assert await account_by_now(storage, account) == replace(
            account, posts_version=account.posts_version + 1, posts=1, bytes=post.bytes
        )

    async def test_removing_counts_out_what_adding_counted_in(self, storage: Storage) -> None:
        """And raises the posts' version once more."""
        account = await keep_account(storage)
        first, second = a_post(author=account.id), a_post(author=account.id, text=Text("ü" * 99))
        await keep_posts(storage, first, second)
        assert await remove(storage, second)
        assert await account_by_now(storage, account) == replace(
            account, posts_version=account.posts_version + 3, posts=1, bytes=first.bytes
        )
        await assert_counted(storage, account, first)

    async def test_a_post_is_removed_once(self, storage: Storage) -> None:
        """The second time there is none, and nothing is counted."""
        account = await keep_account(storage)
        post = a_post(author=account.id)
        await keep_posts(storage, post)
        assert [await remove(storage, post) for _ in range(3)] == [True, False, False]
        await assert_counted(storage, account)

    async def test_of_20_parallel_removes_of_one_post_one_finds_it(self, storage: Storage) -> None:
        """Counted out once, whoever comes first."""
        account = await keep_account(storage)
        post, other = a_post(author=account.id), a_post(author=account.id)
        await keep_posts(storage, post, other)
        assert sum(await asyncio.gather(*(remove(storage, post) for _ in range(20)))) == 1
        await assert_counted(storage, account, other)

    async def test_az_02_a_stranger_s_post_is_not_there(self, storage: Storage) -> None:
        """Neither to find nor to remove; nothing of mine changes, and nothing of the stranger's counts."""
        mine, stranger = await keep_account(storage), await keep_account(storage)
        post, theirs = a_post(author=mine.id), a_post(author=stranger.id)
        await keep_posts(storage, post, theirs)
        before = await account_by_now(storage, mine)
        assert await find_post(storage, replace(post, author=stranger.id)) is None
        assert not await remove(storage, replace(post, author=stranger.id))
        await assert_unchanged(storage, before, post)
        await assert_counted(storage, stranger, theirs)

    @pytest.mark.parametrize("quota", [Quota(posts=3), Quota(bytes=6), Quota(posts=3, bytes=6)])
    async def test_sz_20_an_account_holds_what_it_may_and_no_more(self, storage: Storage, quota: Quota) -> None:
        """To the very post and byte; what is refused leaves nothing, and deleting makes room."""
        account = await keep_account(storage)
        posts = [a_post(author=account.id, text=Text("ü"), title=None) for _ in range(5)]
        for post in posts[:3]:
            await add_within(storage, post, quota)
        with pytest.raises(QuotaExceeded):
            await add_within(storage, posts[3], quota)
        await assert_counted(storage, account, *posts[:3])
        await remove(storage, posts[0])
        await add_within(storage, posts[4], quota)
        await assert_counted(storage, account, posts[1], posts[2], posts[4])

    async def test_sz_20_of_many_at_once_as_many_are_kept_as_may_be(self, storage: Storage) -> None:
        """The last place is given once."""
        account = await keep_account(storage)
        posts = [a_post(author=account.id) for _ in range(12)]
        adding = (add_within(storage, post, Quota(posts=5)) for post in posts)
        answers = await asyncio.gather(*adding, return_exceptions=True)
        kept = [post for post, answer in zip(posts, answers, strict=True) if answer is None]
        assert len(kept) == 5
        assert sum(isinstance(answer, QuotaExceeded) for answer in answers) == 7
        await assert_counted(storage, account, *kept)

    async def test_an_account_that_is_gone_has_no_quota(self, storage: Storage) -> None:
        """Whoever is not let in any more is told that."""
        account = await keep_account(storage, status=AccountStatus.DISABLED)
        for author in (account.id, an_account().id):
            with pytest.raises(AccountGone):
                await add_within(storage, a_post(author=author), Quota(posts=0))

    async def test_two_accounts_posts_of_one_id_are_two(self, storage: Storage) -> None:
        """Should an id ever be minted twice, each author still has their own post and removes only that."""
        mine, yours = await keep_account(storage), await keep_account(storage)
        post = a_post(author=mine.id, text=Text("mine"))
        twin = replace(post, author=yours.id, text=Text("yours, and longer"))
        await keep_posts(storage, post, twin)
        assert await find_post(storage, post) == post
        assert await find_post(storage, twin) == twin
        assert await remove(storage, twin)
        await assert_counted(storage, mine, post)
        await assert_counted(storage, yours)

    async def test_the_same_post_is_not_kept_twice(self, storage: Storage) -> None:
        """The key says so; the failed attempt counts for nothing."""
        account = await keep_account(storage)
        post = a_post(author=account.id)
        await keep_posts(storage, post)
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the storage calls it
            await keep_posts(storage, replace(post, text=Text("another text")))
        await assert_counted(storage, account, post)

    async def test_a_list_is_newest_first_and_one_s_own(self, storage: Storage) -> None:
        """By id, which ascends with the moment of creation, not by the order of arrival."""
        account, stranger = await keep_account(storage), await keep_account(storage)
        old, newer, newest = (a_post(author=account.id) for _ in range(3))
        await keep_posts(storage, newest, old, a_post(author=stranger.id), newer)
        await assert_counted(storage, account, old, newer, newest)

    async def test_nobody_s_list_is_empty(self, storage: Storage) -> None:
        """An account without posts, or no account: no error."""
        account = await keep_account(storage)
        for author in (account.id, an_account().id):
            assert await posts_of(storage, author) == []

    async def test_a_page_has_its_limit_and_its_beginning(self, storage: Storage) -> None:
        """Only those older than the given post, which need not exist; the newest of them first."""
        account, stranger = await keep_account(storage), await keep_account(storage)
        posts = [a_post(author=account.id if number % 2 else stranger.id) for number in range(20)]
        await keep_posts(storage, *posts)
        own = [post for post in reversed(posts) if post.author == account.id]
        listed = [ListedPost.of(post) for post in own]

        async def page(limit: int | None, before: Place | None) -> list[ListedPost]:
            return list(await storage.read(lambda work: work.posts.list_for(account.id, limit=limit, before=before)))

        assert await page(3, None) == listed[:3]
        assert await page(10, None) == await page(11, None) == await page(None, None) == listed
        assert await page(3, at(own[2])) == listed[3:6]
        assert await page(None, at(own[6])) == listed[7:]
        assert await page(1, at(own[8])) == listed[9:]
        assert await page(5, at(own[9])) == []
        # A stranger's post, between two of mine, says no more than when to begin.
        assert await page(2, at(posts[10])) == listed[5:7]

    async def test_a_long_list_is_the_list(self, storage: Storage) -> None:
        """In parts that together are all posts, or those between two of them, whether these exist or not."""
        account, stranger = await keep_account(storage), await keep_account(storage)
        posts = [a_post(author=(account if n % 3 else stranger).id, text=Text("ü" * 20_000)) for n in range(60)]
        await keep_posts(storage, *posts)
        own = [post for post in reversed(posts) if post.author == account.id]
        listed = [ListedPost.of(post) for post in own]
        # Compared as truths: pytest would print megabytes.
        assert (await streamed(storage, account.id) == listed) is True
        assert (await streamed(storage, account.id, before=at(own[4])) == listed[5:]) is True
        assert (await streamed(storage, account.id, last=at(own[7])) == listed[:8]) is True
        assert (await streamed(storage, account.id, before=at(own[4]), last=at(own[7])) == listed[5:8]) is True
        assert (await streamed(storage, account.id, before=at(posts[-3]), last=at(posts[3])) == listed[2:-2]) is True
        assert await streamed(storage, an_account().id) == []

    async def test_sizes_are_those_of_the_list(self, storage: Storage) -> None:
        """They say how large a page is and where it ends, without its texts."""
        account = await keep_account(storage)
        posts = [a_post(author=account.id, text=Text("ü" * n), title=Title("t")) for n in range(1, 6)]
        await keep_posts(storage, *posts, a_post(author=(await keep_account(storage)).id))

        async def sizes(limit: int, before: Place | None) -> list[tuple[Place, int]]:
            return list(await storage.read(lambda work: work.posts.list_sizes(account.id, limit=limit, before=before)))

        assert await sizes(9, None) == [(at(post), post.bytes) for post in posts[::-1]]
        assert await sizes(2, None) == [(at(posts[4]), 11), (at(posts[3]), 9)]
        assert await sizes(2, at(posts[3])) == [(at(posts[2]), 7), (at(posts[1]), 5)]

    async def test_a_light_page_is_the_page(self, storage: Storage) -> None:
        """Up to the very byte, by what is on the page alone; one that is not light has nothing."""
        account, stranger = await keep_account(storage), await keep_account(storage)
        lengths = (LIGHT_BYTES + 1, 2, LIGHT_BYTES - 1, 1)
        posts = [a_post(author=account.id, text=Text("x" * length), title=None) for length in lengths]
        await keep_posts(storage, *posts, *(a_post(author=stranger.id, text=posts[0].text) for _ in range(3)))
        listed = [ListedPost.of(post) for post in posts[::-1]]

        async def light(limit: int, before: Place | None = None) -> list[ListedPost]:
            return list(await storage.read(lambda work: work.posts.list_light(account.id, limit=limit, before=before)))

        # Compared as truths: pytest would print them.
        assert (await light(2) == listed[:2]) is True
        assert await light(3) == await light(9) == []
        assert (await light(1, at(posts[3])) == listed[1:2]) is True
        assert await light(2, at(posts[3])) == await light(1, at(posts[1])) == await light(9, at(posts[0])) == []
        assert await storage.read(lambda work: work.posts.list_light(an_account().id, limit=9, before=None)) == []

    async def test_the_first_posts_are_removed_a_few_at_a_time(self, storage: Storage) -> None:
        """The oldest first, counted out as they go; no more than asked for, nor much longer, and nobody else's."""
        account, other = await keep_account(storage), await keep_account(storage)
        posts = [a_post(author=account.id, text=Text("x" * 1000)) for _ in range(10)]
        await keep_posts(storage, *posts, stranger := a_post(author=other.id))

        async def removed(at_most: int, about_bytes: int) -> int:
            found = [0]

            async def unit(work: UnitOfWork) -> None:
                found[0] = await work.posts.remove_some(account.id, at_most=at_most, about_bytes=about_bytes)

            await storage.transact(account.id, unit)
            return found[0]

        gone = 0
        for at_most, about_bytes, number in ((3, 10**6, 3), (100, 2200, 2), (100, 1, 1), (100, 10**6, 4), (1, 1, 0)):
            assert await removed(at_most, about_bytes) == number
            gone += number
            await assert_counted(storage, account, *posts[gone:])
        await assert_counted(storage, other, stranger)

    async def test_a_long_list_is_as_it_was_at_one_moment(self, storage: Storage) -> None:
        """Whatever comes and goes while it is read."""
        account = await keep_account(storage)
        posts = [a_post(author=account.id, text=Text("x" * 30_000)) for _ in range(40)]
        await keep_posts(storage, *posts)
        async with aclosing(storage.stream(account.id)) as parts:
            read = list(await anext(parts))
            for post in posts[::2]:
                await remove(storage, post)
            await keep_posts(storage, later := a_post(author=account.id))
            async for part in parts:
                read += part
        assert ([post.id for post in read] == [str(post.id) for post in posts[::-1]]) is True
        left = [later, *posts[::-2]]
        assert ([post.id for post in await streamed(storage, account.id)] == [str(post.id) for post in left]) is True

    async def test_a_long_list_that_nobody_reads_on_holds_nothing(self, storage: Storage) -> None:
        """Many begun and left, in every way of leaving: the next ones are answered, and writes go on."""
        account = await keep_account(storage)
        await keep_posts(storage, *(a_post(author=account.id, text=Text("x" * 30_000)) for _ in range(40)))

        async def begin() -> None:
            async with aclosing(storage.stream(account.id)) as parts:
                await anext(parts)
                begun.set()
                await asyncio.sleep(3600)

        for _ in range(10):
            begun = asyncio.Event()
            leaving = asyncio.create_task(begin())
            await begun.wait()
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
        for _ in range(10):
            async with aclosing(storage.stream(account.id)) as parts:
                await anext(parts)
        for pause in range(20):
            task = asyncio.create_task(streamed(storage, account.id))
            for _ in range(pause):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert len(await streamed(storage, account.id)) == 40
        await keep_posts(storage, a_post(author=account.id))
