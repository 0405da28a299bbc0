"""A whole answer leaves exactly as it would in ASGI's own two messages."""

import asyncio
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import cast

import pytest
from starlette.types import Message
from uvicorn.protocols.http.flow_control import FlowControl

from postkeep.server.head import as_get
from postkeep.server.representations import Header
from postkeep.server.whole_answer import EXTENSIONS, Cycle, Prepared, answer

HEADERS = ((b"content-length", b"4"), (b"etag", b'"a"'))
PREPARED = Prepared(HTTPStatus.OK, HEADERS)
UNMODIFIED = Prepared(HTTPStatus.NOT_MODIFIED, HEADERS[1:])
ADDED = (b"x-request-id", b"7")
SCOPE = {"type": "http", "method": "GET", "http_version": "1.1", "extensions": EXTENSIONS}


class Wire:
    """A transport that remembers what was written, write by write."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        """Remember it."""
        self.written.append(data)

    def close(self) -> None:
        """Remember that, too."""
        self.is_closed = True

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.is_closed


class Answering:
    """One request on its way, and what came of it."""

    def __init__(self, *, keep_alive: bool = True, of_server: Sequence[Header] = ((b"date", b"now"),)) -> None:
        """Begin a request; the server's own headers are those."""
        self.wire = Wire()
        self.completed = 0
        self.flow = FlowControl(cast("asyncio.Transport", self.wire))
        self.cycle = Cycle(
            scope={**SCOPE},  # type: ignore[typeddict-item]  # all that is looked at
            transport=cast("asyncio.Transport", self.wire),
            flow=self.flow,
            logger=logging.getLogger(),
            access_logger=logging.getLogger(),
            access_log=False,
            default_headers=list(of_server),
            message_event=asyncio.Event(),
            expect_100_continue=True,
            keep_alive=keep_alive,
            on_response=self._complete,
        )

    def _complete(self) -> None:
        self.completed += 1

    async def answer(self, prepared: Prepared = PREPARED, body: bytes = b"body", *, whole: bool) -> bytes:
        """Answer, with a header that a layer adds, and return what was written."""

        async def send(message: Message) -> None:
            if "headers" in message:
                message["headers"] = [*message["headers"], ADDED]
            await self.cycle.send(message)

        await answer({**SCOPE, "extensions": EXTENSIONS if whole else {}}, send, prepared, body)
        return b"".join(self.wire.written)

    @property
    def state(self) -> tuple[object, ...]:
        """What uvicorn goes on by."""
        cycle = self.cycle
        return (
            cycle.response_started,
            cycle.response_complete,
            cycle.waiting_for_100_continue,
            cycle.keep_alive,
            cycle.message_event.is_set(),
            self.wire.is_closed,
            self.completed,
        )


@pytest.mark.parametrize("keep_alive", [True, False])
@pytest.mark.parametrize(("prepared", "body"), [(PREPARED, b"body"), (UNMODIFIED, b"")])
async def test_a_whole_answer_has_the_bytes_of_one_in_two_messages(
    prepared: Prepared, body: bytes, *, keep_alive: bool
) -> None:
    """And leaves the connection in the same state."""
    whole, in_two = Answering(keep_alive=keep_alive), Answering(keep_alive=keep_alive)
    written = await whole.answer(prepared, body, whole=True)
    assert written == await in_two.answer(prepared, body, whole=False)
    assert whole.state == in_two.state
    assert b"x-request-id: 7\r\n" in written
    assert written.endswith(b"\r\n\r\n" + body)


async def test_it_leaves_with_one_write() -> None:
    """That is what it is for."""
    answering = Answering()
    await answering.answer(whole=True)
    assert len(answering.wire.written) == 1


async def test_the_server_s_headers_are_those_of_the_moment() -> None:
    """The date changes each second."""
    for date in (b"one", b"two", b"two", b"one"):
        assert b"date: %b\r\n" % date in await Answering(of_server=[(b"date", date)]).answer(whole=True)


async def test_a_client_that_does_not_read_is_waited_for() -> None:
    """Nothing is written into a full buffer."""
    answering = Answering()
    answering.flow.pause_writing()
    waiting = asyncio.create_task(answering.answer(whole=True))
    await asyncio.sleep(0)
    assert answering.wire.written == []
    answering.flow.resume_writing()
    assert (await waiting).endswith(b"body")


async def test_nothing_is_written_to_who_has_left() -> None:
    """As uvicorn has it."""
    answering = Answering()
    answering.cycle.disconnected = True
    assert await answering.answer(whole=True) == b""


async def test_nothing_is_answered_twice() -> None:
    """The second answer would be taken for that of the next request."""
    answering = Answering()
    await answering.answer(whole=True)
    with pytest.raises(RuntimeError):
        await answering.answer(whole=True)
    assert len(answering.wire.written) == 1


async def test_other_servers_are_told_in_asgi_s_own_words() -> None:
    """So is the server, where a HEAD needs the head alone."""
    for scope in ({"type": "http"}, as_get({**SCOPE, "method": "HEAD"})):
        said: list[Message] = []

        async def send(message: Message, said: list[Message] = said) -> None:
            said.append(message)

        await answer(scope, send, PREPARED, b"body")
        assert said == [
            {"type": "http.response.start", "status": 200, "headers": [*HEADERS]},
            {"type": "http.response.body", "body": b"body"},
        ]
