"""Mutants: bugs that the checker must find, each planted in the server's processes when they start.

Nothing of the server knows of this: `mutated/sitecustomize.py` plants what POSTKEEP_TEST_MUTANT names.
"""
# pyright: reportPrivateUsage=false
# A bug is planted where it would be made, and that is inside.

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, delete

from postkeep.domain.accounts import AccountId
from postkeep.domain.idempotency import KeyUse
from postkeep.domain.lists import Listing, Sort
from postkeep.domain.posts import Post, PostId
from postkeep.domain.sessions import Session
from postkeep.server import response_cache
from postkeep.server.callers import Callers
from postkeep.services import idempotency
from postkeep.services import posts as posts_service
from postkeep.services import sessions as sessions_service
from postkeep.services.bulk import BulkService
from postkeep.services.ports import StorageUnavailable
from postkeep.services.posts import Page, PostService
from postkeep.services.repositories import Stamp, UnitOfWork
from postkeep.services.sessions import Caller, SessionService
from postkeep.storage import bulk as bulk_storage
from postkeep.storage import edits as edits_storage
from postkeep.storage import lists as lists_storage
from postkeep.storage import posts as posts_storage
from postkeep.storage import writer
from postkeep.storage.posts import SqlPosts
from postkeep.storage.tables import AccountRow, PostRow
from tests.faults.violations import Invariant

_NOW_AND_THEN: Final = 0.1
_OFTEN: Final = 0.5


@dataclass(frozen=True)
class Mutant:
    """A bug.

    Attributes:
        breaks: The invariant that it must be found by, at least.
        plant: Puts it into this process.
    """

    breaks: Invariant
    plant: Callable[[], None]


def _put(owner: object, name: str, new: object) -> None:
    """Put something in the place of what an owner has under a name."""
    assert hasattr(owner, name)
    setattr(owner, name, new)


def _remember_for_ever() -> None:
    """A list is served from memory whatever has changed since."""

    def find(self: Any, key: Any, _stamp: Stamp) -> object:
        kept = self._by_use.get(key)
        is_good = isinstance(kept, response_cache._Kept) and time.monotonic() < kept.trusted_until
        return kept if is_good else None

    _put(response_cache.ResponseCache, "_find", find)


def _share_memory() -> None:
    """A list is remembered without whose it is."""
    find: Any = response_cache.ResponseCache._find

    def find_anyones(self: Any, key: Any, stamp: Stamp) -> object:
        for posts_version in range(max(stamp.posts_version - 3, 0), stamp.posts_version + 4):
            found = find(self, (0, *key[1:]), stamp._replace(posts_version=posts_version))
            if found is not None:
                return found
        return None

    _put(response_cache.ResponseCache, "_find", find_anyones)
    _put(response_cache._Request, "key", property(lambda self: (0, self.target, self.coding)))


def _set_without_version() -> None:
    """A slow reader puts its old list into memory under the number that is the newest by then."""
    answer_loaded: Any = response_cache.ResponseCache._answer_loaded

    async def answer_late(self: Any, request: Any, *rest: Any, **more: Any) -> None:
        await asyncio.sleep(random.uniform(0, 0.02))
        fields = dict(request.scope["headers"])
        request.caller = await request.scope["state"]["callers"].identify(fields[b"authorization"])
        await answer_loaded(self, request, *rest, **more)

    _put(response_cache.ResponseCache, "_answer_loaded", answer_late)


def _invalidate_before_commit() -> None:
    """The number that memory lives by is raised before the post is there, in a transaction of its own."""
    raised = posts_storage._COUNT.values(posts_version=AccountRow.posts_version + 1)
    counted = {"posts": AccountRow.posts + 1, "bytes": AccountRow.bytes + bindparam("size")}
    add: Any = PostService.add

    async def add_later(self: Any, author: AccountId, *rest: Any, **more: Any) -> Post:
        async def unit(work: Any) -> None:
            await work.posts._transaction.claim(author, raised, {})

        await self._storage.transact(author, unit)
        await asyncio.sleep(random.uniform(0, 0.02))
        post: Post = await add(self, author, *rest, **more)
        return post

    _put(posts_storage, "_COUNT_IN", posts_storage._COUNT.values(counted))
    _put(PostService, "add", add_later)


def _acknowledge_before_commit() -> None:
    """Who writes is told that it is done as soon as it waits in the writer's queue."""
    run: Any = writer.Writer.run

    async def run_later(self: Any, account_id: AccountId | None, unit: Any, **more: Any) -> object:
        if account_id is None:
            return await run(self, account_id, unit, **more)
        task = asyncio.create_task(_later(run(self, account_id, unit, **more)))
        self.under_way = {each for each in getattr(self, "under_way", ()) if not each.done()} | {task}
        return None

    _put(writer.Writer, "run", run_later)


async def _later(unit: Any) -> None:
    """Do something a little later; nobody waits for it."""
    await asyncio.sleep(random.uniform(0, 0.02))
    await asyncio.gather(unit, return_exceptions=True)


def _delete_anyones() -> None:
    """The DELETE does not say whose post it is."""
    anyones = delete(PostRow).where(PostRow.id == bindparam("post_id"))
    _put(posts_storage, "_REMOVE", dict.fromkeys(posts_storage._REMOVE, anyones))


def _delete_nothing() -> None:
    """Now and then a delete counts the post out, and leaves it there."""
    remove: Any = SqlPosts.remove

    async def remove_or_not(self: Any, author: AccountId, post_id: PostId, *versions: Any) -> bool:
        if random.random() > _NOW_AND_THEN:
            removed: bool = await remove(self, author, post_id, *versions)
            return removed
        await self._transaction.claim(author, posts_storage._COUNT_OUT[0], {"post_id": post_id})
        return True

    _put(SqlPosts, "remove", remove_or_not)


def _add_twice() -> None:
    """Now and then a post is added again under another id, as by somebody who tries again without asking first."""
    add: Any = PostService.add

    async def add_again(self: Any, *rest: Any, **more: Any) -> Post:
        if random.random() < _NOW_AND_THEN:
            await add(self, *rest, **more)
        post: Post = await add(self, *rest, **more)
        return post

    _put(PostService, "add", add_again)


def _cut_texts() -> None:
    """Long texts lose their end, as in a column that is too short."""
    values_of = posts_storage.values_of

    def cut(post: Post) -> dict[str, object]:
        return {**values_of(post), "text": post.text[:4_000]}

    _put(posts_storage, "values_of", cut)


def _overwrite() -> None:
    """An edit does not care which version the post has."""
    anything = edits_storage._EDITING[0]
    _put(edits_storage, "_EDITING", dict.fromkeys(edits_storage._EDITING, anything))


def _edit_behind_memory() -> None:
    """An edit does not raise the number that memory lives by."""
    editing = {
        size: statements._replace(
            claim=posts_storage._COUNT.values(bytes=AccountRow.bytes + edits_storage._growth(size))
        )
        for size, statements in edits_storage._EDITING.items()
    }
    _put(edits_storage, "_EDITING", editing)


def _change_in_parts() -> None:
    """Many posts are changed in two transactions; now and then the process dies between the two."""
    change: Any = BulkService._change

    async def change_in_parts(self: Any, author: AccountId, named: Sequence[str], *rest: Any) -> int:
        middle = len(named) // 2
        changed: int = await change(self, author, named[:middle], *rest) if middle else 0
        if random.random() < _OFTEN:
            raise StorageUnavailable
        return changed + int(await change(self, author, named[middle:], *rest))

    _put(BulkService, "_change", change_in_parts)


def _change_behind_memory() -> None:
    """A change of many posts does not raise the number that memory lives by."""
    _put(bulk_storage, "_CLAIM", bulk_storage._CLAIM.values(posts_version=AccountRow.posts_version))


def _count_wrong() -> None:
    """Deleted posts are not counted out of their account."""
    uncounted = posts_storage._COUNT.values(posts_version=AccountRow.posts_version + 1)
    _put(posts_storage, "_COUNT_OUT", dict.fromkeys(posts_storage._COUNT_OUT, uncounted))


def _repeat_at_page_ends() -> None:
    """A page begins with the last post of the page before it."""

    def is_behind(_sort: Sort) -> ColumnElement[bool]:
        return PostRow.id <= bindparam("before", type_=PostRow.id.type)

    _put(lists_storage, "_is_behind", is_behind)


def _drop_at_page_ends() -> None:
    """The post between two pages is on neither."""

    def page(posts: Any, listing: Listing, limit: int | None) -> Page:
        if limit is None or len(posts) <= limit:
            return Page(posts, None)
        return Page(posts[:limit], listing.sort.place_of(posts[limit]))

    _put(posts_service, "_page", page)


def _fork_in_grace() -> None:
    """A used refresh token that is sent again gets a successor of its own."""
    refresh: Any = SessionService.refresh

    async def fork(self: Any, token: str) -> Session:
        claims = self._signer.read_refresh(token)
        for _ in range(20):
            session, _age = await self._find_refreshable(claims, token)
            if claims.counter not in {session.counter, session.counter - 1}:
                break
            try:
                await self._storage.transact(session.account_id, sessions_service._renewal(session))
            except sessions_service._Overtaken:
                continue
            forked: Session = replace(session, counter=session.counter + 1)
            return forked
        renewed: Session = await refresh(self, token)
        return renewed

    _put(SessionService, "refresh", fork)


def _forget_revocation() -> None:
    """Who uses a refresh token twice is told that the session is over, and it is not."""

    async def end_reused(_self: object, _session: Session) -> None:
        """Raise without having committed."""

    _put(SessionService, "_end_reused", end_reused)


def _stay_logged_in() -> None:
    """Who was known once stays known, whatever happened to the session."""
    identify: Any = Callers.identify

    async def identify_once(self: Any, authorization: bytes) -> Caller:
        known = self._by_use.get(authorization)
        if known is None:
            found: Caller = await identify(self, authorization)
            return found
        stamp = await self._freshness.stamp(known.caller.account_id)
        caller: Caller = replace(known.caller, stamp=stamp or known.caller.stamp)
        return caller

    _put(Callers, "identify", identify_once)


def _lose_logins() -> None:
    """Now and then a login is answered and its session is not kept."""
    admission: Any = sessions_service._admission

    def admit(account: Any, kept_hash: str, session: Session) -> object:
        async def unit(_work: UnitOfWork) -> None:
            """Keep nothing."""

        return unit if random.random() < _NOW_AND_THEN else admission(account, kept_hash, session)

    _put(sessions_service, "_admission", admit)


def _keep_keys_apart() -> None:
    """A key is kept in a transaction of its own, after its post's; now and then the process dies between the two."""

    async def add_apart(self: Any, post: Post, use: KeyUse) -> Post:
        async def find(work: UnitOfWork) -> KeyUse | None:
            return await work.keys.find(use)

        async def keep_post(work: UnitOfWork) -> None:
            await work.posts.add(post, self._quota)

        async def keep_key(work: UnitOfWork) -> None:
            await work.accounts.claim_access(post.author)
            await work.keys.add(use)

        known = await self._storage.read(find)
        if known is not None:
            return idempotency._as_added(post, use, known)
        await self._storage.transact(post.author, keep_post)
        if random.random() < _NOW_AND_THEN:
            raise StorageUnavailable
        await self._storage.transact(post.author, keep_key)
        return post

    _put(idempotency.KeyedAdds, "_add_once", add_apart)


def _answer_any_body() -> None:
    """A key that comes with another post is taken for a repetition."""
    as_added = idempotency._as_added

    def answer(post: Post, use: KeyUse, before: KeyUse) -> Post:
        return as_added(post, replace(use, body_hash=before.body_hash), before)

    _put(idempotency, "_as_added", answer)


MUTANTS: Final = {
    "remembers-for-ever": Mutant(Invariant.I1, _remember_for_ever),
    "shares-memory": Mutant(Invariant.I3, _share_memory),
    "sets-without-version": Mutant(Invariant.I1, _set_without_version),
    "invalidates-before-commit": Mutant(Invariant.I1, _invalidate_before_commit),
    "acknowledges-before-commit": Mutant(Invariant.I1, _acknowledge_before_commit),
    "deletes-anyones": Mutant(Invariant.I3, _delete_anyones),
    "deletes-nothing": Mutant(Invariant.I2, _delete_nothing),
    "adds-twice": Mutant(Invariant.I4, _add_twice),
    "cuts-texts": Mutant(Invariant.I4, _cut_texts),
    "overwrites": Mutant(Invariant.I7, _overwrite),
    "edits-behind-memory": Mutant(Invariant.I7, _edit_behind_memory),
    "changes-in-parts": Mutant(Invariant.I8, _change_in_parts),
    "changes-behind-memory": Mutant(Invariant.I7, _change_behind_memory),
    "counts-wrong": Mutant(Invariant.I4, _count_wrong),
    "repeats-at-page-ends": Mutant(Invariant.I4, _repeat_at_page_ends),
    "drops-at-page-ends": Mutant(Invariant.I1, _drop_at_page_ends),
    "forks-in-grace": Mutant(Invariant.I5, _fork_in_grace),
    "forgets-revocation": Mutant(Invariant.I5, _forget_revocation),
    "stays-logged-in": Mutant(Invariant.I5, _stay_logged_in),
    "loses-logins": Mutant(Invariant.I5, _lose_logins),
    "keeps-keys-apart": Mutant(Invariant.I4, _keep_keys_apart),
    "answers-any-body": Mutant(Invariant.I4, _answer_any_body),
}
"""All of them by their names."""
