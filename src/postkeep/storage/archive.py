"""The statements that read and fill a database as a whole, for either kind. See `services.archive.Archive`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Delete, Select, bindparam, delete, func, select

from postkeep.domain.accounts import Account
from postkeep.domain.posts import Post
from postkeep.domain.sessions import Session
from postkeep.services.archive import Amounts, BackupUnfit, Kept
from postkeep.services.ports import StorageUnavailable
from postkeep.storage import accounts, posts, sessions
from postkeep.storage.schema import VERSION
from postkeep.storage.statements import Parameters, Rows, Statement
from postkeep.storage.tables import AccountRow, PostRow, SessionRow


@dataclass(frozen=True, slots=True)
class Table:
    """How one kind of thing is read and written.

    Attributes:
        select: Reads all rows in their key's order.
        insert: Writes one row.
        thing_of: Makes the thing that a row holds.
        values_of: Returns the row of a thing.
    """

    select: Statement
    insert: Statement
    thing_of: Callable[[Sequence[Any]], Kept]
    # Each takes its own kind of thing, which is the key that it stands under.
    values_of: Callable[[Any], Parameters]


TABLES: Final[Mapping[type[Kept], Table]] = {
    Session: Table(
        select(*sessions.SESSION).order_by(SessionRow.account_id, SessionRow.id),
        sessions.ADD,
        sessions.session_of,
        sessions.values_of,
    ),
    Post: Table(
        select(*posts.POST).order_by(PostRow.account_id, PostRow.id), posts.ADD, posts.post_of, posts.values_of
    ),
    Account: Table(
        select(*accounts.ACCOUNT).order_by(AccountRow.id), accounts.ADD, accounts.account_of, accounts.values_of
    ),
}
"""Accounts come last: before they are there, nobody can get in to what belongs to them."""

DESCRIPTION: Final = select(
    select(VERSION.c.version_num).scalar_subquery(),
    select(func.count()).select_from(SessionRow).scalar_subquery(),
    select(func.coalesce(func.sum(AccountRow.posts), 0)).scalar_subquery(),
    select(func.count()).select_from(AccountRow).scalar_subquery(),
)
"""The schema's revision, and how much there is: posts as the accounts' rows count them, which takes no time."""

ANY_ACCOUNT: Final = select(AccountRow.id).limit(1)

STRAYS_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True)
class Strays:
    """Rows of one table that belong to no account: what a restoring left behind that did not come to its end.

    Attributes:
        find: Finds some accounts that are not there.
        remove: Removes some of the rows of one such account.
    """

    find: Select[Any]
    remove: Delete


def _strays_in(table: type[PostRow | SessionRow]) -> Strays:
    """Make the statements about one table."""
    # The accounts of a table are found by going from one to the next in its key.
    owners = select(table.account_id).distinct().subquery()
    absent = (
        select(owners.c.account_id)
        .outerjoin(AccountRow, AccountRow.id == owners.c.account_id)
        .where(AccountRow.id.is_(None))
        .limit(STRAYS_AT_ONCE)
    )
    rows = delete(table).where(table.account_id == bindparam("owner")).with_dialect_options(mysql_limit=1000)
    return Strays(absent, rows)


STRAYS: Final = (_strays_in(PostRow), _strays_in(SessionRow))


class DescribedSnapshot:
    """What a snapshot says of itself."""

    def __init__(self, described: Rows) -> None:
        """Take the row of `DESCRIPTION`."""
        ((self.revision, *amounts),) = described
        self.amounts = Amounts(*map(int, amounts))


def failed(error: Exception) -> StorageUnavailable:
    """Make the port's word for a database that fails, with the reason in the one line that the operator gets."""
    return StorageUnavailable(f"The database failed: {error}")


def unfit(error: Exception) -> BackupUnfit:
    """Make the port's word for what breaks a rule of the tables; the driver's own may name addresses."""
    refusal = BackupUnfit()
    refusal.__cause__ = error.with_traceback(None)
    return refusal
