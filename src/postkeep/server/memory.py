"""What one process remembers for a while, in so many bytes."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Protocol

from cachetools import Cache

ENTRY_BYTES: Final = 1024
"""What remembering one thing costs besides its own bytes: keys, objects and places in three tables, as measured."""


class Remembered(Protocol):
    """Something that is remembered under a key."""

    @property
    def size(self) -> int:
        """How many bytes it takes, all in all."""
        ...


@dataclass(slots=True)
class Counts:
    """What remembering was good for, since the start.

    Attributes:
        hits: Lists, and pages of them, answered from memory.
        misses: Lists, and pages of them, that the application was asked for.
        collapsed: Lists answered with what another request was loading.
        stores: Answers that were remembered.
        evictions: Things forgotten because others needed the room.
    """

    hits: int = 0
    misses: int = 0
    collapsed: int = 0
    stores: int = 0
    evictions: int = 0


class Memory(Cache[Hashable, Remembered]):
    """What was used last, up to a size in bytes. To be touched from the event loop's thread only.

    It keeps the order by itself: looking up in cachetools' own LRUCache takes three calls, and a hit looks up twice.

    Attributes:
        counts: What it was good for.
        by_use: Everything, in the order of its last use. Whoever takes something from here moves it to the end.
    """

    def __init__(self, size: int) -> None:
        """Begin empty, with room for so many bytes."""
        super().__init__(size, getsizeof=lambda remembered: remembered.size)
        self.counts = Counts()
        self.by_use: OrderedDict[Hashable, Remembered] = OrderedDict()

    @property
    def largest(self) -> int:
        """How many bytes one thing may have: nothing is worth forgetting everything else for."""
        return int(self.maxsize) // 16

    def __setitem__(self, key: Hashable, remembered: Remembered) -> None:
        """Remember something, and forget what was not used for the longest time if there is no room.

        Raises:
            ValueError: It would not fit into an empty memory.
        """
        super().__setitem__(key, remembered)
        self.by_use[key] = remembered
        self.by_use.move_to_end(key)

    def __delitem__(self, key: Hashable) -> None:
        """Forget something."""
        super().__delitem__(key)
        del self.by_use[key]

    def popitem(self) -> tuple[Hashable, Remembered]:
        """Forget what was not used for the longest time."""
        self.counts.evictions += 1
        key = next(iter(self.by_use))
        return key, self.pop(key)
