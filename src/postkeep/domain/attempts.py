"""Attempts to get in: how many are let through, and how long one waits after too many."""

import hashlib
import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, NewType, Self

from postkeep.domain.errors import TooMany

AttemptKey = NewType("AttemptKey", bytes)
"""Names what attempts are counted for: 32 bytes that tell neither address nor e-mail."""

KEY_BYTES: Final = 32

FIRST_DELAY: Final = timedelta(seconds=30)
LONGEST_DELAY: Final = timedelta(minutes=15)

FORSAKEN: Final = timedelta(minutes=1)
"""An attempt that nobody has settled for so long never will be: its process died. It counts as a failure."""

_MOST_DOUBLINGS: Final = (LONGEST_DELAY // FIRST_DELAY).bit_length()
_MOST_FAILURES: Final = 1_000_000
_IPV6_HOST_BITS: Final = 64
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")
"""Where all IPv4 clients come from to a server behind a translator, which speaks IPv6 only. Source: RFC 6052 2.1."""


class TooManyAttempts(TooMany):
    """Too many attempts from this network; Retry-After says in how many seconds the next one counts."""

    code = "too_many_attempts"


@dataclass(frozen=True, slots=True)
class Network:
    """Where an attempt comes from, as far as its address tells who can send from there.

    Attributes:
        name: An IPv4 address, the first half of an IPv6 one, or nothing where there is no address.
    """

    name: str

    @classmethod
    def of(cls, address: str) -> Self:
        """Find the network of an address: one IPv4 address, or the /64 that one IPv6 customer has at least.

        Source: RFC 6177 2 (a site gets a /64 or more).
        """
        try:
            found: IPv4Address | IPv6Address = ip_address(address)
        except ValueError:
            return cls("")
        if isinstance(found, IPv6Address):
            found = _ipv4_in(found) or found
        if isinstance(found, IPv4Address):
            return cls(str(found))
        return cls(f"{IPv6Address(int(found) >> _IPV6_HOST_BITS << _IPV6_HOST_BITS)}/{_IPV6_HOST_BITS}")


NOWHERE: Final = Network("")
"""Where operators are: what they do comes from no address."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What is counted for one key.

    Attributes:
        failures: Attempts that failed.
        under_way: Attempts that were let through and are not settled yet.
        changed_date: When it was last counted, by the database's clock.
        expires_date: When its window ends, and all this with it.
        blocked_until: Nobody is let through before then.
    """

    failures: int
    under_way: int
    changed_date: datetime
    expires_date: datetime
    blocked_until: datetime | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing, so that it need not be kept."""
        return self.failures == 0 and self.under_way == 0

    def moved(self, by: timedelta) -> Self:
        """Return it with all its moments later by so much."""
        blocked_until = None if self.blocked_until is None else self.blocked_until + by
        return replace(
            self,
            changed_date=self.changed_date + by,
            expires_date=self.expires_date + by,
            blocked_until=blocked_until,
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an attempt is let through.

    Attributes:
        is_free: It is.
        blocked_for: How long it is not, whatever happens; zero where only attempts under way stand in its way.
    """

    is_free: bool
    blocked_for: timedelta = timedelta()

    @property
    def retry_after(self) -> int:
        """In how many whole seconds trying again makes sense, at least 1."""
        return max(1, math.ceil(self.blocked_for.total_seconds()))


class Success(Enum):
    """What a success means for a count of failures."""

    FORGIVES = auto()
    IS_IGNORED = auto()
    COUNTS = auto()


@dataclass(frozen=True, slots=True)
class Rule:
    """How many failures are let through, and what comes then.

    Attributes:
        kind: What is counted; different kinds never share a count.
        limit: How many failures, together with attempts under way, are let through.
        window: For how long failures count, from the first of them.
        grows: Beyond the limit, single attempts are let through after ever longer delays; otherwise none until the
            window ends.
        success: What a success does to the count.
    """

    kind: str
    limit: int
    window: timedelta
    grows: bool = False
    success: Success = Success.IS_IGNORED

    def key(self, *whose: str) -> AttemptKey:
        """Return the key of whoever is counted."""
        return AttemptKey(hashlib.sha256("\0".join((self.kind, *whose)).encode()).digest())

    def judge(self, kept: Tally | None, now: datetime) -> Verdict:
        """Say whether another attempt is let through now."""
        tally = self._current(kept, now)
        if tally.blocked_until is not None and now < tally.blocked_until:
            return Verdict(is_free=False, blocked_for=tally.blocked_until - now)
        if tally.failures < self.limit:
            return Verdict(is_free=tally.failures + tally.under_way < self.limit)
        if not self.grows:
            return Verdict(is_free=False, blocked_for=tally.expires_date - now)
        return Verdict(is_free=tally.under_way == 0)

    def taken(self, kept: Tally | None, now: datetime) -> Tally:
        """Count an attempt that is let through."""
        tally = self._current(kept, now)
        return replace(tally, under_way=tally.under_way + 1, changed_date=now)

    def given_back(self, kept: Tally | None, now: datetime) -> Tally:
        """Count an attempt out that came to nothing."""
        tally = self._current(kept, now)
        return replace(tally, under_way=max(0, tally.under_way - 1), changed_date=now)

    def failed(self, kept: Tally | None, now: datetime) -> Tally:
        """Count an attempt as failed; beyond the limit, nobody is let through for a while."""
        tally = self.given_back(kept, now)
        tally = replace(tally, failures=min(tally.failures + 1, _MOST_FAILURES))
        if not self.grows or tally.failures < self.limit:
            return tally
        blocked_until = now + delay(tally.failures - self.limit)
        return replace(tally, blocked_until=blocked_until, expires_date=blocked_until + self.window)

    def succeeded(self, kept: Tally | None, now: datetime) -> Tally:
        """Count an attempt as one that got in."""
        if self.success is Success.COUNTS:
            return self.failed(kept, now)
        tally = self.given_back(kept, now)
        return replace(tally, failures=0, blocked_until=None) if self.success is Success.FORGIVES else tally

    def _current(self, kept: Tally | None, now: datetime) -> Tally:
        """Return what is kept as it counts now: without what has expired, and with what was forsaken."""
        if kept is None:
            return Tally(0, 0, now, now + self.window)
        if kept.changed_date > now:
            # The clock was set back; nobody shall wait for it to come this far again.
            kept = kept.moved(now - kept.changed_date)
        if now - kept.changed_date > FORSAKEN:
            kept = replace(kept, failures=min(kept.failures + kept.under_way, _MOST_FAILURES), under_way=0)
        if kept.expires_date <= now:
            # What is under way at the end of a window is under way in the next one.
            return Tally(0, kept.under_way, kept.changed_date, now + self.window)
        return kept


def delay(beyond: int) -> timedelta:
    """Return how long nobody is let through after so many failures beyond the limit: twice as long each time."""
    return min(FIRST_DELAY * (1 << min(beyond, _MOST_DOUBLINGS)), LONGEST_DELAY)


def _ipv4_in(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 one stands for, if it does. Source: RFC 4291 2.5.5.2, RFC 6052 2.2."""
    if address in _TRANSLATED:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped
