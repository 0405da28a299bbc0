"""Several posts of an account at once. Every statement names their account."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import bindparam, insert, select, update

from postkeep.domain.accounts import AccountGone, AccountId
from postkeep.domain.incoming import PostPresent
from postkeep.domain.posts import UNLIMITED, Post, PostId, Quota
from postkeep.storage.owners import ACTIVE, OWNER, refuse_if_full
from postkeep.storage.posts import POST, post_of, values_of
from postkeep.storage.statements import ConstraintBroken, Rows, Statement
from postkeep.storage.tables import AccountRow, Id, PostRow
from postkeep.storage.transaction import AlreadyDone, Transaction

_SIZES: Final = (100, 10, 1)
"""For so many posts there is a statement each: whoever prepares statements prepares these once."""

_COUNT_IN: Final = (
    update(AccountRow)
    .where(
        OWNER,
        ACTIVE,
        AccountRow.posts + bindparam("number") <= bindparam("most_posts"),
        AccountRow.bytes + bindparam("size") <= bindparam("most_bytes"),
    )
    .values(
        posts_version=AccountRow.posts_version + 1,
        posts=AccountRow.posts + bindparam("number"),
        bytes=AccountRow.bytes + bindparam("size"),
    )
)


def _among(columns: Sequence[Any], size: int) -> Statement:
    """Make the SELECT of some posts by their ids."""
    these = PostRow.id.in_([bindparam(f"id_{n}", type_=Id()) for n in range(size)])
    return select(*columns).where(PostRow.account_id == bindparam("owner"), these)


def _addition(size: int) -> Statement:
    """Make the INSERT of some posts."""
    columns = PostRow.__table__.columns
    return insert(PostRow).values(
        [{column.name: bindparam(f"{column.name}_{n}", type_=column.type) for column in columns} for n in range(size)]
    )


_BYTES: Final = {size: _among((PostRow.id, PostRow.bytes), size) for size in _SIZES}
_FIND: Final = {size: _among(POST, size) for size in _SIZES}
_ADD: Final = {size: _addition(size) for size in _SIZES}


class SqlImports:
    """Several posts at once, as one transaction sees them."""

    def __init__(self, transaction: Transaction) -> None:
        """Take the transaction to run statements in."""
        self._transaction = transaction

    async def sizes(self, author: AccountId, post_ids: Sequence[PostId]) -> Mapping[PostId, int]:
        """Return the bytes of those of the author's posts that are there."""
        return {PostId(post_id): size for post_id, size in await self._read(_BYTES, author, post_ids)}

    async def find(self, author: AccountId, post_ids: Sequence[PostId]) -> Sequence[Post]:
        """Return those of the author's posts that are there."""
        return [post_of(row) for row in await self._read(_FIND, author, post_ids)]

    async def add(self, posts: Sequence[Post], quota: Quota = UNLIMITED) -> None:
        """Keep new posts of one author and count them in the author's row, which is the unit's first statement.

        Raises:
            PostPresent: One of them is there.
            QuotaExceeded: With them, the account would hold more than that.
            AccountGone: The author's account is absent or disabled by now.
            StorageUnavailable: Nobody knows whether an earlier run of this unit kept them; they are not there by now.
        """
        author = posts[0].author
        numbers = {"number": len(posts), "size": sum(post.bytes for post in posts)}
        most = {"most_posts": quota.posts, "most_bytes": quota.bytes}
        try:
            await self._transaction.claim(author, _COUNT_IN, {**numbers, **most})
        except AccountGone:
            # An earlier run of this unit may have been the one that filled the account.
            await self._settle(author, posts)
            await refuse_if_full(self._transaction, author)
            raise
        await self._settle(author, posts)
        self._transaction.refuse_to_repeat()
        try:
            for some in _split(posts):
                await self._transaction.write(author, _ADD[len(some)], _numbered(some))
        except ConstraintBroken:
            if await self.sizes(author, [post.id for post in posts]):
                raise PostPresent from None
            raise

    async def _settle(self, author: AccountId, posts: Sequence[Post]) -> None:
        """While settling, look whether an earlier run of this unit was done: only then all of them can be there.

        Raises:
            AlreadyDone: It was.
        """
        if self._transaction.settling and len(await self.sizes(author, [post.id for post in posts])) == len(posts):
            raise AlreadyDone

    async def _read(self, statements: Mapping[int, Statement], author: AccountId, post_ids: Sequence[PostId]) -> Rows:
        """Read some posts by their ids."""
        rows: list[Sequence[Any]] = []
        for some in _split(post_ids):
            values = {f"id_{n}": post_id for n, post_id in enumerate(some)}
            rows += (await self._transaction.read(statements[len(some)], {"owner": author, **values})).rows
        return rows


def _split(things: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Split things into as many at a time as there are statements for."""
    begin = 0
    while begin < len(things):
        size = next(size for size in _SIZES if size <= len(things) - begin)
        yield things[begin : begin + size]
        begin += size


def _numbered(posts: Sequence[Post]) -> dict[str, object]:
    """Return posts' rows as the values of one statement."""
    return {f"{name}_{n}": value for n, post in enumerate(posts) for name, value in values_of(post).items()}
