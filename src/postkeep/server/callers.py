"""Who calls: found out once per token, and known from then on for one read of the account's stamp."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from postkeep.server.memory import ENTRY_BYTES, Memory
from postkeep.services.ports import Freshness
from postkeep.services.sessions import Caller, SessionService
from postkeep.views.authorization import bearer_token


@dataclass(slots=True)
class _Known:
    """A caller who was found out.

    Attributes:
        caller: Who, with the newest stamp seen.
        until: When the token or its session must be looked at again, by the wall clock.
        size: In bytes, all in all.
    """

    caller: Caller
    until: float
    size: int


class Callers:
    """Finds out who calls, for every operation and for the response cache."""

    def __init__(
        self,
        sessions: SessionService,
        freshness: Freshness,
        memory: Memory,
        *,
        remembers: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Take what it needs.

        Args:
            sessions: Finds out who calls, at the cost of a signature and a query.
            freshness: Reads stamps.
            memory: Where callers are remembered.
            remembers: Whether they are at all.
            now: Seconds since 1970 by the wall clock, which tokens expire by.
        """
        self._sessions = sessions
        self._freshness = freshness
        self._memory = memory
        self._by_use = memory.by_use
        self._remembers = remembers
        self._now = now

    async def identify(self, authorization: bytes) -> Caller:
        """Return who sent this Authorization header, with the account's stamp as it is now.

        Raises:
            TokenMissing: It carries no token.
            TokenInvalid: It is not a good one.
            StorageUnavailable: The database does not answer.
        """
        known = self._by_use.get(authorization)
        if not isinstance(known, _Known) or self._now() >= known.until:
            return await self._find_out(authorization)
        self._by_use.move_to_end(authorization)
        caller = known.caller
        stamp = await self._freshness.stamp(caller.account_id)
        if stamp == caller.stamp:
            return caller
        if stamp is None or stamp.access_version != caller.stamp.access_version:
            return await self._find_out(authorization)
        known.caller = replace(caller, stamp=stamp)
        return known.caller

    async def _find_out(self, authorization: bytes) -> Caller:
        """Check a token as if it came for the first time, and remember who it is."""
        caller = await self._sessions.authenticate(bearer_token(authorization))
        size = ENTRY_BYTES + len(authorization)
        if self._remembers and size <= self._memory.largest:
            self._memory[authorization] = _Known(caller, caller.until.timestamp(), size)
        return caller
