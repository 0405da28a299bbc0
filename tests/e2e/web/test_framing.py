"""Pages of other sites that put ours into a frame, in a real browser (docs/cases.md, BR-13)."""

import pytest
from playwright.sync_api import Browser, Route

from tests.e2e.servers import PostkeepServer
from tests.e2e.web.visitors import Visitor
from tests.e2e.web.windows import window

ELSEWHERE = "http://elsewhere.example"
FRAMED = f"{ELSEWHERE}/framed"
PATHS = ("/", "/log-in", "/posts/new", "/nothing", "/docs", "/livez")


@pytest.mark.parametrize("element", ["iframe src", "object data", "embed src"])
def test_br_13_no_other_site_can_frame_a_page(browser: Browser, sqlite_server: PostkeepServer, element: str) -> None:
    """Nobody presses our buttons below somebody else's picture; a page that lets itself be framed is framed."""
    addresses = [FRAMED, *(f"{sqlite_server.url}{path}" for path in PATHS)]
    tag, _, attribute = element.partition(" ")
    outer = "".join(f"<{tag} {attribute}={address} type=text/html></{tag}>" for address in addresses)

    def answer(route: Route) -> None:
        inner = "<p>framed" if route.request.url == FRAMED else outer
        route.fulfill(body=f"<!doctype html>{inner}", content_type="text/html")

    with window(browser, sqlite_server.url) as seen:
        seen.enter(Visitor.signs_up(sqlite_server.url))
        seen.context.route(f"{ELSEWHERE}/**", answer)
        seen.page.goto(ELSEWHERE)
        seen.page.wait_for_load_state("networkidle")
        shown = [frame.url for frame in seen.page.frames]
        # What is refused is an error of the browser's own, or not even that.
        assert [url for url in shown if url != "chrome-error://chromewebdata/"] == [f"{ELSEWHERE}/", FRAMED]
