"""Removing accounts: a small one at once; a large one is closed at once, and what it holds goes bit by bit."""

import logging
from typing import Final

from postkeep.domain.accounts import Account, AccountGone, AccountId
from postkeep.domain.errors import Unavailable
from postkeep.services.ports import Storage
from postkeep.services.repositories import UnitOfWork

log = logging.getLogger(__name__)

AT_ONCE_POSTS: Final = 1000
AT_ONCE_BYTES: Final = 4 * 1024 * 1024
"""One unit removes no more than so many posts, and about so many bytes: everybody else's writes wait for it."""

SLICE_POSTS: Final = 64
"""Of a large account, whose posts may be long: finding out how long they are takes its time, too."""


class Removal:
    """Removes accounts with all that they hold."""

    def __init__(self, storage: Storage) -> None:
        """Take where everything is kept."""
        self._storage = storage

    async def remove(self, account: Account, *, proven_hash: str | None = None) -> None:
        """Remove an account; nobody can reach anything of it from then on.

        Args:
            account: Which, with about what it holds.
            proven_hash: What must still be its password's hash, and the account active, where its owner asks.

        Raises:
            AccountGone: It is absent, or no longer as was proven.
            StorageUnavailable: The database does not answer; nothing is removed.
        """
        is_small = account.posts <= AT_ONCE_POSTS and account.bytes <= AT_ONCE_BYTES

        async def unit(work: UnitOfWork) -> None:
            remove = work.accounts.remove if is_small else work.accounts.close
            await remove(account.id, proven_hash=proven_hash)

        await self._storage.transact(account.id, unit, weight=account.bytes if is_small else 0)
        if not is_small:
            try:
                await self.finish(account.id)
            except Unavailable:
                # It is closed; housekeeping removes what is left.
                log.warning("removal_unfinished", extra={"account": account.id})

    async def finish(self, account_id: AccountId) -> None:
        """Remove what a closed account holds, a little at a time, and the account in the end.

        Raises:
            StorageUnavailable: The database does not answer; the rest is still there.
        """
        removed = 1

        async def some(work: UnitOfWork) -> None:
            nonlocal removed
            removed = await work.posts.remove_some(account_id, at_most=SLICE_POSTS, about_bytes=AT_ONCE_BYTES)

        async def the_rest(work: UnitOfWork) -> None:
            await work.accounts.remove(account_id)

        try:
            while removed:
                await self._storage.transact(account_id, some, weight=AT_ONCE_BYTES)
            await self._storage.transact(account_id, the_rest)
        except AccountGone:
            # Somebody else was faster.
            return
