"""The contract of `services.archive.Archive`: a database as a whole."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from postkeep.domain.accounts import Account
from postkeep.domain.posts import Post, Text
from postkeep.domain.sessions import Session, SessionStatus
from postkeep.services.archive import Amounts, Archive, BackupUnfit, DatabaseNotEmpty, Kept, Snapshot
from postkeep.services.ports import Storage
from postkeep.services.repositories import UnitOfWork
from tests.builders import a_moment, a_post, a_session, an_account
from tests.contracts.kept import (
    Boom,
    account_by_now,
    find_account,
    find_session,
    keep_account,
    keep_disabled,
    keep_posts,
    keep_sessions,
    posts_of,
)


@dataclass(frozen=True)
class Vault:
    """An empty database: as a whole, and as everybody else uses it."""

    archive: Archive
    storage: Storage


async def all_of(snapshot: Snapshot) -> list[Kept]:
    """Return everything in a snapshot; each part has something, all of one kind."""
    parts = [part async for part in snapshot.parts()]
    assert all(len({type(kept) for kept in part}) == 1 for part in parts)
    return [kept for part in parts for kept in part]


async def found_in(vault: Vault) -> list[Kept]:
    """Return everything that a database holds."""
    async with vault.archive.snapshot() as snapshot:
        return await all_of(snapshot)


async def fill(vault: Vault, *parts: Sequence[Kept]) -> None:
    """Restore these into a database."""
    async with vault.archive.restoring() as restoring:
        for part in parts:
            await restoring.add(part)


async def remove_post(storage: Storage, post: Post) -> None:
    """Remove a post as its author does."""

    async def unit(work: UnitOfWork) -> None:
        assert await work.posts.remove(post.author, post.id)

    await storage.transact(post.author, unit)


def things_of(account: Account, number: int) -> tuple[list[Session], list[Post], list[Account]]:
    """Return an account with so many posts and sessions, and its row as it counts them."""
    sessions = [a_session(account_id=account.id) for _ in range(number)]
    posts = [a_post(author=account.id) for _ in range(number)]
    counted = replace(account, posts=number, bytes=sum(post.bytes for post in posts))
    return sessions, posts, [counted]


class ArchiveContract:
    """What every archive promises."""

    async def test_a_snapshot_has_everything_in_order(self, vault: Vault) -> None:
        """Sessions, posts, accounts, each as its key goes: what a restoring needs, and the same on every database."""
        ann = await keep_account(vault.storage)
        bob = await keep_disabled(vault.storage)
        sessions = [a_session(account_id=ann.id), a_session(account_id=ann.id)]
        ended = replace(sessions[0], status=SessionStatus.ENDED, ended_date=a_moment())
        posts = [
            a_post(author=ann.id, title=None),
            a_post(author=ann.id, text=Text("😀" * 70_000)),
            a_post(author=ann.id),
        ]
        await keep_sessions(vault.storage, ended, sessions[1])
        await keep_posts(vault.storage, *posts)
        accounts = [await account_by_now(vault.storage, account) for account in (ann, bob)]
        async with vault.archive.snapshot() as snapshot:
            assert snapshot.amounts == Amounts(sessions=2, posts=3, accounts=2)
            assert snapshot.revision.isdigit()
            # Compared as a truth: pytest would print all of it.
            assert (await all_of(snapshot) == [ended, sessions[1], *posts, *accounts]) is True

    async def test_an_empty_database_has_nothing(self, vault: Vault) -> None:
        """Nothing is no error."""
        async with vault.archive.snapshot() as snapshot:
            assert (snapshot.amounts, await all_of(snapshot)) == (Amounts(), [])

    async def test_db_27_a_snapshot_is_one_moment_whatever_is_written_meanwhile(self, vault: Vault) -> None:
        """A backup of a database that people go on using is of a state that existed: its counts fit its posts."""
        ann = await keep_account(vault.storage)
        kept = [a_post(author=ann.id) for _ in range(10)]
        await keep_posts(vault.storage, *kept)
        before = await found_in(vault)
        found: list[Kept] = []
        async with vault.archive.snapshot() as snapshot:
            bob = await keep_account(vault.storage)
            await keep_sessions(vault.storage, a_session(account_id=ann.id))
            async for part in snapshot.parts():
                found += part
                await keep_posts(vault.storage, a_post(author=ann.id), a_post(author=bob.id))
                await remove_post(vault.storage, kept.pop())
        assert found == before
        assert (await found_in(vault) == before) is False

    async def test_what_was_restored_is_there_for_everybody(self, vault: Vault) -> None:
        """As if it had always been there, to the last field."""
        sessions, posts, (ann,) = things_of(an_account(access_version=7, posts_version=9), 3)
        await fill(vault, sessions[:1], sessions[1:], posts[:2], posts[2:], [ann])
        assert await find_account(vault.storage, ann.id) == ann
        assert [await find_session(vault.storage, session.id) for session in sessions] == sessions
        assert await posts_of(vault.storage, ann.id) == posts[::-1]
        await keep_posts(vault.storage, a_post(author=ann.id))
        assert (await account_by_now(vault.storage, ann)).posts == 4

    async def test_nobody_gets_in_before_the_end(self, vault: Vault) -> None:
        """Who could log in to half of their posts would take the others for lost."""
        sessions, posts, (ann,) = things_of(an_account(), 2)
        async with vault.archive.restoring() as restoring:
            for part in (sessions, posts, [ann]):
                await restoring.add(part)
                found: tuple[object, ...] = tuple(
                    await asyncio.gather(
                        find_account(vault.storage, ann.id),
                        vault.storage.read(lambda work: work.accounts.find_by_email(ann.email)),
                        vault.storage.read(lambda work: work.sessions.find_account(ann.id, sessions[0].id)),
                    )
                )
                assert found == (None, None, None)
        assert await find_account(vault.storage, ann.id) == ann

    async def test_a_database_with_accounts_is_not_restored_into(self, vault: Vault) -> None:
        """Two sets of people in one database are more than anybody asked for."""
        ann = await keep_account(vault.storage)
        with pytest.raises(DatabaseNotEmpty):
            await fill(vault, [an_account()])
        assert await found_in(vault) == [ann]

    @pytest.mark.parametrize("parts", [0, 1, 2, 3])
    async def test_a_restoring_that_fails_leaves_nothing(self, vault: Vault, parts: int) -> None:
        """Wherever it ends; and the next one finds an empty database."""
        everything = things_of(an_account(), 3)

        async def fail() -> None:
            async with vault.archive.restoring() as restoring:
                for part in everything[:parts]:
                    await restoring.add(part)
                raise Boom

        with pytest.raises(Boom):
            await fail()
        assert await found_in(vault) == []
        await fill(vault, *everything)
        assert await found_in(vault) == [kept for part in everything for kept in part]

    async def test_a_cancelled_restoring_leaves_nothing(self, vault: Vault) -> None:
        """Ctrl-C is no error of anybody's."""
        sessions, posts, _ = things_of(an_account(), 3)
        is_begun = asyncio.Event()

        async def restore() -> None:
            async with vault.archive.restoring() as restoring:
                await restoring.add(sessions)
                await restoring.add(posts)
                is_begun.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(restore())
        await is_begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await found_in(vault) == []

    @pytest.mark.parametrize("lost", ["session", "post"])
    async def test_what_belongs_to_nobody_is_refused(self, vault: Vault, lost: str) -> None:
        """No statement would ever find it again."""
        sessions, posts, accounts = things_of(an_account(), 1)
        stray = [a_session()] if lost == "session" else [a_post()]
        with pytest.raises(BackupUnfit):
            await fill(vault, sessions, posts, stray, accounts)
        assert await found_in(vault) == []

    async def test_two_accounts_of_one_address_are_refused(self, vault: Vault) -> None:
        """The database holds to its rules whoever fills it."""
        ann = an_account()
        with pytest.raises(BackupUnfit):
            await fill(vault, [a_post(author=ann.id)], [ann, an_account(email=ann.email)])
        assert await found_in(vault) == []
