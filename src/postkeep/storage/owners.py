"""The account's row, as the statements of whatever belongs to it begin with it."""

from typing import Final

from sqlalchemy import bindparam, select

from postkeep.domain.accounts import AccountId, AccountStatus
from postkeep.domain.posts import QuotaExceeded
from postkeep.storage.tables import AccountRow
from postkeep.storage.transaction import Transaction

OWNER: Final = AccountRow.id == bindparam("owner")
ACTIVE: Final = AccountRow.status == AccountStatus.ACTIVE.value

_IS_ACTIVE: Final = select(AccountRow.id).where(OWNER, ACTIVE)


async def refuse_if_full(transaction: Transaction, author: AccountId) -> None:
    """Tell why a statement found no row that asked for an active account with room: it has none, or it is gone.

    Raises:
        QuotaExceeded: It has none.
    """
    if (await transaction.read(_IS_ACTIVE, {"owner": author})).first() is not None:
        raise QuotaExceeded from None
