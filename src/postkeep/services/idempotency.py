"""Adding posts with keys: a request that is repeated adds nothing, and gets the first one's answer."""

import logging
from dataclasses import replace
from typing import Final

from postkeep.domain.accounts import AccountId
from postkeep.domain.idempotency import IdempotencyKey, KeyInUse, KeyReused, KeyUse
from postkeep.domain.posts import Post, Quota, QuotaExceeded
from postkeep.services.ports import Storage
from postkeep.services.repositories import UnitOfWork

log: Final = logging.getLogger(__name__)


class _UsedBefore(Exception):
    """The key was used before."""

    def __init__(self, use: KeyUse) -> None:
        """Remember for what."""
        super().__init__()
        self.use = use


class KeyedAdds:
    """Adds posts that come with keys.

    A key is kept in the unit that adds its post, so there is the one if and only if there was the other. The account's
    row makes the units of all processes take turns. What is said at once of a key under way spares waiting; nothing
    depends on it.
    """

    def __init__(self, storage: Storage, quota: Quota) -> None:
        """Take where to keep, and how much one account may hold."""
        self._storage = storage
        self._quota = quota
        self._under_way: set[tuple[AccountId, bytes]] = set()

    async def add(self, post: Post, key: IdempotencyKey) -> Post:
        """Keep a new post, unless its key has come before.

        Returns:
            The post as it was when it was added, now or before.

        Raises:
            KeyInUse: This process is adding a post with this key.
            KeyReused: The key came with something else.
            TooManyKeys: The account has used as many keys as are kept.
            QuotaExceeded: The account would hold more than it may.
            AccountGone: The account was removed or disabled meanwhile.
            StorageUnavailable: The database does not answer.
        """
        use = KeyUse.of(key, post)
        name = (use.author, use.key_hash)
        if name in self._under_way:
            raise KeyInUse
        self._under_way.add(name)
        try:
            return await self._add_once(post, use)
        finally:
            self._under_way.discard(name)

    async def _add_once(self, post: Post, use: KeyUse) -> Post:
        """Keep a post and its key together, or find out what the key was used for."""

        async def unit(work: UnitOfWork) -> None:
            try:
                await work.posts.add(post, self._quota)
            except QuotaExceeded:
                # The first request may have been the one that filled the account.
                kept = await work.keys.find(use)
                if kept is None:
                    raise
            else:
                kept = await work.keys.add(use)
            if kept != use:
                raise _UsedBefore(kept)

        try:
            await self._storage.transact(post.author, unit)
        except _UsedBefore as before:
            return _as_added(post, use, before.use)
        log.info("post_added", extra={"account": post.author, "post": post.id, "bytes": post.bytes})
        return post


def _as_added(post: Post, use: KeyUse, before: KeyUse) -> Post:
    """Return the post that the key was used for before, as it was then.

    Raises:
        KeyReused: It was another one.
    """
    if before.body_hash != use.body_hash:
        log.info("idempotency_key_reused", extra={"account": post.author, "post": before.post_id})
        raise KeyReused
    log.info("post_add_repeated", extra={"account": post.author, "post": before.post_id})
    moment = before.created_date
    return replace(post, id=before.post_id, created_date=moment, updated_date=moment)
