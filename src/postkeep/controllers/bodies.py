"""How much of requests' bodies is in memory at once."""

from collections import Counter
from collections.abc import Generator, Hashable
from contextlib import contextmanager
from typing import Final

from postkeep.domain.errors import Unavailable
from postkeep.domain.posts import MAX_BODY_BYTES

SMALL_BYTES: Final = 16 * 1024
"""So much of each body is not counted: connections are bounded, too."""

_SHARES: Final = 4


class BodiesFull(Unavailable):
    """Too many bodies are being read just now."""

    code = "too_many_bodies"


class Room:
    """What one request's body takes of the room for all."""

    def __init__(self, bodies: "Bodies", whose: Hashable) -> None:
        """Begin with nothing."""
        self._bodies = bodies
        self._whose = whose
        self._come = 0
        self.size = 0

    def take(self, size: int) -> None:
        """Take room for what has come.

        Raises:
            BodiesFull: There is none, or the sender has a share of it that is large enough.
        """
        self._come += size
        # The first of it is everybody's own: who sends little gets in, however many others send much.
        wanted = max(0, self._come - SMALL_BYTES) - self.size
        self._bodies.take(wanted, self._whose)
        self.size += wanted


class Bodies:
    """The bodies of all requests under way, counted as they come, behind the first `SMALL_BYTES` of each.

    One account's may take a quarter of the room, and one body in any case.

    Attributes:
        limit: How many bytes there may be.
        size: How many there are.
    """

    def __init__(self, limit: int) -> None:
        """Begin with none."""
        self.limit = limit
        self.size = 0
        self._share = max(MAX_BODY_BYTES, limit // _SHARES)
        self._sizes: Counter[Hashable] = Counter()

    @contextmanager
    def room(self, whose: Hashable) -> Generator[Room]:
        """Give room to a request until it is done.

        Args:
            whose: Who sends it: an account, or anything that stands for those who need none.
        """
        room = Room(self, whose)
        try:
            yield room
        finally:
            self.size -= room.size
            self._sizes[whose] -= room.size
            if not self._sizes[whose]:
                del self._sizes[whose]

    def take(self, size: int, whose: Hashable) -> None:
        """Count some more of somebody's.

        Raises:
            BodiesFull: There is no room for it.
        """
        if size and (self.size + size > self.limit or self._sizes[whose] + size > self._share):
            raise BodiesFull
        self.size += size
        self._sizes[whose] += size
