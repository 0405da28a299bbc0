"""What scripts add to the pages, in a real browser: nothing typed is lost, undo, keys, search (docs/cases.md)."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, expect

from tests.e2e.servers import PostkeepServer
from tests.e2e.web.visitors import Visitor

DEADLINE_MS = 15_000
WATCH_POLICY = "document.addEventListener('securitypolicyviolation', event => { throw event.violatedDirective; });"
DRAFTS = "() => Object.keys(localStorage).length"
IS_KEPT = "text => Object.values(localStorage).some(kept => JSON.parse(kept).text === text)"
HAS_NO_POSTS = "async () => (await (await fetch('/')).text()).includes('Nothing here yet')"
UNDO_MS = 6000


@dataclass
class Desk:
    """Somebody at a browser with scripts.

    Attributes:
        visitor: The same person over HTTP, in the same session.
        context: The browser.
        page: Its first tab.
        complaints: Errors that no script caught, and what the policy kept from happening.
    """

    visitor: Visitor
    context: BrowserContext
    page: Page = field(init=False)
    complaints: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        """Open the first tab."""
        self.context.set_default_timeout(DEADLINE_MS)
        self.context.add_init_script(WATCH_POLICY)
        self.log_in(self.visitor)
        self.page = self.open()

    def log_in(self, visitor: Visitor) -> None:
        """Have the browser be in somebody's session."""
        self.context.add_cookies(
            [{"name": "postkeep", "value": visitor.cookie, "url": str(visitor.http.base_url).rstrip("/")}]
        )

    def open(self) -> Page:
        """Open another tab."""
        page = self.context.new_page()

        def note(error: Error) -> None:
            self.complaints.append(error.message)

        page.on("pageerror", note)
        return page

    def types(self, text: str, path: str = "/posts/new") -> None:
        """Open a sheet, write on it, and wait until that is kept in the browser."""
        self.page.goto(path)
        text_of(self.page).fill(text)
        self.page.wait_for_function(IS_KEPT, arg=text)


@pytest.fixture
def desk(browser: Browser, sqlite_server: PostkeepServer) -> Iterator[Desk]:
    """Seat somebody with an account; scripts that fail, or that the policy stops, fail the test."""
    context = browser.new_context(base_url=sqlite_server.url, locale="en")
    desk = Desk(Visitor.signs_up(sqlite_server.url), context)
    yield desk
    context.close()
    assert desk.complaints == []


def text_of(page: Page) -> Locator:
    """Return the field of a post's text."""
    return page.get_by_label("Text", exact=True)


def save(page: Page) -> None:
    """Press Ctrl+Enter in the text."""
    text_of(page).press("Control+Enter")


class TestDrafts:
    """Nothing typed is lost."""

    def test_a_text_survives_a_closed_tab_until_it_is_saved(self, desk: Desk) -> None:
        """It is back in the next tab, and gone from the browser once it is saved."""
        desk.types("half a thought")
        desk.page.close()
        page = desk.open()
        page.goto("/posts/new")
        expect(text_of(page)).to_have_value("half a thought")
        expect(page.get_by_text("What you wrote last time is back")).to_be_visible()
        save(page)
        page.wait_for_url("**/posts/*?done=added")
        assert page.evaluate(DRAFTS) == 0
        assert desk.visitor.headings() == ["half a thought"]

    def test_a_draft_can_be_discarded(self, desk: Desk) -> None:
        """The sheet is as it was, and stays so."""
        path = desk.visitor.write("as it was")
        desk.types("something else", f"{path}/edit")
        desk.page.reload()
        expect(text_of(desk.page)).to_have_value("something else")
        desk.page.get_by_role("button", name="Discard it").click()
        expect(text_of(desk.page)).to_have_value("as it was")
        desk.page.reload()
        expect(text_of(desk.page)).to_have_value("as it was")

    def test_a_text_survives_a_lost_connection(self, desk: Desk) -> None:
        """The page says so and stays, and the next attempt saves."""
        desk.types("written on a train")
        desk.context.set_offline(True)
        save(desk.page)
        expect(desk.page.get_by_role("alert")).to_contain_text("There is no connection")
        assert desk.page.evaluate(DRAFTS) == 1
        desk.context.set_offline(False)
        save(desk.page)
        desk.page.wait_for_url("**/posts/*?done=added")
        assert desk.page.evaluate(DRAFTS) == 0

    def test_a_text_survives_an_expired_session(self, desk: Desk) -> None:
        """After logging in elsewhere, the same sheet saves."""
        desk.types("it took a while")
        other = desk.visitor.elsewhere()
        other.submit("/account/sessions/end-others")
        save(desk.page)
        expect(desk.page.get_by_role("alert")).to_contain_text("You are not logged in any more")
        expect(desk.page.get_by_role("alert")).to_be_focused()
        expect(text_of(desk.page)).to_have_value("it took a while")
        assert desk.page.evaluate(DRAFTS) == 1
        desk.log_in(other)
        save(desk.page)
        desk.page.wait_for_url("**/posts/*?done=added")
        assert other.headings() == ["it took a while"]

    def test_a_text_survives_a_refusal(self, desk: Desk) -> None:
        """What is wrong is told, and the tab may be closed even now."""
        desk.types("good")
        desk.page.locator("#title").evaluate("title => { title.removeAttribute('maxlength'); title.value = ' '; }")
        save(desk.page)
        expect(desk.page.get_by_role("alert").first).to_contain_text("Look at the marked fields")
        desk.page.goto("/posts/new")
        expect(text_of(desk.page)).to_have_value("good")

    def test_a_conflict_is_played_by_two_browsers(self, desk: Desk, browser: Browser) -> None:
        """Both texts are shown; mine, with a tab closed in between, goes over theirs only because I choose so."""
        path = desk.visitor.write("first")
        desk.types("mine", f"{path}/edit")
        with browser.new_context(base_url=str(desk.visitor.http.base_url), locale="en") as context:
            other = Desk(desk.visitor.elsewhere(), context)
            other.types("theirs", f"{path}/edit")
            save(other.page)
            other.page.wait_for_url("**/posts/*?done=edited")
        desk.page.close()
        page = desk.open()
        page.goto(f"{path}/edit")
        expect(text_of(page)).to_have_value("mine")
        save(page)
        expect(page.get_by_role("alert")).to_contain_text("changed elsewhere")
        expect(page.get_by_role("group", name="What is there now")).to_have_text("theirs")
        expect(text_of(page)).to_have_value("mine")
        page.get_by_role("button", name="Save mine over theirs").click()
        page.wait_for_url("**/posts/*?done=edited")
        expect(page.locator(".prose")).to_have_text("mine")
        assert page.evaluate(DRAFTS) == 0

    def test_theirs_can_be_taken(self, desk: Desk) -> None:
        """Then the draft is gone, too."""
        path = desk.visitor.write("first")
        desk.types("mine", f"{path}/edit")
        desk.visitor.elsewhere().submit(f"{path}/edit", text="theirs", version="1")
        save(desk.page)
        desk.page.get_by_role("link", name="Take theirs, drop mine").click()
        expect(desk.page.locator(".prose")).to_have_text("theirs")
        assert desk.page.evaluate(DRAFTS) == 0

    def test_nobody_else_at_the_browser_sees_a_draft(self, desk: Desk, sqlite_server: PostkeepServer) -> None:
        """Whoever logs in next finds an empty sheet; after a log-out nothing is left at all."""
        desk.types("for my eyes only")
        desk.log_in(Visitor.signs_up(sqlite_server.url))
        desk.page.goto("/posts/new")
        expect(text_of(desk.page)).to_have_value("")
        desk.log_in(desk.visitor)
        desk.page.goto("/posts/new")
        expect(text_of(desk.page)).to_have_value("for my eyes only")
        desk.page.get_by_role("button", name="Log out").click()
        desk.page.wait_for_url("**/?done=log-out")
        assert desk.page.evaluate(DRAFTS) == 0


def test_bytes_are_counted_and_markdown_is_previewed(desk: Desk) -> None:
    """As they will be kept, and as it will be shown; a preview keeps nothing."""
    page = desk.page
    desk.types("# Ж\n\n<script>x</script>")
    expect(page.locator("[data-count]")).to_have_text("24 of 1,048,576 bytes")
    page.get_by_role("button", name="Preview").click()
    shown = page.get_by_role("region", name="Preview")
    expect(shown.get_by_role("heading", name="Ж")).to_be_visible()
    expect(shown).to_contain_text("<script>x</script>")
    expect(shown).to_be_focused()
    assert desk.visitor.headings() == []
    text_of(page).fill("x" * (64 * 1024 + 1))
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("alert")).to_have_text("This text is too long for a preview.")


class TestDeleting:
    """A deletion can be taken back for some seconds."""

    def test_it_can_be_undone_and_is_sent_when_the_time_is_over(self, desk: Desk) -> None:
        """Until then nothing has happened to the post."""
        page = desk.page
        path = desk.visitor.write("going")
        page.clock.install()
        page.goto(path)
        page.get_by_role("link", name="Delete").click()
        expect(page.get_by_role("article")).to_be_hidden()
        expect(page.get_by_role("button", name="Undo")).to_be_focused()
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("link", name="Delete")).to_be_focused()
        page.clock.run_for(2 * UNDO_MS)
        assert desk.visitor.headings() == ["going"]
        page.get_by_role("link", name="Delete").click()
        page.clock.run_for(UNDO_MS)
        page.wait_for_url("**/?done=deleted")
        assert desk.visitor.headings() == []

    def test_it_is_sent_at_once_when_the_page_is_left(self, desk: Desk) -> None:
        """By a link of ours, whose page knows of it; or by anything else, as closing the tab."""
        page = desk.page
        page.goto(desk.visitor.write("first"))
        page.get_by_role("link", name="Delete").click()
        page.get_by_role("link", name="Postkeep").click()
        expect(page.get_by_text("Nothing here yet")).to_be_visible()
        page.goto(desk.visitor.write("second"))
        page.get_by_role("link", name="Delete").click()
        page.goto("/account")
        page.wait_for_function(HAS_NO_POSTS)

    def test_a_lost_connection_brings_the_post_back(self, desk: Desk) -> None:
        """With a word about it."""
        page = desk.page
        page.clock.install()
        page.goto(desk.visitor.write("staying"))
        desk.context.set_offline(True)
        page.get_by_role("link", name="Delete").click()
        page.clock.run_for(UNDO_MS)
        expect(page.get_by_role("alert")).to_contain_text("could not be deleted")
        expect(page.get_by_role("article")).to_be_visible()


class TestFinding:
    """Search as you type, and more on scrolling."""

    def test_the_list_follows_what_is_typed(self, desk: Desk) -> None:
        """The focus stays, and so does the address: reloading shows the same."""
        page = desk.page
        for text in ("a duck", "a goose"):
            desk.visitor.write(text)
        page.goto("/")
        page.keyboard.press("/")
        page.keyboard.type("GOO")
        expect(page.locator("mark")).to_have_text("goo")
        expect(page.get_by_role("article")).to_have_count(1)
        expect(page.get_by_role("searchbox")).to_be_focused()
        assert page.url.endswith("/?q=GOO")
        page.reload()
        expect(page.get_by_role("article")).to_have_count(1)
        page.get_by_role("searchbox").fill("swan")
        expect(page.locator("#told")).to_have_text("No post has all of these words.")
        page.get_by_role("searchbox").fill("")
        expect(page.get_by_role("article")).to_have_count(2)

    def test_scrolling_brings_the_next_posts(self, desk: Desk) -> None:
        """Each once, to the last."""
        for number in range(21):
            desk.visitor.write(f"post {number}")
        desk.page.goto("/")
        expect(desk.page.get_by_role("article")).to_have_count(20)
        desk.page.mouse.wheel(0, 10_000)
        expect(desk.page.get_by_role("article")).to_have_count(21)
        expect(desk.page.get_by_role("link", name="Older posts")).to_have_count(0)


def test_keys_do_what_the_overlay_says(desk: Desk) -> None:
    """Not while somebody types; the overlay opens by a button, too, and gives the focus back."""
    page = desk.page
    paths = [desk.visitor.write(f"post {number}") for number in range(2)]
    page.goto("/")
    for key, path in (("j", paths[1]), ("j", paths[0]), ("j", paths[0]), ("k", paths[1])):
        page.keyboard.press(key)
        expect(page.locator("h2 a:focus")).to_have_attribute("href", path)
    page.keyboard.press("e")
    page.wait_for_url(f"**{paths[1]}/edit")
    text_of(page).press_sequentially("?njke/")
    expect(text_of(page)).to_have_value("?njke/post 1")
    page.goto("/account")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("n")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Keys").click()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("button", name="Keys")).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.goto(paths[0])
    page.keyboard.press("n")
    page.wait_for_url("**/posts/new")
