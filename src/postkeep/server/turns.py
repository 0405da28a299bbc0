"""Whose turn it is on a connection: answers leave in the order of their requests, and a refusal is one of them."""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Final, cast

from uvicorn._types import ASGI3Application, HTTPScope
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from postkeep.server.refusals import Refusal, answering

_LINGER_SECONDS: Final = 0.5

# Reset the connection when it is closed. Source: socket(7), SO_LINGER.
_AT_ONCE: Final = struct.pack("ii", 1, 0)


class Flow(FlowControl):
    """Starts and stops the stream.

    Attributes:
        is_held: Whether more has come than may be read now, so that nobody may ask for more.
    """

    is_held = False

    def resume_reading(self) -> None:
        """Have more come, if it may."""
        if not self.is_held:
            super().resume_reading()


class Farewell:
    """A connection as it is given to a request with a body: who still sends it must hear the answer before the end.

    Attributes:
        write: Sends bytes.
        is_closing: Tells whether the end has come.
        close: Ends it.
    """

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        """Take what it goes over, and how it ends."""
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close


class TurnProtocol(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn speaks it with httptools, in which a connection can end with a word of its own."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin."""
        # `cycle` is the request that came last; this is the one whose turn it is to be answered.
        self._answering: RequestResponseCycle | None = None
        self._is_over = self._is_lingering = False
        # uvicorn has them only once a request begins, and empty lines begin none.
        self.url, self.headers = b"", []
        super().connection_made(transport)
        self._flow = Flow(transport)
        self.flow = self._flow

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever serves a request here that nobody is left."""
        self._is_over = True
        self.pipeline.clear()
        if self._answering is not None and not self._answering.response_complete:
            _leave(self._answering)
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Go on with what was sent ahead. The time until the next request is not counted here."""
        self.server_state.total_requests += 1
        if self.transport.is_closing() or self._is_lingering:
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        self.flow.resume_reading()

    def resume_writing(self) -> None:
        """Go on with the request that waited for the client to take the answer before it."""
        super().resume_writing()
        is_ending = self.transport.is_closing() or self._is_lingering
        if self.pipeline and not is_ending and not self.is_answering():
            self._start_asgi_task(*self.pipeline.pop())

    def is_answering(self) -> bool:
        """Whether a request that came before is still being answered."""
        return self._answering is not None and not self._answering.response_complete

    def last_answer(self) -> object:
        """Return what stands for the answer that began last."""
        return self._answering

    def abort(self) -> None:
        """End the connection at once, with what waits to be sent, here and in the system."""
        self._is_over = True
        peer = peer_of(self.transport)
        if peer is not None:
            # The client may have left just now, and the socket with it.
            with suppress(OSError, ValueError):
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Have a request answered: it is its turn, once the client takes the answer before it.

        Until then nothing is made that could only wait, too, and that nobody would count.
        """
        if self.flow.write_paused:
            self.flow.pause_reading()
            self.pipeline.append((cycle, app))
            return
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _linger(self) -> None:
        """End the connection behind an answer, however much of its request is unread.

        Whoever has sent bytes that nobody reads is told of a broken connection, and may lose the answer. So the answer
        and its end go first, and the rest a moment later; more is not read for that.

        Source: RFC 9112 9.6.
        """
        if not self.cycle.more_body:
            self.transport.close()
            return
        self._is_over = self._is_lingering = self._flow.is_held = True
        self.flow.pause_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    def _is_at_head(self) -> bool:
        """Whether a head is due or begun that has not come to its end."""
        newest = self._newest()
        return newest is None or newest.scope is not self.scope

    def _newest(self) -> RequestResponseCycle | None:
        """Return the request that came last; uvicorn's own type for it leaves out that there may be none."""
        return self.cycle

    def _refuse(self, refusal: Refusal) -> None:
        """Read no more, and answer with a refusal when its turn comes: nobody may take it for another's answer."""
        self._is_over, refused = True, None
        if not self._is_at_head() and self.cycle.more_body:
            if self.cycle.response_started:
                self.transport.close()
                return
            self._forget(self.cycle)
            refused = self.scope
        self._answer_at_last(answering(refusal), refused)

    def _forget(self, cycle: RequestResponseCycle) -> None:
        """Take back the request that came last and was not answered."""
        if cycle is self._answering:
            # Whoever serves it learns that nobody is left, and what it would say is not sent.
            _leave(cycle)
            self._answering = None
        else:
            self.pipeline.popleft()

    def _answer_at_last(self, app: object, refused: HTTPScope | None) -> None:
        """Have the last answer of this connection come from an application of our own.

        Args:
            app: The application.
            refused: The request that it answers; None for one whose head is not whole: of that, what has come of its
                headers says whether a browser sends it.
        """
        if not self._is_at_head() or not self.scope:
            self.on_message_begin()
        self.scope["path"], self.scope["query_string"] = "/", b""
        if refused is not None:
            self.scope["path"], self.scope["headers"] = refused["path"], refused["headers"]
        self.scope.get("state", {}).pop("query", None)
        self.scope["method"] = self.parser.get_method().decode("ascii") if self.parser and self.url else "GET"
        self.cycle = RequestResponseCycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=False,
            on_response=self.on_response_complete,
        )
        turn = self.cycle, cast("ASGI3Application", app)
        if not self.pipeline and not self.is_answering():
            self._start_asgi_task(*turn)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft(turn)


def _leave(cycle: RequestResponseCycle) -> None:
    """Tell the application behind a request that nobody is left to answer."""
    cycle.disconnected = True
    cycle.message_event.set()


def peer_of(transport: asyncio.Transport) -> socket.socket | None:
    """Return the socket of a connection over TCP."""
    peer: socket.socket | None = transport.get_extra_info("socket")
    return peer if peer is not None and peer.family in {socket.AF_INET, socket.AF_INET6} else None
