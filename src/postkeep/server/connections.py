"""The connections of a process: how many there may be, and how long each may take for what it is at.

All deadlines are kept by one look at all connections from time to time, so a request costs nothing for them.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Final

from postkeep.server import room
from postkeep.server.connection import Connection, Phase, Watch

log = logging.getLogger(__name__)

LEAST_BODY_RATE: Final = 1024
"""Bytes per second, on average: whoever is slower keeps a connection, not a post."""

LEAST_LONG_BODY_RATE: Final = 32 * 1024
"""The same of a body that may take as long as it needs: there are few of those at a time, and others wait."""

MOST_UNSENT_BYTES: Final = 24 * 1024 * 1024
"""So much of all answers of a process together may wait for clients to take it, where nothing else is said.

It has room for four of the largest single posts, and the process needs four times as much anyway.
"""

MOST_AHEAD_BYTES: Final = 16 * 1024 * 1024
"""So much of what is sent ahead a process keeps, of all connections together: 8 KiB of each, where there are many."""

LARGE_BYTES: Final = 256 * 1024
"""What waits of an answer beyond that is looked at with all others as soon as it waits."""

_LOOKS_PER_DEADLINE: Final = 8
_GRACE_PART: Final = 6
_SEARCHED_FOR_EACH: Final = 20
_SEEN_AT_ONCE: Final = 256
_MOST_STEPS: Final = 1000
_STEP_SECONDS: Final = 0.002
"""A crowd whose time is over at the same moment must not be everybody else's pause: it takes two seconds to go."""


@dataclass(frozen=True)
class Deadlines:
    """How long things may take, in seconds.

    Attributes:
        head: A request's head, from its first byte; the first one from the beginning of the connection.
        body: A request's body. After a sixth of it, it must have come at `LEAST_BODY_RATE` at least; one that may take
            long, at `LEAST_LONG_BODY_RATE`, then and in each such time that follows: what came fast saves up none.
        answer: Taking an answer, from when it begins to wait for the client.
        idle: The time between two requests.
    """

    head: float = 10
    body: float = 30
    answer: float = 120
    idle: float = 75

    @property
    def look(self) -> float:
        """How often to look."""
        return min(1.0, min(self.head, self.body, self.answer, self.idle) / _LOOKS_PER_DEADLINE)


class Connections:
    """Those that are open, first those that have been at the same thing for the longest, as far as was seen.

    Attributes:
        is_draining: Whether each ends with its next answer.
    """

    def __init__(self, deadlines: Deadlines, limit: int, most_unsent: int = MOST_UNSENT_BYTES) -> None:
        """Begin with none.

        Args:
            deadlines: How long things may take.
            limit: How many there may be.
            most_unsent: How many bytes of answers may wait for clients to take them.
        """
        self._deadlines = deadlines
        self._limit = limit
        self._most_unsent = most_unsent
        self._watches: dict[Connection, Watch] = {}
        self._searches_to_spare = 0
        self.is_draining = False

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._watches)

    def admit(self, connection: Connection) -> bool:
        """Take one in, if need be in the place of another that has nothing to lose by it; tell whether it is in."""
        if len(self._watches) >= self._limit and not self._make_room():
            return False
        self._watches[connection] = Watch()
        return True

    def leave(self, connection: Connection) -> None:
        """Forget one."""
        self._watches.pop(connection, None)

    def drain(self) -> None:
        """Have each connection end with its next answer, which says so: clients go elsewhere with what follows."""
        self.is_draining = True
        for connection in self._watches:
            connection.end_with_answer()

    async def watch(self) -> None:
        """Look at all, again and again.

        Time is counted in looks: while the process itself is held up, nobody's time runs.
        """
        while True:
            await asyncio.sleep(self._deadlines.look)
            try:
                self.shed()
                self.shed_ahead()
            except Exception:
                # As below: deadlines must go on being kept.
                log.exception("connections_unshed")
            for _ in self.look():
                await asyncio.sleep(_STEP_SECONDS)

    def shed(self) -> None:
        """Cut those who have taken nothing for the longest, until what waits for clients fits into memory again.

        Each may hold a list of megabytes that nobody else has, so their number alone is no bound. Those who are sent
        the same one are cut together: as long as one of them waits, it is there. Among those who take what they are
        sent it is who holds most: a long download is nobody's to end by asking for much at once.
        """
        sizes: dict[Hashable, int] = {}
        waiting: dict[Hashable, list[Connection]] = defaultdict(list)
        for connection in self._watches:
            if connection.unsent():
                what, size = connection.held()
                sizes[what] = size
                waiting[what].append(connection)
        excess = sum(sizes.values()) - self._most_unsent
        for what in sorted(waiting, key=lambda each: (self._stalled(waiting[each]), sizes[each]), reverse=True):
            if excess <= 0:
                return
            for connection in waiting[what]:
                connection.cut()
            excess -= sizes[what]

    def shed_ahead(self) -> None:
        """Cut those of whom most is kept that was sent ahead, until all of it fits into memory again.

        What comes in one packet is kept as a whole, and may be a quarter of a megabyte.
        """
        sizes = {connection: size for connection in self._watches if (size := connection.ahead())}
        excess = sum(sizes.values()) - MOST_AHEAD_BYTES
        for connection in sorted(sizes, key=lambda each: sizes[each], reverse=True):
            if excess <= 0:
                return
            connection.cut()
            excess -= sizes[connection]

    def look(self) -> Iterator[None]:
        """Look at all once, and end what has taken too long; in steps, between which others may be served."""
        seen = ended = 0
        ended_at_once = 1 + len(self._watches) // _MOST_STEPS
        for connection, watch in list(self._watches.items()):
            if connection not in self._watches:
                continue
            seen += 1
            try:
                ended += self._look_at(connection, watch)
            except Exception:
                # One that cannot be looked at must not leave the others unwatched.
                log.exception("connection_unwatched")
                self.leave(connection)
                connection.cut()
            if seen >= _SEEN_AT_ONCE or ended >= ended_at_once:
                seen = ended = 0
                yield

    def _stalled(self, connections: list[Connection]) -> float:
        """Return for how long none of those who are sent the same was seen to take anything of it.

        Who has only just been sent something may take it or not: that counts as one look in vain.
        """
        watches = [(connection.last_answer(), self._watches[connection]) for connection in connections]
        return min(watch.stalled if answer is watch.answer else self._deadlines.look for answer, watch in watches)

    def _look_at(self, connection: Connection, watch: Watch) -> bool:
        """Count the time since the last look for what one is at; tell whether that ended it."""
        self._count_untaken(connection, watch)
        if watch.untaken > self._deadlines.answer:
            connection.cut()
            return True
        phase, last = connection.phase(), watch.phase
        watch.phase = phase
        # The time for the first head began with the connection, not with its first byte.
        if phase != last and not (last and last[0] is Phase.SILENT and phase[0] is Phase.HEAD):
            watch.waited = watch.counted = watch.come = 0
            self._watches[connection] = self._watches.pop(connection)
        elif connection.waits_for_client() and not (watch.untaken and phase[0] is Phase.IDLE):
            watch.waited += self._deadlines.look
            if self._is_over(phase[0], watch, connection):
                connection.expire(phase[0])
                return True
        return False

    def _count_untaken(self, connection: Connection, watch: Watch) -> None:
        """Count the time since the last look for what the client lets wait: of each answer, for itself."""
        answer, unsent = connection.last_answer(), connection.unsent()
        if answer is not watch.answer:
            watch.answer, watch.unsent = answer, 0
            watch.untaken = watch.stalled = 0
        was_taken = watch.unsent not in {0, unsent}
        watch.untaken = watch.untaken + self._deadlines.look if unsent else 0
        watch.stalled = watch.stalled + self._deadlines.look if unsent and not was_taken else 0
        watch.unsent = unsent

    def _is_over(self, phase: Phase, watch: Watch, connection: Connection) -> bool:
        """Tell whether a connection has been at something for too long."""
        waited, limit = watch.waited, self._deadlines.body
        if phase is Phase.BODY and connection.takes_long_body():
            return self._has_stalled(watch, connection)
        if phase is Phase.BODY:
            is_slow = waited > limit / _GRACE_PART and connection.received() < LEAST_BODY_RATE * waited
            return is_slow or waited > limit
        limits = {
            Phase.SILENT: self._deadlines.head,
            Phase.HEAD: self._deadlines.head,
            Phase.IDLE: self._deadlines.idle,
        }
        return phase in limits and waited > limits[phase]

    def _has_stalled(self, watch: Watch, connection: Connection) -> bool:
        """Tell whether a long body has come too slowly since it was counted last; at first, after a sixth of a time."""
        waited, received = watch.waited - watch.counted, connection.received()
        if waited <= (self._deadlines.body if watch.counted else self._deadlines.body / _GRACE_PART):
            return False
        is_slow = received - watch.come < LEAST_LONG_BODY_RATE * waited
        watch.counted, watch.come = watch.waited, received
        return is_slow

    def _make_room(self) -> bool:
        """End one connection in another's favour; tell whether there was any that makes room.

        Where there was none, the next few are not searched for: a crowd at the door must not cost a search each.
        """
        if self._searches_to_spare > 0:
            self._searches_to_spare -= 1
            return False
        found = room.find(self._watches, patience=self._deadlines.body / _GRACE_PART, least_rate=LEAST_BODY_RATE)
        if found is None:
            self._searches_to_spare = len(self._watches) // _SEARCHED_FOR_EACH
            return False
        self.leave(found.connection)
        found.end()
        return True
