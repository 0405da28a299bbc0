"""Things put into any storage for a test, and looked up there afterwards."""

import asyncio
from dataclasses import replace
from typing import Any

from postkeep.domain.accounts import Account, AccountId, AccountStatus
from postkeep.domain.posts import ListedPost, Post, parse_post_id
from postkeep.domain.sessions import Session, SessionId
from postkeep.services.ports import Storage
from postkeep.services.repositories import UnitOfWork
from tests.builders import an_account


class Boom(Exception):
    """What a unit raises for a reason of its own."""


async def keep_account(storage: Storage, **given: Any) -> Account:
    """Keep an account; a disabled one if asked for."""
    account = an_account(**given)
    await storage.transact(account.id, lambda work: work.accounts.add(account))
    return account


async def keep_disabled(storage: Storage) -> Account:
    """Keep an account that nobody may use."""
    return await keep_account(storage, status=AccountStatus.DISABLED)


async def keep_sessions(storage: Storage, *sessions: Session) -> None:
    """Keep sessions of accounts that are kept."""
    for session in sessions:
        await storage.transact(session.account_id, unit_that_keeps(session))


async def keep_posts(storage: Storage, *posts: Post) -> None:
    """Keep posts of accounts that are kept."""
    for post in posts:
        await storage.transact(post.author, unit_that_keeps(post))


def unit_that_keeps(thing: Session | Post) -> Any:  # a unit; its type says no more than that
    """Return the unit that keeps a session or a post."""

    async def unit(work: UnitOfWork) -> None:
        if isinstance(thing, Post):
            await work.posts.add(thing)
        else:
            await work.accounts.claim_access(thing.account_id)
            await work.sessions.add(thing)

    return unit


async def find_account(storage: Storage, account_id: AccountId) -> Account | None:
    """Look an account up."""
    return await storage.read(lambda work: work.accounts.find(account_id))


async def account_by_now(storage: Storage, account: Account) -> Account:
    """Return a kept account as it is by now."""
    found = await find_account(storage, account.id)
    assert found is not None
    return found


async def find_session(storage: Storage, session_id: SessionId) -> Session | None:
    """Look a session up."""
    found = await storage.read(lambda work: work.sessions.find(session_id))
    return None if found is None else found[0]


async def posts_of(storage: Storage, author: AccountId) -> list[Post]:
    """Return all posts of an account, newest first: as they are listed, and each as it is found."""

    async def query(work: UnitOfWork) -> list[Post]:
        listed = await work.posts.list_for(author, limit=None, before=None)
        found = [await work.posts.find(author, parse_post_id(post.id)) for post in listed]
        posts = [post for post in found if post is not None]
        # Compared as a truth: pytest would print megabytes.
        assert ([ListedPost.of(post) for post in posts] == list(listed)) is True
        return posts

    return await storage.read(query)


async def until_counted(storage: Storage, account: Account, posts: int) -> None:
    """Wait until an account counts so many posts."""
    async with asyncio.timeout(30):
        while (await account_by_now(storage, account)).posts < posts:  # noqa: ASYNC110 - only the storage can tell
            await asyncio.sleep(0)


async def assert_counted(storage: Storage, account: Account, *posts: Post) -> None:
    """See that an account holds exactly these posts, newest first, and that its row counts them right."""
    by_now = await account_by_now(storage, account)
    assert await posts_of(storage, account.id) == sorted(posts, key=lambda post: post.id, reverse=True)
    assert (by_now.posts, by_now.bytes) == (len(posts), sum(post.bytes for post in posts))


async def assert_unchanged(storage: Storage, account: Account, *posts: Post) -> None:
    """See that an account is exactly as it was, and that it holds exactly these posts."""
    assert await find_account(storage, account.id) == account
    assert await posts_of(storage, account.id) == list(posts)


def raised(account: Account, **changes: Any) -> Account:
    """Return an account as it is after a change of who may get in."""
    return replace(account, access_version=account.access_version + 1, **changes)
