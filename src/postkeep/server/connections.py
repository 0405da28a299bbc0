"""The connections of a process: how many there may be, and how long each may take for what it is at.

All deadlines are kept by one look at all connections from time to time, so a request costs nothing for them.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Protocol

log = logging.getLogger(__name__)

LEAST_BODY_RATE: Final = 1024
"""Bytes per second, on average: whoever is slower keeps a connection, not a post."""

LEAST_LONG_BODY_RATE: Final = 32 * 1024
"""The same of a body that may take as long as it needs: there are few of those at a time, and others wait."""

MOST_UNSENT_BYTES: Final = 24 * 1024 * 1024
"""So much of all answers of a process together may wait for clients to take it, where nothing else is said.

It has room for four of the largest single posts, and the process needs four times as much anyway.
"""

LARGE_BYTES: Final = 256 * 1024
"""What waits of an answer beyond that is looked at with all others as soon as it waits."""

_LOOKS_PER_DEADLINE: Final = 8
_GRACE_PART: Final = 6
_SEARCHED_FOR_EACH: Final = 20
_SEEN_AT_ONCE: Final = 256
_MOST_STEPS: Final = 1000
_STEP_SECONDS: Final = 0.002
"""A crowd whose time is over at the same moment must not be everybody else's pause: it takes two seconds to go."""


class Phase(Enum):
    """What a connection is at: before its first byte, at a head, at a body, at an answer, or between requests."""

    SILENT = auto()
    HEAD = auto()
    BODY = auto()
    ANSWER = auto()
    IDLE = auto()


class Connection(Protocol):
    """What is looked at, and what may be done to it."""

    def phase(self) -> tuple[Phase, object]:
        """Return what it is at, and which request's that is: as long as both stay, its time runs."""
        ...

    def waits_for_client(self) -> bool:
        """Whether it would take more of what is on its way."""
        ...

    def received(self) -> int:
        """Return how many bytes of the present body have come."""
        ...

    def takes_long_body(self) -> bool:
        """Whether the present body may take longer than others, because somebody known was allowed to send much."""
        ...

    def unsent(self) -> int:
        """Return how many bytes wait for the client to take them."""
        ...

    def held(self) -> tuple[Hashable, int]:
        """Name what is in memory for these bytes, and how much that is: a body is there as a whole until all is taken.

        What many are sent, as a list that is remembered, is there once for all of them.
        """
        ...

    def is_answering(self) -> bool:
        """Whether a request that came before is still being answered."""
        ...

    def end_with_answer(self) -> None:
        """Have the answer under way be the last one, where it has not begun."""
        ...

    def expire(self, phase: Phase) -> None:
        """End it, because its time is over, and tell the client where that can be told."""
        ...

    def cut(self) -> None:
        """End it at once, with what waits to be sent."""
        ...


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


@dataclass(slots=True)
class _Watch:
    """What was seen of a connection.

    Attributes:
        phase: What it was at.
        waited: For how long it has been at that, waiting for the client.
        untaken: For how long something has been waiting for the client to take it.
        counted: Up to where in `waited` a long body was seen to come fast enough.
        come: How much of it had come by then.
    """

    phase: tuple[Phase, object] | None = None
    waited: float = 0
    untaken: float = 0
    counted: float = 0
    come: int = 0


class Connections:
    """Those that are open, the oldest first.

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
        self._watches: dict[Connection, _Watch] = {}
        self._searches_to_spare = 0
        self.is_draining = False

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._watches)

    def admit(self, connection: Connection) -> bool:
        """Take one in, if need be in the place of the oldest one that has nothing under way; tell whether it is in."""
        if len(self._watches) >= self._limit and not self._make_room():
            return False
        self._watches[connection] = _Watch()
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
            except Exception:
                # As below: deadlines must go on being kept.
                log.exception("connections_unshed")
            for _ in self.look():
                await asyncio.sleep(_STEP_SECONDS)

    def shed(self) -> None:
        """Cut those who have let answers wait for the longest, until what waits fits into memory again.

        Each may hold a list of megabytes that nobody else has, so their number alone is no bound. Those who are sent
        the same one are cut together: as long as one of them waits, it is there.
        """
        sizes: dict[Hashable, int] = {}
        waiting: dict[Hashable, list[Connection]] = defaultdict(list)
        for connection in self._watches:
            if connection.unsent():
                what, size = connection.held()
                sizes[what] = size
                waiting[what].append(connection)
        excess = sum(sizes.values()) - self._most_unsent
        for what in sorted(waiting, key=lambda each: self._untaken(waiting[each]), reverse=True):
            if excess <= 0:
                return
            for connection in waiting[what]:
                connection.cut()
            excess -= sizes[what]

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

    def _untaken(self, connections: list[Connection]) -> float:
        """Return for how long what some are sent has been waiting for the last of them."""
        return min(self._watches[connection].untaken for connection in connections)

    def _look_at(self, connection: Connection, watch: _Watch) -> bool:
        """Count the time since the last look for what one is at; tell whether that ended it."""
        if connection.unsent():
            watch.untaken += self._deadlines.look
            if watch.untaken > self._deadlines.answer:
                connection.cut()
                return True
        else:
            watch.untaken = 0
        phase, last = connection.phase(), watch.phase
        watch.phase = phase
        # The time for the first head began with the connection, not with its first byte.
        if phase != last and not (last and last[0] is Phase.SILENT and phase[0] is Phase.HEAD):
            watch.waited = watch.counted = watch.come = 0
        elif connection.waits_for_client() and not (watch.untaken and phase[0] is Phase.IDLE):
            watch.waited += self._deadlines.look
            if self._is_over(phase[0], watch, connection):
                connection.expire(phase[0])
                return True
        return False

    def _is_over(self, phase: Phase, watch: _Watch, connection: Connection) -> bool:
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

    def _has_stalled(self, watch: _Watch, connection: Connection) -> bool:
        """Tell whether a long body has come too slowly since it was counted last; at first, after a sixth of a time."""
        waited, received = watch.waited - watch.counted, connection.received()
        if waited <= (self._deadlines.body if watch.counted else self._deadlines.body / _GRACE_PART):
            return False
        is_slow = received - watch.come < LEAST_LONG_BODY_RATE * waited
        watch.counted, watch.come = watch.waited, received
        return is_slow

    def _make_room(self) -> bool:
        """End the oldest connection with nothing under way, or the one whose head has been coming for the longest.

        A head comes at once, or from somebody who means to keep others out. Tell whether there was either. Where there
        was none, the next few are not searched for: a crowd at the door must not cost a search each.
        """
        if self._searches_to_spare > 0:
            self._searches_to_spare -= 1
            return False
        for connection in self._watches:
            if connection.phase()[0] in {Phase.SILENT, Phase.IDLE} and not connection.unsent():
                return self._end(connection, Phase.IDLE)
        # Not where an answer is still on its way: nobody would watch over it any more.
        begun = [
            each
            for each, watch in self._watches.items()
            if watch.waited and each.phase()[0] is Phase.HEAD and not each.is_answering() and not each.unsent()
        ]
        if begun:
            return self._end(max(begun, key=lambda each: self._watches[each].waited), Phase.HEAD)
        self._searches_to_spare = len(self._watches) // _SEARCHED_FOR_EACH
        return False

    def _end(self, connection: Connection, phase: Phase) -> bool:
        """End one in another's favour."""
        self.leave(connection)
        connection.expire(phase)
        return True
