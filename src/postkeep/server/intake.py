"""What comes in: parsed piece by piece, measured before anybody reads it, refused where it is not one clear request."""

import asyncio
import re
from typing import Final, cast

import httptools

from postkeep.server import refusals, request_head
from postkeep.server.turns import Farewell, TurnProtocol
from postkeep.server.whole_answer import EXTENSIONS, Cycle

_PIECE_BYTES: Final = 8 * 1024
"""What the parser is given at once: a head is measured before it is parsed."""

_CROWDED_BYTES: Final = 1024
"""So much of that where requests may end in it: those sent ahead stay few, as each takes memory until its turn."""

_END: Final = b"\r\n\r\n"
"""What each head ends with, and each body in chunks."""

_FREE_CHUNKS: Final = 1000
_LEAST_CHUNK_BYTES: Final = 16
"""So long must chunks be on average beyond those: each is a call of ours, however little it carries. A line of an
import, which clients send in chunks of their own, is hardly ever shorter."""

# A method is any token; the parser knows some. Source: RFC 9110 9.1, 5.6.2.
_ODD_METHOD: Final = re.compile(rb"(?:\r\n)*([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32})(?= [^ \r\n]+ HTTP/1\.[01]\r\n)")
_STAND_IN: Final = b"PURGE"


class IntakeProtocol(TurnProtocol):
    """HTTP/1.1 that takes nothing for what it is not, and no more of it than is read."""

    # How many bytes of the present body have come.
    _received = 0
    # In how many chunks.
    _chunks = 0
    # How many bytes came since the parser last got anywhere: to the end of a head, or further in a body.
    _barren = 0
    # Whether the present head began behind another request in one piece, so that more of it came than was counted.
    _is_behind = False
    # What came and was not parsed, behind requests that wait for their turn.
    _held = b""
    # The scope of the last request that has come to its end.
    _ended: object = None
    _odd_method: str | None = None
    # Whether the head that has just come offers another protocol, for which the parser would leave out the body.
    _offers_upgrade = False

    def connection_lost(self, exc: Exception | None) -> None:
        """End, and drop what is held: the collector, who frees the connection, may take its time."""
        super().connection_lost(exc)
        self._held = b""

    def abort(self) -> None:
        """End the connection at once, and drop what is held."""
        super().abort()
        self._held = b""

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self._is_over:
            return
        if len(data) > _CROWDED_BYTES or self.pipeline or self._held:
            self._feed_all(self._held + data)
        else:
            self._feed(data)

    def ahead(self) -> int:
        """Return how many bytes have come that wait for requests before them to be answered."""
        return len(self._held)

    def on_headers_complete(self) -> None:
        """Begin a request with the headers there are.

        Raises:
            Refusal: They are not those of one clear request.

        Source: RFC 9112 3.2 (Host); RFC 9110 6.5.1 (fields behind the body are no headers), 7.8 (upgrade), 10.1.1
        (HTTP/1.0 expects nothing).
        """
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._offers_upgrade = True
            return
        fields = self._check_head()
        self._barren = self._received = 0
        super().on_headers_complete()
        self.headers: list[tuple[bytes, bytes]] = []
        # uvicorn names the class itself; ours differs in what it can send.
        self.cycle.__class__ = Cycle
        self.scope["extensions"] = EXTENSIONS
        # For an answer that cannot be finished: closing would first wait for a client that does not read.
        self.scope.setdefault("state", {})["abort"] = self.abort
        if b"content-length" in fields or b"transfer-encoding" in fields:
            self.cycle.transport = cast("asyncio.Transport", Farewell(self.transport, self._linger))
            self._chunks = 0
        if self._odd_method is not None:
            self.scope["method"], self._odd_method = self._odd_method, None
        if self.parser.should_upgrade():
            # CONNECT: the parser takes all that follows for the tunnel, and uvicorn for a request: it is neither.
            self.cycle.keep_alive = False

    def on_chunk_header(self) -> None:
        """Begin a chunk of a body.

        Raises:
            Refusal: There are more of them than its bytes justify.
        """
        self._chunks += 1
        if self._chunks > _FREE_CHUNKS + self._received // _LEAST_CHUNK_BYTES:
            raise _out_of_proportion()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._barren = 0
        self._received += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request, also one that was answered before."""
        if self._offers_upgrade:
            return
        self._ended, self._is_behind = self.scope, True
        self.cycle.more_body = False
        if not self.cycle.response_complete:
            self.cycle.message_event.set()

    def on_response_complete(self) -> None:
        """Go on with what was sent ahead, and with what was held because of it."""
        super().on_response_complete()
        if self._held:
            self._feed_held()

    def resume_writing(self) -> None:
        """Go on with what waited for the client to take an answer, and with what was held because of it."""
        super().resume_writing()
        if self._held:
            self._feed_held()

    def _check_head(self) -> dict[bytes, bytes]:
        """Return the headers by name; refuse a head that is not that of one clear request.

        What is usual costs no more than a few look-ups.
        """
        headers = self.headers
        fields = dict(headers)
        if self._barren > request_head.MAX_LINE_BYTES or self._is_behind:
            request_head.check_size(self.url, headers)
        if len(self.url) > request_head.MAX_PARAMETERS:
            request_head.check_parameters(self.url)
        if len(fields) < len(headers) or len(headers) > request_head.MAX_HEADERS:
            request_head.check_number(headers)
        version = self.parser.get_http_version()
        if version != "1.1" or b"transfer-encoding" in fields:
            request_head.check_framing(headers, version)
            self.expect_100_continue = self.expect_100_continue and version == "1.1"
        if b"host" not in fields or not request_head.is_authority(fields[b"host"]):
            message = "The request has no valid Host header."
            raise refusals.malformed(message)
        if not self.url.startswith(b"/"):
            self.url = request_head.origin_form(self.url, self.parser.get_method(), headers)
        return fields

    def _feed_all(self, data: bytes) -> None:
        """Parse data piece by piece, as long as no request waits for its turn, and hold the rest."""
        view, at = memoryview(data), 0
        while at < len(view) and not self.pipeline and not self._is_over:
            end = data.find(_END, at + _CROWDED_BYTES - len(_END), at + _PIECE_BYTES)
            begun, at = at, at + _PIECE_BYTES if end < 0 else end + len(_END)
            self._feed(view[begun:at])
        was_held = self._flow.is_held
        self._held = b"" if self._is_over else bytes(view[at:])
        self._flow.is_held = bool(self._held)
        if self._held:
            self.flow.pause_reading()
        elif was_held:
            self.flow.resume_reading()

    def _feed_held(self) -> None:
        """Parse what is held, as far as that may be now."""
        if not self.transport.is_closing():
            self._feed_all(self._held)

    def _feed(self, piece: bytes | memoryview) -> None:
        """Parse a piece."""
        before, is_between = self.cycle, self._ended is self.scope
        self._barren += len(piece)
        self._is_behind = self._is_behind and not is_between
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserInvalidMethodError:
            self._feed_odd_method(bytes(piece) if is_between and self.cycle is before else b"")
        except httptools.HttpParserUpgrade as upgrade:
            if self._offers_upgrade:
                self._ignore_offer(bytes(piece[upgrade.args[0] :]))
            else:
                self._is_over = True
        except httptools.HttpParserError as error:
            ours = error.__context__
            self._refuse(ours if isinstance(ours, refusals.Refusal) else refusals.malformed("This is no HTTP/1.1."))
        if self._barren > request_head.MAX_HEAD_BYTES and not self._is_over:
            self._refuse_barren()

    def _feed_odd_method(self, piece: bytes) -> None:
        """Parse a request whose method the parser does not know with one that it knows; its own name is kept.

        Args:
            piece: What begins with that request; nothing if it is not known where it begins.
        """
        found = _ODD_METHOD.match(piece)
        if found is None:
            self._refuse(refusals.malformed("There is no such method."))
            return
        self._odd_method = found[1].decode("ascii")
        self._begin_anew(_STAND_IN + piece[found.end() :])

    def _ignore_offer(self, behind: bytes) -> None:
        """Parse a request as what it is without the other protocol that it offers.

        Args:
            behind: What has come behind its head.

        Source: RFC 9110 7.8 (a server may ignore Upgrade; the body is the request's).
        """
        self._offers_upgrade = False
        lines = [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        version = self.parser.get_http_version().encode("ascii")
        line = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, version)
        self._begin_anew(line + b"".join(lines) + b"\r\n" + behind)

    def _begin_anew(self, data: bytes) -> None:
        """Parse what begins with a request, as if nothing of that had come."""
        self.parser = httptools.HttpRequestParser(self)
        self._barren = 0
        self._feed(data)

    def _refuse_barren(self) -> None:
        """Refuse what has come to no end for too long: a head, or what chunks and trailers may carry besides."""
        if self._is_at_head() and not self.headers and len(self.url) > request_head.MAX_LINE_BYTES:
            self._refuse(refusals.target_too_long())
        elif self._is_at_head():
            self._refuse(request_head.too_large())
        elif self.cycle.more_body:
            self._refuse(_out_of_proportion())
        else:
            self._barren = 0


def _out_of_proportion() -> refusals.Refusal:
    """Refuse a body that is mostly something else."""
    return refusals.malformed("The body's chunks or trailers are out of all proportion.")
