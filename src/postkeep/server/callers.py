"""Who calls: found out once per token or cookie, and known from then on for one read of the account's stamp."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from postkeep.server.memory import ENTRY_BYTES, Memory
from postkeep.services.ports import Freshness
from postkeep.services.sessions import Caller, SessionService
from postkeep.services.visits import VisitService
from postkeep.views.authorization import bearer_token


@dataclass(slots=True)
class _Known:
    """A caller who was found out.

    Attributes:
        caller: Who, with the newest stamp seen.
        until: When the token, the cookie or their session must be looked at again, by the wall clock.
        size: In bytes, all in all.
    """

    caller: Caller
    until: float
    size: int


class Callers:
    """Finds out who calls, for every operation, every page, and what is answered from memory."""

    def __init__(  # noqa: PLR0913 - two ways to say who one is, where both are remembered, and for how long
        self,
        sessions: SessionService,
        visits: VisitService,
        freshness: Freshness,
        memory: Memory,
        *,
        remembers: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Take what it needs.

        Args:
            sessions: Finds out who calls with a token, at the cost of a signature and a query.
            visits: Finds out who comes with a cookie, at the same cost.
            freshness: Reads stamps.
            memory: Where callers are remembered.
            remembers: Whether they are at all.
            now: Seconds since 1970 by the wall clock, which tokens expire by.
        """
        self._sessions = sessions
        self._visits = visits
        self._freshness = freshness
        self._memory = memory
        self._by_use = memory.by_use
        self._remembers = remembers
        self._now = now

    async def identify(self, credential: bytes | str) -> Caller:
        """Return who sent this, with the account's stamp as it is now.

        Args:
            credential: An Authorization header as bytes, or a session's cookie as text. Neither passes for the other.

        Raises:
            TokenMissing: The header carries no token.
            TokenInvalid: It is not a good one.
            SignedOut: The cookie is not a good one.
            StorageUnavailable: The database does not answer.
        """
        known = self._by_use.get(credential)
        if not isinstance(known, _Known) or self._now() >= known.until:
            return await self._find_out(credential)
        self._by_use.move_to_end(credential)
        caller = known.caller
        stamp = await self._freshness.stamp(caller.account_id)
        if stamp == caller.stamp:
            return caller
        if stamp is None or stamp.access_version != caller.stamp.access_version:
            return await self._find_out(credential)
        known.caller = replace(caller, stamp=stamp)
        return known.caller

    async def _find_out(self, credential: bytes | str) -> Caller:
        """Check a token or a cookie as if it came for the first time, and remember who it is."""
        if isinstance(credential, str):
            caller = await self._visits.identify(credential)
        else:
            caller = await self._sessions.authenticate(bearer_token(credential))
        size = ENTRY_BYTES + len(credential)
        if self._remembers and size <= self._memory.largest:
            self._memory[credential] = _Known(caller, caller.until.timestamp(), size)
        return caller
