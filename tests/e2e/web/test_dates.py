"""Times as readers see them: by their own clock with scripts, by everybody's without."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect

from postkeep.views.figures import Figures
from postkeep.views.languages import Language, translations
from tests.e2e.servers import PostkeepServer
from tests.e2e.web.desks import Desk
from tests.e2e.web.visitors import Visitor

KATHMANDU, AHEAD = "Asia/Kathmandu", timedelta(hours=5, minutes=45)
MOVED = """() => new Promise((done) => {
    let moved = 0;
    const add = (list) => { for (const { value } of list.getEntries()) moved += value; };
    new PerformanceObserver(add).observe({ type: "layout-shift", buffered: true });
    requestAnimationFrame(() => requestAnimationFrame(() => done(moved)));
})"""


@pytest.mark.parametrize("language", ["en", "ru"])
def test_times_are_the_reader_s_own(browser: Browser, sqlite_server: PostkeepServer, language: Language) -> None:
    """In the same words as the server's, on every page and in what comes later; and nothing moves for that."""
    small = {"width": 320, "height": 640}
    context = browser.new_context(
        base_url=sqlite_server.url,
        locale=language,
        timezone_id=KATHMANDU,
        viewport=small,  # type: ignore[arg-type]  # a TypedDict
    )
    with context:
        desk = Desk(Visitor.signs_up(sqlite_server.url), context)
        path, page = desk.visitor.write("a duck"), desk.page
        # An afternoon there, and the first minutes of another month.
        sqlite_server.rows.change(
            "UPDATE posts SET created_date = '2026-11-30 08:10:00.000000', updated_date = '2026-11-30 18:30:00.000000'"
            " WHERE id = :id",
            id=UUID(path.rpartition("/")[2]).bytes,
        )
        for where in ("/", path, "/account"):
            page.goto(where)
            expect_local(page, language)
            assert page.evaluate(MOVED) < 0.01
        page.goto("/")
        page.get_by_role("searchbox").fill("duck")
        expect(page.locator("mark")).to_be_visible()
        expect_local(page, language)
        assert desk.complaints == []


def expect_local(page: Page, language: Language) -> None:
    """Hold each time of a page to what a clock on the wall says there; the hint is everybody's."""
    figures = Figures(translations(language))
    for time in page.locator("time").all():
        moment = datetime.fromisoformat(time.get_attribute("datetime") or "")
        expect(time).to_have_text(figures.date(moment + AHEAD))
        expect(time).to_have_attribute("title", f"{figures.date(moment)} UTC")


def test_without_scripts_times_say_whose_they_are(sqlite_server: PostkeepServer) -> None:
    """In words, so that nobody takes them for their own."""
    visitor = Visitor.signs_up(sqlite_server.url)
    path = visitor.write("a duck")
    for where in ("/", path, "/account"):
        shown = visitor.get(where).text
        assert shown.count("<time ") == shown.count(" UTC</span></time>") > 0
