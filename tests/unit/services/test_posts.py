"""Posts: adding, listing, reading and deleting one's own."""

from dataclasses import replace

import pytest

from postkeep.domain.accounts import Account, AccountGone, AccountStatus
from postkeep.domain.lists import Place
from postkeep.domain.posts import ListedPost, Post, PostAbsent, Status, Text, Title
from postkeep.services.exports import ExportService
from postkeep.services.ports import StorageUnavailable
from postkeep.services.posts import LONG_BYTES, LongPage, Page
from postkeep.services.repositories import Stamp
from tests.builders import a_post, an_account, an_account_id
from tests.fakes import World, a_world


async def test_an_added_post_is_kept() -> None:
    """As given, written now, counted in its author's account."""
    account = an_account()
    world = a_world().with_account(account)
    post = await world.posts.add(account.id, Text("a\n"), title=Title("t"), status=Status.DRAFT)
    assert world.kept == [post]
    assert (post.author, post.text, post.title, post.status) == (account.id, "a\n", "t", Status.DRAFT)
    assert (post.version, post.created_date, post.updated_date) == (1, world.clock.now(), world.clock.now())
    assert world.account(account.id) == replace(account, posts=1, bytes=post.bytes, posts_version=2)


async def test_adding_is_one_unit_and_no_query() -> None:
    """What it costs."""
    world = a_world().with_account(account := an_account())
    await world.posts.add(account.id, Text("a"), title=None, status=Status.PUBLISHED)
    assert world.journal == ["transact"]


@pytest.mark.parametrize("gone", ["removed", "disabled"])
async def test_nothing_is_added_to_an_account_that_is_gone(gone: str) -> None:
    """It may have gone since its token was checked."""
    account = an_account(status=AccountStatus.DISABLED)
    world = a_world().with_account(account) if gone == "disabled" else a_world()
    with pytest.raises(AccountGone):
        await world.posts.add(account.id, Text("a"), title=None, status=Status.PUBLISHED)
    assert world.kept == []


async def test_what_is_not_kept_is_not_answered() -> None:
    """An error, not a post: the client may try again."""
    world = a_world().with_account(account := an_account())
    world.storage.fails = StorageUnavailable()
    with pytest.raises(StorageUnavailable):
        await world.posts.add(account.id, Text("a"), title=None, status=Status.PUBLISHED)
    assert world.kept == []


async def test_a_post_is_answered_to_its_author() -> None:
    """With one query."""
    world = a_world().with_post(mine := a_post())
    assert await world.posts.get(mine.author, mine.id) == mine
    assert world.journal == ["read"]


async def test_az_01_a_stranger_does_not_see_my_post() -> None:
    """Someone else's post looks exactly like a missing one, and somebody hears of it."""
    world = a_world().with_post(mine := a_post())
    for author, post_id in ((an_account_id(), mine.id), (mine.author, a_post().id)):
        with pytest.raises(PostAbsent):
            await world.posts.get(author, post_id)


async def test_a_post_is_deleted() -> None:
    """And counted out."""
    world = a_world().with_post(first := a_post()).with_post(second := a_post(author=first.author))
    await world.posts.delete(first.author, first.id)
    assert world.kept == [second]
    assert (world.account(first.author).posts, world.account(first.author).bytes) == (1, second.bytes)


async def test_a_stranger_cannot_delete_my_post() -> None:
    """Someone else's post looks exactly like a missing one."""
    stranger = an_account()
    world = a_world().with_post(mine := a_post()).with_account(stranger)
    before = world.account(mine.author)
    with pytest.raises(PostAbsent):
        await world.posts.delete(stranger.id, mine.id)
    assert world.kept == [mine]
    assert world.account(mine.author) == before
    assert world.account(stranger.id) == stranger


async def test_a_post_is_deleted_once() -> None:
    """The second time it is absent, and no version is raised."""
    world = a_world().with_post(post := a_post())
    await world.posts.delete(post.author, post.id)
    before = world.account(post.author)
    with pytest.raises(PostAbsent):
        await world.posts.delete(post.author, post.id)
    assert world.account(post.author) == before


async def test_nothing_is_deleted_from_a_disabled_account() -> None:
    """Its posts stay."""
    account = an_account(status=AccountStatus.DISABLED)
    world = a_world().with_account(account).with_post(post := a_post(author=account.id))
    with pytest.raises(AccountGone):
        await world.posts.delete(account.id, post.id)
    assert world.kept == [post]


async def test_az_01_a_missed_post_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Guessing ids must show, with ids only."""
    caplog.set_level("INFO", "postkeep")
    world = a_world().with_account(account := an_account())
    missed = a_post().id
    for operation in (world.posts.get, world.posts.delete):
        with pytest.raises(PostAbsent):
            await operation(account.id, missed)
    assert [(record.getMessage(), vars(record)["post"]) for record in caplog.records] == [("post_missed", missed)] * 2


async def test_what_people_write_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Events carry ids and sizes."""
    caplog.set_level("DEBUG")
    world = a_world().with_account(account := an_account())
    post = await world.posts.add(account.id, Text("a secret"), title=Title("a secret"), status=Status.DRAFT)
    await world.posts.page(account.id)
    await world.posts.get(account.id, post.id)
    await world.posts.delete(account.id, post.id)
    assert "secret" not in str([vars(record) for record in caplog.records])


def listed(*posts: Post) -> list[ListedPost]:
    """Return posts as a list has them."""
    return [ListedPost.of(post) for post in posts]


async def page_of(world: World, account: Account, *, limit: int | None = None, before: Place | None = None) -> Page:
    """Ask for a page that is not long."""
    page = await world.posts.page(account.id, limit=limit, before=before, size=Stamp.of(account).list_bytes)
    assert isinstance(page, Page)
    return page


async def test_a_page_without_a_limit_has_all() -> None:
    """Newest first, with one query, and nothing follows."""
    account = an_account()
    world = a_world().with_account(account)
    posts = [a_post(author=account.id) for _ in range(5)]
    for post in posts:
        world.with_post(post)
    page = await page_of(world, account)
    assert list(page.posts) == listed(*posts[::-1])
    assert page.last is None
    assert world.journal == ["read"]


@pytest.mark.parametrize(("limit", "shown", "has_more"), [(1, 1, True), (4, 4, True), (5, 5, False), (9, 5, False)])
async def test_a_page_says_whether_more_follow(limit: int, shown: int, *, has_more: bool) -> None:
    """Exactly: no empty last page, no missing one."""
    account = an_account()
    world = a_world().with_account(account)
    posts = [a_post(author=account.id) for _ in range(5)]
    for post in posts:
        world.with_post(post)
    page = await page_of(world, account, limit=limit)
    assert list(page.posts) == listed(*posts[::-1][:shown])
    assert page.last == (Place(posts[::-1][shown - 1].id) if has_more else None)


async def test_pages_together_are_the_list() -> None:
    """Also while posts come and go between them."""
    account = an_account()
    world = a_world().with_account(account)
    posts = [a_post(author=account.id) for _ in range(7)]
    for post in posts:
        world.with_post(post)
    first = await page_of(world, account, limit=3)
    assert first.last == Place(posts[4].id)
    await world.posts.delete(account.id, posts[4].id)
    world.with_post(a_post(author=account.id))
    second = await page_of(world, account, limit=3, before=first.last)
    third = await page_of(world, account, limit=3, before=second.last)
    assert [*first.posts, *second.posts, *third.posts] == listed(*posts[::-1])
    assert (second.last, third.last) == (Place(posts[1].id), None)


async def test_a_page_has_nobody_else_s_posts() -> None:
    """Not even as the sign that more follow."""
    account = an_account()
    world = a_world().with_account(account).with_post(mine := a_post(author=account.id)).with_post(a_post())
    page = await page_of(world, account, limit=1)
    assert list(page.posts) == listed(mine)
    assert page.last is None


async def test_a_list_of_more_than_a_megabyte_comes_in_parts() -> None:
    """All of it, or a page; what the page's end is made of says how long it is, too."""
    account = an_account(posts=5, bytes=3 * LONG_BYTES)
    world = a_world().with_account(account)
    posts = [a_post(author=account.id, text=Text("x" * (LONG_BYTES * 2 // 5))) for _ in range(5)]
    for post in posts:
        world.with_post(post)

    async def long_page(limit: int | None, before: Place | None = None) -> tuple[list[ListedPost], Place | None]:
        page = await world.posts.page(account.id, limit=limit, before=before, size=Stamp.of(account).list_bytes)
        assert isinstance(page, LongPage)
        return [post async for part in page.parts for post in part], page.last

    everything = listed(*posts[::-1])
    assert await long_page(None) == (everything, None)
    assert world.storage.weight == Stamp.of(account).list_bytes
    assert await long_page(3) == (everything[:3], Place(posts[2].id))
    assert LONG_BYTES < world.storage.weight < 2 * LONG_BYTES
    assert await long_page(3, Place(posts[3].id)) == (everything[2:], None)
    assert await page_of(world, account, limit=1) == Page(everything[:1], Place(posts[4].id))
    assert await page_of(world, account, limit=9, before=Place(posts[1].id)) == Page(everything[4:], None)


async def test_an_export_says_how_long_it_is() -> None:
    """Storage keeps room for those that are not long."""
    world = a_world().with_account(account := an_account())
    export = await ExportService(world.storage).begin(account.id, size=12_345)
    await export.parts.aclose()
    assert world.storage.weight == 12_345


async def test_who_reads_a_long_list_hears_that_it_is_in_others_way() -> None:
    """As often as the storage says it."""
    account = an_account(posts=5, bytes=3 * LONG_BYTES)
    world = a_world().with_account(account).with_post(a_post(author=account.id))
    page = await world.posts.page(account.id, size=Stamp.of(account).list_bytes)
    assert isinstance(page, LongPage)
    assert not page.recalled.done()
    for _ in range(2):
        world.storage.recall()
        assert page.recalled.done()
    await page.parts.aclose()


async def test_many_small_posts_are_a_long_list_too() -> None:
    """A list of a million posts of one character has more than a megabyte."""
    account = an_account(posts=1_000_000, bytes=1_000_000)
    world = a_world().with_account(account).with_post(a_post(author=account.id))
    page = await world.posts.page(account.id, size=Stamp.of(account).list_bytes)
    assert isinstance(page, LongPage)
    await page.parts.aclose()


async def test_a_long_list_fails_before_it_begins() -> None:
    """So that whoever asked hears of it by the status."""
    account = an_account(posts=1, bytes=3 * LONG_BYTES)
    world = a_world().with_account(account)
    world.storage.fails = StorageUnavailable()
    for limit in (None, 5):
        with pytest.raises(StorageUnavailable):
            await world.posts.page(account.id, limit=limit, size=Stamp.of(account).list_bytes)


async def test_a_long_list_may_have_become_empty_meanwhile() -> None:
    """Its size was read with the token; Python 3.11's anext() would take an empty tuple for what to raise."""
    account = an_account(posts=5, bytes=3 * LONG_BYTES)
    page = await a_world().with_account(account).posts.page(account.id, size=Stamp.of(account).list_bytes)
    assert isinstance(page, LongPage)
    assert [post async for part in page.parts for post in part] == []
