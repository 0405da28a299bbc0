"""How large a request may be, and what happens beyond (CASES.md, SZ)."""

import gzip
import json

import pytest

from tests.e2e.clients import Person, problem_of
from tests.e2e.crowds import at_once
from tests.e2e.raw import Wire
from tests.e2e.servers import PostkeepServer

MEBIBYTE = 1024 * 1024
SPARE = 64 * 1024

PATHS = ("/api/v1/posts", "/addPost")


@pytest.fixture(scope="module")
def ann(sqlite_server: PostkeepServer) -> Person:
    """Return somebody who is signed in."""
    return Person.signs_up(sqlite_server.http)


def a_body(size: int) -> bytes:
    """Return a post's body of exactly so many bytes."""
    return b'{"text": "' + b"x" * (size - 12) + b'"}'


def head(person: Person | None, *lines: str, path: str = "/api/v1/posts") -> str:
    """Return the head of an addPost."""
    token = [] if person is None else [f"Authorization: Bearer {person.access}"]
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", *token, *lines, "", ""])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_sz_01_a_body_of_one_megabyte_is_kept(server: PostkeepServer, path: str, *, is_chunked: bool) -> None:
    """1,048,576 bytes of body, exactly that many included."""
    person = Person.signs_up(server.http)
    body = a_body(MEBIBYTE)
    headers = {**person.authorization, "Content-Type": "application/json"}
    answer = server.http.post(path, content=iter([body[:9], body[9:]]) if is_chunked else body, headers=headers)
    assert answer.status_code == 201
    assert [len(text) for text in person.texts()] == [MEBIBYTE - 12]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("size", [MEBIBYTE + 1, 3 * MEBIBYTE])
def test_sz_01_one_byte_more_is_too_much(server: PostkeepServer, path: str, size: int, *, is_chunked: bool) -> None:
    """A proper error that says how much may be sent, whichever way the body comes; nothing is kept."""
    person = Person.signs_up(server.http)
    body = a_body(size)
    headers = {**person.authorization, "Content-Type": "application/json"}
    answer = server.http.post(path, content=iter([body[:9], body[9:]]) if is_chunked else body, headers=headers)
    assert problem_of(answer) == (413, "body_too_large")
    assert "1,048,576" in answer.json()["detail"]
    assert person.posts() == []


def test_sz_01_the_limit_counts_bytes_and_not_characters(sqlite_server: PostkeepServer) -> None:
    """White space around the text counts, too: it is the body that is limited."""
    person = Person.signs_up(sqlite_server.http)
    headers = {**person.authorization, "Content-Type": "application/json"}
    sent = [
        b" " * (MEBIBYTE - 13) + b'{"text": "x"}',
        b" " * (MEBIBYTE - 12) + b'{"text": "x"}',
        ('{"text": "' + "я" * (MEBIBYTE // 2) + '"}').encode(),
    ]
    answers = [sqlite_server.http.post("/api/v1/posts", content=body, headers=headers).status_code for body in sent]
    assert answers == [201, 413, 413]


@pytest.mark.parametrize("length", [MEBIBYTE + 1, 10**9, 10**18])
def test_sz_02_a_length_that_is_too_much_is_refused_at_once(server: PostkeepServer, length: int) -> None:
    """Nobody has to send a gigabyte to learn that; the connection ends, since the body might still come."""
    person = Person.signs_up(server.http)
    with Wire(server) as wire:
        wire.send(head(person, f"Content-Length: {length}"))
        answer = wire.answer()
        assert (answer.status, answer.header("connection")) == (413, "close")
        assert answer.header("content-type") == "application/problem+json"
        assert json.loads(answer.body)["code"] == "body_too_large"
        assert wire.is_closed()
    assert person.posts() == []


def test_sz_03_a_body_without_a_length_is_read_to_the_limit_and_no_further(sqlite_server: PostkeepServer) -> None:
    """2.5 MB in chunks: the answer comes once the limit is passed, and the rest stays unread."""
    person = Person.signs_up(sqlite_server.http)
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    with Wire(sqlite_server) as wire:
        before = sqlite_server.bytes_read()
        wire.send(head(person, "Transfer-Encoding: chunked") + 'A\r\n{"text": "\r\n')
        for _ in range(40):
            wire.send_as_taken(chunk)
        answer = wire.answer()
        read = sqlite_server.bytes_read() - before
        assert (answer.status, answer.header("connection")) == (413, "close")
        assert wire.is_closed()
    # What the server's event loop takes from a socket at once comes on top.
    assert MEBIBYTE < read <= MEBIBYTE + 8 * SPARE
    assert person.posts() == []


@pytest.mark.parametrize("lines", [("Content-Length: 1048577",), ("Content-Length: 2000000000",)])
def test_sz_04_whoever_asks_first_is_told_not_to_send(sqlite_server: PostkeepServer, lines: tuple[str, ...]) -> None:
    """Expect: 100-continue exists to learn of a refusal before sending (RFC 9110 10.1.1)."""
    person = Person.signs_up(sqlite_server.http)
    with Wire(sqlite_server) as wire:
        wire.send(head(person, "Expect: 100-continue", *lines))
        answer = wire.answer()
        assert (answer.status, answer.header("connection")) == (413, "close")


@pytest.mark.parametrize(("person_is_known", "status"), [(True, 201), (False, 401)])
def test_sz_04_whoever_asks_first_and_may_is_told_to_send(
    sqlite_server: PostkeepServer,
    *,
    person_is_known: bool,
    status: int,
) -> None:
    """Without a good token there is no "continue", so nothing is sent in vain."""
    person = Person.signs_up(sqlite_server.http) if person_is_known else None
    with Wire(sqlite_server) as wire:
        wire.send(head(person, "Expect: 100-continue", "Content-Length: 100"))
        if person:
            assert wire.answer().status == 100
            wire.send(a_body(100))
        assert wire.answer().status == status


BOMB = gzip.compress(a_body(10 * MEBIBYTE))
"""Ten megabytes in ten kilobytes."""


@pytest.mark.parametrize(
    "coding", ["gzip", "deflate", "br", "GZIP", "x-gzip", "gzip, identity", "identity, gzip", "zstd", "unknown"]
)
@pytest.mark.parametrize("path", ["/api/v1/posts", "/login"])
def test_sz_18_a_compressed_body_is_refused_unopened(
    sqlite_server: PostkeepServer, ann: Person, path: str, coding: str
) -> None:
    """A kilobyte can hold a gigabyte of zeros; nothing is ever inflated."""
    headers = {**ann.authorization, "Content-Type": "application/json", "Content-Encoding": coding}
    before = sqlite_server.cpu_seconds()
    answer = sqlite_server.http.post(path, content=BOMB, headers=headers)
    assert problem_of(answer) == (415, "unsupported_media_type")
    assert sqlite_server.cpu_seconds() - before < 0.1


def test_sz_18_compressed_bytes_are_no_json(sqlite_server: PostkeepServer) -> None:
    """Nor is what only is compressed and does not say so."""
    person = Person.signs_up(sqlite_server.http)
    headers = {**person.authorization, "Content-Type": "application/json"}
    assert (
        sqlite_server.http.post("/addPost", content=gzip.compress(b'{"text": "x"}'), headers=headers).status_code == 400
    )


@pytest.mark.parametrize("authorization", [None, "Bearer nonsense"])
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_sz_22_a_stranger_cannot_make_the_server_read(
    sqlite_server: PostkeepServer,
    authorization: str | None,
    *,
    is_chunked: bool,
) -> None:
    """A megabyte without a token is answered 401 after what came with the head, and the connection ends."""
    body = a_body(MEBIBYTE)
    lines = [f"Authorization: {authorization}"] if authorization else []
    lines.append("Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {len(body)}")
    with Wire(sqlite_server) as wire:
        before = sqlite_server.bytes_read()
        wire.send(head(None, *lines))
        wire.send_as_taken(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if is_chunked else body)
        answer = wire.answer()
        read = sqlite_server.bytes_read() - before
        assert (answer.status, answer.header("connection")) == (401, "close")
        assert wire.is_closed()
    # The event loop takes up to 256 KiB from a socket at once, before anybody can tell it to stop.
    assert read <= 256 * 1024 + SPARE


def test_sz_22_a_stranger_who_sends_nothing_is_answered(sqlite_server: PostkeepServer) -> None:
    """Not a byte of the body is waited for."""
    with Wire(sqlite_server) as wire:
        wire.send(head(None, f"Content-Length: {MEBIBYTE}"))
        assert wire.answer().status == 401


def test_sz_27_many_of_the_largest_posts_at_once_take_bounded_memory(server: PostkeepServer) -> None:
    """Sixty-four megabytes at the same moment: each body is in memory a few times over, and none of them stays."""
    person = Person.signs_up(server.http)
    text = "x" * (MEBIBYTE - 20)
    server.forget_peak()
    before = server.peak_bytes()
    # All wait for one account's row, so that a busy machine turns some away; their bodies have come all the same.
    statuses = at_once(64, lambda _: person.adds({"text": text}).status_code)
    assert server.peak_bytes() - before <= 64 * 6 * MEBIBYTE
    for _ in range(2):
        statuses += at_once(64, lambda _: person.adds({"text": text}).status_code)
    assert {201} <= set(statuses) <= {201, 503}
    server.forget_peak()
    # What the allocator keeps for the next time is less than the bodies of three times together.
    assert server.peak_bytes() - before < 3 * 64 * MEBIBYTE


def test_a_small_body_that_nobody_read_does_not_end_the_connection(sqlite_server: PostkeepServer) -> None:
    """Skipping a kilobyte is cheaper than a new connection, and what follows is the next request."""
    with Wire(sqlite_server) as wire:
        wire.send(head(None, "Content-Length: 1000"))
        wire.send(a_body(1000))
        refused = wire.answer()
        wire.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (refused.status, refused.header("connection"), wire.answer().status) == (401, None, 200)


@pytest.mark.parametrize(
    "path", ["/api/v1/logout", "/api/v1/me", "/livez", "/docs", "/nothing", "/static/icon.svg", "/api/v1/posts"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_body_that_nobody_wants_does_no_harm(sqlite_server: PostkeepServer, method: str, path: str) -> None:
    """Ten megabytes behind a GET: an answer, and the connection is either clean or gone."""
    # Somebody of this test's own: one of these logs out.
    person = Person.signs_up(sqlite_server.http)
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {person.access}",
        f"Content-Length: {10 * MEBIBYTE}",
        "",
        "",
    ]
    with Wire(sqlite_server) as wire:
        wire.send("\r\n".join(lines))
        answer = wire.answer()
        assert (answer.status < 500, answer.header("connection")) == (True, "close")
        assert wire.is_closed()
