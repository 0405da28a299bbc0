"""Administration: what an operator does with accounts, who names them by their addresses."""

import logging
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Final

from postkeep.domain.accounts import Account, AccountStatus, Email, Password
from postkeep.domain.attempts import NOWHERE
from postkeep.domain.errors import Absent
from postkeep.domain.sessions import Session
from postkeep.services.passwords import PasswordPolicy
from postkeep.services.ports import Clock, PasswordHasher, Storage
from postkeep.services.removal import Removal
from postkeep.services.repositories import UnitOfWork

log = logging.getLogger(__name__)

PAGE: Final = 500
"""How many accounts are listed with one query."""


class AccountAbsent(Absent):
    """No account has this e-mail address."""

    code = "account_absent"


class AdministrationService:
    """The use cases of operators."""

    def __init__(
        self, storage: Storage, hasher: PasswordHasher, policy: PasswordPolicy, clock: Clock, *, idle: timedelta
    ) -> None:
        """Take what it needs: where to keep, how to hash, which passwords, the time, when an idle session ends."""
        self._storage = storage
        self._removal = Removal(storage)
        self._hasher = hasher
        self._policy = policy
        self._clock = clock
        self._idle = idle

    async def create(self, email: Email, password: Password) -> Account:
        """Open an account for somebody else: no login.

        Raises:
            EmailTaken: The address has an account.
            PasswordTooShort: Shorter than this server asks for.
            PasswordCompromised: Others would guess it.
            StorageUnavailable: The database does not answer.
        """
        self._policy.check(password, email)
        account = Account.open(email, await self._hasher.hash(password, NOWHERE), now=self._clock.now())

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.add(account)

        await self._storage.transact(account.id, unit)
        log.info("account_created", extra={"account": account.id})
        return account

    async def list_all(self) -> AsyncIterator[Account]:
        """Yield every account in the order of its e-mail key, a page at a time.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        page = await self._page("")
        while page:
            for account in page:
                yield account
            page = await self._page(page[-1].email.key)

    async def find(self, email: Email) -> Account:
        """Find an account by its address.

        Raises:
            AccountAbsent: No account has this address.
            StorageUnavailable: The database does not answer.
        """
        account = await self._storage.read(lambda work: work.accounts.find_by_email(email))
        if account is None:
            raise AccountAbsent
        return account

    async def reset_password(self, email: Email, password: Password) -> None:
        """Give an account a new password and end all its sessions.

        Raises:
            AccountAbsent: No account has this address.
            AccountGone: It was deleted in this moment.
            PasswordTooShort: Shorter than this server asks for.
            PasswordCompromised: Others would guess it.
            StorageUnavailable: The database does not answer.
        """
        account = await self.find(email)
        self._policy.check(password, email)
        password_hash = await self._hasher.hash(password, NOWHERE)
        now = self._clock.now()

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.set_password(account.id, password_hash)
            await work.sessions.end_all(account.id, now)

        await self._storage.transact(account.id, unit)
        log.info("password_reset", extra={"account": account.id})

    async def list_sessions(self, email: Email) -> Sequence[Session]:
        """Answer an account's sessions that are live, the newest login first.

        Raises:
            AccountAbsent: No account has this address.
            StorageUnavailable: The database does not answer.
        """
        account = await self.find(email)
        now = self._clock.now()
        active = await self._storage.read(lambda work: work.sessions.list_active(account.id))
        return [session for session in active if session.is_live(now, self._idle)]

    async def end_sessions(self, email: Email) -> None:
        """End all sessions of an account.

        Raises:
            AccountAbsent: No account has this address.
            AccountGone: It is disabled: its sessions have ended.
            StorageUnavailable: The database does not answer.
        """
        account = await self.find(email)
        now = self._clock.now()

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.claim_access(account.id)
            await work.sessions.end_all(account.id, now)

        await self._storage.transact(account.id, unit)
        log.info("sessions_ended", extra={"account": account.id})

    async def disable(self, email: Email) -> None:
        """Keep an account and its posts, but let nobody in; its sessions end.

        Raises:
            AccountAbsent: No account has this address.
            AccountGone: It was deleted in this moment.
            StorageUnavailable: The database does not answer.
        """
        account = await self.find(email)
        now = self._clock.now()

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.set_status(account.id, AccountStatus.DISABLED)
            await work.sessions.end_all(account.id, now)

        await self._storage.transact(account.id, unit)
        log.info("account_disabled", extra={"account": account.id})

    async def enable(self, email: Email) -> None:
        """Let the account's owner log in again.

        Raises:
            AccountAbsent: No account has this address.
            AccountGone: It was deleted in this moment.
            StorageUnavailable: The database does not answer.
        """
        account = await self.find(email)

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.set_status(account.id, AccountStatus.ACTIVE)

        await self._storage.transact(account.id, unit)
        log.info("account_enabled", extra={"account": account.id})

    async def delete(self, email: Email) -> None:
        """Remove an account with its sessions and all its posts. There is no way back.

        Raises:
            AccountAbsent: No account has this address.
            StorageUnavailable: The database does not answer.
        """
        account = await self.find(email)
        await self._removal.remove(account)
        log.info("account_deleted", extra={"account": account.id})

    async def _page(self, after: str) -> Sequence[Account]:
        """Read the accounts that come next behind an address."""
        return await self._storage.read(lambda work: work.accounts.list_all(after=after, limit=PAGE))
