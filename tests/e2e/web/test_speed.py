"""What a page costs whoever opens it, measured in a real browser: bytes, round trips, and nothing that jumps."""

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.e2e.servers import PostkeepServer
from tests.e2e.web.visitors import Visitor, connect_browser
from tests.e2e.web.windows import DESKTOP, PHONE, Look, Window, window

MOST_BYTES = 60_000
RECEIVED = """() => ["navigation", "resource"].flatMap(kind => performance.getEntriesByType(kind))
    .map(({ name, transferSize }) => [new URL(name).pathname, transferSize])"""
WATCH_SHIFTS = """
window.shifts = [];
new PerformanceObserver(list => {
    for (const { value, sources } of list.getEntries())
        shifts.push([value, ...sources.map(({ node }) => node?.outerHTML?.slice(0, 80) ?? String(node))]);
}).observe({ type: "layout-shift", buffered: true });
"""
IS_PAINTED = "() => performance.getEntriesByName('first-contentful-paint').length"
TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture(scope="module")
def reader(sqlite_server: PostkeepServer) -> Visitor:
    """Have somebody with as many posts as a page shows, and one more."""
    visitor = Visitor.signs_up(sqlite_server.url)
    for number in range(21):
        visitor.write(f"post {number} " + "many different words " * 50, title=f"Title {number}")
    return visitor


@pytest.fixture
def post(sqlite_server: PostkeepServer, reader: Visitor) -> str:
    """Return where one of the posts is."""
    http = connect_browser(sqlite_server.url)
    http.cookies = reader.http.cookies
    return http.get("/").text.partition('<h2><a href="')[2].partition('"')[0]


def received(page: Page) -> dict[str, int]:
    """Return how many bytes came for each part of a page, heads included; 0 for what the browser has."""
    return dict(page.evaluate(RECEIVED))


def test_the_first_page_is_at_most_60_kb_and_the_second_one_a_few(
    browser: Browser, sqlite_server: PostkeepServer, reader: Visitor
) -> None:
    """Everything that a page is drawn with comes once, by addresses that the page itself names."""
    with window(browser, sqlite_server.url) as seen:
        seen.enter(reader)
        seen.page.goto("/", wait_until="networkidle")
        first = received(seen.page)
        assert sum(first.values()) <= MOST_BYTES
        assert {path.rpartition(".")[2] for path in first} >= {"/", "css", "js", "svg"}
        seen.page.goto("/account", wait_until="networkidle")
        second = received(seen.page)
        assert {path for path, size in second.items() if size > 0} == {"/account"}


def test_what_is_useful_comes_with_the_page_itself(
    browser: Browser, sqlite_server: PostkeepServer, reader: Visitor
) -> None:
    """The posts are seen with the style sheet alone, before any script has come."""
    with window(browser, sqlite_server.url) as seen:
        seen.enter(reader)
        held = _hold_scripts(seen)
        seen.page.goto("/", wait_until="commit")
        seen.page.wait_for_function(IS_PAINTED)
        assert seen.page.get_by_role("article").count() == 20
        assert held
        _let_go(held)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nothing_jumps(
    browser: Browser, sqlite_server: PostkeepServer, reader: Visitor, post: str, size: tuple[int, int]
) -> None:
    """Not even where scripts come late, as on a slow line: what they show has its place by then."""
    jumped: dict[str, object] = {}
    with window(browser, sqlite_server.url, Look(size=size)) as seen:
        seen.enter(reader)
        seen.context.add_init_script(WATCH_SHIFTS)
        held = _hold_scripts(seen)
        for path in ("/", "/?status=draft", "/posts/new", "/account", post, f"{post}/edit", "/nothing"):
            seen.page.goto(path, wait_until="commit")
            seen.page.wait_for_function(IS_PAINTED)
            seen.page.evaluate(TWO_FRAMES)
            _let_go(held)
            seen.page.wait_for_load_state("networkidle")
            seen.page.evaluate(TWO_FRAMES)
            jumped[path] = seen.page.evaluate("shifts")
    assert {path: shifts for path, shifts in jumped.items() if shifts} == {}


def _hold_scripts(seen: Window) -> list[Route]:
    """Keep scripts back; return where they wait."""
    held: list[Route] = []
    seen.context.route("**/*.js", lambda route: held.append(route))  # noqa: PLW0108 - Playwright takes functions only
    return held


def _let_go(held: list[Route]) -> None:
    while held:
        held.pop().continue_()
