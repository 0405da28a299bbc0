"""Long lists: streamed from the database, in bounded memory, never at the cost of others (SZ-19)."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.e2e.clients import Person
from tests.e2e.conftest import beside
from tests.e2e.raw import Wire
from tests.e2e.servers import PostkeepServer

MEGABYTE = 1_000_000
COUNT = 40


@pytest.fixture
def impatient(server: PostkeepServer, tmp_path: Path) -> Iterator[PostkeepServer]:
    """Serve the same database from a process that cuts long lists off after a second."""
    url = server.database_url.render_as_string(hide_password=False)
    settings = {**server.settings, "POSTKEEP_DATABASE_URL": url, "POSTKEEP_ANSWER_SECONDS": "1"}
    with PostkeepServer(tmp_path, settings).running() as process:
        yield process


@pytest.fixture
def alone(server: PostkeepServer) -> Iterator[PostkeepServer]:
    """Serve the same database from a process whose memory nobody else uses."""
    yield from beside(server)


@pytest.fixture
def roomy(server: PostkeepServer) -> Iterator[PostkeepServer]:
    """Serve the same database from a process that remembers lists of more than sixty megabytes."""
    yield from beside(server, POSTKEEP_CACHE_BYTES=str(1024 * MEGABYTE))


@pytest.fixture(scope="module")
def _known() -> dict[str, Person]:
    return {}


@pytest.fixture
def ann(server: PostkeepServer, _known: dict[str, Person]) -> Person:
    """Return somebody with forty posts of a megabyte; the same one for all tests on a database."""
    if server.url not in _known:
        person = _known[server.url] = Person.signs_up(server.http)
        for number in range(COUNT):
            person.add(f"{number:03} " + "x" * MEGABYTE)
    return _known[server.url]


def numbers(person: Person, path: str = "/getPosts") -> list[int]:
    """Return which of the posts a list has."""
    return [int(post["text"][:3]) for post in person.gets(path).json()]


def begin(server: PostkeepServer, person: Person) -> socket.socket:
    """Ask for the list, and read nothing of it."""
    connection = socket.create_connection(("127.0.0.1", server.port), 10)
    head = f"GET /getPosts HTTP/1.1\r\nHost: x\r\nAuthorization: {person.authorization['Authorization']}\r\n\r\n"
    connection.sendall(head.encode())
    return connection


def test_sz_19_a_long_list_is_whole_in_bounded_memory(alone: PostkeepServer, ann: Person) -> None:
    """Forty megabytes, newest first, again and again: a few posts at a time are in memory, in a few forms each."""
    person = ann.at(alone.http)
    assert person.me().status_code == 200
    alone.forget_peak()
    before = alone.peak_bytes()
    for _ in range(3):
        assert numbers(person) == list(range(COUNT))[::-1]
    assert alone.peak_bytes() - before < COUNT * MEGABYTE / 2


def test_sz_19_long_pages_are_the_list(server: PostkeepServer, ann: Person) -> None:
    """A page that is long by itself is streamed, too, and says where the next one begins."""
    found: list[int] = []
    path: str | None = "/getPosts?limit=15"
    while path is not None:
        answer = ann.gets(path)
        found += [int(post["text"][:3]) for post in answer.json()]
        path = answer.links["next"]["url"] if "next" in answer.links else None
    assert found == list(range(COUNT))[::-1]
    assert numbers(ann, "/getPosts?limit=1") == [COUNT - 1]
    assert server.http.head("/getPosts", headers=ann.authorization).status_code == 200


def test_a_long_list_is_chunked_json(server: PostkeepServer) -> None:
    """With the headers of every list; a shorter one has a length."""
    bob = Person.signs_up(server.http)
    for _ in range(5):
        bob.add("x" * MEGABYTE)
    with Wire(server) as wire:
        authorization = bob.authorization["Authorization"]
        wire.send(f"GET /api/v1/posts HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n\r\n")
        answer = wire.answer()
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
    assert answer.header("transfer-encoding") == "chunked"
    assert answer.header("cache-control") == "private, no-cache"


def test_who_does_not_read_is_cut_off(impatient: PostkeepServer, ann: Person) -> None:
    """After its time, and it sees that the list is not whole; meanwhile and afterwards everybody else is served."""
    person = ann.at(impatient.http)
    slow = [begin(impatient, person) for _ in range(4)]
    bob = Person.signs_up(impatient.http)
    bob.add("quick")
    assert bob.texts() == ["quick"]
    deadline = time.monotonic() + 20
    while len(impatient.events("answer_cut")) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for connection in slow:
        read = b""
        with connection, suppress(ConnectionResetError):
            while come := connection.recv(1 << 20):
                read += come
        assert not read.endswith(b"0\r\n\r\n")
    assert numbers(person, "/getPosts?limit=3") == [39, 38, 37]
    assert impatient.events("failed") == []


def test_nobody_is_cut_off_for_a_list_that_may_be_remembered(roomy: PostkeepServer, ann: Person) -> None:
    """It leaves in one piece, and whoever lets more be remembered has more wait for clients, too."""
    plain = {**ann.authorization, "Accept-Encoding": "identity"}
    answers = [roomy.http.get("/getPosts", headers=plain) for _ in range(2)]
    assert [len(answer.json()) for answer in answers] == [COUNT] * 2
    assert "hit" in answers[1].headers["cache-status"]
    assert roomy.events("answer_cut") == []


def test_slow_readers_give_way_to_whoever_waits(server: PostkeepServer, ann: Person) -> None:
    """One with many connections, all standing still, and with two minutes left to do so."""
    bob = Person.signs_up(server.http)
    for number in range(4):
        bob.add(f"{number:03} " + "x" * MEGABYTE)
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(begin(server, bob))
        for _ in range(3):
            assert numbers(ann) == list(range(COUNT))[::-1]
    assert server.events("failed") == []


def test_head_of_a_long_list_does_not_read_it(server: PostkeepServer, ann: Person) -> None:
    """No more than the first part; and what came without a body is not taken for an empty list."""
    bob = Person.signs_up(server.http)
    for number in range(2):
        bob.add(f"{number:03} " + "x" * MEGABYTE)
    for person, length in ((ann, COUNT), (bob, 2)):
        before = server.bytes_read()
        for _ in range(20):
            head = server.http.head("/getPosts", headers=person.authorization)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-type"] == "application/json"
        assert server.bytes_read() - before < 20 * 3 * MEGABYTE
        assert numbers(person) == list(range(length))[::-1]


def test_who_leaves_holds_nothing(server: PostkeepServer, ann: Person) -> None:
    """Twenty clients that vanish in the middle: the next one gets its list."""
    for _ in range(20):
        begin(server, ann).close()
    assert numbers(ann) == list(range(COUNT))[::-1]
