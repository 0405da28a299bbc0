"""Posts in the database. Every statement names their account."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Final

from sqlalchemy import Select, bindparam, case, delete, func, insert, literal, select, update

from postkeep.domain.accounts import AccountGone, AccountId
from postkeep.domain.edits import ANY_VERSION, VersionConflict, Versions
from postkeep.domain.lists import EVERYTHING, Listing, Place, Summary
from postkeep.domain.posts import (
    UNLIMITED,
    ListedPost,
    Post,
    PostId,
    Quota,
    Status,
    Text,
    Title,
)
from postkeep.storage.lists import (
    SUMMARY,
    light_statement,
    list_statement,
    listed,
    size_statement,
    sized,
    summary_of,
)
from postkeep.storage.owners import ACTIVE, OWNER, refuse_if_full
from postkeep.storage.statements import Statement
from postkeep.storage.tables import AccountRow, PostRow
from postkeep.storage.transaction import AlreadyDone, Transaction
from postkeep.storage.versions import GUARDS, guard_of

POST: Final = (
    PostRow.id,
    PostRow.account_id,
    PostRow.text,
    PostRow.title,
    PostRow.status,
    PostRow.version,
    PostRow.created_date,
    PostRow.updated_date,
)

_AUTHOR: Final = PostRow.account_id == bindparam("owner")
_THIS: Final = (_AUTHOR, PostRow.id == bindparam("post_id"))

_FIND: Final = select(*POST).where(*_THIS)
_COUNT: Final = update(AccountRow).where(OWNER, ACTIVE)
_COUNT_IN: Final = _COUNT.where(
    AccountRow.posts < bindparam("most_posts"), AccountRow.bytes + bindparam("size") <= bindparam("most_bytes")
).values(
    posts_version=AccountRow.posts_version + 1,
    posts=AccountRow.posts + 1,
    bytes=AccountRow.bytes + bindparam("size"),
)
ADD: Final = insert(PostRow)
_KEPT: Final = select(PostRow.id).where(_AUTHOR, PostRow.id == bindparam("id"))

# Counting out needs the post's size, in the same statement that locks the account's row: asked for beforehand it could
# be another one's by then. Whoever takes the account's row first is waited for anyway; FOR UPDATE also waits for a hand
# that holds the post alone (SQLite has one writer and no such words). A post that is not there counts for nothing, and
# the DELETE says so.
_COUNTED: Final = (
    select(PostRow.bytes)
    .where(PostRow.account_id == AccountRow.id, PostRow.id == bindparam("post_id"))
    .correlate(AccountRow)
    .with_for_update()
)


def _counting_out(counted: Select[int]) -> Statement:
    """Make the statement that counts a post out, if there is one."""
    return _COUNT.values(
        posts_version=AccountRow.posts_version + 1,
        posts=AccountRow.posts - func.coalesce(counted.with_only_columns(literal(1)).scalar_subquery(), 0),
        bytes=AccountRow.bytes - func.coalesce(counted.scalar_subquery(), 0),
    )


_COUNT_OUT: Final = {size: _counting_out(_COUNTED.where(*guard)) for size, guard in GUARDS.items()}
_REMOVE: Final = {size: delete(PostRow).where(*_THIS, *guard) for size, guard in GUARDS.items()}
_VERSION: Final = select(PostRow.version).where(*_THIS)

_FIRST: Final = select(PostRow.id, PostRow.bytes).where(_AUTHOR).order_by(PostRow.id).limit(bindparam("at_most"))
_CLAIM: Final = update(AccountRow).where(OWNER).values(posts_version=AccountRow.posts_version + 1)
_COUNT_SOME_OUT: Final = (
    update(AccountRow)
    .where(OWNER)
    .values(
        # Whatever somebody did to the counts by hand, what goes must go.
        posts=case((AccountRow.posts > bindparam("number"), AccountRow.posts - bindparam("number")), else_=0),
        bytes=case((AccountRow.bytes > bindparam("size"), AccountRow.bytes - bindparam("size")), else_=0),
    )
)
_REMOVE_SOME: Final = delete(PostRow).where(_AUTHOR, PostRow.id <= bindparam("last"))


class SqlPosts:
    """The posts as one transaction sees them."""

    def __init__(self, transaction: Transaction) -> None:
        """Take the transaction to run statements in."""
        self._transaction = transaction

    async def find(self, author: AccountId, post_id: PostId) -> Post | None:
        """Return the author's post, or None."""
        found = await self._transaction.read(_FIND, {"owner": author, "post_id": post_id})
        row = found.first()
        return None if row is None else post_of(row)

    async def list_for(
        self,
        author: AccountId,
        listing: Listing = EVERYTHING,
        *,
        limit: int | None = None,
        before: Place | None = None,
        last: Place | None = None,
    ) -> Sequence[ListedPost]:
        """Return the author's posts in the listing's order: at most `limit`, those behind `before`, down to `last`."""
        statement = list_statement(author, listing, before=before, last=last, limit=limit)
        return listed((await self._transaction.read(*statement)).rows)

    async def list_light(
        self, author: AccountId, listing: Listing = EVERYTHING, *, limit: int, before: Place | None = None
    ) -> Sequence[ListedPost]:
        """Return what `list_for` would return if that is light (see `LIGHT_BYTES`), and none of it otherwise."""
        statement = light_statement(author, listing, before=before, limit=limit)
        return listed((await self._transaction.read(*statement)).rows)

    async def list_sizes(
        self, author: AccountId, listing: Listing = EVERYTHING, *, limit: int, before: Place | None = None
    ) -> Sequence[tuple[Place, int]]:
        """Return the places and the bytes of what `list_for` would return."""
        statement = size_statement(author, listing, before=before, limit=limit)
        return sized((await self._transaction.read(*statement)).rows, listing.sort)

    async def summarise(self, author: AccountId) -> Summary | None:
        """Return what the author has, as it is at one moment; None where there is no such account."""
        row = (await self._transaction.read(SUMMARY, {"owner": author})).first()
        return None if row is None else summary_of(row)

    async def add(self, post: Post, quota: Quota = UNLIMITED) -> None:
        """Keep a new post and count it in its author's row, which is the unit's first statement.

        Raises:
            QuotaExceeded: With it, the account would hold more than that.
            AccountGone: The author's account is absent or disabled by now.
            StorageUnavailable: Nobody knows whether an earlier run of this unit kept it; it is not there by now.
        """
        most = {"most_posts": quota.posts, "most_bytes": quota.bytes}
        try:
            await self._transaction.claim(post.author, _COUNT_IN, {"size": post.bytes, **most})
        except AccountGone:
            # An earlier run of this unit may have been the one that filled the account.
            await self._transaction.settle(_KEPT, {"owner": post.author, "id": post.id})
            await refuse_if_full(self._transaction, post.author)
            raise
        await self._transaction.insert(post.author, ADD, values_of(post), _KEPT)
        self._transaction.refuse_to_repeat()

    async def remove_some(self, author: AccountId, *, at_most: int, about_bytes: int) -> int:
        """Remove the first of the author's posts and count them out of the author's row; of a closed account, too.

        Args:
            author: Whose.
            at_most: How many.
            about_bytes: How many bytes they may have together; one of them may have more.

        Returns:
            How many were removed; 0 where there are no more.

        Raises:
            AccountGone: The author's account is absent by now.
        """
        # With the row in hand, nobody else removes or adds what is read now.
        await self._transaction.claim(author, _CLAIM, {})
        first = (await self._transaction.read(_FIRST, {"owner": author, "at_most": at_most})).rows
        if not first:
            return 0
        sizes = list(accumulate(size for _, size in first))
        number = max(1, bisect_right(sizes, about_bytes))
        await self._transaction.write(author, _COUNT_SOME_OUT, {"number": number, "size": sizes[number - 1]})
        await self._transaction.remove(author, _REMOVE_SOME, {"last": first[number - 1][0]}, there=number)
        return number

    async def remove(self, author: AccountId, post_id: PostId, versions: Versions = ANY_VERSION) -> bool:
        """Remove the author's post and count it out of the author's row, which is the unit's first statement.

        Returns:
            Whether there was one.

        Raises:
            VersionConflict: It has none of these versions.
            AccountGone: The author's account is absent or disabled by now.
        """
        size, guard = guard_of(versions)
        await self._transaction.claim(author, _COUNT_OUT[size], {"post_id": post_id, **guard})
        if await self._transaction.write(author, _REMOVE[size], {"post_id": post_id, **guard}) == 1:
            return True
        row = (await self._transaction.read(_VERSION, {"owner": author, "post_id": post_id})).first()
        if row is not None:
            if versions.named is None or row[0] in versions.named:
                self._transaction.refuse_unfinished()
            raise VersionConflict(row[0])
        if self._transaction.settling:
            raise AlreadyDone
        return False


def post_of(values: Sequence[Any]) -> Post:
    """Make the post that a row holds, its values in the order of `POST`."""
    post_id, author, text, title, status, version, created, updated = values
    return Post(
        id=PostId(post_id),
        author=AccountId(author),
        text=Text(text),
        title=None if title is None else Title(title),
        status=Status(status),
        version=version,
        created_date=created,
        updated_date=updated,
    )


def values_of(post: Post) -> dict[str, object]:
    """Return a post's row."""
    return {
        "account_id": post.author,
        "id": post.id,
        "title": post.title,
        "text": post.text,
        "status": post.status.value,
        "version": post.version,
        "bytes": post.bytes,
        "created_date": post.created_date,
        "updated_date": post.updated_date,
    }
