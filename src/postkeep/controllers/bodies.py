"""How much of requests' bodies is in memory at once."""

from collections.abc import Generator
from contextlib import contextmanager

from postkeep.domain.errors import Unavailable


class BodiesFull(Unavailable):
    """Too many bodies are being read just now."""

    code = "too_many_bodies"


class Room:
    """What one request's body takes of the room for all."""

    def __init__(self, bodies: "Bodies") -> None:
        """Begin with nothing."""
        self._bodies = bodies
        self.size = 0

    def take(self, size: int) -> None:
        """Take room for what has come.

        Raises:
            BodiesFull: There is none.
        """
        if self._bodies.size + size > self._bodies.limit:
            raise BodiesFull
        self._bodies.size += size
        self.size += size


class Bodies:
    """The bodies of all requests under way, counted as they come: who sends little takes little.

    Attributes:
        limit: How many bytes there may be.
        size: How many there are.
    """

    def __init__(self, limit: int) -> None:
        """Begin with none."""
        self.limit = limit
        self.size = 0

    @contextmanager
    def room(self) -> Generator[Room]:
        """Give room to a request until it is done."""
        room = Room(self)
        try:
            yield room
        finally:
            self.size -= room.size
