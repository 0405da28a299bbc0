"""How many may be connected at once, and how much they may send (CASES.md, SZ-16, SV-10)."""

import json
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.clients import Person, a_text
from tests.e2e.conftest import settings_for
from tests.e2e.raw import Wire
from tests.e2e.servers import PROGRAM, PostkeepServer

MEBIBYTE = 1024 * 1024
LIVE = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostkeepServer]:
    """Serve with room for five connections and for a mebibyte of bodies."""
    settings = {**settings_for(), "POSTKEEP_CONNECTIONS": "5", "POSTKEEP_BODIES_BYTES": str(MEBIBYTE)}
    with PostkeepServer(tmp_path_factory.mktemp("small"), settings).running() as server:
        yield server


def busy(server: PostkeepServer, person: Person, *, size: int = 100_000, sent: int = 50_000) -> Wire:
    """Begin to add a post, and send so much of it: by default so much that nobody takes its place for a while."""
    wire = Wire(server)
    head = ["POST /addPost HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    wire.send("\r\n".join([*head, f"Authorization: Bearer {person.access}", f"Content-Length: {size}", "", ""]))
    wire.send_as_taken(a_post(size)[:sent])
    return wire


def a_post(size: int) -> bytes:
    """Return a post's body of exactly so many bytes."""
    return b'{"text": "' + b"x" * (size - 12) + b'"}'


def asks(server: PostkeepServer) -> tuple[int, str | None]:
    """Ask something on a new connection; return the status and when to try again."""
    with Wire(server) as wire:
        wire.send_as_taken(LIVE)
        answer = wire.answer()
        if answer.status == 503:
            said = json.loads(answer.body)
            assert (said["code"], said["request_id"]) == ("too_many_connections", answer.header("x-request-id"))
            assert (answer.header("connection"), answer.header("x-content-type-options")) == ("close", "nosniff")
            assert wire.is_closed()
        return answer.status, answer.header("retry-after")


def test_sv_10_sz_16_one_connection_too_many_is_told_to_come_again(small: PostkeepServer) -> None:
    """At once and in the same form as everything else; as soon as one has gone, the next one is served."""
    person = Person.signs_up(small.http)
    small.http.close()
    del small.__dict__["http"]
    wires = [busy(small, person) for _ in range(5)]
    try:
        assert [asks(small) for _ in range(3)] == [(503, "1")] * 3
        assert len([event for event in small.events("refused") if event["code"] == "too_many_connections"]) >= 3
        wires.pop().close()
        assert asks_until_served(small)
        for wire in wires:
            wire.send(a_post(100_000)[50_000:])
            assert wire.answer().status == 201
    finally:
        for wire in wires:
            wire.close()


def asks_until_served(server: PostkeepServer) -> bool:
    """Ask again and again, as clients do that are told to."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if asks(server)[0] == 200:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("sent", [b"", LIVE], ids=["silent", "idle"])
def test_sz_16_who_does_nothing_makes_room(small: PostkeepServer, sent: bytes) -> None:
    """The oldest of them: a connection in reserve is worth less than a request."""
    wires = [Wire(small) for _ in range(5)]
    for wire in wires:
        wire.send(sent)
        if sent:
            assert wire.answer().status == 200
    # Whoever has only just come is waited for, a second at most.
    assert asks_until_served(small)
    assert [asks(small)[0] for _ in range(3)] == [200] * 3
    assert wires[0].is_closed()
    for wire in wires:
        wire.close()


def test_sz_16_whose_body_does_not_come_makes_room(small: PostkeepServer) -> None:
    """A stranger who announces bodies on all connections, and sends a byte of each, is told that it was too slow."""
    head = "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    wires = [Wire(small) for _ in range(5)]
    for wire in wires:
        wire.send(head)
    assert asks_until_served(small)
    assert wires[0].answer().status == 408
    for wire in wires:
        wire.close()


def test_a_body_for_which_there_is_no_room_is_told_to_come_again(small: PostkeepServer) -> None:
    """What has come counts, not what was announced: two large bodies of a few bytes leave room for one that comes."""
    person = Person.signs_up(small.http)
    few = [busy(small, person, size=900_000, sent=10) for _ in range(2)]
    assert person.adds({"text": "y" * 900_000}).status_code == 201
    before = small.bytes_read()
    much = busy(small, person, size=900_000, sent=800_000)
    deadline = time.monotonic() + 10
    while small.bytes_read() - before < 800_000:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert person.me().status_code == 200
    answer = person.adds({"text": "y" * 900_000})
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "too_many_bodies", "1")
    assert person.adds({"text": a_text()}).status_code == 201
    much.send(a_post(900_000)[800_000:])
    assert much.answer().status == 201
    assert person.adds({"text": "y" * 900_000}).status_code == 201
    for wire in (*few, much):
        wire.close()
    assert small.events("failed") == []


def with_open_files(folder: Path, limits: str, **settings: str) -> PostkeepServer:
    """Return a server whose system lets it open so many files."""
    command = ("bash", "-c", f'ulimit {limits}; exec "$@"', "bash", str(PROGRAM), "serve")
    return PostkeepServer(folder, {**settings_for(), **settings}, command=command)


def allowed_files(server: PostkeepServer) -> int:
    """Return how many files a server may have open."""
    assert server.process is not None
    lines = Path(f"/proc/{server.process.pid}/limits").read_text("ascii").splitlines()
    return int(next(line for line in lines if line.startswith("Max open files")).split()[3])


def test_the_system_is_asked_for_enough_open_files(tmp_path: Path) -> None:
    """Shells and containers begin with 1,024, which is less than the connections that are allowed."""
    with with_open_files(tmp_path, "-Sn 128").running() as server:
        assert allowed_files(server) == 2000 + 256
        assert server.events("connections_bounded") == []


def test_where_the_system_allows_no_more_what_fits_is_used(tmp_path: Path) -> None:
    """One line says so; and beyond it connections are refused, rather than failing to be accepted."""
    with with_open_files(tmp_path, "-n 300").running() as server:
        (event,) = server.events("connections_bounded")
        assert (event["wanted"], event["connections"], event["open_files"]) == (2000, 44, 300)
        person = Person.signs_up(server.http)
        wires = [busy(server, person, size=20_000, sent=10_000) for _ in range(60)]
        refused = [wire for wire in wires if is_refused(wire)]
        assert 16 <= len(refused) <= 18
        for wire in wires:
            wire.close()
        assert asks_until_served(server)


@pytest.mark.long
def test_sv_10_beyond_two_thousand_connections_the_answer_is_no(tmp_path: Path) -> None:
    """At once, and as long as it lasts; nobody waits in a queue, and those who are in are served to their end."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, allowed[1]), allowed[1]))
    wires: list[Wire] = []
    try:
        settings = {"POSTKEEP_BODY_SECONDS": "300", "POSTKEEP_BODIES_BYTES": str(1024 * MEBIBYTE)}
        with PostkeepServer(tmp_path, {**settings_for(), **settings}).running() as server:
            person = Person.signs_up(server.http)
            server.http.close()
            del server.__dict__["http"]
            wires += [busy(server, person, size=50_000, sent=40_000) for _ in range(2000)]
            assert [asks(server) for _ in range(100)] == [(503, "1")] * 100
            resident = server.resident_bytes()
            assert [asks(server) for _ in range(300)] == [(503, "1")] * 300
            assert server.resident_bytes() - resident < 4 * MEBIBYTE
            for wire in wires[::400]:
                wire.send(a_post(50_000)[40_000:])
                assert wire.answer().status == 201
            assert asks_until_served(server)
    finally:
        for wire in wires:
            wire.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, allowed)


def is_refused(wire: Wire) -> bool:
    """Tell whether a connection was refused; one that was not waits for the rest of a post."""
    wire.set_timeout(0.1)
    try:
        return wire.answer().status == 503
    except TimeoutError:
        return False
