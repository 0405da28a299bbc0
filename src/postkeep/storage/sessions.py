"""Sessions in the database."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, or_, select, update

from postkeep.domain.accounts import Account, AccountId, Email
from postkeep.domain.sessions import Origin, Session, SessionId, SessionStatus
from postkeep.storage.accounts import ACCOUNT, account_of
from postkeep.storage.clock import utc_now
from postkeep.storage.tables import AccountRow, SessionRow
from postkeep.storage.transaction import Transaction

SESSION: Final = (
    SessionRow.id,
    SessionRow.account_id,
    SessionRow.salt,
    SessionRow.counter,
    SessionRow.status,
    SessionRow.device,
    SessionRow.address,
    SessionRow.created_date,
    SessionRow.refreshed_date,
    SessionRow.expires_date,
    SessionRow.ended_date,
)

_ACTIVE: Final = SessionRow.status == SessionStatus.ACTIVE.value
_OF_ACCOUNT: Final = SessionRow.account_id == bindparam("owner")
_THIS: Final = (_OF_ACCOUNT, SessionRow.id == bindparam("session_id"))

_FIND: Final = select(*SESSION, utc_now()).where(SessionRow.id == bindparam("session_id"))
_FIND_ACCOUNT: Final = (
    select(*ACCOUNT, *SESSION).join_from(SessionRow, AccountRow, AccountRow.id == SessionRow.account_id).where(*_THIS)
)
_LIST: Final = select(*SESSION).where(_OF_ACCOUNT, _ACTIVE).order_by(SessionRow.id.desc())
_ADDRESSES: Final = (
    select(SessionRow.address)
    .join_from(SessionRow, AccountRow, AccountRow.id == SessionRow.account_id)
    .where(AccountRow.email_key == bindparam("email_key"))
    .distinct()
)
ADD: Final = insert(SessionRow)
_KEPT: Final = select(SessionRow.id).where(_OF_ACCOUNT, SessionRow.id == bindparam("id"))
_ADVANCE: Final = (
    update(SessionRow)
    .where(*_THIS, _ACTIVE, SessionRow.counter == bindparam("used_counter"))
    .values(counter=SessionRow.counter + 1, refreshed_date=utc_now())
)
_ENDED: Final = update(SessionRow).values(status=SessionStatus.ENDED.value, ended_date=bindparam("now"))
_END: Final = _ENDED.where(*_THIS, _ACTIVE)
_END_ALL: Final = _ENDED.where(_OF_ACCOUNT, _ACTIVE)
# MySQL lets nobody look into the table that is changed but through a table made of it.
_NEWEST: Final = (
    select(SessionRow.id)
    .where(_OF_ACCOUNT, _ACTIVE)
    .order_by(SessionRow.id.desc())
    .limit(1)
    .offset(bindparam("others"))
    .subquery()
)
_END_OLDEST: Final = _END_ALL.where(SessionRow.id < select(_NEWEST.c.id).scalar_subquery())
_OVER: Final = or_(SessionRow.ended_date < bindparam("before"), SessionRow.expires_date < bindparam("before"))
_FORGET: Final = delete(SessionRow).where(_OF_ACCOUNT, _OVER)
_NEWEST_ENDED: Final = (
    select(SessionRow.id)
    .where(_OF_ACCOUNT, SessionRow.status == SessionStatus.ENDED.value)
    .order_by(SessionRow.id.desc())
    .limit(1)
    .offset(bindparam("others"))
    .subquery()
)
_FORGET_OLDEST: Final = delete(SessionRow).where(
    _OF_ACCOUNT,
    SessionRow.status == SessionStatus.ENDED.value,
    SessionRow.id <= select(_NEWEST_ENDED.c.id).scalar_subquery(),
)
_OWNERS_OVER: Final = (
    select(SessionRow.account_id)
    .where(SessionRow.account_id > bindparam("after"), _OVER)
    .distinct()
    .order_by(SessionRow.account_id)
    .limit(bindparam("at_most"))
)
_END_OTHERS: Final = _END_ALL.where(SessionRow.id != bindparam("but"))


class SqlSessions:
    """The sessions as one transaction sees them."""

    def __init__(self, transaction: Transaction) -> None:
        """Take the transaction to run statements in."""
        self._transaction = transaction

    async def find(self, session_id: SessionId) -> tuple[Session, timedelta] | None:
        """Return the session and how long ago it was refreshed by the database's clock, or None."""
        found = await self._transaction.read(_FIND, {"session_id": session_id})
        row = found.first()
        if row is None:
            return None
        session, database_now = session_of(row[:-1]), row[-1]
        return session, database_now - session.refreshed_date

    async def find_account(self, account_id: AccountId, session_id: SessionId) -> tuple[Account, Session] | None:
        """Return an account and one of its sessions with a single query, or None where either is absent."""
        found = await self._transaction.read(_FIND_ACCOUNT, {"owner": account_id, "session_id": session_id})
        row = found.first()
        return None if row is None else (account_of(row[: len(ACCOUNT)]), session_of(row[len(ACCOUNT) :]))

    async def list_active(self, account_id: AccountId) -> Sequence[Session]:
        """Return the account's sessions that nobody has ended, the newest login first."""
        return [session_of(row) for row in (await self._transaction.read(_LIST, {"owner": account_id})).rows]

    async def addresses(self, email: Email) -> Sequence[str]:
        """Return the network addresses that the account known by this address was logged in from, each once."""
        found = await self._transaction.read(_ADDRESSES, {"email_key": email.key.encode()})
        return [address for (address,) in found.rows]

    async def add(self, session: Session) -> None:
        """Keep a new session; its unit has begun with the account's row."""
        await self._transaction.insert(session.account_id, ADD, values_of(session), _KEPT)

    async def advance(self, session: Session) -> bool:
        """Count the session's next refresh token as the current one, now by the database's clock.

        Returns:
            Whether it was still the session's turn: False if it ended or its counter is no longer `session.counter`.
        """
        values = {"session_id": session.id, "used_counter": session.counter}
        return await self._transaction.write(session.account_id, _ADVANCE, values) == 1

    async def end(self, session: Session, now: datetime) -> None:
        """End one session, unless it has ended."""
        await self._transaction.write(session.account_id, _END, {"session_id": session.id, "now": now})

    async def end_all(self, account_id: AccountId, now: datetime, *, but: SessionId | None = None) -> None:
        """End all sessions of an account, but one if that is named."""
        await self._transaction.write(account_id, _END_ALL if but is None else _END_OTHERS, {"now": now, "but": but})

    async def end_oldest(self, account_id: AccountId, now: datetime, *, keep: int) -> None:
        """End the account's oldest active sessions, so that no more than `keep` (1 or more) are left."""
        await self._transaction.write(account_id, _END_OLDEST, {"now": now, "others": keep - 1})

    async def forget(self, account_id: AccountId, before: datetime) -> int:
        """Remove the account's sessions that were over before then, ended or run out, and return how many it was."""
        return await self._transaction.write(account_id, _FORGET, {"before": before})

    async def forget_oldest(self, account_id: AccountId, *, keep: int) -> None:
        """Remove the account's oldest ended sessions, so that no more than `keep` are left."""
        await self._transaction.write(account_id, _FORGET_OLDEST, {"others": keep})

    async def owners_over(self, before: datetime, *, after: AccountId, limit: int) -> Sequence[AccountId]:
        """Return the first accounts with an id above `after` that have sessions which `forget` would remove."""
        found = await self._transaction.read(_OWNERS_OVER, {"before": before, "after": after, "at_most": limit})
        return [AccountId(owner) for (owner,) in found.rows]


def session_of(values: Sequence[Any]) -> Session:
    """Make the session that a row holds, its values in the order of `SESSION`."""
    session_id, account_id, salt, counter, status, device, address, created, refreshed, expires, ended = values
    return Session(
        id=SessionId(session_id),
        account_id=AccountId(account_id),
        salt=bytes(salt),
        counter=counter,
        status=SessionStatus(status),
        origin=Origin(device=device, address=address),
        created_date=created,
        refreshed_date=refreshed,
        expires_date=expires,
        ended_date=ended,
    )


def values_of(session: Session) -> dict[str, object]:
    """Return a session's row."""
    return {
        "id": session.id,
        "account_id": session.account_id,
        "salt": session.salt,
        "counter": session.counter,
        "status": session.status.value,
        "device": session.origin.device,
        "address": session.origin.address,
        "created_date": session.created_date,
        "refreshed_date": session.refreshed_date,
        "expires_date": session.expires_date,
        "ended_date": session.ended_date,
    }
