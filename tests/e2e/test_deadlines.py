"""Who takes too long, at whatever, is told so where that is possible, and let go (CASES.md, SZ-13 to SZ-17)."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.e2e.clients import Person
from tests.e2e.conftest import settings_for
from tests.e2e.raw import RawAnswer, Wire
from tests.e2e.servers import PostkeepServer

MEGABYTE = 1_000_000
PATIENCE = 15
"""Seconds after which a test gives a server up that has one second to act."""


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostkeepServer]:
    """Serve with a second for everything."""
    names = ("HEAD", "BODY", "ANSWER", "KEEP_ALIVE")
    settings = {**settings_for(), **{f"POSTKEEP_{name}_SECONDS": "1" for name in names}}
    with PostkeepServer(tmp_path_factory.mktemp("hasty"), settings).running() as server:
        yield server


@pytest.fixture
def ann(hasty: PostkeepServer) -> Person:
    """Return somebody who is signed in."""
    return Person.signs_up(hasty.http)


def head(person: Person, *lines: str) -> bytes:
    """Return the head of an addPost."""
    known = f"Authorization: Bearer {person.access}"
    return "\r\n".join(
        ["POST /addPost HTTP/1.1", "Host: localhost", "Content-Type: application/json", known, *lines, "", ""]
    ).encode()


def trickle(wire: Wire, data: bytes, seconds: float = 0.1) -> RawAnswer:
    """Send a byte at a time until an answer comes."""
    sending = threading.Event()

    def send() -> None:
        for byte in data:
            if sending.wait(seconds):
                return
            wire.send_as_taken(bytes([byte]))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        return wire.answer()
    finally:
        sending.set()
        thread.join()


def look_at_late(answer: RawAnswer) -> None:
    """Hold a 408 to what it has to say."""
    assert (answer.status, answer.header("connection")) == (408, "close")
    assert answer.header("content-type") == "application/problem+json"
    said = json.loads(answer.body)
    assert (said["code"], said["request_id"]) == ("request_too_slow", answer.header("x-request-id"))


def test_sz_15_a_connection_that_sends_nothing_is_closed(hasty: PostkeepServer) -> None:
    """Without a word, since nothing was asked; and not before its time."""
    begun = time.monotonic()
    with Wire(hasty, timeout=PATIENCE) as wire:
        assert wire.is_closed()
    assert time.monotonic() - begun >= 1


@pytest.mark.parametrize("data", [b"GET /livez HTTP/1.1\r\nHost: " + b"x" * 1000, b"X" * 1000, b"GET /" + b"y" * 1000])
def test_sz_13_a_slow_head_is_cut_off(hasty: PostkeepServer, data: bytes) -> None:
    """However regularly its bytes come: the time is that of the whole head."""
    with Wire(hasty, timeout=PATIENCE) as wire:
        answer = trickle(wire, data)
        if answer.status != 400:
            look_at_late(answer)
        assert wire.is_closed()


def test_sz_13_half_a_head_behind_an_answer_is_cut_off(hasty: PostkeepServer) -> None:
    """On a kept connection the time begins with the head's first byte."""
    with Wire(hasty, timeout=PATIENCE) as wire:
        wire.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /livez HT")
        assert wire.answer().status == 200
        look_at_late(wire.answer())
        assert wire.is_closed()


@pytest.mark.parametrize("junk", [b"", b"\r\n"])
def test_an_idle_connection_is_closed_whatever_trickles(hasty: PostkeepServer, junk: bytes) -> None:
    """Line ends between requests mean nothing (RFC 9112 2.2), so they do not keep a connection either."""
    with Wire(hasty, timeout=PATIENCE) as wire:
        wire.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert wire.answer().status == 200
        begun = time.monotonic()
        if junk:
            with pytest.raises(ConnectionError):
                trickle(wire, junk * 100)
        else:
            assert wire.is_closed()
        assert 0.8 <= time.monotonic() - begun < PATIENCE


def test_a_connection_that_is_used_stays(hasty: PostkeepServer) -> None:
    """Ten requests over two seconds, on a connection that may be idle for one."""
    with Wire(hasty, timeout=PATIENCE) as wire:
        for _ in range(10):
            wire.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert wire.answer().status == 200
            time.sleep(0.2)


@pytest.mark.parametrize("lines", [("Content-Length: 1000",), ("Transfer-Encoding: chunked",)])
def test_sz_14_a_slow_body_is_cut_off(hasty: PostkeepServer, ann: Person, lines: tuple[str, ...]) -> None:
    """The post is not kept, and whoever waited for it in the server leaves quietly."""
    with Wire(hasty, timeout=PATIENCE) as wire:
        wire.send(head(ann, *lines))
        look_at_late(trickle(wire, b'{"text": "' + b"x" * 1000 if "Length" in lines[0] else b"1\r\nx\r\n" * 100))
        assert wire.is_closed()
    assert ann.posts() == []
    assert hasty.events("client_left") != []
    assert hasty.events("failed") == []
    assert "Traceback" not in hasty.log


def test_sz_14_a_body_at_a_good_rate_has_its_time_in_all(hasty: PostkeepServer, ann: Person) -> None:
    """Whoever sends forty kilobytes a second is no sleeper, and still may not go on for ever."""
    with Wire(hasty, timeout=PATIENCE) as wire:
        wire.send(head(ann, f"Content-Length: {MEGABYTE}"))
        begun = time.monotonic()
        for _ in range(200):
            wire.send_as_taken(b"x" * 2000)
            time.sleep(0.05)
            if time.monotonic() - begun > 3:
                break
        look_at_late(wire.answer())


def test_sz_14_a_slow_body_behind_another_request_is_told_in_its_turn(hasty: PostkeepServer, ann: Person) -> None:
    """The answer before it is not lost, nor taken for its own."""
    with Wire(hasty, timeout=PATIENCE) as wire:
        wire.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" + head(ann, "Content-Length: 1000"))
        assert wire.answer().status == 200
        look_at_late(wire.answer())
        assert wire.is_closed()


def test_sz_14_a_body_that_nobody_waits_for_does_not_spoil_the_answer(hasty: PostkeepServer) -> None:
    """What was answered before the body came is answered once."""
    with Wire(hasty, timeout=PATIENCE) as wire:
        wire.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
        assert wire.answer().status == 200
        assert wire.is_closed()


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostkeepServer]:
    """Serve with twelve seconds for a body."""
    settings = {**settings_for(), "POSTKEEP_BODY_SECONDS": "12"}
    with PostkeepServer(tmp_path_factory.mktemp("patient"), settings).running() as server:
        yield server


def test_sz_14_one_byte_a_moment_is_no_rate(patient: PostkeepServer) -> None:
    """A sixth of the time tells who will not make it."""
    person = Person.signs_up(patient.http)
    begun = time.monotonic()
    with Wire(patient, timeout=PATIENCE) as wire:
        wire.send(head(person, "Content-Length: 1000"))
        look_at_late(trickle(wire, b"x" * 1000))
    assert 2 <= time.monotonic() - begun < 10


def a_slow_reader(server: PostkeepServer, person: Person) -> socket.socket:
    """Ask for the list, with little room for it."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    connection.settimeout(PATIENCE)
    connection.connect(("127.0.0.1", server.port))
    request = f"GET /getPosts HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {person.access}\r\n\r\n"
    connection.sendall(request.encode())
    return connection


def is_reset(connection: socket.socket) -> bool:
    """Tell whether a connection was broken off: the system keeps nothing for it any more, and no end looks like one."""
    connection.settimeout(PATIENCE)
    with connection:
        try:
            while connection.recv(65536):
                pass
        except ConnectionResetError:
            return True
    return False


def read_slowly(connections: list[socket.socket]) -> None:
    """Take a byte of each, where there is one."""
    for connection in connections:
        connection.settimeout(0)
        with suppress(BlockingIOError, ConnectionResetError):
            connection.recv(1)


# Few long lists are read at once.
@pytest.mark.parametrize(("readers", "size"), [(20, 3 * MEGABYTE), (4, 20 * MEGABYTE)], ids=["remembered", "streamed"])
def test_sz_17_who_does_not_take_an_answer_is_cut_off(
    hasty: PostkeepServer, ann: Person, readers: int, size: int
) -> None:
    """Also one that was answered from memory, in one piece; all of them together hold a fraction of their lists."""
    for _ in range(size // MEGABYTE):
        ann.add("x" * (MEGABYTE - 10_000))
    # From now on a list that is short enough is answered from memory.
    plain = {**ann.authorization, "Accept-Encoding": "identity"}
    assert len(hasty.http.get("/getPosts", headers=plain).json()) == size // MEGABYTE
    cut = len(hasty.events("answer_cut"))
    hasty.forget_peak()
    before = hasty.peak_bytes()
    slow = [a_slow_reader(hasty, ann) for _ in range(readers)]
    deadline = time.monotonic() + PATIENCE
    while len(hasty.events("answer_cut")) - cut < readers:
        assert time.monotonic() < deadline
        read_slowly(slow)
        time.sleep(0.1)
    for connection in slow:
        assert is_reset(connection)
    assert hasty.peak_bytes() - before < readers * size / 3
    assert hasty.events("failed") == []


def test_sz_16_slow_connections_are_nobody_elses_affair(patient: PostkeepServer) -> None:
    """A hundred that trickle heads and bodies, and everybody else is served as if they were not there."""
    person = Person.signs_up(patient.http)
    slow = [Wire(patient) for _ in range(100)]
    for number, wire in enumerate(slow):
        wire.send(head(person, "Content-Length: 1000") if number % 2 else b"GET /")
    for turn in range(200):
        if turn % 20 == 0:
            for wire in slow:
                wire.send_as_taken(b"x")
        person.add(f"post {turn}")
    assert len(person.posts()) == 200
    for wire in slow:
        wire.close()
    assert patient.events("failed") == []
