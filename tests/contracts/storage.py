"""The contract of `services.ports.Storage`: units and readings."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import pytest

from postkeep.domain.accounts import Account, AccountGone, AccountStatus
from postkeep.domain.edits import ANY_VERSION, Changes, Edit
from postkeep.domain.posts import ListedPost, Post, PostAbsent, Status, Text
from postkeep.domain.sessions import Session
from postkeep.services.ports import Storage
from postkeep.services.repositories import UnitOfWork
from tests.builders import a_moment, a_post, a_session, an_account
from tests.contracts.idempotency import a_use
from tests.contracts.kept import (
    Boom,
    account_by_now,
    assert_counted,
    assert_unchanged,
    find_account,
    find_session,
    keep_account,
    keep_posts,
    keep_sessions,
    unit_that_keeps,
    until_counted,
)


@dataclass(frozen=True)
class Things:
    """One account and what it has."""

    account: Account
    session: Session
    post: Post


Write = Callable[[UnitOfWork, Things], Awaitable[object]]

CLAIMS: dict[str, Write] = {
    "accounts.claim_access": lambda work, its: work.accounts.claim_access(its.account.id),
    "accounts.admit": lambda work, its: work.accounts.admit(
        its.account.id, proven_hash=its.account.password_hash, kept_hash="other"
    ),
    "accounts.set_password": lambda work, its: work.accounts.set_password(its.account.id, "other"),
    "accounts.set_status": lambda work, its: work.accounts.set_status(its.account.id, AccountStatus.DISABLED),
    "accounts.remove": lambda work, its: work.accounts.remove(its.account.id),
    "posts.add": lambda work, its: work.posts.add(a_post(author=its.account.id)),
    "posts.remove": lambda work, its: work.posts.remove(its.account.id, its.post.id),
    "edits.make": lambda work, its: work.edits.make(
        Edit(its.account.id, its.post.id, Changes(status=Status.DRAFT), ANY_VERSION, a_moment())
    ),
    "bulk.set_status": lambda work, its: work.bulk.set_status(its.account.id, [its.post.id], Status.DRAFT, a_moment()),
    "bulk.remove": lambda work, its: work.bulk.remove(its.account.id, [its.post.id]),
}
"""Writes that a unit may begin with."""

FOLLOWING: dict[str, Write] = {
    "sessions.add": lambda work, its: work.sessions.add(a_session(account_id=its.account.id)),
    "sessions.advance": lambda work, its: work.sessions.advance(its.session),
    "sessions.end": lambda work, its: work.sessions.end(its.session, a_moment()),
    "keys.add": lambda work, its: work.keys.add(a_use(its.account.id)),
    "sessions.end_all": lambda work, its: work.sessions.end_all(its.account.id, a_moment()),
}
"""Writes that come after one of those."""

OPENING: dict[str, Write] = {"accounts.add": lambda work, _: work.accounts.add(an_account())}

WRITES = OPENING | CLAIMS | FOLLOWING


async def keep_things(storage: Storage) -> Things:
    """Keep an account with a session and a post."""
    account = await keep_account(storage)
    things = Things(account, a_session(account_id=account.id), a_post(author=account.id))
    await keep_sessions(storage, things.session)
    await keep_posts(storage, things.post)
    return replace(things, account=await account_by_now(storage, account))


async def assert_all_unchanged(storage: Storage, things: Things) -> None:
    """See that nothing of an account has changed."""
    await assert_unchanged(storage, things.account, things.post)
    assert await find_session(storage, things.session.id) == things.session


class StorageContract:
    """What units and readings promise; `storage` is a fixture of the class that inherits this."""

    async def test_what_a_unit_did_is_there_when_it_returns(self, storage: Storage) -> None:
        """An acknowledged write must never be missing from the next reading."""
        account = an_account()
        await storage.transact(account.id, lambda work: work.accounts.add(account))
        assert await find_account(storage, account.id) == account

    async def test_a_unit_sees_what_it_did_itself(self, storage: Storage) -> None:
        """Repositories of one unit share its transaction."""
        account = await keep_account(storage)
        post = a_post(author=account.id)
        seen: list[list[ListedPost]] = []

        async def unit(work: UnitOfWork) -> None:
            await work.posts.add(post)
            seen.append(list(await work.posts.list_for(account.id, limit=None, before=None)))

        await storage.transact(account.id, unit)
        assert seen[-1] == [ListedPost.of(post)]

    @pytest.mark.parametrize("error", [Boom(), PostAbsent(), AccountGone(), ValueError("no"), KeyError("k")], ids=repr)
    async def test_whatever_a_unit_raises_undoes_all_of_it(self, storage: Storage, error: Exception) -> None:
        """All or nothing, over several statements on three tables; and the error comes through as it is."""
        things = await keep_things(storage)

        async def unit(work: UnitOfWork) -> None:
            await work.posts.add(a_post(author=things.account.id))
            await work.posts.remove(things.account.id, things.post.id)
            await work.sessions.end_all(things.account.id, a_moment())
            raise error

        with pytest.raises(type(error)) as caught:
            await storage.transact(things.account.id, unit)
        assert caught.value is error
        await assert_all_unchanged(storage, things)

    async def test_a_statement_that_fails_undoes_those_before_it(self, storage: Storage) -> None:
        """The second INSERT of one id breaks its key; the first must not stay, nor be counted."""
        things = await keep_things(storage)
        post = a_post(author=things.account.id)

        async def unit(work: UnitOfWork) -> None:
            await work.posts.add(post)
            await work.posts.add(post)

        with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever the storage calls it
            await storage.transact(things.account.id, unit)
        assert not isinstance(caught.value, AccountGone)
        await assert_all_unchanged(storage, things)

    async def test_a_unit_may_read_between_its_writes(self, storage: Storage) -> None:
        """Reading ends nothing: what comes before and after is committed together."""
        account = await keep_account(storage)
        first, second = a_post(author=account.id), a_post(author=account.id)

        async def unit(work: UnitOfWork) -> None:
            await work.posts.add(first)
            if await work.posts.find(account.id, second.id) is None:
                await work.posts.add(second)

        await storage.transact(account.id, unit)
        await assert_counted(storage, account, first, second)

    async def test_a_unit_that_fails_fails_alone(self, storage: Storage) -> None:
        """Units may be committed together; one's error must not reach its neighbours."""
        account = await keep_account(storage)
        posts = [a_post(author=account.id) for _ in range(30)]

        async def add(post: Post, *, fails: bool) -> None:
            async def unit(work: UnitOfWork) -> None:
                await work.posts.add(post)
                if fails:
                    raise Boom

            await storage.transact(account.id, unit)

        results = await asyncio.gather(
            *(add(post, fails=number % 3 == 0) for number, post in enumerate(posts)), return_exceptions=True
        )
        assert [type(result) for result in results] == [Boom, type(None), type(None)] * 10
        await assert_counted(storage, account, *(post for number, post in enumerate(posts) if number % 3))

    async def test_50_parallel_units_on_one_account_all_land(self, storage: Storage) -> None:
        """The account's row serialises its writers: no count and no version may be lost."""
        account = await keep_account(storage)
        posts = [a_post(author=account.id, text=Text("x" * (number + 1))) for number in range(50)]
        await asyncio.gather(*(storage.transact(account.id, unit_that_keeps(post)) for post in posts))
        await assert_counted(storage, account, *posts)
        assert (await account_by_now(storage, account)).posts_version == account.posts_version + 50

    async def test_50_parallel_units_on_many_accounts_all_land(self, storage: Storage) -> None:
        """Neighbours do not disturb each other's counts."""
        accounts = [await keep_account(storage) for _ in range(10)]
        posts = [a_post(author=accounts[number % 10].id) for number in range(50)]
        await asyncio.gather(*(storage.transact(post.author, unit_that_keeps(post)) for post in posts))
        for account in accounts:
            await assert_counted(storage, account, *(post for post in posts if post.author == account.id))

    async def test_parallel_adds_and_removes_leave_exact_counts(self, storage: Storage) -> None:
        """Counting in and counting out go through the same row in whatever order."""
        account = await keep_account(storage)
        old = [a_post(author=account.id, text=Text("o" * (number + 1))) for number in range(20)]
        new = [a_post(author=account.id, text=Text("n" * (number + 7))) for number in range(20)]
        await keep_posts(storage, *old)

        async def remove(post: Post) -> None:
            async def unit(work: UnitOfWork) -> None:
                assert await work.posts.remove(account.id, post.id)

            await storage.transact(account.id, unit)

        adds = [storage.transact(account.id, unit_that_keeps(post)) for post in new]
        await asyncio.gather(*adds, *map(remove, old))
        await assert_counted(storage, account, *new)

    async def test_a_cancelled_caller_does_not_cancel_its_unit(self, storage: Storage) -> None:
        """A client that goes away leaves a write whole: here, done."""
        account = await keep_account(storage)
        post = a_post(author=account.id)
        task = asyncio.create_task(storage.transact(account.id, unit_that_keeps(post)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until_counted(storage, account, 1)
        await assert_counted(storage, account, post)

    async def test_after_cancelled_callers_everything_goes_on(self, storage: Storage) -> None:
        """However many callers vanish, their units leave exact counts and the storage in order."""
        account = await keep_account(storage)
        posts = [a_post(author=account.id) for _ in range(20)]
        tasks = [asyncio.create_task(storage.transact(account.id, unit_that_keeps(post))) for post in posts]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        last = a_post(author=account.id)
        await keep_posts(storage, last)
        await until_counted(storage, account, 21)
        await assert_counted(storage, account, *posts, last)

    @pytest.mark.parametrize("name", FOLLOWING)
    async def test_a_write_before_the_account_s_row_is_refused(self, storage: Storage, name: str) -> None:
        """Without the row's version raised, caches would go on serving what was."""
        things = await keep_things(storage)

        async def unit(work: UnitOfWork) -> None:
            await FOLLOWING[name](work, things)

        with pytest.raises(RuntimeError):
            await storage.transact(things.account.id, unit)
        await assert_all_unchanged(storage, things)

    @pytest.mark.parametrize("name", WRITES)
    async def test_a_unit_writes_nothing_of_another_account(self, storage: Storage, name: str) -> None:
        """A unit of mine must not be able to change what is yours, by whatever mistake."""
        mine, yours = await keep_things(storage), await keep_things(storage)

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.claim_access(mine.account.id)
            await WRITES[name](work, yours)

        with pytest.raises(RuntimeError):
            await storage.transact(mine.account.id, unit)
        await assert_all_unchanged(storage, mine)
        await assert_all_unchanged(storage, yours)

    @pytest.mark.parametrize("name", WRITES)
    async def test_a_reading_writes_nothing(self, storage: Storage, name: str) -> None:
        """Only units write: they alone raise the versions that caches live by."""
        things = await keep_things(storage)

        async def query(work: UnitOfWork) -> None:
            await WRITES[name](work, things)

        with pytest.raises(RuntimeError):
            await storage.read(query)
        await assert_all_unchanged(storage, things)

    @pytest.mark.parametrize("weight", [0, 100_000_000], ids=["light", "heavy"])
    async def test_a_reading_answers_what_its_query_does(self, storage: Storage, weight: int) -> None:
        """Light or heavy, the answer is the same."""
        account = await keep_account(storage)
        assert await storage.read(lambda work: work.accounts.find(account.id), weight=weight) == account

    @pytest.mark.parametrize("weight", [0, 100_000_000], ids=["light", "heavy"])
    async def test_a_reading_raises_what_its_query_does(self, storage: Storage, weight: int) -> None:
        """Services raise their own errors inside queries; and the next reading works."""

        async def query(_: UnitOfWork) -> None:
            raise PostAbsent

        with pytest.raises(PostAbsent):
            await storage.read(query, weight=weight)
        assert await storage.read(lambda work: work.accounts.find(an_account().id), weight=weight) is None

    async def test_parallel_readings_do_not_mix(self, storage: Storage) -> None:
        """Nobody may ever get another request's rows."""
        accounts = [await keep_account(storage) for _ in range(10)]
        wanted = [accounts[number % 10] for number in range(100)]
        assert await asyncio.gather(*(find_account(storage, account.id) for account in wanted)) == wanted

    async def test_a_healthy_storage_passes_its_check(self, storage: Storage) -> None:
        """Readiness is asked often and must not cry wolf."""
        await storage.check()
