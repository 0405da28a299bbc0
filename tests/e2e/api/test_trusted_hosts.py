"""Requests for other servers are nobody's business here (CASES.md, SZ-10, BR-16)."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.clients import Person, problem_of
from tests.e2e.conftest import settings_for
from tests.e2e.raw import RawAnswer, Wire
from tests.e2e.servers import PostkeepServer

PATHS = ("/", "/getPosts", "/api/v1/posts", "/livez", "/static/icon.svg", "/docs", "/nothing", "/static/", "//evil")


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostkeepServer]:
    """Serve under two names; one is a domain with all below it."""
    settings = {
        **settings_for(),
        "POSTKEEP_TRUSTED_HOSTS": "Posts.example.com, .example.org",
        "RENDER_EXTERNAL_HOSTNAME": "postkeep-1a2b.onrender.com",
    }
    with PostkeepServer(tmp_path_factory.mktemp("named"), settings).running() as server:
        yield server


def ask(server: PostkeepServer, host: str, path: str = "/livez", *, method: str = "GET", **more: str) -> RawAnswer:
    """Send a request for this host, and see whether the connection ends as the answer says."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in more.items())]
    with Wire(server) as wire:
        wire.send("\r\n".join([*lines, "", ""]))
        answer = wire.answer(to_head=method == "HEAD")
        if answer.header("connection") == "close":
            assert wire.is_closed()
    return answer


@pytest.mark.parametrize(
    "host",
    [
        "posts.example.com",
        "POSTS.EXAMPLE.COM:443",
        "posts.example.com.",
        "example.org",
        "a.b.example.org",
        "postkeep-1a2b.onrender.com",
        "localhost",
        "localhost:1",
        "a.localhost",
        "127.0.0.1",
        "203.0.113.9:8000",
        "[::1]:8000",
        socket.gethostname(),
    ],
)
def test_sz_10_a_name_of_this_server_is_answered(named: PostkeepServer, host: str) -> None:
    """What is set, what the platform says, addresses, loopback, and the machine's own name."""
    assert ask(named, host).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", PATHS)
def test_br_16_a_foreign_host_is_refused_and_never_redirected(named: PostkeepServer, path: str, method: str) -> None:
    """Before anything else is looked at, with a problem as everywhere, which repeats nothing of it."""
    answer = ask(named, "evil.example", path, method=method)
    assert (answer.status, answer.header("connection")) == (400, "close")
    assert answer.header("location") is None
    assert (answer.header("content-type"), answer.header("cache-control")) == ("application/problem+json", "no-store")
    assert (answer.header("x-content-type-options"), answer.header("server")) == ("nosniff", None)
    assert b"evil" not in answer.body
    assert method == "HEAD" or (b'"untrusted_host"' in answer.body and b"POSTKEEP_TRUSTED_HOSTS" in answer.body)


@pytest.mark.parametrize(
    "host",
    [
        "posts.example.com.evil.example",
        "evilposts.example.com",
        "www.posts.example.com",
        "example.com",
        "notexample.org",
        "posts.example.com@evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "a" * 1000,
    ],
)
def test_br_16_a_name_that_only_looks_like_ours_is_foreign(named: PostkeepServer, host: str) -> None:
    """A name is compared as a whole."""
    assert ask(named, host).status == 400


@pytest.mark.parametrize("lines", ["", "Host: localhost\r\nHost: evil.example\r\n", "Host: localhost\r\n" * 2])
def test_sz_10_no_host_and_two_hosts_are_refused(named: PostkeepServer, lines: str) -> None:
    """Which of two is meant would be a guess (RFC 9112 3.2)."""
    with Wire(named) as wire:
        wire.send(f"GET /livez HTTP/1.1\r\n{lines}\r\n")
        assert wire.answer().status == 400
        assert wire.is_closed()


def test_br_16_a_list_from_memory_is_not_for_a_foreign_host(named: PostkeepServer) -> None:
    """The check stands before the cache; the token is good, and the list is there."""
    ann = Person.signs_up(named.http)
    lists = [ask(named, "localhost", "/getPosts", **ann.authorization) for _ in range(2)]
    assert (lists[-1].status, lists[-1].header("cache-status")) == (200, "postkeep; hit")
    assert ask(named, "evil.example", "/getPosts", **ann.authorization).status == 400


def test_br_16_a_refusal_says_in_the_log_what_to_set(named: PostkeepServer) -> None:
    """An operator who forgot a name finds it there, with the setting; no more of it than a line can bear."""
    host = "other.example" + "x" * 200
    answer = named.http.get("/getPosts", headers={"Host": host, "X-Request-ID": "foreign-1"})
    assert problem_of(answer) == (400, "untrusted_host")
    (event,) = [event for event in named.events("untrusted_host") if event["request_id"] == "foreign-1"]
    assert (event["host"], event["path"], event["setting"]) == (host[:100], "/getPosts", "POSTKEEP_TRUSTED_HOSTS")
    assert named.logged("foreign-1")["status"] == 400


def test_br_16_nobody_s_name_is_trusted_unless_it_is_set(strict_server: PostkeepServer) -> None:
    """Without the setting there are addresses, loopback and the machine's name."""
    assert ask(strict_server, "posts.example.com").status == 400
    assert ask(strict_server, "localhost:8000").status == 200


def test_any_host_can_be_trusted(tmp_path: Path) -> None:
    """For whoever has names that nobody can list."""
    settings = {**settings_for(), "POSTKEEP_TRUSTED_HOSTS": "*"}
    with PostkeepServer(tmp_path, settings).running() as server:
        assert ask(server, "whatever.example").status == 200
        assert ask(server, "whatever.example", "/static/").header("location") is None
