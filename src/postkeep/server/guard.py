"""The protocol: uvicorn's, where it lets through what must not come in, and waits for what never comes.

`turns` keeps answers in order, `intake` looks at what comes in; here is what a connection as a whole may do.
"""

import asyncio
import logging
import socket
from collections.abc import Hashable
from typing import Final

from postkeep.server.connection import Phase
from postkeep.server.connections import LARGE_BYTES, Connections
from postkeep.server.intake import IntakeProtocol
from postkeep.server.refusals import no_room, too_slow
from postkeep.server.turns import peer_of
from postkeep.server.whole_answer import Cycle
from postkeep.views.bodies import LONG_BODY

log = logging.getLogger(__name__)

_MUCH_AHEAD_BYTES: Final = 64 * 1024
"""What was sent ahead beyond that is looked at with all others as soon as it is kept."""

_WAITING_BYTES: Final = 128 * 1024
"""How much of an answer the system takes that cannot be sent yet."""


class GuardedProtocol(IntakeProtocol):
    """HTTP/1.1 with limits and deadlines. The state of the application's lifespan must have `connections`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin, or refuse to, where there are too many."""
        super().connection_made(transport)
        _bound_what_waits(transport)
        self._connections: Connections = self.app_state["connections"]
        if not self._connections.admit(self):
            self._refuse(no_room())

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._connections.leave(self)
        super().connection_lost(exc)

    def phase(self) -> tuple[Phase, object]:
        """Return what the connection is at, and with which request."""
        cycle = self._newest()
        if self._is_at_head() and self.scope:
            return Phase.HEAD, cycle
        if cycle is None:
            return Phase.SILENT, None
        if cycle.response_complete:
            return Phase.IDLE, cycle
        return (Phase.BODY if cycle.more_body else Phase.ANSWER), cycle

    def waits_for_client(self) -> bool:
        """Whether it would take more of what is on its way."""
        if self._is_over or self.flow.read_paused or self.transport.is_closing():
            return False
        cycle = self._newest()
        return cycle is None or not cycle.waiting_for_100_continue

    def received(self) -> int:
        """Return how many bytes of the present body have come."""
        return self._received

    def takes_long_body(self) -> bool:
        """Whether the present body may take longer than others."""
        cycle = self._newest()
        return cycle is not None and LONG_BODY in cycle.scope.get("state", {})

    def unsent(self) -> int:
        """Return how many bytes wait for the client to take them."""
        return self.transport.get_write_buffer_size()

    def held(self) -> tuple[Hashable, int]:
        """Name what is in memory for these bytes, and how much that is."""
        body = self._answering.sent if isinstance(self._answering, Cycle) else None
        return (self, self.unsent()) if body is None else body

    def pause_writing(self) -> None:
        """Take note that a client lets an answer wait: a large one may be too much beside all others."""
        super().pause_writing()
        if self.unsent() > LARGE_BYTES:
            self._connections.shed()

    def end_with_answer(self) -> None:
        """Have the answer under way be the last one."""
        cycle = self._newest()
        if cycle is not None and not cycle.response_complete:
            cycle.keep_alive = False

    def on_headers_complete(self) -> None:
        """Begin a request; while the process drains, it is the connection's last one."""
        super().on_headers_complete()
        if self._connections.is_draining and not self._is_at_head():
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """End with the answer under way, or at once; a request that has begun to come is answered while it drains."""
        if not (self._connections.is_draining and self.phase()[0] is Phase.HEAD):
            super().shutdown()

    def expire(self, phase: Phase) -> None:
        """End it, because its time is over, and tell the client where that can be told."""
        if phase is Phase.HEAD:
            self._refuse(too_slow("The request's head did not come in time."))
        elif phase is Phase.BODY:
            self._refuse(too_slow("The request's body did not come in time."))
        else:
            self._is_over = True
            self.transport.close()

    def cut(self) -> None:
        """End it at once, with what waits to be sent, here and in the system."""
        asked = self._answering
        request_id = asked.scope["state"].get("request_id") if asked is not None and "state" in asked.scope else None
        log.warning("answer_cut", extra={"reason": "not taken in time", "request_id": request_id})
        self.abort()

    def _feed_all(self, data: bytes) -> None:
        """Parse what may be parsed; where much has to be kept it may be too much beside all that others sent."""
        super()._feed_all(data)
        if self.ahead() > _MUCH_AHEAD_BYTES:
            self._connections.shed_ahead()


def _bound_what_waits(transport: asyncio.Transport) -> None:
    """Have the system take no megabytes for a client that does not read: what it took nobody here sees waiting.

    Source: tcp(7) of Linux; other systems may lack it.
    """
    option, peer = getattr(socket, "TCP_NOTSENT_LOWAT", None), peer_of(transport)
    if option is not None and peer is not None:
        peer.setsockopt(socket.IPPROTO_TCP, option, _WAITING_BYTES)
