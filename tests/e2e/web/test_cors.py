"""A page of another origin in a real browser: what it may read, and that it cannot frame ours (BR-13, BR-14)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.clients import Person
from tests.e2e.conftest import settings_for
from tests.e2e.servers import PostkeepServer

ASK = """async ([url, method, headers, body]) => {
    try {
        const answer = await fetch(url, {method, headers, body});
        return {status: answer.status, id: answer.headers.get("X-Request-ID"), text: await answer.text()};
    } catch (error) {
        return {status: 0, id: null, text: error.name};
    }
}"""


FRAME = "html => { document.body.innerHTML = html; }"
FRAMED_PATHS = ("/", "/log-in", "/sign-up", "/nothing", "/docs", "/livez")


class Empty(BaseHTTPRequestHandler):
    """Answers with a page that has nothing in it."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html>")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Serve empty pages under any name of loopback: had Playwright made them up, it would answer preflights, too."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server, ThreadPoolExecutor(1) as threads:
        threads.submit(server.serve_forever, 0.05)
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def open_server(port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostkeepServer]:
    """Serve pages of one other origin, too."""
    settings = {**settings_for(), "POSTKEEP_CORS_ORIGINS": f"http://app.localhost:{port}"}
    with PostkeepServer(tmp_path_factory.mktemp("open"), settings).running() as server:
        yield server


def page_of(browser: Browser, origin: str) -> Page:
    """Open an empty page of an origin."""
    page = browser.new_page()
    page.goto(origin)
    return page


def asks(page: Page, person: Person, path: str, method: str = "GET", body: str | None = None) -> dict[str, Any]:
    """Have a page's script ask with somebody's token, and return what it gets to see."""
    headers = {**person.authorization, "Content-Type": "application/json"}
    seen: dict[str, Any] = page.evaluate(ASK, [str(person.http.base_url.join(path)), method, headers, body])
    return seen


def test_br_14_a_page_of_ours_works_with_posts(browser: Browser, port: int, open_server: PostkeepServer) -> None:
    """Preflights, answers from memory and refusals; Cross-Origin-Resource-Policy is about other requests than these."""
    person = Person.signs_up(open_server.http)
    page = page_of(browser, f"http://app.localhost:{port}")
    assert asks(page, person, "/addPost", "POST", '{"text": "kept"}')["status"] == 201
    for _ in range(3):
        seen = asks(page, person, "/getPosts")
        assert (seen["status"], '"kept"' in seen["text"]) == (200, True)
    refused = asks(page, person, "/api/v1/posts/nothing", "DELETE")
    assert (refused["status"], refused["id"] in refused["text"]) == (404, True)


def test_br_14_a_stranger_s_page_sees_nothing(browser: Browser, port: int, open_server: PostkeepServer) -> None:
    """Even with a token that it should not have; and nothing is written, because its preflight is refused."""
    person = Person.signs_up(open_server.http)
    page = page_of(browser, f"http://evil.localhost:{port}")
    assert asks(page, person, "/addPost", "POST", '{"text": "kept"}')["text"] == "TypeError"
    assert asks(page, person, "/getPosts")["text"] == "TypeError"
    assert person.posts() == []


@pytest.mark.parametrize("element", ["iframe src", "object data", "embed src"])
def test_br_13_no_other_site_can_frame_a_page(
    browser: Browser, port: int, open_server: PostkeepServer, element: str
) -> None:
    """Nobody presses our buttons below somebody else's picture; a page that lets itself be framed is framed."""
    open_to_all = f"http://framed.localhost:{port}/"
    tag, _, attribute = element.partition(" ")
    addresses = [open_to_all, *(f"{open_server.url}{path}" for path in FRAMED_PATHS)]
    page = page_of(browser, f"http://evil.localhost:{port}")
    page.evaluate(FRAME, "".join(f"<{tag} {attribute}={address} type=text/html></{tag}>" for address in addresses))
    page.wait_for_load_state("networkidle")
    shown = [frame.url for frame in page.frames[1:]]
    # What is refused is an error of the browser's own, or not even that.
    assert [url for url in shown if url != "chrome-error://chromewebdata/"] == [open_to_all]
