"""Whose password is hashed next: networks take turns, so that a crowd from one keeps no other waiting."""

import asyncio
from collections import deque

from postkeep.domain.attempts import Network
from postkeep.services.ports import HashingBusy


class HashingTurns:
    """Turns to hash, a few at the same time, and a bounded number of people who wait for theirs, in a line by network.

    The first of each line comes before the second of any. Where there is no more room, the last of the longest line is
    sent away: one network may have all the room, but only as long as nobody else comes.

    Attributes:
        running: How many have their turn.
    """

    def __init__(self, at_once: int, room: int) -> None:
        """Take how many may have their turn at the same time, and how many may wait besides."""
        self.running = 0
        self._at_once = at_once
        self._room = room
        # The network whose turn is next comes first.
        self._lines: dict[Network, deque[asyncio.Future[bool]]] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return sum(map(len, self._lines.values()))

    def refuse_if_full(self, network: Network) -> None:
        """Refuse whoever would be the last of the longest line, where there is no more room.

        Raises:
            HashingBusy: They would.
        """
        own, longest = self._lines.get(network, ()), max(self._lines.values(), key=len, default=())
        if self._is_full() and len(own) + 1 >= len(longest):
            raise HashingBusy

    async def take(self, network: Network) -> None:
        """Wait for a turn; it lasts until it is ended.

        Raises:
            HashingBusy: There was no room, or others needed it.
        """
        self.refuse_if_full(network)
        if self.running < self._at_once:
            self.running += 1
            self._idle.clear()
            return
        if self._is_full():
            max(self._lines.values(), key=len).pop().set_result(False)
        if not await self._called(network):
            raise HashingBusy

    def end(self) -> None:
        """End a turn; the next one begins."""
        if self._lines:
            self._call_next()
            return
        self.running -= 1
        if not self.running:
            self._idle.set()

    async def ended(self) -> None:
        """Wait until all have had their turn."""
        await self._idle.wait()

    def _is_full(self) -> bool:
        """Whether nobody else may wait."""
        return self.running >= self._at_once and self.waiting >= self._room

    async def _called(self, network: Network) -> bool:
        """Stand in line until one is called: to one's turn, or to go away."""
        call = asyncio.get_running_loop().create_future()
        self._lines.setdefault(network, deque()).append(call)
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            if not call.done():
                self._leave(network, call)
            elif call.result():
                # Called and cancelled in the same moment: somebody else can have the turn.
                self.end()
            raise

    def _leave(self, network: Network, call: asyncio.Future[bool]) -> None:
        """Step out of the line."""
        self._lines[network].remove(call)
        if not self._lines[network]:
            del self._lines[network]

    def _call_next(self) -> None:
        """Give a turn to the first of the first line, which is the last one then."""
        network = next(iter(self._lines))
        line = self._lines.pop(network)
        line.popleft().set_result(True)
        if line:
            self._lines[network] = line
