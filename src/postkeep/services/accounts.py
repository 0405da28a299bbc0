"""Accounts: signing up, and what an operator does with accounts."""

import logging
import secrets
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Final

from postkeep.domain.accounts import (
    PASSWORD_MIN_LENGTH,
    Account,
    AccountGone,
    AccountId,
    AccountStatus,
    Email,
    Password,
    PasswordCompromised,
)
from postkeep.domain.errors import Absent
from postkeep.domain.sessions import SALT_BYTES, Origin, Session
from postkeep.services.ports import Clock, CommonPasswords, PasswordHasher, Storage, UnitOfWork

log = logging.getLogger(__name__)

PRODUCT_NAME: Final = "postkeep"

PAGE: Final = 500
"""How many accounts are listed with one query."""


class AccountAbsent(Absent):
    """No account has this e-mail address."""

    code = "account_absent"


class PasswordPolicy:
    """Which passwords may be kept.

    Source: NIST SP 800-63B-4 3.1.1.2 (a minimum length, a list of what everybody tries, words of the context; no
    rules of composition).
    """

    def __init__(self, common: CommonPasswords, *, min_length: int = PASSWORD_MIN_LENGTH) -> None:
        """Take the list of common passwords, and the least number of code points (8 or more)."""
        self._common = common
        self._min_length = max(min_length, PASSWORD_MIN_LENGTH)

    def check(self, password: Password, email: Email) -> None:
        """Refuse a password that others would guess, with the reason.

        Raises:
            PasswordTooShort: Shorter than this server asks for.
            PasswordCompromised: Common, the person's own address, or this product's name with ornaments.
        """
        password.check_length(self._min_length)
        folded = password.secret.casefold()
        if folded in {email.key, email.address.casefold(), email.local_part}:
            reason = "The password is the e-mail address; others would try that first."
        elif "".join(c for c in folded if c.isalpha()) == PRODUCT_NAME:
            reason = "The password is this product's name; others would try that first."
        elif password in self._common:
            reason = "The password is on the lists of common passwords; others would try it first."
        else:
            return
        raise PasswordCompromised(reason)


class AccountService:
    """The use cases of accounts."""

    def __init__(
        self,
        storage: Storage,
        hasher: PasswordHasher,
        policy: PasswordPolicy,
        clock: Clock,
        *,
        session_lifetime: timedelta,
    ) -> None:
        """Take what it needs: where to keep, how to hash, which passwords, the time, how long a login lasts."""
        self._storage = storage
        self._hasher = hasher
        self._policy = policy
        self._clock = clock
        self._session_lifetime = session_lifetime

    async def signup(self, email: Email, password: Password, origin: Origin) -> Session:
        """Open an account and log in to it at once.

        Returns:
            The new account's first session.

        Raises:
            EmailTaken: The address has an account.
            PasswordTooShort: Shorter than this server asks for.
            PasswordCompromised: Others would guess it.
            HashingBusy: Too many people are logging in.
            StorageUnavailable: The database does not answer.
        """
        account = await self._prepare(email, password)
        session = Session.begin(
            account.id,
            origin,
            salt=secrets.token_bytes(SALT_BYTES),
            now=account.created_date,
            lifetime=self._session_lifetime,
        )

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.add(account)
            await work.sessions.add(session)

        await self._storage.transact(account.id, unit)
        log.info("signed_up", extra={"account": account.id, "session": session.id, "address": origin.address})
        return session

    async def get(self, account_id: AccountId) -> Account:
        """Answer an account as it is now.

        Raises:
            AccountGone: It was removed or disabled meanwhile.
            StorageUnavailable: The database does not answer.
        """
        account = await self._storage.read(lambda work: work.accounts.find(account_id))
        if account is None or not account.is_active:
            raise AccountGone
        return account

    async def create(self, email: Email, password: Password) -> Account:
        """Open an account for somebody else: no login.

        Raises:
            EmailTaken: The address has an account.
            PasswordTooShort: Shorter than this server asks for.
            PasswordCompromised: Others would guess it.
            StorageUnavailable: The database does not answer.
        """
        account = await self._prepare(email, password)

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

    async def reset_password(self, email: Email, password: Password) -> None:
        """Give an account a new password and end all its sessions.

        Raises:
            AccountAbsent: No account has this address.
            PasswordTooShort: Shorter than this server asks for.
            PasswordCompromised: Others would guess it.
            StorageUnavailable: The database does not answer.
        """
        account = await self._find(email)
        self._policy.check(password, email)
        password_hash = await self._hasher.hash(password)
        now = self._clock.now()

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.set_password(account.id, password_hash)
            await work.sessions.end_all(account.id, now)

        await self._storage.transact(account.id, unit)
        log.info("password_reset", extra={"account": account.id})

    async def disable(self, email: Email) -> None:
        """Keep an account and its posts, but let nobody in; its sessions end.

        Raises:
            AccountAbsent: No account has this address.
            StorageUnavailable: The database does not answer.
        """
        account = await self._find(email)
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
            StorageUnavailable: The database does not answer.
        """
        account = await self._find(email)

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
        account = await self._find(email)

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.remove(account.id)

        await self._storage.transact(account.id, unit)
        log.info("account_deleted", extra={"account": account.id})

    async def _prepare(self, email: Email, password: Password) -> Account:
        """Make the account that is to be kept; hashing happens here, outside any unit."""
        self._policy.check(password, email)
        password_hash = await self._hasher.hash(password)
        return Account.open(email, password_hash, now=self._clock.now())

    async def _page(self, after: str) -> Sequence[Account]:
        """Read the accounts that come next behind an address."""
        return await self._storage.read(lambda work: work.accounts.list_all(after=after, limit=PAGE))

    async def _find(self, email: Email) -> Account:
        """Find an account by its address, or refuse."""
        account = await self._storage.read(lambda work: work.accounts.find_by_email(email))
        if account is None:
            raise AccountAbsent
        return account
