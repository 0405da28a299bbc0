"""Posts: adding, listing, reading, editing and deleting one's own."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from postkeep.domain.accounts import AccountGone, AccountId
from postkeep.domain.edits import ANY_VERSION, Changes, Edit, Revision, VersionRequired, Versions
from postkeep.domain.idempotency import IdempotencyKey
from postkeep.domain.lists import EVERYTHING, Listing, Place, Summary
from postkeep.domain.posts import (
    LISTED_BYTES,
    UNLIMITED,
    ListedPost,
    Post,
    PostAbsent,
    PostId,
    Quota,
    Status,
    Text,
    Title,
)
from postkeep.services.idempotency import KeyedAdds
from postkeep.services.ports import Clock, Storage
from postkeep.services.repositories import UnitOfWork
from postkeep.services.streaming import LongList, begin_list

log = logging.getLogger(__name__)

LONG_BYTES: Final = 1024 * 1024
"""A longer list is not held in memory as a whole."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some posts in a row.

    Attributes:
        posts: All of them, in the order of their list.
        last: Where the last of them stands, if more follow: behind it the next page begins.
    """

    posts: Sequence[ListedPost]
    last: Place | None


@dataclass(frozen=True, slots=True)
class LongPage(LongList):
    """More posts in a row than one wants to have in memory.

    Attributes:
        last: As in `Page`.
    """

    last: Place | None


class PostService:
    """The use cases of posts. Every one names whose posts it is about.

    Attributes:
        quota: How much one account may hold.
    """

    def __init__(self, storage: Storage, clock: Clock, quota: Quota = UNLIMITED) -> None:
        """Take what it needs: where to keep, the time, and how much one account may hold."""
        self._storage = storage
        self.quota = quota
        self._clock = clock
        self._keyed = KeyedAdds(storage, quota)

    async def add(
        self,
        author: AccountId,
        text: Text,
        *,
        title: Title | None,
        status: Status,
        key: IdempotencyKey | None = None,
    ) -> Post:
        """Keep a new post; with a key that has come with the same post before, answer that one as it was then.

        Raises:
            KeyInUse: This process is adding a post with this key.
            KeyReused: The key came with another post.
            TooManyKeys: The account has used as many keys as are kept.
            QuotaExceeded: The account would hold more than it may.
            AccountGone: The account was removed or disabled meanwhile.
            StorageUnavailable: The database does not answer.
        """
        post = Post.write(author, text, title=title, status=status, now=self._clock.now())
        if key is not None:
            return await self._keyed.add(post, key)

        async def unit(work: UnitOfWork) -> None:
            await work.posts.add(post, self.quota)

        await self._storage.transact(author, unit)
        log.info("post_added", extra={"account": author, "post": post.id, "bytes": post.bytes})
        return post

    async def page(
        self,
        author: AccountId,
        listing: Listing = EVERYTHING,
        *,
        limit: int | None = None,
        before: Place | None = None,
        size: int = 0,
    ) -> Page | LongPage:
        """Answer the author's own posts, or some of them, in order.

        Args:
            author: Whose posts.
            listing: Which of them, and in what order.
            limit: At most so many (1 or more), or None for all.
            before: Only those behind this place.
            size: About how many bytes the list of all the author's posts has.

        Raises:
            StorageUnavailable: The database does not answer, or too many long lists are being read.
        """
        if size <= LONG_BYTES:
            return await self._short_page(author, listing, limit, before, size)
        if limit is None:
            return await self._long_page(author, listing, before, None, size)
        # Where there are long posts, even finding out how long they are takes its time.
        light = await self._storage.read(
            lambda work: work.posts.list_light(author, listing, limit=limit + 1, before=before),
            weight=size,
            asker=author,
        )
        if light:
            return _page(light, listing, limit)
        sizes = await self._storage.read(
            lambda work: work.posts.list_sizes(author, listing, limit=limit + 1, before=before),
            weight=size,
            asker=author,
        )
        size = sum(each + LISTED_BYTES for _, each in sizes)
        if size <= LONG_BYTES:
            return await self._short_page(author, listing, limit, before, size)
        last = sizes[limit - 1][0] if len(sizes) > limit else None
        return await self._long_page(author, listing, before, last, size)

    async def _short_page(
        self, author: AccountId, listing: Listing, limit: int | None, before: Place | None, size: int
    ) -> Page:
        """Read a page as a whole."""
        # One more than asked for says whether there are more.
        asked = None if limit is None else limit + 1
        posts = await self._storage.read(
            lambda work: work.posts.list_for(author, listing, limit=asked, before=before), weight=size, asker=author
        )
        return _page(posts, listing, limit)

    async def _long_page(
        self, author: AccountId, listing: Listing, before: Place | None, last: Place | None, size: int
    ) -> LongPage:
        """Begin to read a page that is too long to be held as a whole."""
        begun = await begin_list(self._storage, author, listing, before=before, last=last, size=size)
        return LongPage(begun.parts, begun.recalled, last)

    async def summarise(self, author: AccountId, *, size: int = 0) -> Summary:
        """Count the author's posts.

        Args:
            author: Whose posts.
            size: About how many bytes the list of all the author's posts has.

        Raises:
            AccountGone: The account was removed meanwhile.
            StorageUnavailable: The database does not answer.
        """
        summary = await self._storage.read(lambda work: work.posts.summarise(author), weight=size, asker=author)
        if summary is None:
            raise AccountGone
        return summary

    async def size(self, author: AccountId, post_id: PostId) -> int:
        """Answer how many bytes one of the author's own posts has.

        Raises:
            PostAbsent: No such post, or it belongs to someone else.
            StorageUnavailable: The database does not answer.
        """
        sizes = await self._storage.read(lambda work: work.imports.sizes(author, [post_id]))
        if post_id not in sizes:
            log.info("post_missed", extra={"account": author, "post": post_id})
            raise PostAbsent
        return sizes[post_id]

    async def get(self, author: AccountId, post_id: PostId, *, size: int = 0) -> Post:
        """Answer one of the author's own posts.

        Args:
            author: Whose post.
            post_id: Which.
            size: About how many bytes it has, where it may be large.

        Raises:
            PostAbsent: No such post, or it belongs to someone else.
            StorageUnavailable: The database does not answer.
        """
        post = await self._storage.read(lambda work: work.posts.find(author, post_id), weight=size, asker=author)
        if post is None:
            log.info("post_missed", extra={"account": author, "post": post_id})
            raise PostAbsent
        return post

    async def edit(self, author: AccountId, post_id: PostId, changes: Changes, versions: Versions | None) -> Revision:
        """Change one of the author's own posts, unless it was changed since the version that the author has seen.

        Raises:
            PostAbsent: No such post, or it belongs to someone else.
            VersionRequired: No version is named.
            VersionConflict: The post has another one.
            PostTooLarge: Title and text would be more than a post may have.
            QuotaExceeded: The post grows, and the account would hold more than it may.
            AccountGone: The account was removed or disabled meanwhile.
            StorageUnavailable: The database does not answer.
        """
        if versions is None:
            await self.size(author, post_id)
            raise VersionRequired
        edit = Edit(author, post_id, changes, versions, self._clock.now())
        made: list[Revision] = []

        async def unit(work: UnitOfWork) -> None:
            made.append(await work.edits.make(edit, self.quota))

        try:
            await self._storage.transact(author, unit)
        except PostAbsent:
            log.info("post_missed", extra={"account": author, "post": post_id})
            raise
        # The last run is the one that was committed, or else the one before it, and that was found to have been.
        revision = made[-1]
        log.info("post_edited", extra={"account": author, "post": post_id, "post_version": revision.version})
        return revision

    async def delete(self, author: AccountId, post_id: PostId, versions: Versions = ANY_VERSION) -> None:
        """Delete one of the author's own posts; if it must have some version, only then.

        Raises:
            PostAbsent: No such post, or it belongs to someone else.
            VersionConflict: The post has another version.
            AccountGone: The account was removed or disabled meanwhile.
            StorageUnavailable: The database does not answer.
        """

        async def unit(work: UnitOfWork) -> None:
            if not await work.posts.remove(author, post_id, versions):
                raise PostAbsent

        try:
            await self._storage.transact(author, unit)
        except PostAbsent:
            log.info("post_missed", extra={"account": author, "post": post_id})
            raise
        log.info("post_deleted", extra={"account": author, "post": post_id})


def _page(posts: Sequence[ListedPost], listing: Listing, limit: int | None) -> Page:
    """Make a page of posts, which are one more than the limit where more follow."""
    if limit is None or len(posts) <= limit:
        return Page(posts, None)
    return Page(posts[:limit], listing.sort.place_of(posts[limit - 1]))
