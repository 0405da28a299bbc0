"""Bringing in: posts from elsewhere, some at a time, each once however often it comes."""

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Final

from postkeep.domain.accounts import Account, AccountGone, AccountId
from postkeep.domain.errors import PostkeepError
from postkeep.domain.incoming import PostPresent
from postkeep.domain.posts import UNLIMITED, Post, PostId, Quota, QuotaExceeded
from postkeep.services.entries import Entry, Kind, Outcome
from postkeep.services.ports import Clock, Storage, StorageUnavailable
from postkeep.services.repositories import UnitOfWork

log = logging.getLogger(__name__)

_RUNS: Final = 3
"""How often some posts are tried to be added while somebody else adds the same ones."""


class ImportService:
    """The use case of bringing posts in."""

    def __init__(self, storage: Storage, clock: Clock, quota: Quota = UNLIMITED) -> None:
        """Take what it needs: where to keep, the time, and how much one account may hold."""
        self._storage = storage
        self._clock = clock
        self._quota = quota

    async def begin(
        self, author: AccountId, parts: AsyncGenerator[Sequence[Entry]], *, dry_run: bool = False
    ) -> AsyncGenerator[Sequence[Outcome]]:
        """Begin to add what is not there yet, a part in a transaction each, and say what became of it.

        What was added stays, whatever comes later; repeating all of it adds what is missing and nothing twice. A post
        that is there is never changed.

        Args:
            author: Who brings them in.
            parts: What is brought in, some at a time; closed in the end.
            dry_run: Whether only to say what would become of it.

        Returns:
            What became of it, as much at a time as comes; it raises what this does, also in the middle.

        Raises:
            AccountGone: The account was removed or disabled meanwhile.
            StorageUnavailable: The database does not answer.
        """
        account = await self._storage.read(lambda work: work.accounts.find(author))
        if account is None:
            raise AccountGone
        importing = (_DryRun if dry_run else _Import)(self._storage, account, self._quota, self._clock.now())
        return _outcomes(importing, parts)


async def _outcomes(importing: "_Import", parts: AsyncGenerator[Sequence[Entry]]) -> AsyncGenerator[Sequence[Outcome]]:
    """Take part by part."""
    try:
        async with aclosing(parts):
            async for part in parts:
                yield await importing.take(part)
    finally:
        if not importing.dry_run:
            log.info("posts_imported", extra={"account": importing.account.id, "posts": importing.added})


class _Import:
    """One bringing in, from its first part to its last.

    Attributes:
        account: Whose, as it was at the beginning.
        added: How many posts were added by now.
    """

    def __init__(self, storage: Storage, account: Account, quota: Quota, now: datetime) -> None:
        """Take where to keep, whose account as it is at the beginning, how much it may hold, and the time."""
        self._storage = storage
        self.account = account
        self._quota = quota
        self._now = now
        self._is_full = False
        self.added = 0

    @property
    def dry_run(self) -> bool:
        """Whether only the answer is left of it."""
        return False

    async def take(self, part: Sequence[Entry]) -> Sequence[Outcome]:
        """Add some entries, and say what became of each."""
        found = [(entry, self._read(entry)) for entry in part]
        for _ in range(_RUNS):
            try:
                return await self._take(found)
            except PostPresent:
                # Somebody else adds the same ones at this moment; now they are there.
                continue
        raise StorageUnavailable

    async def _take(self, found: Sequence[tuple[Entry, Post | PostkeepError]]) -> list[Outcome]:
        """Add what is not there yet."""
        posts = [post for _, post in found if isinstance(post, Post)]
        there = await self._find(posts)
        missing = {post.id: post for post in reversed(posts) if post.id not in there}
        kept = {post.id: post for post in await self._keep([*reversed(missing.values())])}
        outcomes: list[Outcome] = []
        added: set[PostId] = set()
        for entry, post in found:
            if not isinstance(post, Post):
                outcomes.append(Outcome.refused(entry, post))
            elif post.id in there or post.id in added:
                outcomes.append(Outcome.existing(entry, post, there.get(post.id) or kept.get(post.id)))
            elif post.id in kept:
                added.add(post.id)
                self.added += 1
                outcomes.append(Outcome(entry.name, Kind.ADDED, post.id))
            else:
                outcomes.append(Outcome.refused(entry, QuotaExceeded()))
        return outcomes

    def _read(self, entry: Entry) -> Post | PostkeepError:
        """Make the post of an entry, or say why there is none."""
        if isinstance(entry.post, PostkeepError):
            return entry.post
        try:
            return entry.post.post(self.account.id, now=self._now, undated=self.account.created_date)
        except PostkeepError as error:
            return error

    async def _find(self, posts: Sequence[Post]) -> Mapping[PostId, Post | None]:
        """Return which of some posts are there, and those of them that may be the same.

        Whoever has another size is another one, and not read: there may be a hundred of a megabyte each.
        """
        author = self.account.id
        sizes = await self._storage.read(lambda work: work.imports.sizes(author, [post.id for post in posts]))
        alike = {post.id: post.bytes for post in posts if sizes.get(post.id) == post.bytes}
        if not alike:
            return dict.fromkeys(sizes)
        same = await self._storage.read(lambda work: work.imports.find(author, [*alike]), weight=sum(alike.values()))
        return dict.fromkeys(sizes) | {post.id: post for post in same}

    async def _keep(self, posts: Sequence[Post]) -> Sequence[Post]:
        """Add as many as there is room for, in their order, and return them; what follows the first without is refused.

        Raises:
            PostPresent: One of them is there by now; none was added.
        """
        if not posts or self._is_full:
            return ()
        try:
            await self._add(posts)
        except QuotaExceeded:
            if len(posts) == 1:
                self._is_full = True
                return ()
            middle = len(posts) // 2
            return [*await self._keep(posts[:middle]), *await self._keep(posts[middle:])]
        return posts

    async def _add(self, posts: Sequence[Post]) -> None:
        """Add some posts, all or none.

        Raises:
            QuotaExceeded: There is no room for all of them.
        """

        async def unit(work: UnitOfWork) -> None:
            await work.imports.add(posts, self._quota)

        await self._storage.transact(self.account.id, unit, weight=sum(post.bytes for post in posts))


class _DryRun(_Import):
    """The same, of which only the answer is left."""

    def __init__(self, storage: Storage, account: Account, quota: Quota, now: datetime) -> None:
        """Begin with what there is."""
        super().__init__(storage, account, quota, now)
        self._posts = account.posts
        self._bytes = account.bytes
        # Hashes, which need less room than ids: there may be very many.
        self._seen: set[int] = set()

    @property
    def dry_run(self) -> bool:
        """Whether only the answer is left of it."""
        return True

    async def _find(self, posts: Sequence[Post]) -> Mapping[PostId, Post | None]:
        """Return also which would be there by now."""
        there = await super()._find(posts)
        return {post.id: post for post in posts if hash(post.id) in self._seen} | dict(there)

    async def _add(self, posts: Sequence[Post]) -> None:
        """Count what would be added."""
        size = sum(post.bytes for post in posts)
        if self._posts + len(posts) > self._quota.posts or self._bytes + size > self._quota.bytes:
            raise QuotaExceeded
        self._posts += len(posts)
        self._bytes += size
        self._seen.update(hash(post.id) for post in posts)
