"""Visits: who comes with a browser, which holds one cookie for the whole of a session."""

import logging
from datetime import timedelta
from typing import Final

from postkeep.domain.accounts import Account, AccountGone
from postkeep.domain.errors import Unavailable
from postkeep.domain.sessions import Session, SignedOut
from postkeep.services.ports import Clock, Storage
from postkeep.services.repositories import Stamp, UnitOfWork
from postkeep.services.sessions import Caller
from postkeep.services.signers import CookieSigner

log = logging.getLogger(__name__)

RENEWED_EVERY: Final = timedelta(hours=1)
"""A session in use is marked so at most this often: it ends when nobody came for days, and a page writes nothing."""


class VisitService:
    """The cookies of sessions. docs/adr/0009-cookies-of-sessions.md says why they are what they are."""

    def __init__(self, storage: Storage, signer: CookieSigner, clock: Clock, *, idle: timedelta) -> None:
        """Take where sessions are kept, who signs, the time, and when a session that nobody uses ends."""
        self._storage = storage
        self._signer = signer
        self._clock = clock
        self._idle = idle

    def cookie(self, session: Session) -> str:
        """Make the cookie that a browser holds for a session."""
        return self._signer.sign(session)

    async def identify(self, cookie: str) -> Caller:
        """Find out who comes with this cookie: one query, and now and then a write that says so.

        Raises:
            SignedOut: It is not ours, or its session ended, or its account may not be used.
            StorageUnavailable: The database does not answer.
        """
        account, session = await self._find(cookie)
        if self._is_due(session) and await self._renew(session):
            account, session = await self._find(cookie)
        # One statement read the stamp, the status and the session, so they belong together.
        until = min(session.live_until(self._idle), session.refreshed_date + RENEWED_EVERY)
        return Caller(account.id, session.id, Stamp.of(account), until)

    async def _find(self, cookie: str) -> tuple[Account, Session]:
        """Find the live session that a cookie truly names, and its account."""
        claims = self._signer.read(cookie)
        found = await self._storage.read(lambda work: work.sessions.find_account(claims.account_id, claims.session_id))
        if found is None or not self._signer.verify(cookie, found[1]):
            raise SignedOut
        account, session = found
        if not (account.is_active and session.is_live(self._clock.now(), self._idle)):
            raise SignedOut
        return account, session

    def _is_due(self, session: Session) -> bool:
        """Whether it is time to say that the session is in use."""
        return self._clock.now() - session.refreshed_date >= RENEWED_EVERY

    async def _renew(self, session: Session) -> bool:
        """Say that a session is in use, unless another request did at the same time.

        Returns:
            Whether it was said; a database that cannot be written just now keeps nobody from reading.
        """

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.claim_access(session.account_id)
            await work.sessions.advance(session)

        try:
            await self._storage.transact(session.account_id, unit)
        except AccountGone as error:
            raise SignedOut from error
        except Unavailable:
            log.warning("session_not_renewed", extra={"account": session.account_id, "session": session.id})
            return False
        return True
