"""Pages on small screens and in large letters: nothing sticks out, nothing is cut off, everything can be hit."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.servers import PostkeepServer
from tests.e2e.web.tours import Tour
from tests.e2e.web.windows import Look, window

# A window of 1280 pixels is one of 640 at 200 %, and one of 320 at 400 %. Source: WCAG 2.2 1.4.10 (reflow).
ZOOMED = {"at 200 %": 640, "at 400 %": 320}
# Source: WCAG 2.2 1.4.12 (text spacing), with which nothing may be lost, either.
SPACED = "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }"
LEAST_TARGET = 44

STICKS_OUT = """() => {
    const wide = document.documentElement.scrollWidth;
    const scrolls = element => ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
    const inside = element => element && (scrolls(element) || inside(element.parentElement));
    const named = element => `${element.tagName}.${element.className} ${element.textContent.slice(0, 20)}`;
    const found = [];
    for (const element of document.querySelectorAll("body, body *")) {
        const { left, right, width } = element.getBoundingClientRect();
        if (!element.checkVisibility() || width <= 1 || inside(element.parentElement)) continue;
        if (right > innerWidth + .5 || left < -.5) found.push(`out: ${named(element)}`);
        const { overflowX, overflowY } = getComputedStyle(element);
        const cut = overflowX === "hidden" && element.scrollWidth > element.clientWidth + 1;
        if (cut) found.push(`cut: ${named(element)}`);
    }
    return wide > innerWidth ? [`scrolls to ${wide}`, ...found] : found;
}"""
SMALL = """least => {
    const found = [];
    for (const element of document.querySelectorAll("a[href], button, input, textarea, select, [tabindex='0']")) {
        // Links within a text are as high as its lines. Source: WCAG 2.2 2.5.8 (inline).
        if (!element.checkVisibility() || element.matches(".skip, .prose a, [type=hidden]")) continue;
        const { width, height } = (element.closest(".entry, label") ?? element).getBoundingClientRect();
        if (Math.min(width, height) < least - .5) found.push(`${element.outerHTML.slice(0, 60)} ${width} x ${height}`);
    }
    return found;
}"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("language", ["en", pytest.param("ru", marks=pytest.mark.long)])
def test_nothing_sticks_out_and_everything_can_be_hit(
    browser: Browser, sqlite_server: PostkeepServer, one_a_second: PostkeepServer, language: Any
) -> None:
    """On every page, with words, titles and addresses as long as they can be, in a browser that is zoomed in."""
    look = Look(language)
    tour = Tour(sqlite_server.url, one_a_second.url, look)
    found: dict[str, list[str]] = {}
    with window(browser, sqlite_server.url, look, bypass_csp=True) as seen:
        for stop in tour.stops():
            page = stop.show(seen)
            for zoom, width in ZOOMED.items():
                page.set_viewport_size({"width": width, "height": 512})
                found[f"{stop.name} {zoom}"] = [*page.evaluate(STICKS_OUT), *page.evaluate(SMALL, LEAST_TARGET)]
            found[f"{stop.name} spaced"] = _spaced(page)
    assert len(found) > 100
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def _spaced(page: Page) -> list[str]:
    page.add_style_tag(content=SPACED)
    sticking: list[str] = page.evaluate(STICKS_OUT)
    return sticking


def test_nothing_moves_for_who_wants_no_motion(browser: Browser, sqlite_server: PostkeepServer) -> None:
    """Source: WCAG 2.2 2.3.3 (animation from interactions)."""
    durations = """() => [...document.querySelectorAll("*")].flatMap(element => {
        const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(element);
        return [transitionDuration, animationName, scrollBehavior];
    })"""
    for motion, still in (("reduce", True), ("no-preference", False)):
        with window(browser, sqlite_server.url, reduced_motion=motion) as seen:
            seen.page.goto("/")
            assert (set(seen.page.evaluate(durations)) == {"0s", "none", "auto"}) is still
