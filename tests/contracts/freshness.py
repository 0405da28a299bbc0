"""The contract of `services.ports.Freshness`."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from postkeep.domain.accounts import Account, AccountStatus
from postkeep.domain.posts import LISTED_BYTES, Post
from postkeep.services.ports import Freshness, Storage
from postkeep.services.repositories import Stamp, UnitOfWork
from tests.builders import a_moment, a_post, a_session, an_account_id
from tests.contracts.kept import Boom, account_by_now, keep_account, keep_posts, keep_sessions


def stamp_of(account: Account) -> Stamp:
    """Return the stamp that an account's row should give."""
    return Stamp.of(account)


class FreshnessContract:
    """What reading stamps promises; `freshness` and the `storage` that it reads of are fixtures."""

    async def test_a_stamp_is_what_the_account_s_row_says(self, storage: Storage, freshness: Freshness) -> None:
        """All of it, whatever the numbers are."""
        account = await keep_account(storage, access_version=2**40, posts_version=2**41, posts=3, bytes=2**42)
        assert await freshness.stamp(account.id) == Stamp(2**40, 2**41, 2**42 + 3 * LISTED_BYTES)

    async def test_nobody_has_no_stamp(self, freshness: Freshness) -> None:
        """None, and no error."""
        assert await freshness.stamp(an_account_id()) is None

    async def test_every_change_shows_in_the_next_stamp(self, storage: Storage, freshness: Freshness) -> None:
        """Not one commit may be missed, of posts or of who may get in: memory lives by it."""
        account = await keep_account(storage)
        post, session = a_post(author=account.id), a_session(account_id=account.id)
        changes: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "a session": lambda: keep_sessions(storage, session),
            "a post": lambda: keep_posts(storage, post),
            "a post less": lambda: storage.transact(account.id, lambda work: remove(work, post)),
            "a password": lambda: storage.transact(
                account.id, lambda work: work.accounts.set_password(account.id, "x")
            ),
            "a status": lambda: storage.transact(
                account.id, lambda work: work.accounts.set_status(account.id, AccountStatus.DISABLED)
            ),
        }
        seen = [await freshness.stamp(account.id)]
        for name, change in changes.items():
            await change()
            stamp = await freshness.stamp(account.id)
            assert stamp == stamp_of(await account_by_now(storage, account)), name
            assert stamp not in seen, name
            seen.append(stamp)
        await storage.transact(account.id, lambda work: work.accounts.remove(account.id))
        assert await freshness.stamp(account.id) is None

    async def test_a_change_that_was_undone_shows_nowhere(self, storage: Storage, freshness: Freshness) -> None:
        """CA-06, CA-07: the numbers rise in the transaction that they stand for, or not at all."""
        account = await keep_account(storage)
        before = await freshness.stamp(account.id)

        async def unit(work: UnitOfWork) -> None:
            await work.posts.add(a_post(author=account.id))
            await work.sessions.end_all(account.id, a_moment())
            raise Boom

        with pytest.raises(Boom):
            await storage.transact(account.id, unit)
        assert await freshness.stamp(account.id) == before

    async def test_everybody_gets_their_own_stamp(self, storage: Storage, freshness: Freshness) -> None:
        """However many ask at once, twice or for nobody."""
        accounts = [await keep_account(storage, posts_version=number + 1) for number in range(70)]
        ids = [*(account.id for account in accounts), an_account_id(), *(account.id for account in accounts)]
        stamps = [stamp_of(account) for account in accounts]
        assert await asyncio.gather(*map(freshness.stamp, ids)) == [*stamps, None, *stamps]

    async def test_no_stamp_is_older_than_its_question(self, storage: Storage, freshness: Freshness) -> None:
        """While one account is written to all the time, whoever asks sees all that was acknowledged before."""
        account = await keep_account(storage)
        acknowledged = account.posts_version

        async def write() -> None:
            nonlocal acknowledged
            for number in range(30):
                await keep_posts(storage, a_post(author=account.id))
                acknowledged = account.posts_version + number + 1

        async def ask() -> bool:
            is_right = True
            while acknowledged < account.posts_version + 30:
                known = acknowledged
                stamp = await freshness.stamp(account.id)
                assert stamp is not None
                is_right = is_right and stamp.posts_version >= known
                await asyncio.sleep(0)
            return is_right

        answers = await asyncio.gather(write(), *(ask() for _ in range(5)))
        assert answers == [None, *[True] * 5]

    async def test_a_cancelled_question_costs_no_other_its_answer(self, storage: Storage, freshness: Freshness) -> None:
        """Clients vanish at any moment; the one who asked first is no exception."""
        account, neighbour = await keep_account(storage), await keep_account(storage)
        for turns in range(6):
            tasks = [asyncio.create_task(freshness.stamp(account.id)) for _ in range(4)]
            tasks.append(asyncio.create_task(freshness.stamp(neighbour.id)))
            for _ in range(turns):
                await asyncio.sleep(0)
            tasks[0].cancel()
            tasks[2].cancel()
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            assert answers[1::2] == [stamp_of(account)] * 2
            assert answers[4] == stamp_of(neighbour)


async def remove(work: UnitOfWork, post: Post) -> None:
    """Remove a post inside a unit."""
    assert await work.posts.remove(post.author, post.id)
