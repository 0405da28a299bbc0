"""The statements of lists: one SELECT for each kind of list, made once."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, Select, and_, bindparam, case, func, or_, select, type_coerce

from postkeep.domain.accounts import AccountId
from postkeep.domain.lists import EVERYTHING, Listing, Place, Sort, Summary
from postkeep.domain.posts import LIGHT_BYTES, ListedPost, PostId, Status
from postkeep.storage.limits import PART_LENGTH
from postkeep.storage.owners import OWNER
from postkeep.storage.statements import Parameters, Rows, Statement
from postkeep.storage.tables import AccountRow, IdText, MomentText, PostRow

LISTED: Final = (
    type_coerce(PostRow.id, IdText),
    PostRow.title,
    PostRow.text,
    PostRow.status,
    PostRow.version,
    type_coerce(PostRow.created_date, MomentText),
    type_coerce(PostRow.updated_date, MomentText),
)
"""The columns of a list, in the order of `ListedPost`, read as the text that they become."""

_SIZED: Final = (PostRow.id, PostRow.updated_date, PostRow.bytes)

_KEPT: Final = 256
"""More than there are kinds of lists."""


def list_statement(
    author: AccountId,
    listing: Listing = EVERYTHING,
    *,
    before: Place | None = None,
    last: Place | None = None,
    limit: int | None = None,
) -> tuple[Statement, Parameters]:
    """Return the SELECT of an author's posts: behind `before`, down to `last`, at most `limit`."""
    values = values_of_list(author, listing, before=before, last=last, limit=limit)
    return _list(*_kind(listing, before, last, limit)), values


def light_statement(
    author: AccountId, listing: Listing, *, before: Place | None, limit: int
) -> tuple[Statement, Parameters]:
    """Return the SELECT of the same where it is light (see `LIGHT_BYTES`), and of none of it otherwise."""
    return _light(*_kind(listing, before, None, limit)), values_of_list(author, listing, before=before, limit=limit)


def size_statement(
    author: AccountId, listing: Listing, *, before: Place | None, limit: int
) -> tuple[Statement, Parameters]:
    """Return the SELECT of the places and the bytes of the same."""
    return _sizes(*_kind(listing, before, None, limit)), values_of_list(author, listing, before=before, limit=limit)


def listed(rows: Rows) -> list[ListedPost]:
    """Make the posts that a list's rows hold."""
    return [ListedPost._make(row) for row in rows]


def is_part(posts: Sequence[ListedPost]) -> bool:
    """Whether so many posts are enough for one part of a long list."""
    return sum(len(post.text) for post in posts) >= PART_LENGTH


def sized(rows: Rows, sort: Sort) -> list[tuple[Place, int]]:
    """Make the places and bytes that such rows hold."""
    return [(place_of(row, sort), row[2]) for row in rows]


def place_of(row: Sequence[Any], sort: Sort) -> Place:
    """Make the place that a row says, which begins with an id and the moment of the last change."""
    post_id, changed = row[:2]
    return Place(PostId(post_id), changed if sort.is_by_change else None)


def _count_of(status: Status) -> ColumnElement[int]:
    """Count the posts of a status."""
    return func.count(case((PostRow.status == status.value, 1)))


# Read from an index: neither the texts nor what stands behind them is touched.
SUMMARY: Final = (
    select(*map(_count_of, Status), AccountRow.bytes)
    .select_from(AccountRow)
    .outerjoin(PostRow, PostRow.account_id == AccountRow.id)
    .where(OWNER)
    .group_by(AccountRow.id, AccountRow.bytes)
    .with_hint(PostRow, "FORCE INDEX (ix_posts_account_id_updated_date_id_status)", "mysql")
)


def summary_of(row: Sequence[Any]) -> Summary:
    """Make the summary that a row holds."""
    return Summary(**dict(zip(("drafts", "published", "archived"), row[:3], strict=True)), bytes=row[3])


def values_of_list(
    author: AccountId,
    listing: Listing,
    *,
    before: Place | None = None,
    last: Place | None = None,
    limit: int | None = None,
) -> Parameters:
    """Return the values of a list's statement."""
    return {
        "owner": author,
        "status": listing.status,
        "before": before and before.id,
        "before_date": before and before.updated_date,
        "last": last and last.id,
        "last_date": last and last.updated_date,
        "at_most": limit,
    }


def chosen(
    columns: Sequence[Any], sort: Sort, *, has_status: bool, has_before: bool, has_last: bool = False
) -> Select[Any]:
    """Return the SELECT of one kind of list, in its order, without a limit."""
    selected: Select[Any] = select(*columns)  # pyright: ignore[reportAssignmentType] - it cannot count the columns
    statement = selected.where(PostRow.account_id == bindparam("owner"))
    if has_status:
        statement = statement.where(PostRow.status == bindparam("status"))
    if has_before:
        statement = statement.where(_is_behind(sort))
    if has_last:
        statement = statement.where(_is_no_further(sort))
    keys = (PostRow.updated_date, PostRow.id) if sort.is_by_change else (PostRow.id,)
    return statement.order_by(*(key.desc() if sort.descends else key for key in keys))


def _is_behind(sort: Sort) -> ColumnElement[bool]:
    """Return the condition that a post stands behind a place.

    Of a moment and an id: the first comparison alone is what an index can be searched by.
    """
    changed, post_id = PostRow.updated_date, PostRow.id
    before, before_date = _a_place("before")
    is_behind = post_id < before if sort.descends else post_id > before
    if not sort.is_by_change:
        return is_behind
    if sort.descends:
        return and_(changed <= before_date, or_(changed < before_date, is_behind))
    return and_(changed >= before_date, or_(changed > before_date, is_behind))


def _is_no_further(sort: Sort) -> ColumnElement[bool]:
    """Return the condition that a post stands no further than a place, which counts."""
    changed, post_id = PostRow.updated_date, PostRow.id
    last, last_date = _a_place("last")
    is_no_further = post_id >= last if sort.descends else post_id <= last
    if not sort.is_by_change:
        return is_no_further
    if sort.descends:
        return and_(changed >= last_date, or_(changed > last_date, is_no_further))
    return and_(changed <= last_date, or_(changed < last_date, is_no_further))


def _a_place(name: str) -> tuple[BindParameter[UUID], BindParameter[datetime]]:
    """Return the values that a place is compared by."""
    return bindparam(name, type_=PostRow.id.type), bindparam(f"{name}_date", type_=PostRow.updated_date.type)


def _kind(
    listing: Listing, before: Place | None, last: Place | None, limit: int | None
) -> tuple[Sort, bool, bool, bool, bool]:
    """Say which kind of list this is."""
    return listing.sort, listing.status is not None, before is not None, last is not None, limit is not None


@lru_cache(_KEPT)
def _list(sort: Sort, has_status: bool, has_before: bool, has_last: bool, has_limit: bool) -> Select[Any]:  # noqa: FBT001 - a key of the cache
    """Make the SELECT of one kind of list."""
    statement = chosen(LISTED, sort, has_status=has_status, has_before=has_before, has_last=has_last)
    return statement.limit(bindparam("at_most")) if has_limit else statement


@lru_cache(_KEPT)
def _sizes(sort: Sort, has_status: bool, has_before: bool, _has_last: bool, _has_limit: bool) -> Select[Any]:  # noqa: FBT001 - a key of the cache
    """Make the SELECT of the places and the bytes of the same."""
    statement = chosen(_SIZED, sort, has_status=has_status, has_before=has_before)
    return statement.limit(bindparam("at_most"))


@lru_cache(_KEPT)
def _light(sort: Sort, has_status: bool, has_before: bool, _has_last: bool, _has_limit: bool) -> Select[Any]:  # noqa: FBT001 - a key of the cache
    """Make the SELECT of the same where it is light."""
    sizes = chosen([PostRow.bytes], sort, has_status=has_status, has_before=has_before).limit(bindparam("at_most"))
    size = select(func.sum(sizes.subquery().c.bytes)).scalar_subquery()
    return _list(sort, has_status, has_before, False, True).where(size <= LIGHT_BYTES)  # noqa: FBT003 - as above
