"""A pool of connections, each lent to one user at a time.

asyncmy has one, which lends nobody anything while it opens a connection, and drops one that opens when whoever asked
for it has left. Where opening takes long, or has no end because new connections are dropped on the way, those that are
open would be of no use, however well they are.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, Generic, Protocol, TypeVar
from weakref import WeakSet

from postkeep.services.ports import StorageUnavailable

CLOSE_SECONDS: Final = 1.0
"""How long is waited for those that are lent, and for the server, when all are closed in good order."""


class Poolable(Protocol):
    """What the pool uses of a connection."""

    _stream_broken: bool

    @property
    def connected(self) -> bool:
        """Whether it is open."""
        ...

    @property
    def last_usage(self) -> float:
        """When it was used last, by the event loop's clock."""
        ...

    def get_transaction_status(self) -> bool:
        """Whether it is in a transaction."""
        ...

    def close(self) -> None:
        """End it, without a word to the server."""
        ...

    async def ensure_closed(self) -> None:
        """End it in good order."""
        ...


C = TypeVar("C", bound=Poolable)


class Pool(Generic[C]):
    """A bounded number of connections, opened as they are needed; whoever waits gets what is free or open first."""

    def __init__(self, open_one: Callable[[], Coroutine[Any, Any, C]], *, size: int, idle_seconds: float) -> None:
        """Take what opens a connection; it has an end of its own, because nobody else ends it.

        Args:
            open_one: Opens a connection.
            size: How many at most.
            idle_seconds: One that was idle for as long is replaced.
        """
        self._open_one = open_one
        self._size = size
        self._idle_seconds = idle_seconds
        self._free: deque[C] = deque()
        self._lent: set[C] = set()
        self._stale: WeakSet[C] = WeakSet()
        self._opening: set[asyncio.Task[None]] = set()
        # In the order of their coming; whoever leaves is taken out at once, wherever it stands.
        self._waiting: dict[asyncio.Future[C], None] = {}
        self._all_back = asyncio.Event()
        self._closed = False

    @property
    def size(self) -> int:
        """How many there are, with those that are being opened."""
        return len(self._free) + len(self._lent) + len(self._opening)

    @property
    def busy(self) -> int:
        """How many of them are not free."""
        return len(self._lent) + len(self._opening)

    async def take(self) -> C:
        """Take a connection, waiting for one if need be.

        Raises:
            StorageUnavailable: The pool is closed.
            Exception: None can be opened; what the opening raised.
        """
        if self._closed:
            raise StorageUnavailable
        while self._free:
            connection = self._free.popleft()
            if self._is_fit(connection):
                self._lent.add(connection)
                return connection
            connection.close()
        place: asyncio.Future[C] = asyncio.get_running_loop().create_future()
        self._waiting[place] = None
        self._open_more()
        try:
            return await place
        except asyncio.CancelledError:
            self._waiting.pop(place, None)
            if place.done() and not place.cancelled() and place.exception() is None:
                self.give_back(place.result())
            raise

    def give_back(self, connection: C) -> None:
        """Give a connection back; one that is closed or in a transaction is dropped."""
        self._lent.discard(connection)
        if not connection.connected or connection.get_transaction_status():
            connection.close()
            self._open_more()
        else:
            self._give(connection)
        if self._closed and not self._lent:
            self._all_back.set()

    def renew(self) -> None:
        """Have all that are open now be replaced as they come back."""
        self._stale.update((*self._free, *self._lent))

    async def close(self) -> None:
        """Close all connections; whoever waits or comes later is refused."""
        self._closed = True
        while (place := self._next_place()) is not None:
            place.set_exception(StorageUnavailable())
        for task in self._opening:
            task.cancel()
        if not self._lent:
            self._all_back.set()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await asyncio.gather(*self._opening, *map(_end, self._free), return_exceptions=True)
                    await self._all_back.wait()
        finally:
            # Also where nobody waits for this: what is left open keeps its locks.
            for connection in (*self._free, *self._lent):
                connection.close()
            self._free.clear()

    def _is_fit(self, connection: C) -> bool:
        """Whether a connection that was idle can be lent."""
        idle = asyncio.get_running_loop().time() - connection.last_usage
        return idle <= self._idle_seconds and self._is_sound(connection)

    def _is_sound(self, connection: C) -> bool:
        """Whether a connection is open at both ends, and to be kept."""
        return not connection._stream_broken and connection not in self._stale  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - there is no other way

    def _give(self, connection: C) -> None:
        """Lend a connection to whoever waits longest, or keep it."""
        if self._closed or not self._is_sound(connection):
            connection.close()
            self._open_more()
        elif (place := self._next_place()) is None:
            self._free.append(connection)
        else:
            self._lent.add(connection)
            place.set_result(connection)

    def _next_place(self) -> asyncio.Future[C] | None:
        """Return the place of whoever waits longest, and has not left."""
        while self._waiting:
            place = next(iter(self._waiting))
            del self._waiting[place]
            if not place.done():
                return place
        return None

    def _open_more(self) -> None:
        """Begin to open as many as are waited for, and as there is room for."""
        while not self._closed and len(self._opening) < len(self._waiting) and self.size < self._size:
            task = asyncio.create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._end_opening)

    async def _open(self) -> None:
        """Open a connection; it is kept also where nobody waits for it any more."""
        try:
            connection = await self._open_one()
        except TimeoutError:
            # Whoever waits has a time of its own, and may yet get one that comes back.
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer to whoever waits longest
            if (place := self._next_place()) is not None:
                place.set_exception(error)
            return
        self._give(connection)

    def _end_opening(self, task: asyncio.Task[None]) -> None:
        """Make room for the next."""
        self._opening.discard(task)
        self._open_more()


async def _end(connection: Poolable) -> None:
    """Close a connection in good order."""
    await connection.ensure_closed()
