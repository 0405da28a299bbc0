"""The protocol: uvicorn's, where it lets through what must not come in."""

import logging
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from postkeep.server.request_id import HEADER, new_request_id
from postkeep.server.security_headers import SECURITY
from postkeep.server.whole_answer import EXTENSIONS, Cycle
from postkeep.views.problems import problem

log = logging.getLogger(__name__)

_CHUNKED: Final = b"chunked"


class GuardedProtocol(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn speaks it with httptools, taking nothing for what it is not."""

    def on_headers_complete(self) -> None:
        """Begin a request with the headers there are.

        Raises:
            ValueError: Its body is coded in a way that nobody here can read; httptools makes it a 400.

        Source: RFC 9112 6.1 (transfer codings); RFC 9110 6.5.1 (fields behind the body are no headers), 7.8 (upgrade).
        """
        codings = [value.strip().lower() for name, value in self.headers if name == b"transfer-encoding"]
        if codings not in ([], [_CHUNKED]):
            message = "a transfer coding that is not chunked alone"
            raise ValueError(message)
        super().on_headers_complete()
        self.headers: list[tuple[bytes, bytes]] = []
        # uvicorn names the class itself; ours differs in what it can send.
        self.cycle.__class__ = Cycle
        self.scope["extensions"] = EXTENSIONS
        # For an answer that cannot be finished: closing would first wait for a client that does not read.
        self.scope.setdefault("state", {})["abort"] = self.transport.abort
        if self.parser is not None and self.parser.should_upgrade():
            # The parser takes all that follows for the other protocol, and uvicorn for the next request: it is neither.
            self.cycle.keep_alive = False

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP with a problem that has an id, and end the connection.

        Args:
            msg: What uvicorn found.
        """
        cycle: RequestResponseCycle | None = self.cycle
        if cycle and not cycle.response_complete and not cycle.more_body:
            # A whole request came before. Its answer comes first, and is the last: this one would be taken for it.
            cycle.keep_alive = False
            self.flow.pause_reading()
            return
        if cycle and not cycle.response_complete and (cycle.response_started or self.pipeline):
            # Another answer is half sent, or due before this one: whatever is sent now would be read as part of it.
            self.transport.close()
            return
        request_id = new_request_id()
        log.info("malformed", extra={"request_id": request_id})
        answer = problem(400, "malformed_request", request_id=request_id, detail=msg)
        ours = [*SECURITY, (HEADER.lower().encode(), request_id.encode()), (b"connection", b"close")]
        head = [*self.server_state.default_headers, *answer.raw_headers, *ours]
        lines = [b"HTTP/1.1 400 Bad Request", *(b"%b: %b" % line for line in head), b"", bytes(answer.body)]
        self.transport.write(b"\r\n".join(lines))
        self.transport.close()
