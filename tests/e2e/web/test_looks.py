"""How things look that no rule of axe-core's holds."""

from typing import Any

import pytest
from playwright.sync_api import Browser, FloatRect, Locator, ViewportSize

from tests.e2e.servers import PostkeepServer
from tests.e2e.web.visitors import Visitor
from tests.e2e.web.windows import Look, window

LEAST_CONTRAST = 4.5
SMALL_PHONE = (360, 740)
LEAST_FIELD = 150
# Source: WCAG 2.2, contrast ratio and relative luminance.
CONTRAST = """field => {
    const light = colour => {
        const parts = colour.match(/[0-9.]+/g).slice(0, 3).map(part => part / 255);
        const [red, green, blue] = parts.map(part => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
        return .2126 * red + .7152 * green + .0722 * blue;
    };
    const colours = [getComputedStyle(field, "::placeholder").color, getComputedStyle(field).backgroundColor];
    const [darker, brighter] = colours.map(light).sort((one, other) => one - other);
    return (brighter + .05) / (darker + .05);
}"""
LETTERS = (
    "element => { const { fontFamily, fontWeight } = getComputedStyle(element); return [fontFamily, fontWeight]; }"
)

BIDI = "element => { const { unicodeBidi, direction } = getComputedStyle(element); return [unicodeBidi, direction]; }"
COLOUR = "element => getComputedStyle(element).color.match(/[0-9]+/g).map(Number)"
PAPER: ViewportSize = {"width": 718, "height": 1047}
"""A4 between usual margins."""

SIDE = """element => {
    const words = document.createRange();
    words.selectNodeContents(element);
    const [its, all] = [words.getBoundingClientRect(), element.getBoundingClientRect()];
    return its.left - all.left < 1 ? "left" : all.right - its.right < 1 ? "right" : "between";
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_stands_in_an_empty_field_can_be_read(
    browser: Browser, sqlite_server: PostkeepServer, scheme: Any
) -> None:
    """Browsers have one grey for it, by day and by night (WCAG 2.2, 1.4.3)."""
    visitor = Visitor.signs_up(sqlite_server.url)
    visitor.write("a post")
    with window(browser, sqlite_server.url, Look(scheme=scheme)) as seen:
        seen.enter(visitor)
        seen.page.goto("/")
        assert seen.page.get_by_role("searchbox").evaluate(CONTRAST) >= LEAST_CONTRAST


def test_a_title_is_written_in_the_letters_that_it_is_shown_in(browser: Browser, sqlite_server: PostkeepServer) -> None:
    """Whoever writes one sees a title."""
    visitor = Visitor.signs_up(sqlite_server.url)
    path = visitor.write("a post", title="A title")
    with window(browser, sqlite_server.url) as seen:
        seen.enter(visitor)
        seen.page.goto(path)
        shown = seen.page.get_by_role("heading", level=1).evaluate(LETTERS)
        seen.page.goto(f"{path}/edit")
        assert seen.page.locator("#title").evaluate(LETTERS) == shown


def test_what_is_written_from_right_to_left_begins_at_the_right(
    browser: Browser, sqlite_server: PostkeepServer
) -> None:
    """Every script is searched, and every script can be read: a full stop at the wrong end is none."""
    visitor = Visitor.signs_up(sqlite_server.url)
    path = visitor.write("\u0634\u0643\u0631\u0627.\n\nThanks.", title="\u0634\u0643\u0631\u0627")
    with window(browser, sqlite_server.url) as seen:
        seen.enter(visitor)
        seen.page.goto("/")
        assert seen.page.locator(".entry h2").evaluate(SIDE) == "right"
        seen.page.goto(path)
        assert [each.evaluate(SIDE) for each in seen.page.locator("h1, .prose p").all()] == ["right", "right", "left"]


def box(element: Locator) -> FloatRect:
    """Return where something is, in CSS pixels."""
    found = element.bounding_box()
    assert found is not None
    return found


def middle(element: Locator) -> float:
    """Return how far down the middle of something is."""
    return box(element)["y"] + box(element)["height"] / 2


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_new_post_is_saved_without_scrolling_on_a_phone(
    browser: Browser, sqlite_server: PostkeepServer, language: Any
) -> None:
    """Whoever begins to write sees how much fits, and where it is saved."""
    look = Look(language, size=SMALL_PHONE)
    with window(browser, sqlite_server.url, look, is_mobile=True, has_touch=True) as seen:
        seen.enter(Visitor.signs_up(sqlite_server.url))
        seen.page.goto("/posts/new")
        for shown in (
            seen.page.locator("[data-count]"),
            seen.page.get_by_role("button", name=look.says("Save"), exact=True),
        ):
            assert box(shown)["y"] + box(shown)["height"] <= SMALL_PHONE[1]
        assert box(seen.page.locator("#text"))["height"] >= LEAST_FIELD


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_button_to_write_stands_beside_the_heading(
    browser: Browser, sqlite_server: PostkeepServer, language: Any
) -> None:
    """On a phone as well: what is below begins higher."""
    visitor = Visitor.signs_up(sqlite_server.url)
    visitor.write("a post")
    look = Look(language, size=SMALL_PHONE)
    with window(browser, sqlite_server.url, look) as seen:
        seen.enter(visitor)
        seen.page.goto("/")
        button = seen.page.get_by_role("link", name=look.says("Write"), exact=True)
        assert middle(button) == pytest.approx(middle(seen.page.get_by_role("heading", level=1)), abs=4)


def test_lists_by_status_take_one_line_on_a_phone(browser: Browser, sqlite_server: PostkeepServer) -> None:
    """In English; in Russian their names are longer than such a screen."""
    visitor = Visitor.signs_up(sqlite_server.url)
    visitor.write("a post")
    with window(browser, sqlite_server.url, Look(size=SMALL_PHONE)) as seen:
        seen.enter(visitor)
        seen.page.goto("/")
        filters = seen.page.locator(".filters a")
        assert box(filters.first)["y"] == box(filters.last)["y"]


def test_both_texts_of_a_conflict_begin_on_one_line(browser: Browser, sqlite_server: PostkeepServer) -> None:
    """At a desk, somebody looks from one to the other and back."""
    visitor = Visitor.signs_up(sqlite_server.url)
    path = visitor.write("first")
    with window(browser, sqlite_server.url) as seen:
        page = seen.page
        seen.enter(visitor)
        page.goto(f"{path}/edit")
        visitor.submit(f"{path}/edit", text="theirs", version="1")
        page.locator("#text").fill("mine")
        page.get_by_role("button", name="Save", exact=True).click()
        assert box(page.locator("#mine"))["y"] == box(page.locator("#theirs"))["y"]
        below = (box(page.locator("form.sheet")), box(page.locator("div.card")))
        assert below[0]["y"] == below[1]["y"]
        assert below[0]["width"] == below[1]["width"]


def test_all_of_a_post_is_on_paper_and_dark_on_white(browser: Browser, sqlite_server: PostkeepServer) -> None:
    """Paper is not scrolled, and no printer has the night in it, whatever its owner's screen shows."""
    visitor = Visitor.signs_up(sqlite_server.url)
    path = visitor.write(f"```\n{'code ' * 60}\n```\n\n|{'cell|' * 30}\n|{'---|' * 30}\n|{'cell|' * 30}")
    with window(browser, sqlite_server.url, Look(scheme="dark")) as seen:
        seen.enter(visitor)
        seen.page.goto(path)
        by_night = seen.page.locator("body").evaluate(COLOUR)
        seen.page.emulate_media(media="print")
        seen.page.set_viewport_size(PAPER)
        assert sum(seen.page.locator("body").evaluate(COLOUR)) < sum(by_night)
        for wide in seen.page.locator(".prose > pre, .prose > table").all():
            assert box(wide)["width"] <= box(seen.page.locator(".prose"))["width"]
            assert wide.evaluate("wide => wide.scrollWidth <= wide.clientWidth")


def test_a_line_without_an_end_is_not_looked_at_again_and_again(
    browser: Browser, sqlite_server: PostkeepServer
) -> None:
    """Chromium froze for half a minute at a megabyte on one line, and for seconds at each key."""
    visitor = Visitor.signs_up(sqlite_server.url)
    path = visitor.write("x" * 70_000)
    with window(browser, sqlite_server.url) as seen:
        page, text = seen.page, seen.page.locator("#text")
        seen.enter(visitor)
        page.goto(path)
        assert page.locator(".verbatim").evaluate(BIDI) == ["isolate", "ltr"]
        page.goto(f"{path}/edit")
        assert text.evaluate(BIDI) == ["isolate", "ltr"]
        text.fill("short")
        assert text.evaluate(BIDI)[0] == "plaintext"
        text.fill("x" * 17_000)
        assert text.evaluate(BIDI)[0] == "isolate"


def test_without_scripts_the_sheet_of_such_a_post_comes_so(sqlite_server: PostkeepServer) -> None:
    """What was written comes back so, too."""
    visitor = Visitor.signs_up(sqlite_server.url)
    path = visitor.write("x" * 70_000)
    assert visitor.get(f"{path}/edit").text.count(' dir="auto"') == 1
    assert visitor.submit("/posts/new", text="x" * 70_000, title="t" * 201).text.count(' dir="auto"') == 1
    assert visitor.submit(f"{path}/edit", text="short", version="1").status_code == 303
    assert ' dir="auto"' not in visitor.get(f"{path}/edit").text
