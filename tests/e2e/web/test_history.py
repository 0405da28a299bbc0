"""Back after a log-out, in a browser that keeps whole pages in memory (docs/cases.md, BR-17)."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.servers import PostkeepServer
from tests.e2e.web.conftest import ARGUMENTS, find_chromium
from tests.e2e.web.visitors import Visitor
from tests.e2e.web.windows import Window, window

WRITTEN = "seen by nobody else"
NOTE_RETURNS = "addEventListener('pageshow', event => { window.cameBack = event.persisted; });"


@pytest.fixture(scope="module")
def remembering(browser: Browser) -> Iterator[Browser]:
    """Start Chromium as people have it: what Playwright starts goes back to no page that is in memory."""
    other = browser.browser_type.launch(
        executable_path=find_chromium(),
        args=[*ARGUMENTS, "--enable-features=CacheControlNoStoreEnterBackForwardCache"],
        ignore_default_args=["--disable-back-forward-cache"],
    )
    yield other
    other.close()


@pytest.fixture
def seen(remembering: Browser, sqlite_server: PostkeepServer) -> Iterator[Window]:
    """Open a window of somebody with a post."""
    visitor = Visitor.signs_up(sqlite_server.url)
    visitor.write(WRITTEN)
    with window(remembering, sqlite_server.url) as seen:
        seen.context.add_init_script(NOTE_RETURNS)
        seen.enter(visitor)
        yield seen


def goes_back(page: Page, heading: str) -> None:
    """Press Back, and see the page with this heading, which is no post."""
    page.evaluate("history.back()")
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    assert WRITTEN not in page.content()


def test_this_browser_does_go_back_to_pages_in_memory(seen: Window) -> None:
    """Otherwise the tests below would say nothing."""
    seen.page.route("**/plain", lambda route: route.fulfill(body="<p>plain", content_type="text/html"))
    seen.page.goto("/plain")
    seen.page.goto("/livez")
    seen.page.evaluate("history.back()")
    seen.page.wait_for_function("() => window.cameBack === true")


def test_br_17_back_after_a_log_out_shows_nothing(seen: Window) -> None:
    """Neither the list nor the post, however often somebody presses it."""
    page = seen.page
    page.goto("/")
    page.get_by_role("article").get_by_role("link").click()
    expect(page.locator(".prose")).to_have_text(WRITTEN)
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/?done=log-out")
    goes_back(page, "Log in")
    goes_back(page, "Keep what you write.")


def test_br_17_nor_where_the_log_out_was_in_another_tab(seen: Window) -> None:
    """What one tab has in memory, the other one's log-out takes out of it."""
    page, other = seen.page, seen.context.new_page()
    page.goto("/")
    expect(page.get_by_role("article")).to_have_count(1)
    page.goto("/livez")
    other.goto("/account")
    other.get_by_role("button", name="Log out").click()
    other.wait_for_url("**/?done=log-out")
    goes_back(page, "Keep what you write.")
