"""Lists from memory, as clients of a whole server see them (CASES.md 6, CA)."""

import gzip
import json

import httpx2
import pytest

from tests.e2e.clients import Person, a_text
from tests.e2e.raw import Wire
from tests.e2e.servers import PostkeepServer

NAMES = ("/getPosts", "/api/v1/posts")
MISS, HIT = "postkeep; fwd=miss; stored", "postkeep; hit"


def lists(person: Person, path: str = NAMES[0], method: str = "GET", **headers: str) -> httpx2.Response:
    """Ask for a list, plain unless another coding is asked for."""
    sent = {**person.authorization, "Accept-Encoding": "identity"}
    return person.http.request(
        method, path, headers=sent | {name.replace("_", "-"): value for name, value in headers.items()}
    )


def test_a_list_comes_from_memory_until_somebody_writes(server: PostkeepServer, second: PostkeepServer) -> None:
    """CA-01, CA-02: on this process and on another one, under both names, at once."""
    person = Person.signs_up(server.http)
    here, there = person, person.at(second.http)
    expected: list[str] = []
    for turn in range(10):
        writer = (here, there)[turn % 2]
        if turn % 4 == 3:
            writer.delete(expected.pop(0))
        else:
            expected.insert(0, writer.add(a_text()))
        answers = [lists(who, path) for path in NAMES for who in (here, there)]
        assert [[post["id"] for post in answer.json()] for answer in answers] == [expected] * 4
        assert [answer.headers["cache-status"] for answer in answers] == [MISS, MISS, HIT, HIT]
        assert len({answer.headers["etag"] for answer in answers}) == 1


def test_every_form_of_a_list_is_the_same_list(server: PostkeepServer) -> None:
    """Plain, compressed, HEAD and 304; each again from memory, with the same headers."""
    person = Person.signs_up(server.http)
    person.add("x" * 3000)
    plain = lists(person).json()
    asked: list[dict[str, str]] = [
        {},
        {"accept_encoding": "gzip"},
        {"method": "HEAD"},
        {"method": "HEAD", "accept_encoding": "br, gzip;q=0.1"},
        {"range": "bytes=0-5"},
    ]
    for one in asked:
        first, again = (lists(person, **one) for _ in range(2))
        own = {"date", "x-request-id", "cache-status"}
        assert {n: v for n, v in first.headers.items() if n not in own} == {
            n: v for n, v in again.headers.items() if n not in own
        }
        assert (first.status_code, again.headers["cache-status"]) == (200, HIT)
        assert first.headers["vary"] == "Authorization, Accept-Encoding"
        assert first.content == b"" if one.get("method") == "HEAD" else first.json() == plain
        unchanged = lists(person, if_none_match=f'W/"x", {again.headers["etag"]}', **one)
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert "content-length" not in unchanged.headers


def test_a_compressed_list_is_what_it_says(sqlite_server: PostkeepServer) -> None:
    """Byte by byte, as a client without a library gets it."""
    person = Person.signs_up(sqlite_server.http)
    person.add("x" * 3000)
    with Wire(sqlite_server) as wire:
        for _ in range(2):
            wire.send(
                "GET /getPosts HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n"
                f"Authorization: Bearer {person.access}\r\n\r\n"
            )
            answer = wire.answer()
            assert answer.header("content-encoding") == "gzip"
            assert json.loads(gzip.decompress(answer.body))[0]["text"] == "x" * 3000


def test_pages_come_from_memory_too(server: PostkeepServer) -> None:
    """Each under its own name, with the link that fits it."""
    person = Person.signs_up(server.http)
    for number in range(3):
        person.add(str(number))
    for path in NAMES:
        first, again = (lists(person, f"{path}?limit=2") for _ in range(2))
        assert (first.headers["cache-status"], again.headers["cache-status"]) == (MISS, HIT)
        assert again.headers["link"].startswith(f"<{path}?limit=2&cursor=")
        assert again.json() == first.json()


def test_me_counts_exactly_though_the_caller_is_known(server: PostkeepServer, second: PostkeepServer) -> None:
    """What is remembered of a caller are not the counts."""
    person = Person.signs_up(server.http)
    for number in range(1, 6):
        person.at(second.http).add("ä")
        assert (person.me().json()["posts"], person.me().json()["bytes"]) == (number, 2 * number)


@pytest.mark.parametrize("path", [*NAMES, "/api/v1/me", "/api/v1/posts/01a1f6e0-0000-7000-8000-000000000001"])
def test_tk_20_a_known_token_is_worth_nothing_after_the_logout(
    server: PostkeepServer, second: PostkeepServer, path: str
) -> None:
    """For every operation, on every process."""
    person = Person.signs_up(server.http)
    for who in (person, person.at(second.http)) * 2:
        assert who.gets(path).status_code in {200, 404}
    person.at(second.http).logout()
    for who in (person, person.at(second.http)) * 2:
        assert who.gets(path).status_code == 401


def test_hits_keep_to_the_connection_s_terms(server: PostkeepServer) -> None:
    """Several on their way at once are answered in their order, a HEAD without a body; the last one ends it."""
    person = Person.signs_up(server.http)
    person.add("a")
    expected = [lists(person) for _ in range(2)][1]
    authorization = person.authorization["Authorization"]

    def request(method: str = "GET", version: str = "1.1", *more: str) -> str:
        head = (f"{method} /getPosts HTTP/{version}", "Host: localhost", f"Authorization: {authorization}", *more)
        return "\r\n".join((*head, "", ""))

    known = f"If-None-Match: {expected.headers['etag']}"
    with Wire(server) as wire:
        wire.send(request() + request("HEAD") + request("GET", "1.1", known))
        wire.send(request("GET", "1.1", "Connection: close"))
        answers = [wire.answer(), wire.answer(to_head=True), wire.answer(), wire.answer()]
        assert wire.is_closed()
    assert [answer.status for answer in answers] == [200, 200, 304, 200]
    assert [answer.body for answer in answers] == [expected.content, b"", b"", expected.content]
    assert {answer.header("cache-status") for answer in answers} == {HIT}
    assert len({answer.header("x-request-id") for answer in answers}) == 4
    assert all(answer.header("date") for answer in answers)
    assert [answer.header("connection") for answer in answers] == [None, None, None, "close"]
    with Wire(server) as wire:
        wire.send(request(version="1.0"))
        assert (wire.answer().body, wire.is_closed()) == (expected.content, True)


@pytest.mark.parametrize("body", ["Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Content-Length: 1\r\n\r\nx"])
def test_a_request_with_a_body_leaves_nothing_behind(server: PostkeepServer, body: str) -> None:
    """How its connection ends is its own affair: what is remembered says nothing of it, and is not for it."""
    person = Person.signs_up(server.http)
    person.add("a")
    head = f"GET /getPosts HTTP/1.1\r\nHost: x\r\nAuthorization: {person.authorization['Authorization']}\r\n"
    for _ in range(2):
        with Wire(server) as wire:
            wire.send(head + body)
            answer = wire.answer()
        assert (answer.status, answer.header("cache-status")) == (200, None)
    for expected in (MISS, HIT, HIT):
        answered = lists(person)
        assert (answered.headers["cache-status"], answered.headers.get("connection")) == (expected, None)


def test_a_hit_has_an_id_of_its_own_and_writes_no_line(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A line costs more than a hit; POSTKEEP_ACCESS_LOG=all writes them all the same (the other servers here do)."""
    server = PostkeepServer(tmp_path_factory.mktemp("misses"), {})
    with server.running():
        person = Person.signs_up(server.http)
        missed = lists(person)
        hits = [lists(person, x_request_id=f"hit-{number}") for number in range(3)]
        me = person.me()
        assert [answer.headers["cache-status"] for answer in (missed, *hits)] == [MISS, HIT, HIT, HIT]
        assert [answer.headers["x-request-id"] for answer in hits] == ["hit-0", "hit-1", "hit-2"]
        assert server.logged(missed.headers["x-request-id"])["status"] == 200
        assert server.logged(me.headers["x-request-id"])["path"] == "/api/v1/me"
        assert "hit-" not in server.log


def test_every_request_is_logged_where_that_is_asked_for(server: PostkeepServer) -> None:
    """Hits, too, with what was answered."""
    person = Person.signs_up(server.http)
    for status in (200, 200):
        answer = lists(person)
        assert server.logged(answer.headers["x-request-id"])["status"] == status
    unchanged = lists(person, if_none_match="*")
    assert server.logged(unchanged.headers["x-request-id"])["status"] == 304
