"""Many posts at once: one change of all of them, or of none."""

import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from postkeep.domain.accounts import AccountId
from postkeep.domain.edits import MAX_BYTES_AT_ONCE, PostsAbsent, TooMuchAtOnce
from postkeep.domain.ids import parse_id
from postkeep.domain.posts import PostId, Status
from postkeep.services.ports import Clock, Storage
from postkeep.services.repositories import UnitOfWork

log = logging.getLogger(__name__)

_SUMMED_AT_ONCE: Final = 100
"""So many posts' bytes are read with one statement."""


class BulkService:
    """The use cases of many posts. Every one names whose posts it is about."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        """Take what it needs: where to keep, and the time."""
        self._storage = storage
        self._clock = clock

    async def set_status(self, author: AccountId, named: Sequence[str], status: Status, *, size: int = 0) -> int:
        """Give some of the author's own posts a status.

        Args:
            author: Whose posts.
            named: Their ids as the author sent them, each once.
            status: The status.
            size: About how many bytes all the author's posts have.

        Returns:
            How many had another one.

        Raises:
            PostsAbsent: Some are not there, or belong to someone else; nothing was changed.
            TooMuchAtOnce: They have too many bytes together.
            AccountGone: The account was removed or disabled meanwhile.
            StorageUnavailable: The database does not answer.
        """
        now = self._clock.now()
        changed = await self._change(
            author, named, lambda work, posts: work.bulk.set_status(author, posts, status, now), size
        )
        log.info("posts_changed", extra={"account": author, "posts": changed, "post_status": status.value})
        return changed

    async def delete(self, author: AccountId, named: Sequence[str], *, size: int = 0) -> int:
        """Delete some of the author's own posts.

        Args:
            author: Whose posts.
            named: Their ids as the author sent them, each once.
            size: About how many bytes all the author's posts have.

        Returns:
            How many.

        Raises:
            PostsAbsent: Some are not there, or belong to someone else; nothing was deleted.
            TooMuchAtOnce: They have too many bytes together.
            AccountGone: The account was removed or disabled meanwhile.
            StorageUnavailable: The database does not answer.
        """
        deleted = await self._change(author, named, lambda work, posts: work.bulk.remove(author, posts), size)
        log.info("posts_deleted", extra={"account": author, "posts": deleted})
        return deleted

    async def _change(
        self,
        author: AccountId,
        named: Sequence[str],
        change: Callable[[UnitOfWork, Sequence[PostId]], Coroutine[Any, Any, int]],
        size: int,
    ) -> int:
        """Change posts in one unit, and say in the author's own words which of them are not there."""
        parsed = {given: parse_id(given) for given in named}
        posts = [PostId(post_id) for post_id in parsed.values() if post_id is not None]
        await self._refuse_too_much(author, posts, size)
        changed = 0

        async def unit(work: UnitOfWork) -> None:
            nonlocal changed
            changed = await change(work, posts)
            if len(posts) < len(named):
                raise PostsAbsent

        try:
            await self._storage.transact(author, unit, weight=min(size, MAX_BYTES_AT_ONCE))
        except PostsAbsent as error:
            missing = set(error.absent)
            absent = [given for given, post_id in parsed.items() if post_id is None or str(post_id) in missing]
            log.info("posts_missed", extra={"account": author, "posts": len(absent)})
            raise PostsAbsent(absent) from None
        return changed

    async def _refuse_too_much(self, author: AccountId, posts: Sequence[PostId], size: int) -> None:
        """Refuse what would take long, before anybody waits for it; who has less than that is not even asked.

        Raises:
            TooMuchAtOnce: They have too many bytes together.
        """
        if size <= MAX_BYTES_AT_ONCE:
            return

        async def is_too_much(work: UnitOfWork) -> bool:
            """Add up until it is: behind the bytes of a thousand long posts stands a gigabyte to be read."""
            total = 0
            for begin in range(0, len(posts), _SUMMED_AT_ONCE):
                some = posts[begin : begin + _SUMMED_AT_ONCE]
                total += sum((await work.imports.sizes(author, some)).values())
                if total > MAX_BYTES_AT_ONCE:
                    return True
            return False

        if await self._storage.read(is_too_much, weight=size, asker=author):
            raise TooMuchAtOnce
