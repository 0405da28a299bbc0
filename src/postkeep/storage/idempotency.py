"""Keys of requests, and what they were used for, in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, delete, func, insert, select

from postkeep.domain.accounts import AccountId
from postkeep.domain.idempotency import MOST_KEYS, KeyUse, TooManyKeys
from postkeep.domain.posts import PostId
from postkeep.storage.statements import ConstraintBroken, numbered, padded
from postkeep.storage.tables import KeyRow
from postkeep.storage.transaction import Transaction

FORGOTTEN: Final = 16
"""How many expired keys are removed with each new one, at most: more than one, so none pile up."""

_NAMES: Final = numbered("key", FORGOTTEN)

_AUTHOR: Final = KeyRow.account_id == bindparam("owner")
_THIS: Final = (_AUTHOR, KeyRow.key_hash == bindparam("key_hash"))

_FIND: Final = select(KeyRow.account_id, KeyRow.key_hash, KeyRow.body_hash, KeyRow.post_id, KeyRow.created_date).where(
    *_THIS, KeyRow.created_date >= bindparam("oldest_alive")
)
_KEPT: Final = select(KeyRow.key_hash).where(*_THIS, KeyRow.post_id == bindparam("post_id"))
_MANY: Final = select(func.count()).select_from(
    select(KeyRow.key_hash).where(_AUTHOR).limit(bindparam("most")).subquery()
)
_ADD: Final = insert(KeyRow)
_EXPIRED: Final = (
    select(KeyRow.key_hash)
    .where(_AUTHOR, KeyRow.created_date < bindparam("oldest_alive"))
    .order_by(KeyRow.created_date)
    .limit(FORGOTTEN - 1)
)
_OWNERS_OVER: Final = (
    select(KeyRow.account_id)
    .where(KeyRow.account_id > bindparam("after"), KeyRow.created_date < bindparam("oldest_alive"))
    .distinct()
    .order_by(KeyRow.account_id)
    .limit(bindparam("at_most"))
)
# By their keys: SQLite knows no DELETE with a LIMIT, and servers find rows by a list that a subquery makes only by
# going through all of the account's.
_FORGET: Final = delete(KeyRow).where(
    _AUTHOR,
    KeyRow.key_hash.in_([bindparam(name) for name in _NAMES]),
    KeyRow.created_date < bindparam("oldest_alive"),
)


class SqlKeys:
    """The keys as one transaction sees them."""

    def __init__(self, transaction: Transaction) -> None:
        """Take the transaction to run statements in."""
        self._transaction = transaction

    async def find(self, use: KeyUse) -> KeyUse | None:
        """Return what the key is kept to have been used for, or None where it is not, or has expired by this use."""
        found = await self._transaction.read(
            _FIND, {"owner": use.author, "key_hash": use.key_hash, "oldest_alive": use.oldest_alive}
        )
        row = found.first()
        return None if row is None else _use_of(row)

    async def add(self, use: KeyUse) -> KeyUse:
        """Keep what a key is used for; its unit has begun with the account's row. Forgets some that have expired.

        Returns:
            What is kept under this key from now on: this use, or the one before.

        Raises:
            TooManyKeys: The author has used as many as are kept, and this is another one.
        """
        # The key itself if it has expired, and some of the account's others that have.
        expired = await self._expired(use.author, use.oldest_alive)
        await self._remove(use.author, [*expired, use.key_hash], use.oldest_alive)
        if await self._has_many(use.author):
            before = await self.find(use)
            if before is None:
                raise TooManyKeys
            return before
        try:
            await self._transaction.insert(use.author, _ADD, _values_of(use), _KEPT)
        except ConstraintBroken:
            before = await self.find(use)
            if before is None:
                raise
            return before
        return use

    async def _has_many(self, author: AccountId) -> bool:
        """Whether the author has as many keys as are kept."""
        found = await self._transaction.read(_MANY, {"owner": author, "most": MOST_KEYS})
        return bool(found.rows[0][0] >= MOST_KEYS)

    async def forget(self, author: AccountId, before: datetime) -> int:
        """Remove some of the author's keys that were used before then, oldest first; their unit has begun.

        Returns:
            How many it was; 0 where there are no more.
        """
        return await self._remove(author, await self._expired(author, before), before)

    async def owners_over(self, before: datetime, *, after: AccountId, limit: int) -> Sequence[AccountId]:
        """Return the first accounts with an id above `after` that have keys which `forget` would remove."""
        found = await self._transaction.read(_OWNERS_OVER, {"oldest_alive": before, "after": after, "at_most": limit})
        return [AccountId(owner) for (owner,) in found.rows]

    async def _expired(self, author: AccountId, before: datetime) -> list[bytes]:
        """Return the hashes of some of the author's oldest keys that were used before then."""
        found = await self._transaction.read(_EXPIRED, {"owner": author, "oldest_alive": before})
        return [bytes(key_hash) for (key_hash,) in found.rows]

    async def _remove(self, author: AccountId, hashes: Sequence[bytes], before: datetime) -> int:
        """Remove those of some keys that were used before then, and return how many it was."""
        if not hashes:
            return 0
        return await self._transaction.write(author, _FORGET, {**padded(_NAMES, hashes), "oldest_alive": before})


def _use_of(values: Sequence[Any]) -> KeyUse:
    """Make the use that a row holds, its values in the order of `_FIND`."""
    author, key_hash, body_hash, post_id, created = values
    return KeyUse(AccountId(author), bytes(key_hash), bytes(body_hash), PostId(post_id), created)


def _values_of(use: KeyUse) -> dict[str, object]:
    """Return a use's row."""
    return {
        "account_id": use.author,
        "key_hash": use.key_hash,
        "body_hash": use.body_hash,
        "post_id": use.post_id,
        "created_date": use.created_date,
    }
