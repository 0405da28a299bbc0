"""Edits whose COMMIT is lost: what may be made again, what is refused, and what nobody can tell (DB-03)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from asyncmy.errors import OperationalError

from postkeep.domain.edits import ANY_VERSION, Changes, Edit, PostsAbsent, Revision, VersionConflict, Versions
from postkeep.domain.posts import Post, PostAbsent, Quota, Status, Text
from postkeep.services.ports import StorageUnavailable
from postkeep.services.repositories import Unit, UnitOfWork
from postkeep.storage.server_driver import Connection
from tests.builders import a_moment, a_post, an_account
from tests.contracts.edits import a_kept_post, an_edit, make, remove_all, unit_that_makes
from tests.contracts.kept import assert_counted, keep_account, keep_posts
from tests.integration.storage.opened import Opened
from tests.integration.storage.test_server_faults import LOST, committing, unit_that_removes

MINE = Changes(text=Text("mine, and longer than it was"))
THEIRS = Changes(text=Text("theirs"), status=Status.DRAFT)


@dataclass(frozen=True)
class Case:
    """A change of one post, and what the post is after it."""

    unit: Callable[[Post, list[Any]], Unit]
    changed: Callable[[Post], Post]
    again: bool
    """Whether it may be done again where it was certainly not done, however often that is."""


NOW = a_moment()


def editing(versions: Versions) -> Case:
    """Edit a post that has some version."""

    def edit(post: Post) -> Edit:
        return an_edit(post, MINE, versions=versions, now=NOW)

    return Case(
        lambda post, told: unit_that_makes(edit(post), Quota(bytes=edit(post).applied_to(post).bytes), told),
        lambda post: edit(post).applied_to(post),
        again=True,
    )


def setting_the_status(post: Post, told: list[Any]) -> Unit:
    """Return the unit that archives a post."""

    async def unit(work: UnitOfWork) -> None:
        told.append(await work.bulk.set_status(post.author, [post.id], Status.ARCHIVED, post.created_date))

    return unit


def archived(post: Post) -> Post:
    """Return a post as it is when it was archived."""
    return replace(post, status=Status.ARCHIVED, version=post.version + 1)


EDIT = editing(Versions.only(1))
CASES = {
    "edit": EDIT,
    "edit some version": editing(Versions(frozenset({1, 2, 9}))),
    "edit whichever version": editing(ANY_VERSION),
    "set the status": Case(setting_the_status, archived, again=False),
}


def losing(opened: Opened, done: Sequence[bool], *, then: Callable[[], Awaitable[object]] | None = None) -> Any:
    """Have the next COMMITs lose their answers, done or not, and let others come before that is noticed."""
    left = list(done)

    async def commit(connection: Connection) -> None:
        if not left:
            await connection.commit()
            return
        await (connection.commit() if left.pop(0) else connection.rollback())
        if then is not None:
            await then()
        raise OperationalError(*LOST)

    return committing(opened, commit)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("done", [(True,), (False,), (True, True), (False, True), (False, False, True)], ids=str)
async def test_db_03_a_change_settles_to_one_effect(fresh: Opened, name: str, done: tuple[bool, ...]) -> None:
    """It is found where it was done, and what was told is still right; else it is made again, or given up."""
    case, told = CASES[name], list[Any]()
    post = await a_kept_post(fresh.storage)
    account = replace(an_account(), id=post.author)
    with losing(fresh, done):
        if done[0] or case.again:
            await fresh.storage.transact(post.author, case.unit(post, told))
            edited = case.changed(post)
            assert told[-1] in {1, Revision(post.id, 2, edited.created_date, edited.updated_date)}
        else:
            with pytest.raises(StorageUnavailable):
                await fresh.storage.transact(post.author, case.unit(post, told))
    await assert_counted(fresh.storage, account, case.changed(post) if done[0] or case.again else post)


@pytest.mark.parametrize("name", CASES)
async def test_what_came_after_a_change_that_was_done_is_not_undone(fresh: Opened, server: Opened, name: str) -> None:
    """Somebody saw the change, and made another one; nobody can tell by then that ours was made before it."""
    case = CASES[name]
    post = await a_kept_post(fresh.storage)
    theirs = an_edit(case.changed(post), THEIRS)
    with losing(fresh, [True], then=lambda: make(server.storage, theirs)), pytest.raises(StorageUnavailable):
        await fresh.storage.transact(post.author, case.unit(post, []))
    await assert_counted(fresh.storage, replace(an_account(), id=post.author), theirs.applied_to(case.changed(post)))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("done", [True, False])
async def test_db_03_a_post_that_was_deleted_meanwhile_stays_deleted(
    fresh: Opened, server: Opened, name: str, *, done: bool
) -> None:
    """Whether the change was there before, nobody can tell: that it never was would be a guess."""
    case, post = CASES[name], await a_kept_post(fresh.storage)

    async def remove() -> None:
        await server.storage.transact(post.author, unit_that_removes(post))

    with losing(fresh, [done], then=remove), pytest.raises(StorageUnavailable):
        await fresh.storage.transact(post.author, case.unit(post, []))
    await assert_counted(fresh.storage, replace(an_account(), id=post.author))


async def test_who_was_overtaken_is_told_so(fresh: Opened, server: Opened) -> None:
    """The COMMIT was not done, and another edit from the same version was: ours never was, and never will be."""
    post = await a_kept_post(fresh.storage)
    theirs = an_edit(post, THEIRS)
    with losing(fresh, [False], then=lambda: make(server.storage, theirs)), pytest.raises(VersionConflict) as caught:
        await fresh.storage.transact(post.author, EDIT.unit(post, []))
    assert caught.value.facts == {"version": 2}
    await assert_counted(fresh.storage, replace(an_account(), id=post.author), theirs.applied_to(post))


async def test_who_was_overtaken_twice_is_not_told_that_it_never_was(fresh: Opened, server: Opened) -> None:
    """By then it looks the same as if ours had been the first of the two."""
    post = await a_kept_post(fresh.storage)
    first = an_edit(post, THEIRS)
    second = an_edit(first.applied_to(post))

    async def edit_twice() -> None:
        await make(server.storage, first)
        await make(server.storage, second)

    with losing(fresh, [False], then=edit_twice), pytest.raises(StorageUnavailable):
        await fresh.storage.transact(post.author, EDIT.unit(post, []))
    await assert_counted(
        fresh.storage, replace(an_account(), id=post.author), second.applied_to(first.applied_to(post))
    )


async def test_the_same_edit_by_another_hand_is_not_taken_for_one_s_own(fresh: Opened, server: Opened) -> None:
    """Of two edits from one version one is made, even where both say the same."""
    post = await a_kept_post(fresh.storage)
    theirs = an_edit(post, MINE)
    with losing(fresh, [False], then=lambda: make(server.storage, theirs)), pytest.raises(VersionConflict):
        await fresh.storage.transact(post.author, EDIT.unit(post, []))
    await assert_counted(fresh.storage, replace(an_account(), id=post.author), theirs.applied_to(post))


async def test_an_edit_of_another_version_stays_refused(fresh: Opened) -> None:
    """A lost COMMIT of nothing would not have come so far; and one that names no version was never made."""
    post = await a_kept_post(fresh.storage, version=5)
    with losing(fresh, [True]), pytest.raises(VersionConflict):
        await make(fresh.storage, an_edit(post, versions=Versions(frozenset())))
    with losing(fresh, [True]), pytest.raises(PostAbsent):
        await make(fresh.storage, an_edit(replace(post, id=a_post().id)))


@pytest.mark.parametrize("done", [True, False])
async def test_db_03_many_are_removed_once(fresh: Opened, *, done: bool) -> None:
    """All are gone, or all are there: both say which it was."""
    account = await keep_account(fresh.storage)
    posts = [a_post(author=account.id) for _ in range(10)]
    await keep_posts(fresh.storage, *posts, other := a_post(author=account.id))
    with losing(fresh, [done]):
        assert await remove_all(fresh.storage, account.id, [post.id for post in posts]) == 10
    await assert_counted(fresh.storage, account, other)


async def test_many_of_which_somebody_removed_one_meanwhile_stay(fresh: Opened, server: Opened) -> None:
    """Those that are there say that nothing was removed; so one is absent, and the others stay."""
    account = await keep_account(fresh.storage)
    posts = [a_post(author=account.id) for _ in range(10)]
    await keep_posts(fresh.storage, *posts)

    async def remove() -> None:
        await server.storage.transact(account.id, unit_that_removes(posts[3]))

    with losing(fresh, [False], then=remove), pytest.raises(PostsAbsent) as caught:
        await remove_all(fresh.storage, account.id, [post.id for post in posts])
    assert caught.value.absent == [str(posts[3].id)]
    await assert_counted(fresh.storage, account, *posts[:3], *posts[4:])
