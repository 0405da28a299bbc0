"""How things look that no rule of axe-core's holds."""

from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.e2e.servers import PostkeepServer
from tests.e2e.web.visitors import Visitor
from tests.e2e.web.windows import Look, window

LEAST_CONTRAST = 4.5
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
