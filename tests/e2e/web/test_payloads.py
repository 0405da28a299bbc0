"""Whatever somebody writes stays text, in a real browser (docs/cases.md, BR-07)."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.clients import Person
from tests.e2e.servers import PostkeepServer
from tests.e2e.web.payloads import LOCAL_PARTS, PAYLOADS
from tests.e2e.web.visitors import Visitor, connect_browser
from tests.e2e.web.windows import Look, Window, window

TITLES = [" ".join(payload.split("\n")) for payload in PAYLOADS]
TEXTS = list(PAYLOADS)
ALLOWED = re.compile("A|BLOCKQUOTE|BR|CODE|EM|H[2-6R]|LI|OL|P|PRE|S|STRONG|TABLE|TBODY|TD|TH|THEAD|TR|UL")
LOOK_AT_PROSE = """prose => [...prose.querySelectorAll("*")].map(element => [
    element.tagName, element.protocol ?? "", element.getAttributeNames().join(" ")
])"""
HEADINGS = "links => links.map(link => link.textContent)"
SEVERAL = slice(0, None, 20)
"""Of each kind some, where a page takes a test as long as all of them together do elsewhere."""


@pytest.fixture(scope="module")
def person(sqlite_server: PostkeepServer) -> Person:
    """Have somebody who has written each of them, as a title and as a text."""
    person = Person.signs_up(sqlite_server.http)
    lines = [json.dumps({"title": title, "text": text}) for title, text in zip(TITLES, TEXTS, strict=True)]
    headers = {**person.authorization, "Content-Type": "application/jsonl"}
    answer = sqlite_server.http.post("/api/v1/import", content="\n".join(lines).encode(), headers=headers)
    assert json.loads(answer.text.splitlines()[-1])["added"] == len(PAYLOADS)
    return person


@pytest.fixture
def writer(person: Person, sqlite_server: PostkeepServer) -> Visitor:
    """Have the same person come with a browser."""
    visitor = Visitor(connect_browser(sqlite_server.url), person.email, person.password)
    assert visitor.log_in().status_code == 303
    return visitor


@pytest.fixture
def seen(browser: Browser, writer: Visitor, sqlite_server: PostkeepServer) -> Iterator[Window]:
    """Open a window of the writer's; anything that comes to life fails the test."""
    with window(browser, sqlite_server.url, Look()) as seen:
        seen.enter(writer)
        yield seen
        # What was begun by the last page shows by now, too.
        seen.page.wait_for_load_state("networkidle")
        assert seen.complaints == []


class Values(HTMLParser):
    """Reads what stands in a page's field, as browsers read it."""

    def __init__(self, html: str) -> None:
        """Read a page."""
        super().__init__()
        self.email = ""
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        given = dict(attrs)
        self.tags.append(tag)
        if given.get("id") == "email":
            self.email = given["value"] or ""


def look_at_prose(page: Page) -> None:
    """Hold what was made of a text to what a list of elements, attributes and schemes allows."""
    for tag, protocol, attributes in page.locator(".prose").first.evaluate(LOOK_AT_PROSE):
        assert ALLOWED.fullmatch(tag)
        # A link whose address was taken away has ":", and leads nowhere.
        assert protocol in {"", ":", "http:", "https:", "mailto:"}
        assert set(attributes.split()) <= {"href", "title", "rel", "start", "class", "tabindex"}


def test_there_are_two_hundred() -> None:
    """All different."""
    assert len(set(PAYLOADS)) == len(PAYLOADS) >= 200


def test_br_07_titles_and_beginnings_in_the_list(seen: Window) -> None:
    """The first page as the server sent it, all others as a script adds them, each title letter by letter."""
    page, entries = seen.page, seen.page.locator(".entry h2 a")
    page.goto("/")
    shown = entries.count()
    while shown < len(PAYLOADS):
        page.mouse.wheel(0, 100_000)
        expect(entries.nth(shown)).to_be_attached()
        shown = entries.count()
    assert sorted(entries.evaluate_all(HEADINGS)) == sorted(TITLES)


def test_br_07_texts_that_were_searched_for(seen: Window) -> None:
    """The field, the marks, the links to each status: all of them repeat what was asked for."""
    for payload in TITLES[SEVERAL]:
        seen.page.goto("/")
        seen.page.get_by_role("searchbox").fill(payload)
        seen.page.get_by_role("searchbox").press("Enter")
        expect(seen.page.locator("#told")).not_to_be_empty()
        seen.page.reload()
        expect(seen.page.get_by_role("searchbox")).to_have_value(payload)


def test_br_07_br_08_texts_as_markdown(seen: Window, writer: Visitor) -> None:
    """All in one post, where one could begin what another one ends: read, written anew, previewed, about to go."""
    everything = "\n\n".join(TEXTS)
    path = writer.write(everything)
    page = seen.page
    page.goto(path)
    look_at_prose(page)
    assert "alert(1)" in page.locator(".prose").inner_text()
    page.goto(f"{path}/edit")
    expect(page.locator("#text")).to_have_value(everything)
    page.locator("#text").fill(f"{everything}\n")
    page.locator("[data-preview]").click()
    expect(page.locator("[data-previewed] .prose")).to_contain_text("alert(1)")
    look_at_prose(page)
    page.reload()
    expect(page.locator("#text")).to_have_value(f"{everything}\n")
    page.goto(f"{path}/delete")
    assert "alert(1)" in page.locator(".quote").inner_text()
    writer.submit(f"{path}/delete")


def test_br_07_both_texts_of_a_conflict(seen: Window, writer: Visitor) -> None:
    """As a script puts them into the page."""
    path, page = writer.write("first"), seen.page
    page.goto(f"{path}/edit")
    everything = "\n".join(TEXTS)
    writer.submit(f"{path}/edit", text=everything, title=TITLES[0], version="1")
    page.locator("#text").fill(everything[::-1])
    page.locator("#text").press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("changed elsewhere")
    expect(page.locator(".verbatim")).to_have_text(everything, use_inner_text=True)
    seen.complaints.remove("Failed to load resource: the server responded with a status of 412 (Precondition Failed)")
    page.locator("[data-drop-draft]").first.click()
    page.wait_for_url(f"**{path}")
    writer.submit(f"{path}/delete")


@pytest.mark.parametrize(
    "chosen",
    [SEVERAL, pytest.param(slice(None), marks=[pytest.mark.long, pytest.mark.timeout(300)])],
    ids=["some", "all"],
)
def test_br_07_br_08_each_by_itself(seen: Window, writer: Visitor, chosen: slice) -> None:
    """As a page's title, its heading and its text."""
    for title, text in list(zip(TITLES, TEXTS, strict=True))[chosen]:
        path = writer.write(text, title=title)
        seen.page.goto(path)
        assert seen.page.get_by_role("heading", level=1).first.text_content() == title
        assert seen.page.locator("head > title").text_content() == f"{title} · Postkeep"
        look_at_prose(seen.page)
        writer.submit(f"{path}/delete")


def test_br_07_what_is_no_address_comes_back_as_text(seen: Window, sqlite_server: PostkeepServer) -> None:
    """The whole of it stands in the field, and nothing of it beside."""
    stranger = Visitor.comes(sqlite_server.url)
    # What looks at all pages would take what was typed for a part of the page.
    stranger.http.event_hooks = {}
    plain = Values(stranger.submit("/sign-up", email="nobody", password="x").text)
    pages: list[str] = []
    for payload in TITLES:
        html = stranger.submit("/sign-up", email=payload, password="x").text
        shown = Values(html)
        assert (shown.email, shown.tags) == (payload, plain.tags)
        pages.append(re.sub(r"<!doctype html>|<script src[^>]+></script>", "", html))
    # As many forms at once as there are payloads; what a browser would run of one of them, it runs here.
    seen.page.route("**/shown", lambda route: route.fulfill(body="".join(pages), content_type="text/html"))
    seen.page.goto("/shown")
    fields = seen.page.locator("#email").evaluate_all("fields => fields.map(field => field.value)")
    assert len(fields) == len(PAYLOADS)


def test_br_07_addresses_of_accounts(browser: Browser, sqlite_server: PostkeepServer) -> None:
    """What may stand before the @ is shown where one's own address is."""
    with window(browser, sqlite_server.url) as seen:
        for local_part in LOCAL_PARTS:
            visitor = Visitor.comes(sqlite_server.url)
            visitor.email = f"{local_part}{visitor.email}"
            assert visitor.submit("/sign-up", email=visitor.email, password=visitor.password).status_code == 303
            seen.enter(visitor)
            seen.page.goto("/account")
            expect(seen.page.locator("dd").first).to_have_text(visitor.email)
            for path in ("/account/password", "/account/delete"):
                seen.page.goto(path)
                expect(seen.page.locator("[name=username]")).to_have_value(visitor.email)
        assert seen.complaints == []
