"""Many posts at once in the database. Every statement names their account."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, delete, select, update

from postkeep.domain.accounts import AccountId
from postkeep.domain.edits import PostsAbsent
from postkeep.domain.posts import PostId, Status
from postkeep.storage.edits import WRITTEN
from postkeep.storage.owners import ACTIVE, OWNER
from postkeep.storage.statements import Parameters, numbered, padded
from postkeep.storage.tables import AccountRow, Id, PostRow
from postkeep.storage.transaction import AlreadyDone, Transaction

# Of statements, see `padded`; MariaDB makes a table of a list of a thousand.
_SIZES: Final = (8, 64, 500)
_CHOSEN: Final = {
    size: (
        PostRow.account_id == bindparam("owner"),
        PostRow.id.in_([bindparam(name, type_=Id()) for name in numbered("id", size)]),
    )
    for size in _SIZES
}

_CLAIM: Final = update(AccountRow).where(OWNER, ACTIVE).values(posts_version=AccountRow.posts_version + 1)
_COUNT_OUT: Final = (
    update(AccountRow)
    .where(OWNER)
    .values(posts=AccountRow.posts - bindparam("number"), bytes=AccountRow.bytes - bindparam("size"))
)
_LOOK: Final = {
    size: select(PostRow.id, PostRow.bytes, PostRow.status, PostRow.created_date, PostRow.updated_date).where(*chosen)
    for size, chosen in _CHOSEN.items()
}
_SET_STATUS: Final = {
    size: update(PostRow)
    .where(*chosen, PostRow.status != bindparam("new_status"))
    .values(status=bindparam("new_status"), version=PostRow.version + 1, updated_date=WRITTEN)
    for size, chosen in _CHOSEN.items()
}
_REMOVE: Final = {size: delete(PostRow).where(*chosen) for size, chosen in _CHOSEN.items()}


class SqlBulk:
    """Many posts of one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        """Take the transaction to run statements in."""
        self._transaction = transaction

    async def set_status(self, author: AccountId, posts: Sequence[PostId], status: Status, now: datetime) -> int:
        """Give some of the author's posts a status; the unit's first statement is on the author's row.

        Returns:
            How many had another one, and have their next version now.

        Raises:
            PostsAbsent: Some are not there.
            AccountGone: The author's account is absent or disabled by now.
            StorageUnavailable: Nobody knows whether an earlier run of this unit did it, and others may have come later.
        """
        found = await self._claim(author, posts)
        if self._transaction.settling:
            # All or nothing: one that was written by the earlier run says that all were.
            if any(kept == status and updated == max(now, created) for _, _, kept, created, updated in found):
                raise AlreadyDone
            self._transaction.refuse_to_repeat()
        _refuse_absent(posts, found)
        changes = {"new_status": status.value, "now": now}
        return sum(
            [
                await self._transaction.write(author, _SET_STATUS[size], {**some, **changes})
                for size, some in _chunks(posts)
            ]
        )

    async def remove(self, author: AccountId, posts: Sequence[PostId]) -> int:
        """Remove some of the author's posts and count them out of the author's row, the unit's first statement.

        Returns:
            How many.

        Raises:
            PostsAbsent: Some are not there.
            AccountGone: The author's account is absent or disabled by now.
        """
        found = await self._claim(author, posts)
        # All or nothing, and nothing comes back: with one that is there, an earlier run has removed none.
        if self._transaction.settling and not found:
            raise AlreadyDone
        _refuse_absent(posts, found)
        counted = {"number": len(found), "size": sum(size for _, size, *_ in found)}
        await self._transaction.write(author, _COUNT_OUT, counted)
        for size, some in _chunks(posts):
            await self._transaction.remove(author, _REMOVE[size], some, there=len({*some.values()}))
        return len(found)

    async def _claim(self, author: AccountId, posts: Sequence[PostId]) -> list[Sequence[Any]]:
        """Take the author's row, so that nobody else changes the posts, and return what there is of them."""
        await self._transaction.claim(author, _CLAIM, {})
        found = [
            (await self._transaction.read(_LOOK[size], {"owner": author, **some})).rows for size, some in _chunks(posts)
        ]
        return [row for rows in found for row in rows]


def _chunks(posts: Sequence[PostId]) -> Iterator[tuple[int, Parameters]]:
    """Go through ids by as many as a statement takes: its size, and its values."""
    for begin in range(0, len(posts), _SIZES[-1]):
        some = posts[begin : begin + _SIZES[-1]]
        size = next(size for size in _SIZES if size >= len(some))
        yield size, padded(numbered("id", size), some)


def _refuse_absent(posts: Sequence[PostId], found: Sequence[Sequence[Any]]) -> None:
    """Refuse to change some posts where others are not there.

    Raises:
        PostsAbsent: Which.
    """
    there = {row[0] for row in found}
    absent = [post_id for post_id in posts if post_id not in there]
    if absent:
        raise PostsAbsent([str(post_id) for post_id in absent])
