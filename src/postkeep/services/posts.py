"""Posts: adding, listing, reading and deleting one's own."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from postkeep.domain.accounts import AccountId
from postkeep.domain.posts import Post, PostAbsent, PostId, Status, Text, Title
from postkeep.services.ports import Clock, Storage, UnitOfWork

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """Some posts in a row, and whether more follow."""

    posts: Sequence[Post]
    has_more: bool


class PostService:
    """The use cases of posts. Every one names whose posts it is about."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        """Take what it needs: where to keep, and the time."""
        self._storage = storage
        self._clock = clock

    async def add(self, author: AccountId, text: Text, *, title: Title | None, status: Status) -> Post:
        """Keep a new post.

        Raises:
            AccountGone: The account was removed or disabled meanwhile.
            StorageUnavailable: The database does not answer.
        """
        post = Post.write(author, text, title=title, status=status, now=self._clock.now())

        async def unit(work: UnitOfWork) -> None:
            await work.posts.add(post)

        await self._storage.transact(author, unit)
        log.info("post_added", extra={"account": author, "post": post.id, "bytes": post.bytes})
        return post

    async def page(
        self, author: AccountId, *, limit: int | None = None, before: PostId | None = None, weight: int = 0
    ) -> Page:
        """Answer the author's own posts, newest first; one query.

        Args:
            author: Whose posts.
            limit: At most so many (1 or more), or None for all.
            before: Only those older than this one, which need not exist any more.
            weight: About how many bytes all the author's posts have.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        # One more than asked for says whether there are more.
        asked = None if limit is None else limit + 1
        posts = await self._storage.read(
            lambda work: work.posts.list_for(author, limit=asked, before=before), weight=weight
        )
        return Page(posts[:limit], has_more=limit is not None and len(posts) > limit)

    async def get(self, author: AccountId, post_id: PostId) -> Post:
        """Answer one of the author's own posts.

        Raises:
            PostAbsent: No such post, or it belongs to someone else.
            StorageUnavailable: The database does not answer.
        """
        post = await self._storage.read(lambda work: work.posts.find(author, post_id))
        if post is None:
            log.info("post_missed", extra={"account": author, "post": post_id})
            raise PostAbsent
        return post

    async def delete(self, author: AccountId, post_id: PostId) -> None:
        """Delete one of the author's own posts.

        Raises:
            PostAbsent: No such post, or it belongs to someone else.
            AccountGone: The account was removed or disabled meanwhile.
            StorageUnavailable: The database does not answer.
        """

        async def unit(work: UnitOfWork) -> None:
            if not await work.posts.remove(author, post_id):
                raise PostAbsent

        try:
            await self._storage.transact(author, unit)
        except PostAbsent:
            log.info("post_missed", extra={"account": author, "post": post_id})
            raise
        log.info("post_deleted", extra={"account": author, "post": post_id})
