"""Attempts to get in: counted before a password is hashed, in the database, so that all processes count together."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from weakref import WeakValueDictionary

from postkeep.domain.accounts import Email
from postkeep.domain.attempts import FORSAKEN, AttemptKey, Network, Rule, Tally, TooManyAttempts, Verdict
from postkeep.domain.errors import Unavailable
from postkeep.domain.sessions import Origin
from postkeep.services.attempt_rules import AttemptLimits, AttemptRules, Counter
from postkeep.services.ports import Storage, StorageUnavailable
from postkeep.services.repositories import UnitOfWork

log = logging.getLogger(__name__)

PATIENCE_SECONDS: Final = 4.0
"""How long an attempt waits until it is let through: for others under way that may yet make room, and for the database.
Whoever asks a silent database is answered within five seconds."""

SETTLE_SECONDS: Final = 1.5
"""How long the answer to an attempt waits until what came of it is counted."""

PURGE_EVERY: Final = 16
"""So many attempts let through, and the next one clears away some of what has expired."""

_LEAST_SECONDS: Final = 0.5
"""The database has so long to answer whoever has waited for others."""

_FIRST_PAUSE_SECONDS: Final = 0.02
_LONGEST_PAUSE_SECONDS: Final = 0.4
_MANY_ADDRESSES_BYTES: Final = 1_000_000

_Outcome: TypeAlias = Callable[[Rule, Tally | None, datetime], Tally]
"""What becomes of a tally when an attempt is settled."""

_TellRefused: TypeAlias = Callable[[Origin, TooManyAttempts], None]
"""Tells the operator of an attempt that was not let through."""


class _NoRoom(Exception):
    """Others were let through first."""


class _Line:
    """Attempts that come to the database one by one."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._lock = asyncio.Lock()
        self._failures = 0

    @asynccontextmanager
    async def head(self) -> AsyncGenerator[None]:
        """Wait for one's turn, and hold it. Whoever waits in vain for the database has waited for all who stand behind.

        Raises:
            TooManyAttempts: It did not come in time.
            StorageUnavailable: The database did not answer somebody who stood before this one.
        """
        failures = self._failures
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._lock.acquire()
        except TimeoutError as error:
            raise TooManyAttempts from error
        try:
            self._refuse_after(failures)
            try:
                yield
            except StorageUnavailable:
                self._failures += 1
                raise
        finally:
            self._lock.release()

    def _refuse_after(self, failures: int) -> None:
        """Refuse if more than so many have waited in vain by now."""
        if self._failures > failures:
            raise StorageUnavailable


class AttemptService:
    """Lets attempts through, or refuses them, and counts what comes of them."""

    def __init__(
        self,
        storage: Storage,
        limits: AttemptLimits,
        *,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take where to count, how many are let through, and what waits and tells how long."""
        self._storage = storage
        self._pause = pause
        self._monotonic = monotonic
        self._rules = AttemptRules(limits)
        self._lines: WeakValueDictionary[AttemptKey, _Line] = WeakValueDictionary()
        self._let_through = 0

    @asynccontextmanager
    async def proving(self, email: Email | None, origin: Origin) -> AsyncGenerator[None]:
        """Count what happens inside as one attempt to prove a password: one that raises has failed.

        What cannot be done just now is no attempt. One that is cancelled counts as failed: whoever hangs up on a guess
        has made it all the same.

        Args:
            email: Whose password, as typed; None for what cannot be an address.
            origin: Where the attempt comes from.

        Raises:
            TooManyAttempts: Too many failed, of this account or from this network.
            StorageUnavailable: The database does not answer.
        """
        counters = self._rules.of_proof(email, origin.network)
        async with self._counted(counters, email, origin, _tell_login_refused):
            yield

    @asynccontextmanager
    async def signing_up(self, origin: Origin) -> AsyncGenerator[None]:
        """Count what happens inside as one sign-up, whatever comes of it.

        Raises:
            TooManyAttempts: There were too many from this network.
            StorageUnavailable: The database does not answer.
        """
        counters = self._rules.of_signup(origin.network)
        async with self._counted(counters, None, origin, _tell_signup_refused):
            yield

    @asynccontextmanager
    async def _counted(
        self, counters: Sequence[Counter], email: Email | None, origin: Origin, tell_refused: _TellRefused
    ) -> AsyncGenerator[None]:
        """Let an attempt through, and settle it when it is over."""
        if not counters:
            yield
            return
        try:
            held = await self._enter(counters, email, origin.network)
        except TooManyAttempts as error:
            tell_refused(origin, error)
            raise
        try:
            yield
        except Unavailable:
            await self._settle(held, origin.network, Rule.given_back)
            raise
        except BaseException:
            await self._settle(held, origin.network, Rule.failed)
            raise
        await self._settle(held, origin.network, Rule.succeeded)

    async def _enter(self, counters: Sequence[Counter], email: Email | None, network: Network) -> Sequence[Counter]:
        """Count an attempt as under way as soon as there is room for it.

        Attempts of one account from one network come one by one to this process's head of the line, so that however
        many there are, only one of them at a time asks the database again and again.

        Returns:
            The counts that it stands in, to be settled.

        Raises:
            TooManyAttempts: It is refused, or there was no room in time.
            StorageUnavailable: The database does not answer, or did not answer whoever stood before this one.
        """
        until = self._monotonic() + PATIENCE_SECONDS
        line = self._lines.setdefault(counters[0].key, _Line())
        async with line.head():
            return await self._find_room(counters, email, network, until)

    async def _find_room(
        self, counters: Sequence[Counter], email: Email | None, network: Network, until: float
    ) -> Sequence[Counter]:
        """Ask until there is room: at first without holding anything, since most of a flood gets no further."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                async with asyncio.timeout(max(until - self._monotonic(), _LEAST_SECONDS)):
                    counters, verdict = await self._look(counters, email, network)
                    is_in = verdict.is_free and await self._take(counters, network)
            except TimeoutError as error:
                raise StorageUnavailable from error
            if is_in:
                await self._purge_now_and_then(network)
                return counters
            if verdict.blocked_for or self._monotonic() >= until:
                raise TooManyAttempts(retry_after=verdict.retry_after)
            await self._pause(random.uniform(pause / 2, pause))  # noqa: S311 - jitter needs no secrecy
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _look(
        self, counters: Sequence[Counter], email: Email | None, network: Network
    ) -> tuple[Sequence[Counter], Verdict]:
        """Judge an attempt by what is kept; a network that the account knows does not stand in the account's count."""
        keys = [counter.key for counter in counters]
        now, kept = await self._storage.read(lambda work: work.attempts.look(keys))
        verdicts = {counter: counter.rule.judge(kept.get(counter.key), now) for counter in counters}
        others = [counter for counter in counters if counter.rule is not self._rules.account]
        # Who is refused anyway is not looked for.
        if (
            email is not None
            and not _together(verdicts.values()).is_free
            and _together(verdicts[counter] for counter in others).is_free
            and await self._knows(email, network)
        ):
            return others, _together(verdicts[counter] for counter in others)
        return counters, _together(verdicts.values())

    async def _knows(self, email: Email, network: Network) -> bool:
        """Whether somebody has logged in to the account of this address from this network."""
        addresses = await self._storage.read(lambda work: work.sessions.addresses(email), weight=_MANY_ADDRESSES_BYTES)
        return network in {Network.of(address) for address in addresses}

    async def _take(self, counters: Sequence[Counter], network: Network) -> bool:
        """Count an attempt as under way, if there is still room for it now that nobody else can take that."""
        is_wanted = True

        async def unit(work: UnitOfWork) -> None:
            # Whoever has left makes no attempt any more, and nobody would settle it.
            if not is_wanted:
                raise _NoRoom
            now, kept = await work.attempts.hold([counter.key for counter in counters])
            if not all(rule.judge(kept.get(key), now).is_free for key, rule in counters):
                raise _NoRoom
            await work.attempts.put({key: rule.taken(kept.get(key), now) for key, rule in counters})

        try:
            await self._storage.count(unit, asker=network)
        except _NoRoom:
            return False
        except asyncio.CancelledError:
            is_wanted = False
            raise
        return True

    async def _settle(self, counters: Sequence[Counter], network: Network, outcome: _Outcome) -> None:
        """Count an attempt as what it came to; where that fails it stays under way until it counts as failed."""

        async def unit(work: UnitOfWork) -> None:
            now, kept = await work.attempts.hold([counter.key for counter in counters])
            await work.attempts.put({key: outcome(rule, kept.get(key), now) for key, rule in counters})

        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                await self._storage.count(unit, asker=network, makes_room=True)
        except (Unavailable, TimeoutError):
            log.warning("attempt_unsettled")

    async def _purge_now_and_then(self, network: Network) -> None:
        """Have one attempt in some clear away what nobody needs; that it cannot is no reason to refuse it."""
        self._let_through += 1
        if self._let_through % PURGE_EVERY != 1:
            return

        try:
            # What is under way when its window ends is counted on in the next one.
            async with asyncio.timeout(SETTLE_SECONDS):
                await self._storage.count(lambda work: work.attempts.purge(FORSAKEN), asker=network, makes_room=True)
        except (Unavailable, TimeoutError):
            log.warning("attempts_unpurged")


def _together(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the hardest of several verdicts."""
    given = list(verdicts)
    longest = max((verdict.blocked_for for verdict in given), default=timedelta())
    return Verdict(is_free=all(verdict.is_free for verdict in given), blocked_for=longest)


def _tell_login_refused(origin: Origin, error: TooManyAttempts) -> None:
    """Log that nobody may try to prove a password from there just now."""
    log.warning("login_refused", extra={"address": origin.address, "retry_after": error.retry_after})


def _tell_signup_refused(origin: Origin, error: TooManyAttempts) -> None:
    """Log that nobody may sign up from there just now."""
    log.warning("signup_refused", extra={"address": origin.address, "retry_after": error.retry_after})
