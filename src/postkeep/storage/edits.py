"""Edits of posts in the database. Every statement names their account."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    LargeBinary,
    String,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    update,
)

from postkeep.domain.accounts import AccountGone
from postkeep.domain.edits import Edit, Revision, VersionConflict
from postkeep.domain.posts import MAX_BODY_BYTES, UNLIMITED, Post, PostAbsent, PostTooLarge, Quota
from postkeep.storage.owners import ACTIVE, OWNER, refuse_if_full
from postkeep.storage.posts import POST, post_of
from postkeep.storage.statements import Statement
from postkeep.storage.tables import AccountRow, PostRow, UtcDateTime
from postkeep.storage.transaction import AlreadyDone, Transaction
from postkeep.storage.versions import GUARDS, guard_of

_THIS: Final = (PostRow.account_id == bindparam("owner"), PostRow.id == bindparam("post_id"))

WRITTEN: Final = case(
    (PostRow.created_date > bindparam("now", type_=UtcDateTime()), PostRow.created_date),
    else_=bindparam("now", type_=UtcDateTime()),
)
"""When a post is written now: never before its first moment."""

# How large texts are is not asked: a megabyte would be read for it. A title is short.
_TITLE_SIZE: Final = func.coalesce(func.length(cast(PostRow.title, LargeBinary)), 0)
_NEW_SIZE: Final = func.coalesce(bindparam("text_size", type_=Integer()), PostRow.bytes - _TITLE_SIZE) + func.coalesce(
    bindparam("title_size", type_=Integer()), _TITLE_SIZE
)
# A post that is too large, from when edits were not held to this, can still be made shorter.
_FITS: Final = or_(literal_column(str(MAX_BODY_BYTES)) >= _NEW_SIZE, PostRow.bytes >= _NEW_SIZE)

_FIND: Final = select(*POST).where(*_THIS)
_REVISION: Final = select(PostRow.version, PostRow.created_date, PostRow.updated_date).where(*_THIS)


class _Statements(NamedTuple):
    """An edit's statements, where it may start from so many versions.

    Attributes:
        claim: On the account's row: the version that caches live by, and the bytes that the post grows by.
        write: On the post.
    """

    claim: Statement
    write: Statement


def _growth(size: int) -> ColumnElement[int]:
    """Say by how much an edit with one guard makes its post grow.

    As for deleting, what is counted must be what is locked. A post that the guard does not fit counts for nothing.
    """
    return func.coalesce(
        select(_NEW_SIZE - PostRow.bytes)
        .where(PostRow.account_id == AccountRow.id, PostRow.id == bindparam("post_id"), *GUARDS[size])
        .correlate(AccountRow)
        .with_for_update()
        .scalar_subquery(),
        0,
    )


def _statements(size: int) -> _Statements:
    """Make the statements of edits with one guard."""
    growth = _growth(size)
    most = bindparam("most_bytes", type_=BigInteger())
    # Whoever holds more than he may, because that was lowered, can still make posts shorter.
    room = case((AccountRow.bytes < most, most - AccountRow.bytes), else_=0)
    return _Statements(
        update(AccountRow)
        .where(OWNER, ACTIVE, growth <= room)
        .values(posts_version=AccountRow.posts_version + 1, bytes=AccountRow.bytes + growth),
        # In this order: to servers, a column that was set has its new value from then on.
        update(PostRow)
        .where(*_THIS, *GUARDS[size], _FITS)
        .ordered_values(
            (PostRow.bytes, _NEW_SIZE),
            (
                PostRow.title,
                case((bindparam("title_size").is_(None), PostRow.title), else_=bindparam("title", type_=String())),
            ),
            (PostRow.text, func.coalesce(bindparam("text", type_=String()), PostRow.text)),
            (PostRow.status, func.coalesce(bindparam("new_status", type_=String()), PostRow.status)),
            (PostRow.version, PostRow.version + 1),
            (PostRow.updated_date, WRITTEN),
        ),
    )


_EDITING: Final[Mapping[int, _Statements]] = {size: _statements(size) for size in GUARDS}


class SqlEdits:
    """The edits of one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        """Take the transaction to run statements in."""
        self._transaction = transaction

    async def make(self, edit: Edit, quota: Quota = UNLIMITED) -> Revision:
        """Edit a post and count its new size in its author's row, which is the unit's first statement.

        Raises:
            PostAbsent: The author has no such post.
            VersionConflict: It has none of the versions that the edit may start from.
            PostTooLarge: It would be larger than any post may be.
            QuotaExceeded: The post grows, and the account would hold more than that.
            AccountGone: The author's account is absent or disabled by now.
            StorageUnavailable: Nobody knows whether an earlier run of this unit made the edit, and others came later.
        """
        this = {"owner": edit.author, "post_id": edit.post_id}
        size, guard = guard_of(edit.versions)
        values = {**this, **guard, **_values_of(edit)}
        try:
            await self._transaction.claim(edit.author, _EDITING[size].claim, {**values, "most_bytes": quota.bytes})
        except AccountGone:
            await self._settle(edit)
            await refuse_if_full(self._transaction, edit.author)
            raise
        await self._settle(edit)
        is_made = await self._transaction.write(edit.author, _EDITING[size].write, values) == 1
        found = (await self._transaction.read(_REVISION, this)).first()
        if found is None:
            raise PostAbsent
        if not is_made:
            raise PostTooLarge if found[0] in edit.versions else VersionConflict(found[0])
        return Revision(edit.post_id, *found)

    async def _settle(self, edit: Edit) -> None:
        """While settling, find out whether an earlier run of this unit made the edit. The account's row is in hand.

        Versions only rise. So if the post has the lowest version that the edit may have started from, or the next one
        and by another hand, the edit was not made. Above that, or where the post is gone, it may have been made and
        have been seen: to make it again would undo what came later, and to refuse it would deny it.

        Raises:
            AlreadyDone: It did.
            StorageUnavailable: Nobody can tell.
        """
        if not self._transaction.settling:
            return
        row = (await self._transaction.read(_FIND, {"owner": edit.author, "post_id": edit.post_id})).first()
        post: Post | None = None if row is None else post_of(row)
        if post is not None and edit.made(post):
            raise AlreadyDone
        if post is None or post.version > edit.versions.lowest + 1:
            self._transaction.refuse_to_repeat()


def _values_of(edit: Edit) -> dict[str, object]:
    """Return what an edit's statements need to know of it; a size is None where its column stays."""
    changes = edit.changes
    return {
        "text": changes.text,
        "text_size": None if changes.text is None else len(changes.text.encode()),
        "title": changes.title,
        "title_size": len((changes.title or "").encode()) if changes.sets_title else None,
        "new_status": None if changes.status is None else changes.status.value,
        "now": edit.now,
    }
