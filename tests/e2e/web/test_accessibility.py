"""Nothing that axe-core knows of keeps anybody from using the pages: WCAG 2.2 AA, and what is good practice besides."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.servers import PostkeepServer
from tests.e2e.web.tours import Tour
from tests.e2e.web.windows import DESKTOP, PHONE, Look, Window, window

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
OPTIONS = {"runOnly": {"type": "tag", "values": list(TAGS)}, "resultTypes": ["violations"]}
USUAL = (Look(), Look("ru", "dark", PHONE))
LOOKS = [
    *USUAL,
    *(
        pytest.param(look, marks=pytest.mark.long)
        for look in map(Look._make, product(("en", "ru"), ("light", "dark"), (PHONE, DESKTOP), (True, False)))
        if look not in USUAL
    ),
]


def violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong with a page: the rule, and where."""
    axe: Any = Axe()  # it has no types
    found = axe.run(page, options=OPTIONS).response["violations"]
    return [f"{rule['id']}: {node['target']}: {node['failureSummary']}" for rule in found for node in rule["nodes"]]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_axe_finds_nothing_on_any_page(
    browser: Browser, sqlite_server: PostkeepServer, one_a_second: PostkeepServer, look: Look
) -> None:
    """For people with a screen reader, with a keyboard alone, with weak eyes: on every page, refusals included."""
    tour = Tour(sqlite_server.url, one_a_second.url, look)
    # The policy of the pages keeps out what a test brings along, too.
    with window(browser, sqlite_server.url, look, bypass_csp=True) as seen:
        found = {stop.name: violations(stop.show(seen)) for stop in tour.stops()}
        if look.scripts:
            found |= {name: violations(seen.page) for name in _what_scripts_show(seen, tour)}
    assert len(found) > 35
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def _what_scripts_show(seen: Window, tour: Tour) -> Iterator[str]:
    """Bring about what only scripts show, one after the other."""
    page, says = seen.page, tour.look.says
    seen.enter(tour.owner)
    page.goto("/account")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    yield "keys"
    page.goto(tour.long_post)
    page.get_by_role("link", name=says("Delete"), exact=True).click()
    expect(page.get_by_role("button", name=says("Undo"), exact=True)).to_be_visible()
    yield "undo"
    page.get_by_role("button", name=says("Undo"), exact=True).click()
    page.goto("/posts/new")
    page.locator("#text").fill("# Seen\n\n*before*")
    page.get_by_role("button", name=says("Preview"), exact=True).click()
    expect(page.get_by_role("heading", name="Seen")).to_be_visible()
    yield "preview"
    page.reload()
    expect(page.get_by_role("button", name=says("Discard it"), exact=True)).to_be_visible()
    yield "draft"
