"""Accounts: signing up, and what people do with their own."""

import logging
import secrets
from datetime import datetime, timedelta
from typing import Final

from postkeep.domain.accounts import Account, AccountGone, AccountId, Email, Password
from postkeep.domain.sessions import SALT_BYTES, Origin, PasswordWrong, Session, SessionId
from postkeep.services.attempts import AttemptService
from postkeep.services.passwords import PasswordPolicy
from postkeep.services.ports import Clock, PasswordHasher, Storage
from postkeep.services.removal import Removal
from postkeep.services.repositories import Unit, UnitOfWork

log = logging.getLogger(__name__)

_TURNS: Final = 5
"""How often a change of password starts over because the account changed between proving and keeping."""


class AccountService:
    """The use cases of accounts."""

    def __init__(  # noqa: PLR0913 - each is something else that it needs
        self,
        storage: Storage,
        hasher: PasswordHasher,
        attempts: AttemptService,
        policy: PasswordPolicy,
        clock: Clock,
        *,
        session_lifetime: timedelta,
    ) -> None:
        """Take what it needs: where to keep, how to hash, how often, which passwords, the time, a login's length."""
        self._storage = storage
        self._removal = Removal(storage)
        self._hasher = hasher
        self._attempts = attempts
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
            TooManyAttempts: Too many sign-ups came from there.
            HashingBusy: Too many people are logging in.
            StorageUnavailable: The database does not answer.
        """
        self._policy.check(password, email)
        self._hasher.refuse_if_busy(origin.network)
        async with self._attempts.signing_up(origin):
            account, session = await self._open(email, password, origin)
        log.info("signed_up", extra={"account": account.id, "session": session.id, "address": origin.address})
        return session

    async def _open(self, email: Email, password: Password, origin: Origin) -> tuple[Account, Session]:
        """Keep a new account and its first session."""
        account = Account.open(email, await self._hasher.hash(password, origin.network), now=self._clock.now())
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
        return account, session

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

    async def change_password(
        self, account_id: AccountId, session_id: SessionId, current: Password, new: Password, origin: Origin
    ) -> None:
        """Give one's own account a new password and end its other sessions.

        Args:
            account_id: Whose password it is.
            session_id: The session that stays.
            current: The password so far.
            new: The password from now on.
            origin: Where the request comes from.

        Raises:
            PasswordWrong: It is not the current password.
            TooManyAttempts: Too many failed before, of this account or from there.
            PasswordTooShort: The new one is shorter than this server asks for.
            PasswordCompromised: Others would guess the new one.
            AccountGone: The account was removed or disabled meanwhile.
            HashingBusy: Too many people are logging in.
            StorageUnavailable: The database does not answer.
        """
        for _ in range(_TURNS):
            account = await self._prove(account_id, current, origin)
            self._policy.check(new, account.email)
            unit = _change(account, await self._hasher.hash(new, origin.network), session_id, self._clock.now())
            try:
                await self._storage.transact(account.id, unit)
            except AccountGone:
                # What was proven is no longer what is kept: somebody else changed it, or a login hashed it anew.
                continue
            log.info("password_changed", extra={"account": account.id, "session": session_id})
            return
        raise PasswordWrong

    async def leave(self, account_id: AccountId, password: Password, origin: Origin) -> None:
        """Remove one's own account with its sessions and all its posts. There is no way back.

        Raises:
            PasswordWrong: It is not the account's password.
            TooManyAttempts: Too many failed before, of this account or from there.
            AccountGone: The account was removed or disabled meanwhile.
            HashingBusy: Too many people are logging in.
            StorageUnavailable: The database does not answer.
        """
        for _ in range(_TURNS):
            account = await self._prove(account_id, password, origin)
            try:
                await self._removal.remove(account, proven_hash=account.password_hash)
            except AccountGone:
                # As with a new password: whoever was cut off meanwhile removes nothing.
                continue
            log.info("account_deleted", extra={"account": account.id})
            return
        raise PasswordWrong

    async def _prove(self, account_id: AccountId, password: Password, origin: Origin) -> Account:
        """Return the account, whose owner knows its password; guesses count together with those at logging in."""
        self._hasher.refuse_if_busy(origin.network)
        account = await self.get(account_id)
        async with self._attempts.proving(account.email, origin):
            if not await self._hasher.verify(password, account.password_hash, origin.network):
                log.warning("password_refused", extra={"account": account.id, "address": origin.address})
                raise PasswordWrong
        return account


def _change(account: Account, password_hash: str, session_id: SessionId, now: datetime) -> Unit:
    """Make the unit that keeps a new password in place of the one that was proven."""

    async def unit(work: UnitOfWork) -> None:
        await work.accounts.admit(account.id, proven_hash=account.password_hash, kept_hash=password_hash)
        await work.sessions.end_all(account.id, now, but=session_id)

    return unit
