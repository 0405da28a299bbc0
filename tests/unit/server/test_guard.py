"""The protocol, byte by byte, on a transport that only remembers; what it does over a real one is in tests/e2e."""

import asyncio
import socket
from http import HTTPStatus
from typing import Any, cast

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from postkeep.server.connection import Phase
from postkeep.server.connections import LARGE_BYTES, MOST_AHEAD_BYTES, MOST_UNSENT_BYTES, Connections, Deadlines
from postkeep.server.guard import GuardedProtocol
from postkeep.server.whole_answer import Prepared, answer

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n"
POST_IN_CHUNKS = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


class Transport:
    """Remembers what is done to it.

    Attributes:
        written: What was sent.
        done: What else was done, in order.
        is_reading: Whether more may come.
        peer: What it goes over, if that is known.
        unsent: How many bytes wait for the client.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.peer: socket.socket | None = None
        self.written, self.unsent = b"", 0
        self.done: list[str] = []
        self.is_reading = True

    def write(self, data: bytes) -> None:
        """Remember it."""
        self.written += data

    def write_eof(self) -> None:
        """Remember it."""
        self.done.append("eof")

    def close(self) -> None:
        """Remember it."""
        self.done.append("close")

    def abort(self) -> None:
        """Remember it."""
        self.done.append("abort")

    def pause_reading(self) -> None:
        """Have nothing more come."""
        self.is_reading = False

    def resume_reading(self) -> None:
        """Have more come."""
        self.is_reading = True

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return "close" in self.done or "abort" in self.done

    def can_write_eof(self) -> bool:
        """It can."""
        return True

    def get_write_buffer_size(self) -> int:
        """Return what is to wait."""
        return self.unsent

    def get_extra_info(self, name: str) -> socket.socket | None:
        """Nothing is known but what it goes over."""
        return self.peer if name == "socket" else None


class Application:
    """Answers when it is told to.

    Attributes:
        asked: The methods that it was asked with.
        may_answer: Set when it may.
        reads: Whether it reads bodies.
    """

    def __init__(self, *, reads: bool = False) -> None:
        """Begin unasked."""
        self.asked: list[str] = []
        self.may_answer = asyncio.Event()
        self.reads = reads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        self.asked.append(scope["method"])
        while self.reads:
            message = await receive()
            if message["type"] == "http.disconnect" or not message["more_body"]:
                break
        await self.may_answer.wait()
        close = [(b"connection", b"close")] if scope["method"] == "POST" else []
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0"), *close]})
        await send({"type": "http.response.body", "body": b""})


class Kept:
    """Answers at once, whatever it is asked, and keeps the connection.

    Attributes:
        taken: The methods and the bodies.
    """

    def __init__(self) -> None:
        """Begin unasked."""
        self.taken: list[tuple[str, bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        body, is_whole = b"", False
        while not is_whole:
            message = await receive()
            body += message["body"]
            is_whole = not message["more_body"]
        self.taken.append((scope["method"], body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


def connect(
    application: ASGIApp, limit: int = 10, *, beside: GuardedProtocol | None = None
) -> tuple[GuardedProtocol, Transport]:
    """Connect to a server with this application, or to the one that another connection is to."""
    config = Config(app=cast("Any", application), log_config=None)
    state = {"connections": Connections(Deadlines(), limit)} if beside is None else beside.app_state
    protocol = GuardedProtocol(config, ServerState(), state, asyncio.get_running_loop())
    transport = Transport()
    protocol.connection_made(cast("asyncio.Transport", transport))
    return protocol, transport


async def turns(count: int = 20) -> None:
    """Let everything that can go on go on."""
    for _ in range(count):
        await asyncio.sleep(0)


def statuses(transport: Transport) -> list[int]:
    """Return the statuses that were sent."""
    return [int(part[:3]) for part in transport.written.split(b"HTTP/1.1 ")[1:]]


async def test_of_what_is_sent_ahead_little_is_read() -> None:
    """Ten thousand requests in one packet are not ten thousand requests in memory; each is answered all the same."""
    application = Application()
    protocol, transport = connect(application)
    protocol.data_received(GET * 10_000)
    protocol.data_received(GET * 10)
    await turns()
    assert len(protocol.pipeline) < 50
    assert not transport.is_reading
    assert protocol.ahead() > len(GET) * 9_900
    application.may_answer.set()
    await turns(100_000)
    assert (statuses(transport), transport.is_reading) == ([200] * 10_010, True)


@pytest.mark.parametrize(
    "first",
    [
        b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000,
        POST_IN_CHUNKS.replace(b"POST", b"PUT") + b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n",
        GET.replace(b"Host", b"X: " + b"x" * 2000 + b"\r\nHost"),
        b"",
    ],
    ids=["length", "chunks", "long head", "nothing"],
)
async def test_of_what_is_sent_ahead_little_is_read_in_a_packet_of_any_size(first: bytes) -> None:
    """A thousand connections with 8 KiB each are not 300,000 requests in memory, whatever stands before them."""
    application = Application(reads=True)
    protocol, transport = connect(application)
    protocol.data_received(first + GET * 200)
    await turns()
    assert len(protocol.pipeline) < 50
    application.may_answer.set()
    await turns(10_000)
    assert statuses(transport) == [200] * (200 + bool(first))


@pytest.mark.parametrize("packet", [100, 5000, 100_000])
@pytest.mark.parametrize("size", [8001, 15_000])
@pytest.mark.parametrize(
    ("head", "status"),
    [(b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n", 414), (b"GET / HTTP/1.1\r\nHost: a\r\nX: %b\r\n\r\n", 431)],
    ids=["target", "header"],
)
async def test_a_head_is_measured_wherever_it_begins(head: bytes, status: int, size: int, packet: int) -> None:
    """In a packet behind another request, as at its beginning."""
    protocol, transport = connect(Kept())
    sent = GET + head % (b"x" * size)
    for at in range(0, len(sent), packet):
        protocol.data_received(sent[at : at + packet])
        await turns()
    assert statuses(transport) == [200, status]


async def test_nothing_more_is_made_for_who_does_not_take_what_there_is() -> None:
    """It would only wait, too, where nobody counts it; each request is answered all the same, and in order."""
    application = Kept()
    protocol, transport = connect(application)
    protocol.pause_writing()
    protocol.data_received(GET)
    protocol.data_received(GET.replace(b"GET", b"PUT"))
    await turns()
    at_first = [*application.taken, transport.is_reading]
    protocol.resume_writing()
    await turns()
    assert at_first == [False]
    assert (application.taken, transport.is_reading) == ([("GET", b""), ("PUT", b"")], True)


@pytest.mark.parametrize("ahead", [b"", GET], ids=["alone", "behind another"])
async def test_a_body_that_waited_with_its_request_is_read_with_it(ahead: bytes) -> None:
    """Nothing else would have it read: the request would wait for its body, and the connection stay, for ever."""
    application = Kept()
    protocol, transport = connect(application)
    protocol.pause_writing()
    protocol.data_received(ahead + POST.replace(b"POST", b"PUT") + b"\r\n" + b"x" * 50_000)
    protocol.data_received(b"x" * 50_000)
    await turns()
    protocol.resume_writing()
    await turns()
    assert (application.taken[-1], transport.is_reading) == (("PUT", b"x" * 100_000), True)


async def test_a_refusal_waits_behind_what_waits() -> None:
    """Nobody may take it for the answer to what was asked before."""
    protocol, transport = connect(Kept())
    protocol.pause_writing()
    protocol.data_received(GET + b"no HTTP\r\n\r\n")
    await turns()
    protocol.resume_writing()
    await turns()
    assert (statuses(transport), transport.done) == ([200, 400], ["close"])


@pytest.mark.parametrize("end", ["close", "abort"])
async def test_nothing_more_is_made_for_a_connection_that_ends(end: str) -> None:
    """What it still waits for is sent, and no more."""
    application = Kept()
    protocol, transport = connect(application)
    protocol.data_received(GET)
    await turns()
    protocol.pause_writing()
    protocol.data_received(GET)
    getattr(transport, end)()
    protocol.resume_writing()
    await turns()
    assert application.taken == [("GET", b"")]


async def test_what_is_being_answered_goes_on_before_what_is_sent_ahead() -> None:
    """A long list comes in parts, between which its client is waited for."""
    application = Application()
    protocol, transport = connect(application)
    protocol.data_received(GET + GET)
    await turns()
    protocol.pause_writing()
    protocol.resume_writing()
    await turns()
    assert application.asked == ["GET"]
    application.may_answer.set()
    await turns()
    assert statuses(transport) == [200, 200]


async def test_what_asks_for_more_of_a_body_does_not_have_more_requests_come() -> None:
    """Each of them would bring another packet with it."""
    application = Application(reads=True)
    protocol, transport = connect(application)
    protocol.data_received(GET * 10_000)
    await turns()
    assert not transport.is_reading


async def test_a_method_has_its_own_name() -> None:
    """Logs and answers must not speak of the one that stands in for it."""
    application = Application()
    application.may_answer.set()
    protocol, transport = connect(application)
    protocol.data_received(GET.replace(b"GET", b"FOO"))
    await turns()
    protocol.data_received(GET)
    await turns()
    assert (application.asked, statuses(transport)) == (["FOO", "GET"], [200, 200])


async def test_who_still_sends_hears_the_answer_before_the_end() -> None:
    """A connection that is closed with bytes unread is reset, and the answer with it."""
    application = Application()
    application.may_answer.set()
    protocol, transport = connect(application)
    protocol.data_received(POST + b"\r\n" + b"x" * 100)
    await turns()
    assert (statuses(transport), transport.done, transport.is_reading) == ([200], ["eof"], False)


async def test_who_has_sent_everything_is_not_lingered_for() -> None:
    """There is nothing left to lose."""
    application = Application(reads=True)
    application.may_answer.set()
    protocol, transport = connect(application)
    protocol.data_received(POST + b"\r\n" + b"x" * 100_000)
    await turns()
    assert (statuses(transport), transport.done) == ([200], ["close"])


async def test_who_waits_to_be_told_to_go_on_is_not_late() -> None:
    """Expect: 100-continue; the application has not asked for the body."""
    protocol, _ = connect(Application())
    protocol.data_received(POST + b"Expect: 100-continue\r\n\r\n")
    await turns()
    assert (protocol.phase()[0], protocol.waits_for_client()) == (Phase.BODY, False)


async def test_an_old_client_is_not_told_to_go_on() -> None:
    """HTTP/1.0 knows no interim answers: it would take this one for the answer (RFC 9110 10.1.1)."""
    protocol, transport = connect(Kept())
    protocol.data_received(POST.replace(b"1.1", b"1.0") + b"Expect: 100-continue\r\n\r\n")
    await turns()
    at_first = statuses(transport)
    protocol.data_received(b"x" * 100_000)
    await turns()
    assert (at_first, statuses(transport)) == ([], [200])


@pytest.mark.parametrize("behind", [b"", GET], ids=["alone", "with another behind it"])
async def test_whoever_is_at_work_is_told_that_nobody_is_left(behind: bytes) -> None:
    """A long list would be read to its end for nobody; uvicorn itself tells the request that came last only."""
    told: list[str] = []

    async def listen(_: Scope, receive: Receive, __: Send) -> None:
        while not told:
            message = await receive()
            if message["type"] == "http.disconnect":
                told.append("it")

    protocol, _ = connect(listen)
    protocol.data_received(GET + behind)
    await turns()
    protocol.connection_lost(None)
    await turns()
    assert told == ["it"]


@pytest.mark.parametrize(
    ("sent", "phase"),
    [
        (b"", Phase.SILENT),
        (b"\r\n", Phase.SILENT),
        (b"G", Phase.HEAD),
        (POST, Phase.HEAD),
        (POST + b"\r\n", Phase.BODY),
        (GET, Phase.ANSWER),
        (GET + b"G", Phase.HEAD),
    ],
)
async def test_it_knows_what_it_is_at(sent: bytes, phase: Phase) -> None:
    """Every deadline depends on it."""
    protocol, _ = connect(Application())
    protocol.data_received(sent)
    await turns()
    assert protocol.phase()[0] is phase


async def test_after_an_answer_it_is_idle_whatever_line_ends_come() -> None:
    """They begin no request (RFC 9112 2.2)."""
    application = Application()
    application.may_answer.set()
    protocol, _ = connect(application)
    protocol.data_received(GET)
    await turns()
    protocol.data_received(b"\r\n\r\n")
    assert protocol.phase()[0] is Phase.IDLE


async def test_one_too_many_is_told_so_and_asked_nothing() -> None:
    """What it sends meanwhile is not read."""
    application = Application()
    protocol, transport = connect(application, limit=0)
    protocol.data_received(GET)
    await turns()
    assert (statuses(transport), transport.done, application.asked) == ([503], ["close"], [])


async def test_empty_lines_without_end_are_refused() -> None:
    """Nothing of a request has come by then, not even its beginning, and the refusal must do without."""
    application = Application()
    protocol, transport = connect(application)
    protocol.data_received(b"\r\n" * 20_000)
    await turns()
    assert (statuses(transport), transport.done, application.asked) == ([431], ["close"], [])


async def test_what_is_gone_already_can_be_aborted() -> None:
    """A client may leave in the moment in which its answer is cut, or the longest ones are: nothing has failed."""
    protocol, transport = connect(Application())
    transport.peer = socket.socket()
    transport.peer.close()
    protocol.data_received(GET)
    await turns()
    protocol.cut()
    assert transport.done == ["abort"]


@pytest.mark.parametrize(("unsent", "ended"), [(LARGE_BYTES, []), (LARGE_BYTES + 1, ["abort"])])
async def test_a_large_answer_that_waits_is_too_much_at_once(unsent: int, ended: list[str]) -> None:
    """Not when all are looked at: hundreds of pages of megabytes are asked for in a second. A small one may wait."""
    first, slow = connect(Kept())
    then, last = connect(Kept(), beside=first)
    slow.unsent, last.unsent = MOST_UNSENT_BYTES, unsent
    then.pause_writing()
    assert (slow.done, last.done) == (ended, [])


async def test_much_that_is_sent_ahead_is_too_much_at_once() -> None:
    """Not when all are looked at: thousands of packets come within a second."""
    application, packet = Application(), GET * 10_000
    first, _ = connect(application, limit=200)
    crowd = [connect(application, beside=first) for _ in range(100)]
    for protocol, _ in crowd:
        protocol.data_received(packet)
    kept = sum(protocol.ahead() for protocol, _ in crowd)
    assert MOST_AHEAD_BYTES - len(packet) < kept <= MOST_AHEAD_BYTES
    assert {tuple(transport.done) for _, transport in crowd} == {(), ("abort",)}


async def test_of_who_leaves_nothing_is_kept() -> None:
    """A connection and its requests refer to each other, and stay until the collector comes by."""
    protocol, _ = connect(Application())
    protocol.data_received(GET * 10_000)
    protocol.connection_lost(None)
    assert protocol.ahead() == 0


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("size", [1, 2**17])
async def test_what_many_are_sent_from_memory_is_known_as_that(size: int, *, whole: bool) -> None:
    """It is there once, however much of it has been taken; unless it is short, and was copied behind its head."""
    body = b"x" * size
    length = [(b"content-length", b"%d" % size)]

    async def remembered(scope: Scope, _: Receive, send: Send) -> None:
        if whole:
            await answer(scope, send, Prepared(HTTPStatus.OK, length), body)
        else:
            await send({"type": "http.response.start", "status": 200, "headers": length})
            await send({"type": "http.response.body", "body": body})

    first, slow = connect(remembered)
    then, slower = connect(remembered, beside=first)
    for each in (first, then):
        each.data_received(GET)
    await turns()
    slow.unsent, slower.unsent = 100, 200
    if size == 1 and whole:
        assert (first.held(), then.held()) == ((first, 100), (then, 200))
    else:
        assert first.held() == then.held()
        assert first.held()[1] == size


async def test_parts_of_a_stream_are_their_own() -> None:
    """Each is copied on its way, and another may stand in its place by then."""
    part = b"x" * 2**17

    async def streamed(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": part, "more_body": True})

    first, _ = connect(streamed)
    then, _ = connect(streamed, beside=first)
    for each in (first, then):
        each.data_received(GET)
    await turns()
    assert first.held() != then.held()


OLD_GET = GET.replace(b"1.1", b"1.0")


async def in_parts(_: Scope, __: Receive, send: Send) -> None:
    """Answer with three parts, of a length that nobody knows before."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for part in (b"one", b"", b"two"):
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def test_an_old_client_is_sent_no_chunks() -> None:
    """HTTP/1.0 knows none: the answer ends with the connection (RFC 9112 6.1, 6.3)."""
    protocol, transport = connect(in_parts)
    protocol.data_received(OLD_GET)
    await turns()
    head, _, body = transport.written.partition(b"\r\n\r\n")
    assert (body, b"transfer-encoding" in head, transport.done) == (b"onetwo", False, ["close"])


async def test_an_old_client_does_not_take_half_an_answer_for_all_of_it() -> None:
    """The end of the connection says that it is whole, so what fails in the middle ends otherwise."""

    async def failing(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        raise OSError

    protocol, transport = connect(failing)
    protocol.data_received(OLD_GET)
    await turns()
    assert transport.done[0] == "abort"


async def test_what_an_old_client_is_sent_in_parts_is_its_own() -> None:
    """The name of a part, which is gone by then, says nothing of what waits."""
    protocol, transport = connect(in_parts)
    protocol.data_received(OLD_GET)
    await turns()
    transport.unsent = 5
    assert protocol.held() == (protocol, 5)


def chunked(size: int, number: int) -> bytes:
    """Return a request with so many chunks, and the last one."""
    return POST_IN_CHUNKS + b"%x\r\n%b\r\n" % (size, b"x" * size) * number + b"0\r\n\r\n"


@pytest.mark.parametrize(("size", "number"), [(1, 1000), (64, 20_000), (5, 1050)])
async def test_a_body_may_come_in_small_chunks(size: int, number: int) -> None:
    """Whoever writes what there is as soon as there is some sends them."""
    application = Application(reads=True)
    application.may_answer.set()
    protocol, transport = connect(application)
    protocol.data_received(chunked(size, number))
    await turns()
    assert statuses(transport) == [200]


@pytest.mark.parametrize(("size", "number"), [(1, 1100), (5, 2000), (8, 5000)])
async def test_a_body_in_more_chunks_than_its_bytes_justify_is_refused(size: int, number: int) -> None:
    """Each is a call of ours, so a megabyte in chunks of one byte would cost as much as ten thousand hits."""
    protocol, transport = connect(Application(reads=True))
    protocol.data_received(chunked(size, number))
    await turns()
    assert (statuses(transport), transport.done) == ([400], ["close"])


async def test_chunks_are_counted_for_each_body() -> None:
    """A connection that is kept has many of them."""
    protocol, transport = connect(Kept())
    for _ in range(3):
        protocol.data_received(chunked(1, 900))
        await turns()
    assert statuses(transport) == [200] * 3


async def test_a_body_may_come_byte_by_byte() -> None:
    """Its packets are the network's affair."""
    application = Application(reads=True)
    application.may_answer.set()
    protocol, transport = connect(application)
    for byte in POST.replace(b"100000", b"3000") + b"\r\n" + b"x" * 3000:
        protocol.data_received(bytes([byte]))
    await turns()
    assert statuses(transport) == [200]


OFFERS = (
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n",
    b"Upgrade: websocket\r\nConnection: upgrade\r\n",
)


def offering(request: bytes, offer: bytes) -> bytes:
    """Return a request with more in its head."""
    return request.replace(b"\r\n\r\n", b"\r\n" + offer + b"\r\n", 1)


@pytest.mark.parametrize("offer", OFFERS, ids=["h2c", "websocket"])
@pytest.mark.parametrize("piece", [1, 7, 10_000])
async def test_an_upgrade_is_ignored_and_the_request_is_not(offer: bytes, piece: int) -> None:
    """RFC 9110 7.8: some clients offer one with each request, and their bodies belong to what they ask."""
    application = Kept()
    protocol, _ = connect(application)
    requests = (GET, POST.replace(b"100000", b"5") + b"\r\nabcde", POST_IN_CHUNKS + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    sent = b"".join(offering(request, offer) for request in requests) + GET
    for at in range(0, len(sent), piece):
        protocol.data_received(sent[at : at + piece])
        await turns()
    assert application.taken == [("GET", b""), ("POST", b"abcde"), ("POST", b"abcde"), ("GET", b"")]


async def test_a_method_has_its_own_name_where_an_upgrade_is_offered() -> None:
    """Both are parsed anew."""
    application = Kept()
    protocol, _ = connect(application)
    protocol.data_received(offering(GET.replace(b"GET", b"FOO"), OFFERS[0]))
    await turns()
    assert application.taken == [("FOO", b"")]


async def test_what_offers_an_upgrade_while_the_process_drains_is_answered() -> None:
    """It is the connection's last request like any other."""
    protocol, transport = connect(Kept())
    protocol.app_state["connections"].is_draining = True
    protocol.data_received(offering(GET, OFFERS[0]))
    await turns()
    assert (statuses(transport), transport.done) == ([200], ["close"])


async def test_upgrades_sent_ahead_are_requests_like_others() -> None:
    """However many of them are in one packet."""
    application = Kept()
    protocol, transport = connect(application)
    protocol.data_received(b"GET / HTTP/1.1\r\nHost:a\r\nUpgrade:\r\nConnection:upgrade\r\n\r\n" * 1000)
    await turns(20_000)
    assert statuses(transport) == [200] * 1000


async def test_a_head_that_offers_an_upgrade_is_looked_at_like_others() -> None:
    """It must not be a way around the door."""
    protocol, transport = connect(Kept())
    protocol.data_received(offering(GET, b"Host: b\r\n" + OFFERS[1]))
    await turns()
    assert (statuses(transport), transport.done) == ([400], ["close"])
