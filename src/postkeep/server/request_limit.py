"""How many requests a client may send: so many a second, and ten seconds' worth of them at once."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

log = logging.getLogger(__name__)

BURST_SECONDS: Final = 10
"""Who sent nothing for so long may send everything of that time at once."""

_SECOND: Final = 10**9
_KEPT: Final = 50_000
"""How many clients are remembered; about 12 MB. Beyond, who has not come for the longest time begins anew."""


class RequestLimit:
    """Counts requests of clients in this process; to be touched from the event loop's thread only.

    For each client there is one number: until when it has used up what it may send. A request moves that on by its
    share of a second, and is refused where that would be more than ten seconds ahead (the generic cell rate algorithm).
    The library `limits` takes eight times as long, starts a thread some forty times a second, keeps as many clients as
    come, and goes by the wall clock, which is set back now and then.

    Source: ITU-T I.371 (GCRA).
    """

    def __init__(
        self,
        name: str,
        per_second: int,
        *,
        kept: int = _KEPT,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Begin with nobody.

        Args:
            name: What a client is, for the log: account, address.
            per_second: How many requests each may send; 0 for any number.
            kept: How many clients are remembered.
            monotonic_ns: Nanoseconds by a clock that nobody sets.
        """
        self._name = name
        self._share = _SECOND // per_second if per_second else 0
        self._kept = kept
        self._monotonic_ns = monotonic_ns
        self._used_until: OrderedDict[Hashable, int] = OrderedDict()
        self._told_until = 0

    def __len__(self) -> int:
        """Return how many clients are remembered."""
        return len(self._used_until)

    def hit(self, client: Hashable) -> int:
        """Count a request, and return 0; or the seconds, at least 1, after which the client may try again."""
        if not self._share:
            return 0
        now = self._monotonic_ns()
        used_until = max(self._used_until.get(client, now), now)
        excess = used_until + self._share - now - BURST_SECONDS * _SECOND
        if excess <= 0:
            self._used_until[client] = used_until + self._share
        self._used_until.move_to_end(client)
        if len(self._used_until) > self._kept:
            self._used_until.popitem(last=False)
        if excess > 0:
            self._tell(client, now)
        return max(-(-excess // _SECOND), 0)

    def _tell(self, client: Hashable, now: int) -> None:
        """Log who sends too much, once a second at most: a line for each request would be one more burden."""
        if now >= self._told_until:
            self._told_until = now + _SECOND
            log.warning("too_many_requests", extra={self._name: client})
