"""Requests sent ahead, in packets of any size, to an application and a client that take their time, in any order."""

import asyncio
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from tests.unit.server.test_guard import GET, POST_IN_CHUNKS, Kept, connect, statuses, turns

PACKET: Final = 64 * 1024
BODY: Final = b"\r\n\r\nx" * 2000
PUT: Final = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n" % len(BODY)

REQUESTS: Final = {
    GET: ("GET", b""),
    PUT + b"\r\n" + BODY: ("PUT", BODY),
    PUT + b"Expect: 100-continue\r\n\r\n" + BODY: ("PUT", BODY),
    PUT + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + BODY: ("PUT", BODY),
    POST_IN_CHUNKS.replace(b"POST", b"PUT") + b"%x\r\n%b\r\n" % (len(BODY), BODY) * 2 + b"0\r\n\r\n": ("PUT", BODY * 2),
}
"""What is sent, and what an application is to make of it."""

Step: TypeAlias = int | Literal["let it wait", "take it", "answer"]
"""So many bytes are sent; the client lets answers wait, or takes them; or the application may go on with a request."""


class Hesitant(Kept):
    """Answers each request when it is told to."""

    def __init__(self) -> None:
        """Begin unasked."""
        super().__init__()
        self.may_go_on = asyncio.Semaphore(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        await self.may_go_on.acquire()
        await super().__call__(scope, receive, send)


@settings(max_examples=150, deadline=None)
@given(
    sent=st.lists(st.sampled_from(sorted(REQUESTS)), min_size=1, max_size=6),
    steps=st.lists(st.integers(1, PACKET) | st.sampled_from(["let it wait", "take it", "answer"]), max_size=20),
)
def test_everything_is_answered_in_the_end(sent: Sequence[bytes], steps: Sequence[Step]) -> None:
    """In its order, and with its body; what stands still for ever keeps a connection from everybody else."""
    asyncio.run(_go_through(sent, steps))


async def _go_through(sent: Sequence[bytes], steps: Sequence[Step]) -> None:
    """Take these steps, then let everything go on."""
    application, data = Hesitant(), b"".join(sent)
    protocol, transport = connect(application)
    for step in [*steps, "take it", *["answer"] * len(sent), *[PACKET] * len(sent)]:
        if step == "let it wait":
            protocol.pause_writing()
        elif step == "take it":
            protocol.resume_writing()
        elif step == "answer":
            application.may_go_on.release()
        elif transport.is_reading and data:
            protocol.data_received(data[: int(step)])
            data = data[int(step) :]
        await turns()
    assert application.taken == [REQUESTS[each] for each in sent]
    assert [status for status in statuses(transport) if status != 100] == [200] * len(sent)
    assert (transport.is_reading, transport.done) == (True, [])
