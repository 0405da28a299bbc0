"""Accounts in the database."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, literal_column, select, update

from postkeep.domain.accounts import Account, AccountGone, AccountId, AccountStatus, Email, EmailTaken
from postkeep.domain.posts import LISTED_BYTES
from postkeep.services.repositories import Stamp
from postkeep.storage.owners import ACTIVE, OWNER
from postkeep.storage.statements import ConstraintBroken, numbered, padded
from postkeep.storage.tables import AccountRow, Id, PostRow, SessionRow
from postkeep.storage.transaction import AlreadyDone, Transaction

ACCOUNT: Final = (
    AccountRow.id,
    AccountRow.email,
    AccountRow.email_key,
    AccountRow.password_hash,
    AccountRow.status,
    AccountRow.access_version,
    AccountRow.posts_version,
    AccountRow.posts,
    AccountRow.bytes,
    AccountRow.created_date,
)

STAMP: Final = (
    AccountRow.access_version,
    AccountRow.posts_version,
    AccountRow.bytes + AccountRow.posts * literal_column(str(LISTED_BYTES)),
)
"""A stamp's columns, in its order."""

_ACCESS_RAISED: Final = {"access_version": AccountRow.access_version + 1}

_FIND: Final = select(*ACCOUNT).where(OWNER)
_CLOSED_PREFIX: Final = "+closed."
"""How the address of a closed account begins, so that its key finds it; others may begin so, too."""

_AFTER_CLOSED: Final = b"+closed/"
_CLOSED_SUFFIX: Final = "@closed.invalid"
"""How it ends; nobody can have such an address. Source: RFC 2606 2."""

_FIND_BY_EMAIL: Final = select(*ACCOUNT).where(AccountRow.email_key == bindparam("email_key"))
_LIST: Final = (
    select(*ACCOUNT)
    .where(AccountRow.email_key > bindparam("after"))
    .order_by(AccountRow.email_key)
    .limit(bindparam("at_most"))
)
_STAMPS: Final = {
    size: select(AccountRow.id, *STAMP).where(
        AccountRow.id.in_([bindparam(name, type_=Id()) for name in numbered("id", size)])
    )
    for size in (1, 8, 64)
}
_MOST_STAMPS: Final = max(_STAMPS)
ADD: Final = insert(AccountRow)
_CLAIM_ACCESS: Final = update(AccountRow).where(OWNER, ACTIVE).values(_ACCESS_RAISED)
_ADMIT: Final = (
    update(AccountRow)
    .where(OWNER, ACTIVE, AccountRow.password_hash.in_([bindparam("proven_hash"), bindparam("kept_hash")]))
    .values({**_ACCESS_RAISED, "password_hash": bindparam("kept_hash")})
)
_NOT_CLOSED: Final = AccountRow.email_key != bindparam("closed_key")
_SET_PASSWORD: Final = (
    update(AccountRow).where(OWNER, _NOT_CLOSED).values({**_ACCESS_RAISED, "password_hash": bindparam("kept_hash")})
)
_SET_STATUS: Final = (
    update(AccountRow).where(OWNER, _NOT_CLOSED).values({**_ACCESS_RAISED, "status": bindparam("new_status")})
)
_CLAIM_ANY: Final = update(AccountRow).where(OWNER).values(_ACCESS_RAISED)
_CLAIM_PROVEN: Final = _CLAIM_ACCESS.where(AccountRow.password_hash == bindparam("proven_hash"))
_CLOSED: Final[dict[str, Any]] = {
    "status": AccountStatus.DISABLED.value,
    "email": bindparam("closed_email"),
    "email_key": bindparam("closed_key"),
}
_CLOSE: Final = _CLAIM_ANY.values(_CLOSED)
_CLOSE_PROVEN: Final = _CLAIM_PROVEN.values(_CLOSED)
_LIST_CLOSED: Final = (
    select(AccountRow.id)
    .where(
        # All that begin so: the address's key is found by its beginning.
        AccountRow.email_key > bindparam("from_key"),
        AccountRow.email_key < bindparam("to_key"),
        AccountRow.email.endswith(_CLOSED_SUFFIX),
        AccountRow.status == AccountStatus.DISABLED.value,
    )
    .order_by(AccountRow.email_key)
    .limit(bindparam("at_most"))
)
_REMOVE_POSTS: Final = delete(PostRow).where(PostRow.account_id == bindparam("owner"))
_REMOVE_SESSIONS: Final = delete(SessionRow).where(SessionRow.account_id == bindparam("owner"))
_REMOVE: Final = delete(AccountRow).where(OWNER)


class SqlAccounts:
    """The accounts as one transaction sees them."""

    def __init__(self, transaction: Transaction) -> None:
        """Take the transaction to run statements in."""
        self._transaction = transaction

    async def find(self, account_id: AccountId) -> Account | None:
        """Return the account, or None."""
        found = await self._transaction.read(_FIND, {"owner": account_id})
        row = found.first()
        return None if row is None else account_of(row)

    async def find_by_email(self, email: Email) -> Account | None:
        """Return the account known by this address, or None."""
        found = await self._transaction.read(_FIND_BY_EMAIL, {"email_key": email.key.encode()})
        row = found.first()
        return None if row is None else account_of(row)

    async def list_all(self, *, after: str, limit: int) -> Sequence[Account]:
        """Return up to `limit` accounts in the order of their e-mail keys, those behind the key `after`."""
        found = await self._transaction.read(_LIST, {"after": after.encode(), "at_most": limit})
        return [account_of(row) for row in found.rows]

    async def stamps(self, account_ids: Sequence[AccountId]) -> Mapping[AccountId, Stamp]:
        """Return the stamps of those accounts that are there."""
        found: dict[AccountId, Stamp] = {}
        for begin in range(0, len(account_ids), _MOST_STAMPS):
            asked = account_ids[begin : begin + _MOST_STAMPS]
            size = next(size for size in _STAMPS if size >= len(asked))
            parameters = padded(numbered("id", size), asked)
            found.update(map(_stamp_of, (await self._transaction.read(_STAMPS[size], parameters)).rows))
        return found

    async def add(self, account: Account) -> None:
        """Keep a new account. The first statement of its unit.

        Raises:
            EmailTaken: Another account has this address.
            StorageUnavailable: Nobody knows whether an earlier run of this unit kept it; it is not there by now.
        """
        try:
            await self._transaction.open(account.id, ADD, values_of(account))
        except ConstraintBroken as error:
            await self._transaction.settle(_FIND, {"owner": account.id})
            if violates(error, "uq_accounts_email_key", "accounts.email_key"):
                # The driver's error names the address; it ends here.
                raise EmailTaken from None
            raise
        self._transaction.refuse_to_repeat()

    async def claim_access(self, account_id: AccountId) -> None:
        """Begin a unit that changes who may get in to an active account.

        Raises:
            AccountGone: It is absent or disabled.
        """
        await self._transaction.claim(account_id, _CLAIM_ACCESS, {})

    async def claim(self, account_id: AccountId) -> None:
        """Begin a unit about an account, disabled ones included.

        Raises:
            AccountGone: It is absent.
        """
        await self._transaction.claim(account_id, _CLAIM_ANY, {})

    async def admit(self, account_id: AccountId, *, proven_hash: str, kept_hash: str) -> None:
        """Begin a unit that lets in somebody who has proven the password behind `proven_hash`.

        Raises:
            AccountGone: It is absent or disabled, or its password hash is another by now.
        """
        await self._transaction.claim(account_id, _ADMIT, {"proven_hash": proven_hash, "kept_hash": kept_hash})

    async def set_password(self, account_id: AccountId, password_hash: str) -> None:
        """Begin a unit with a new password; disabled accounts included.

        Raises:
            AccountGone: It is absent, or closed.
        """
        values = {"kept_hash": password_hash, "closed_key": _closed_address(account_id).encode()}
        await self._transaction.claim(account_id, _SET_PASSWORD, values)

    async def set_status(self, account_id: AccountId, status: AccountStatus) -> None:
        """Begin a unit with a new status.

        Raises:
            AccountGone: It is absent, or closed: there is no way back.
        """
        values = {"new_status": status.value, "closed_key": _closed_address(account_id).encode()}
        await self._transaction.claim(account_id, _SET_STATUS, values)

    async def close(self, account_id: AccountId, *, proven_hash: str | None = None) -> None:
        """Disable an account for good and take its address and sessions from it: only removing it is left to do.

        Args:
            account_id: Which.
            proven_hash: As in `remove`.

        Raises:
            AccountGone: As in `remove`.
        """
        address = _closed_address(account_id)
        values = {"proven_hash": proven_hash, "closed_email": address, "closed_key": address.encode()}
        try:
            await self._transaction.claim(account_id, _CLOSE if proven_hash is None else _CLOSE_PROVEN, values)
        except AccountGone:
            closed = await self.find(account_id) if self._transaction.settling else None
            if closed is not None and closed.email.key == address:
                raise AlreadyDone from None
            raise
        await self._transaction.write(account_id, _REMOVE_SESSIONS, {})

    async def list_closed(self, *, after: AccountId, limit: int) -> Sequence[AccountId]:
        """Return the first accounts with an id above `after` that were closed and are still there."""
        bounds = {"from_key": _closed_address(after).encode(), "to_key": _AFTER_CLOSED, "at_most": limit}
        found = (await self._transaction.read(_LIST_CLOSED, bounds)).rows
        return [AccountId(account_id) for (account_id,) in found]

    async def remove(self, account_id: AccountId, *, proven_hash: str | None = None) -> None:
        """Remove the account with all its sessions, posts and keys. The first statements of its unit.

        Args:
            account_id: Which.
            proven_hash: What the row must still hold, of an active account, where its owner asks; None where an
                operator does.

        Raises:
            AccountGone: It is absent, or no longer as was proven.
        """
        claim = _CLAIM_ANY if proven_hash is None else _CLAIM_PROVEN
        try:
            await self._transaction.claim(account_id, claim, {"proven_hash": proven_hash})
        except AccountGone:
            # Only one that is gone may have been removed by an earlier run of this unit.
            if self._transaction.settling and await self.find(account_id) is None:
                raise AlreadyDone from None
            raise
        for statement in (_REMOVE_POSTS, _REMOVE_SESSIONS):
            await self._transaction.write(account_id, statement, {})
        try:
            await self._transaction.remove(account_id, _REMOVE, {}, there=1)
        except ConstraintBroken:
            # Something of the account's is still there.
            self._transaction.refuse_unfinished()


def _closed_address(account_id: AccountId) -> str:
    """Return the address of an account that was closed; they ascend as the ids do."""
    return f"{_CLOSED_PREFIX}{account_id}{_CLOSED_SUFFIX}"


def account_of(values: Sequence[Any]) -> Account:
    """Make the account that a row holds, its values in the order of `ACCOUNT`."""
    account_id, email, key, password_hash, status, access_version, posts_version, posts, size, created = values
    return Account(
        id=AccountId(account_id),
        email=Email(address=email, key=bytes(key).decode()),
        password_hash=password_hash,
        status=AccountStatus(status),
        access_version=access_version,
        posts_version=posts_version,
        posts=posts,
        bytes=size,
        created_date=created,
    )


def violates(error: ConstraintBroken, name: str, columns: str) -> bool:
    """Whether an INSERT collided with a unique constraint.

    Args:
        error: What the driver said.
        name: The constraint's name, which MySQL and MariaDB say.
        columns: Its "table.column" list, which SQLite says instead.
    """
    said = str(error)
    return name in said or columns in said


def _stamp_of(values: Sequence[Any]) -> tuple[AccountId, Stamp]:
    """Make the stamp that a row holds, with whose it is."""
    account_id, *numbers = values
    return AccountId(account_id), Stamp(*numbers)


def values_of(account: Account) -> dict[str, object]:
    """Return an account's row."""
    return {
        "id": account.id,
        "email": account.email.address,
        "email_key": account.email.key.encode(),
        "password_hash": account.password_hash,
        "status": account.status.value,
        "access_version": account.access_version,
        "posts_version": account.posts_version,
        "posts": account.posts,
        "bytes": account.bytes,
        "created_date": account.created_date,
    }
