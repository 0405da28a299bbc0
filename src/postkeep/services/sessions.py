"""Sessions: logging in, renewing tokens, knowing who calls, logging out."""

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from postkeep.domain.accounts import Account, AccountGone, AccountId, Email, Password
from postkeep.domain.sessions import (
    SALT_BYTES,
    CredentialsInvalid,
    Origin,
    RefreshTokenInvalid,
    RefreshTokenReused,
    Session,
    SessionAbsent,
    SessionId,
    SessionStatus,
    TokenInvalid,
)
from postkeep.services.attempts import AttemptService
from postkeep.services.ports import Clock, PasswordHasher, Storage
from postkeep.services.repositories import Stamp, Unit, UnitOfWork
from postkeep.services.signers import AccessClaims, RefreshClaims, TokenSigner

log = logging.getLogger(__name__)

MOST_SESSIONS: Final = 100
"""How many sessions of one account are good at the same time; with one more, the oldest login ends."""

MOST_ENDED: Final = 100
"""How many of its ended sessions an account keeps: whoever logs in and out all day must not make logins slow."""

FORGET_AFTER: Final = timedelta(days=30)
"""So long after its end a session is removed: by the next login of its account, or by housekeeping."""

_TURNS = 5
"""How often a login or a renewal starts over because another one of the same account came first."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long sessions and their tokens last.

    Attributes:
        access: How long an access token counts.
        idle: A session ends when its tokens were not renewed for so long.
        lifetime: A session ends so long after the login, whatever happens.
        grace: How long a used refresh token may be sent again for the same successor (two tabs, a lost answer).
    """

    access: timedelta = timedelta(minutes=15)
    idle: timedelta = timedelta(days=14)
    lifetime: timedelta = timedelta(days=30)
    grace: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client needs to come back.

    Attributes:
        access: The access token.
        expires_in: For how long it counts, whole seconds.
        refresh: The refresh token, to be used once.
    """

    access: str
    expires_in: int
    refresh: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling: an active account, with a live session of it.

    Attributes:
        account_id: The account.
        session_id: The session that the token names.
        stamp: The account's, read no earlier than the request came. While its access version stays, so does all this.
        until: From this moment on the token or its session must be looked at again, whatever the stamp says.
    """

    account_id: AccountId
    session_id: SessionId
    stamp: Stamp
    until: datetime


class _Overtaken(Exception):
    """Another renewal of this session came first; look again."""


class SessionService:
    """The use cases of sessions."""

    def __init__(  # noqa: PLR0913 - each is something else that it needs
        self,
        storage: Storage,
        hasher: PasswordHasher,
        attempts: AttemptService,
        signer: TokenSigner,
        clock: Clock,
        *,
        limits: SessionLimits,
    ) -> None:
        """Take what it needs: where to keep, how to verify, how often, who signs, the time, how long things last."""
        self._storage = storage
        self._hasher = hasher
        self._attempts = attempts
        self._signer = signer
        self._clock = clock
        self._limits = limits

    async def login(self, email: Email | None, password: Password, origin: Origin) -> Session:
        """Let somebody in who knows the password, and leave a session behind.

        Unknown address, wrong password and disabled account look the same and take as long.

        Args:
            email: The address; None for what cannot be one.
            password: As typed.
            origin: Where the login comes from.

        Raises:
            CredentialsInvalid: Wrong, whatever is wrong.
            TooManyAttempts: Too many failed before, of this account or from there.
            HashingBusy: Too many people are logging in.
            StorageUnavailable: The database does not answer.
        """
        for _ in range(_TURNS):
            account = await self._prove(email, password, origin)
            kept_hash = account.password_hash
            if self._hasher.is_outdated(kept_hash):
                kept_hash = await self._hasher.hash(password, origin.network)
            session = self._begin(account, origin)
            try:
                await self._storage.transact(account.id, _admission(account, kept_hash, session))
            except AccountGone:
                # The account changed between proving and admitting (a parallel login hashed anew, a new password,
                # a disabled account): prove it again against what is kept now.
                continue
            log.info("logged_in", extra={"account": account.id, "session": session.id, "address": origin.address})
            return session
        raise CredentialsInvalid

    def tokens(self, session: Session) -> Tokens:
        """Make the tokens of a session as it is now; an access token never outlives its session."""
        issued = self._clock.now().replace(microsecond=0)
        expires = min(issued + self._limits.access, session.expires_date.replace(microsecond=0))
        claims = AccessClaims(session.account_id, session.id, issued, expires)
        return Tokens(
            access=self._signer.sign_access(claims),
            expires_in=int((expires - issued).total_seconds()),
            refresh=self._signer.sign_refresh(session),
        )

    async def authenticate(self, token: str) -> Caller:
        """Find out who calls with this access token; one query.

        Raises:
            TokenInvalid: It is not ours, or expired, or its session ended, or its account may not be used.
            StorageUnavailable: The database does not answer.
        """
        claims = self._signer.read_access(token)
        found = await self._storage.read(lambda work: work.sessions.find_account(claims.account_id, claims.session_id))
        if found is None:
            raise TokenInvalid
        account, session = found
        if not (account.is_active and session.is_live(self._clock.now(), self._limits.idle)):
            raise TokenInvalid
        # One statement read the stamp, the status and the session, so they belong together.
        stamp = Stamp.of(account)
        until = min(claims.expires, session.live_until(self._limits.idle))
        return Caller(account.id, session.id, stamp, until)

    async def refresh(self, token: str) -> Session:
        """Use a refresh token up and answer the session as it is then, to make its tokens from.

        The token before the current one, within the grace, gives the same successor again. Anything older means that
        two parties hold this session's tokens: it is ended, durably, before the error is raised.

        Raises:
            RefreshTokenInvalid: It is not ours, or its session or account is no longer live.
            RefreshTokenReused: It was used before; the session has been ended.
            StorageUnavailable: The database does not answer.

        Source: RFC 9700 4.14.2 (refresh token rotation).
        """
        claims = self._signer.read_refresh(token)
        for _ in range(_TURNS):
            session, age = await self._find_refreshable(claims, token)
            # Where the database's clock was set back, nobody knows how long ago it was.
            if claims.counter == session.counter - 1 and abs(age) <= self._limits.grace:
                return session
            if claims.counter < session.counter:
                await self._end_reused(session)
                raise RefreshTokenReused
            if claims.counter > session.counter:
                # Only a database older than the token knows fewer than were made.
                raise RefreshTokenInvalid
            try:
                await self._storage.transact(session.account_id, _renewal(session))
            except _Overtaken:
                continue
            except AccountGone:
                break
            log.info("refreshed", extra={"account": session.account_id, "session": session.id})
            return replace(session, counter=session.counter + 1)
        raise RefreshTokenInvalid

    async def logout(self, token: str) -> None:
        """End the session that an access token of ours names, also an expired one, also a second time.

        Raises:
            TokenInvalid: The token is not ours.
            StorageUnavailable: The database does not answer.
        """
        claims = self._signer.read_access(token, expired_too=True)
        found = await self._storage.read(lambda work: work.sessions.find_account(claims.account_id, claims.session_id))
        if found is None or found[1].status is SessionStatus.ENDED:
            return
        await self._end(found[1])
        log.info("logged_out", extra={"account": claims.account_id, "session": claims.session_id})

    async def list_live(self, account_id: AccountId) -> Sequence[Session]:
        """Answer an account's sessions that are live, the newest login first.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        now = self._clock.now()
        active = await self._storage.read(lambda work: work.sessions.list_active(account_id))
        return [session for session in active if session.is_live(now, self._limits.idle)]

    async def end(self, account_id: AccountId, session_id: SessionId) -> None:
        """End one of the account's own sessions, which may be the caller's.

        Raises:
            SessionAbsent: No such live session, or it belongs to somebody else.
            StorageUnavailable: The database does not answer.
        """
        found = await self._storage.read(lambda work: work.sessions.find_account(account_id, session_id))
        if found is None or not found[1].is_live(self._clock.now(), self._limits.idle):
            raise SessionAbsent
        await self._end(found[1])
        log.info("session_ended", extra={"account": account_id, "session": session_id})

    async def end_others(self, account_id: AccountId, session_id: SessionId) -> None:
        """End all of the account's own sessions but this one.

        Raises:
            AccountGone: The account was removed or disabled meanwhile.
            StorageUnavailable: The database does not answer.
        """
        now = self._clock.now()

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.claim_access(account_id)
            await work.sessions.end_all(account_id, now, but=session_id)

        await self._storage.transact(account_id, unit)
        log.info("other_sessions_ended", extra={"account": account_id, "session": session_id})

    async def _prove(self, email: Email | None, password: Password, origin: Origin) -> Account:
        """Find the active account that this password opens, at the cost of one verification whatever is wrong."""
        self._hasher.refuse_if_busy(origin.network)
        async with self._attempts.proving(email, origin):
            account = None
            if email is not None:
                address = email
                account = await self._storage.read(lambda work: work.accounts.find_by_email(address))
            kept_hash = account.password_hash if account else None
            proven = await self._hasher.verify(password, kept_hash, origin.network)
            if account is None or not proven or not account.is_active:
                known = {"account": account.id} if account else {}
                log.warning("login_failed", extra={"address": origin.address, **known})
                raise CredentialsInvalid
            return account

    def _begin(self, account: Account, origin: Origin) -> Session:
        """Make a session that lasts as long as the settings say, with a salt of its own."""
        return Session.begin(
            account.id,
            origin,
            salt=secrets.token_bytes(SALT_BYTES),
            now=self._clock.now(),
            lifetime=self._limits.lifetime,
        )

    async def _find_refreshable(self, claims: RefreshClaims, token: str) -> tuple[Session, timedelta]:
        """Find the live session that a refresh token truly names; the signature first, then everything else."""
        found = await self._storage.read(lambda work: work.sessions.find(claims.session_id))
        if found is None or not self._signer.verify_refresh(token, found[0]):
            raise RefreshTokenInvalid
        if not found[0].is_live(self._clock.now(), self._limits.idle):
            raise RefreshTokenInvalid
        return found

    async def _end_reused(self, session: Session) -> None:
        """End a session whose refresh token was used twice, and tell the operator."""
        await self._end(session)
        log.warning("refresh_token_reused", extra={"account": session.account_id, "session": session.id})

    async def _end(self, session: Session) -> None:
        """End a session; an account that is gone or disabled has none to end."""
        try:
            await self._storage.transact(session.account_id, _ending(session, self._clock.now()))
        except AccountGone:
            return


def _admission(account: Account, kept_hash: str, session: Session) -> Unit:
    """Keep a new session, if the password that was proven is still the account's."""

    async def unit(work: UnitOfWork) -> None:
        await work.accounts.admit(account.id, proven_hash=account.password_hash, kept_hash=kept_hash)
        # Before the new one is there: where the clock was set back, that would be the oldest.
        await work.sessions.end_oldest(account.id, session.created_date, keep=MOST_SESSIONS - 1)
        await work.sessions.add(session)
        await work.sessions.forget(account.id, session.created_date - FORGET_AFTER)
        await work.sessions.forget_oldest(account.id, keep=MOST_ENDED)

    return unit


def _renewal(session: Session) -> Unit:
    """Let the session's next refresh token count, unless somebody else was faster."""

    async def unit(work: UnitOfWork) -> None:
        await work.accounts.claim_access(session.account_id)
        if not await work.sessions.advance(session):
            raise _Overtaken

    return unit


def _ending(session: Session, now: datetime) -> Unit:
    """End a session."""

    async def unit(work: UnitOfWork) -> None:
        await work.accounts.claim_access(session.account_id)
        await work.sessions.end(session, now)

    return unit
