"""Refusals that no page's own code makes: the protocol's, and those of what is broken (docs/cases.md, Browsers)."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.e2e.clients import TLS, Person
from tests.e2e.conftest import settings_for
from tests.e2e.own_database import on_own_mariadb
from tests.e2e.raw import RawAnswer, Wire
from tests.e2e.servers import PostkeepServer
from tests.e2e.web.visitors import ACCEPT, POLICY, Visitor

SAID = {
    "en": {408: "Too slow", 414: "Too large", 431: "Too large", 500: "Something broke", 503: "One moment"},
    "ru": {408: "Слишком медленно", 414: "Слишком много", 431: "Слишком много", 500: "Что-то сломалось", 503: "Минуту"},
}
FORM = "Content-Type: application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostkeepServer]:
    """Serve with a second for a body."""
    settings = {**settings_for(), "POSTKEEP_BODY_SECONDS": "1"}
    with PostkeepServer(tmp_path_factory.mktemp("hasty"), settings).running() as server:
        yield server


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("GET / HTTP/1.1\r\nHOST\r\nCookie: x={much}\r\n\r\n", 431),
        ("GET /?q={much} HTTP/1.1\r\nHOST\r\n\r\n", 414),
        (f"GET /?{'q&' * 100} HTTP/1.1\r\nHOST\r\n\r\n", 414),
        (f"POST /log-in HTTP/1.1\r\nHOST\r\nSec-Fetch-Site: same-origin\r\n{FORM}\r\nContent-Length: 9\r\n\r\n", 408),
    ],
    ids=["cookies", "address", "parameters", "body"],
)
def test_a_browser_that_the_protocol_refuses_gets_a_page(
    hasty: PostkeepServer, asked: str, status: int, language: str
) -> None:
    """As far as its head has come, it says what sends it; a program gets a problem, as everywhere."""
    browser = f"Host: localhost\r\nAccept: {ACCEPT}\r\nAccept-Language: {language}"
    page = answer(hasty, asked.replace("HOST", browser))
    assert (page.status, page.header("content-language")) == (status, language)
    assert page.header("content-type") == "text/html; charset=utf-8"
    assert set((page.header("content-security-policy") or "").split("; ")) == POLICY
    assert f"<h1>{SAID[language][status]}</h1>" in page.body.decode()
    assert (page.header("x-request-id") or "-") in page.body.decode()
    assert "xxxxxxxx" not in page.body.decode()
    problem = answer(hasty, asked.replace("HOST", "Host: localhost"))
    assert (problem.status, problem.header("content-type")) == (status, "application/problem+json")


def test_the_api_s_paths_have_no_pages(hasty: PostkeepServer) -> None:
    """Whoever asks, and whatever for."""
    token = Person.signs_up(hasty.http).access
    head = f"Host: localhost\r\nAccept: {ACCEPT}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json"
    problem = answer(hasty, f"POST /addPost HTTP/1.1\r\n{head}\r\nContent-Length: 9\r\n\r\n")
    assert (problem.status, problem.header("content-type")) == (408, "application/problem+json")


def answer(server: PostkeepServer, request: str) -> RawAnswer:
    """Send a request, as much of it as is taken, and return the answer, which is the last one."""
    with Wire(server) as wire:
        wire.send_as_taken(request.replace("{much}", "x" * 40_000).encode())
        said = wire.answer()
        assert said.header("connection") == "close"
        return said


def test_what_is_broken_is_told_kindly(tmp_path: Path) -> None:
    """What nobody expected is a mistake of ours; a database that is gone comes back. In both languages."""
    with on_own_mariadb(tmp_path) as (server, database):
        ann = Visitor.signs_up(server.url)
        path = ann.write("a post")
        server.rows.change("SET STATEMENT check_constraint_checks = 0 FOR UPDATE posts SET status = 'nonsense'")
        look_at(ann, path, 500)
        database.stop()
        look_at(ann, path, 503)


def look_at(visitor: Visitor, path: str, status: int) -> None:
    """Ask for a post, which cannot be shown."""
    for language, said in SAID.items():
        page = httpx2.get(
            visitor.http.base_url.join(path),
            cookies=dict(visitor.http.cookies),
            headers={"Accept": ACCEPT, "Accept-Language": language},
            trust_env=False,
            verify=TLS,
        )
        assert (page.status_code, page.headers["content-language"]) == (status, language)
        assert f"<h1>{said[status]}</h1>" in page.text
        assert page.headers["x-request-id"] in page.text
        assert set(page.headers["content-security-policy"].split("; ")) == POLICY
        assert page.headers.get("retry-after") == ("1" if status == 503 else None)
