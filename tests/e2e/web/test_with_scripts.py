"""What scripts add to the pages, in a real browser: nothing typed is lost, undo, keys, search (docs/cases.md)."""

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.servers import PostkeepServer
from tests.e2e.web.desks import DRAFTS, Desk, save, text_of
from tests.e2e.web.visitors import Visitor

FORBIDDEN = """Object.defineProperty(window, 'localStorage', {
    get() { throw new DOMException('', 'SecurityError'); }, configurable: true })"""
FULL = "Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError'); }"
HAS_NO_POSTS = "async () => (await (await fetch('/')).text()).includes('Nothing here yet')"
PRESS = """([key, code]) => document.activeElement.dispatchEvent(
    new KeyboardEvent("keydown", { key, code, bubbles: true, cancelable: true }))"""
UNDO_MS = 20_000
DUCK = "\N{DUCK}"
TOP = "element => element.getBoundingClientRect().top"
STANDS_AT = "([element, top]) => Math.abs(element.getBoundingClientRect().top - top) < 2"


def delete(page: Page, path: str, *, by_key: bool = False) -> None:
    """Ask for a post's deletion, and arrive at the list, where nothing but the test moves the clock."""
    page.clock.install()
    page.goto(path)
    link = page.get_by_role("link", name="Delete")
    if by_key:
        link.press("Enter")
    else:
        link.click()
    page.mouse.move(0, 0)
    expect(page.get_by_text("The post is about to be deleted.")).to_be_visible()


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

    @pytest.mark.parametrize("path", ["/posts/new", "EDIT"])
    def test_cancelling_loses_nothing(self, desk: Desk, path: str) -> None:
        """It may be pressed by accident; throwing away has a button of its own, where the draft comes back."""
        if path == "EDIT":
            path = f"{desk.visitor.write('as it was')}/edit"
        desk.page.goto(path)
        text_of(desk.page).fill("half a thought")
        desk.page.get_by_role("link", name="Cancel").click()
        desk.page.wait_for_url(lambda address: not address.endswith(path))
        assert desk.page.evaluate(DRAFTS) == 1
        desk.page.goto(path)
        expect(text_of(desk.page)).to_have_value("half a thought")
        expect(desk.page.get_by_role("button", name="Discard it")).to_be_visible()

    def test_a_sheet_in_another_tab_takes_no_draft_away(self, desk: Desk) -> None:
        """Neither one that stays empty nor one that is saved: each has its own, and they come back one by one."""
        empty, other = desk.open(), desk.open()
        for page in (empty, other):
            page.goto("/posts/new")
        desk.types("first thought")
        desk.page.close()
        empty.goto("/")
        assert empty.evaluate(DRAFTS) == 1
        text_of(other).fill("second thought")
        save(other)
        other.wait_for_url("**/posts/*?done=added")
        other.goto("/posts/new")
        expect(text_of(other)).to_have_value("first thought")
        save(other)
        other.wait_for_url("**/posts/*?done=added")
        assert other.evaluate(DRAFTS) == 0
        assert desk.visitor.headings() == ["first thought", "second thought"]

    def test_nothing_is_typed_into_what_is_being_saved(self, desk: Desk) -> None:
        """It would be gone with the sheet; after a refusal it can be."""
        desk.types("first words")
        held: list[Route] = []
        desk.page.route("**/posts/new", lambda route: held.append(route))  # noqa: PLW0108 - Playwright takes functions only
        for goes_on in (Route.abort, Route.continue_):
            save(desk.page)
            expect(desk.page.get_by_role("button", name="Save")).to_be_disabled()
            text_of(desk.page).press_sequentially("lost")
            expect(text_of(desk.page)).to_have_value("first words")
            goes_on(held.pop())
            if goes_on is Route.abort:
                expect(text_of(desk.page)).to_be_editable()
        desk.page.wait_for_url("**/posts/*?done=added")

    def test_back_after_saving_leads_past_the_sheet(self, desk: Desk) -> None:
        """There the text would stand once more, as if it were not saved."""
        desk.page.goto("/account")
        desk.types("first words")
        save(desk.page)
        desk.page.wait_for_url("**/posts/*?done=added")
        desk.page.evaluate("history.back()")
        desk.page.wait_for_url("**/account")
        desk.page.goto("/posts/new")
        expect(text_of(desk.page)).to_have_value("")

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

    def test_a_lost_answer_makes_no_second_post(self, desk: Desk) -> None:
        """The page says that it is not saved, as far as it knows; saving once more brings it up to date."""
        desk.types("written on a train")

        def lose(route: Route) -> None:
            route.fetch(max_redirects=0)
            route.abort()

        desk.page.route("**/posts/new", lose)
        save(desk.page)
        expect(desk.page.get_by_role("alert")).to_contain_text("There is no connection")
        desk.page.unroute("**/posts/new")
        save(desk.page)
        desk.page.wait_for_url("**/posts/*?done=added")
        assert desk.visitor.headings() == ["written on a train"]

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
        desk.page.locator("#title").fill(" ")
        save(desk.page)
        expect(desk.page.get_by_role("alert").first).to_contain_text("Look at the marked fields")
        desk.page.goto("/posts/new")
        expect(text_of(desk.page)).to_have_value("good")

    def test_every_title_can_be_typed_that_is_kept(self, desk: Desk) -> None:
        """A browser counts a duck as two characters. One title that is too long comes back whole, to be shortened."""
        page, longest = desk.page, 200 * DUCK
        desk.types("ducks")
        page.locator("#title").fill("")
        page.locator("#title").focus()
        page.keyboard.insert_text(longest + DUCK)
        save(page)
        expect(page.locator("#title-error")).to_have_text(
            "A title has at most 200 characters, and one that can be seen."
        )
        expect(page.locator("#title")).to_have_value(longest + DUCK)
        page.locator("#title").press("End")
        page.locator("#title").press("Backspace")
        save(page)
        page.wait_for_url("**/posts/*?done=added")
        page.get_by_role("link", name="Edit", exact=True).click()
        page.locator("#title").press("End")
        page.locator("#title").press("Backspace")
        save(page)
        page.wait_for_url("**/posts/*?done=edited")
        assert desk.visitor.headings() == [199 * DUCK]

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

    def test_after_a_log_out_nothing_is_left(self, desk: Desk) -> None:
        """Not even what a tab writes that was open before."""
        desk.types("for my eyes only")
        other = desk.open()
        other.goto("/")
        other.get_by_role("button", name="Log out").click()
        other.wait_for_url("**/?done=log-out")
        assert other.evaluate(DRAFTS) == 0
        text_of(desk.page).fill("for nobody's")
        expect(desk.page.get_by_role("alert")).to_contain_text("does not keep what you write")
        desk.page.close()
        assert other.evaluate(DRAFTS) == 0

    @pytest.mark.parametrize("path", ["/posts/new", "EDIT"])
    def test_who_logs_in_next_finds_nothing_and_the_tab_from_before_loses_nothing(
        self, desk: Desk, sqlite_server: PostkeepServer, path: str
    ) -> None:
        """Saving there is refused, once: the text comes back, to become a new post if its author wants that."""
        if path == "EDIT":
            path = f"{desk.visitor.write('as it was')}/edit"
        desk.types("for my eyes only", path)
        ben = Visitor.signs_up(sqlite_server.url)
        desk.log_in(ben)
        other = desk.open()
        other.goto("/posts/new")
        expect(text_of(other)).to_have_value("")
        assert other.evaluate(DRAFTS) == 0
        save(desk.page)
        expect(desk.page.get_by_role("alert").first).to_contain_text("Another account is logged in here by now")
        expect(text_of(desk.page)).to_have_value("for my eyes only")
        assert ben.headings() == []
        save(desk.page)
        desk.page.wait_for_url("**/posts/*?done=added")
        assert ben.headings() == ["for my eyes only"]

    @pytest.mark.parametrize("spoilt", [FORBIDDEN, FULL], ids=["forbidden", "full"])
    def test_a_browser_that_keeps_nothing_says_so_and_saves(self, desk: Desk, spoilt: str) -> None:
        """Everything but the drafts goes on, to the log-out."""
        desk.context.add_init_script(spoilt)
        page = desk.page
        page.goto("/posts/new")
        text_of(page).fill("half a thought")
        expect(page.get_by_role("alert")).to_contain_text("does not keep what you write here")
        expect(page.locator("[data-count]")).to_contain_text("14 of")
        save(page)
        page.wait_for_url("**/posts/*?done=added")
        assert desk.visitor.headings() == ["half a thought"]
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/?done=log-out")


def test_posts_are_taken_along_by_who_is_logged_in(desk: Desk) -> None:
    """Whoever is not any more is shown the way in, and saves no page in the place of posts."""
    page = desk.page
    desk.visitor.write("a post")
    page.goto("/account")
    with page.expect_download() as taken:
        page.get_by_role("link", name="Markdown files (ZIP)").click()
    assert taken.value.suggested_filename.startswith("postkeep-")
    desk.visitor.elsewhere().submit("/account/sessions/end-others")
    page.get_by_role("link", name="Markdown files (ZIP)").click()
    page.wait_for_url("**/log-in?next=*")


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
    """A deletion can be taken back for a while, on the list."""

    def test_it_can_be_undone_and_is_sent_when_the_time_is_over(self, desk: Desk) -> None:
        """Until then nothing has happened to the post; afterwards the numbers are right at once."""
        page = desk.page
        paths = [desk.visitor.write(text) for text in ("staying", "going")]
        delete(page, paths[1])
        expect(page.get_by_role("article")).to_have_count(1)
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("link", name="going")).to_be_focused()
        page.clock.run_for(2 * UNDO_MS)
        assert desk.visitor.headings() == ["going", "staying"]
        delete(page, paths[1])
        page.keyboard.press("u")
        expect(page.get_by_role("link", name="going")).to_be_focused()
        delete(page, paths[1])
        page.clock.run_for(UNDO_MS)
        expect(page.get_by_role("status").first).to_have_text("The post is deleted.")
        expect(page.get_by_role("link", name="All 1")).to_be_visible()
        expect(page.get_by_role("button", name="Undo")).to_have_count(0)
        assert desk.visitor.headings() == ["staying"]

    def test_whoever_is_at_the_notice_has_all_the_time_there_is(self, desk: Desk) -> None:
        """By keyboard, which is led there, and by pointer (WCAG 2.2, 2.2.1)."""
        page = desk.page
        paths = [desk.visitor.write(text) for text in ("first", "second", "third")]
        delete(page, paths[0], by_key=True)
        expect(page.get_by_role("button", name="Undo")).to_be_focused()
        expect(page.get_by_role("button", name="Undo")).to_have_accessible_description(
            "The post is about to be deleted."
        )
        page.clock.run_for(10 * UNDO_MS)
        expect(page.get_by_role("button", name="Undo")).to_be_focused()
        assert len(desk.visitor.headings()) == 3
        page.keyboard.press("Tab")
        page.clock.run_for(UNDO_MS)
        expect(page.get_by_role("status").first).to_have_text("The post is deleted.")
        delete(page, paths[1])
        page.get_by_text("The post is about to be deleted.").hover()
        page.clock.run_for(10 * UNDO_MS)
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        assert len(desk.visitor.headings()) == 2
        page.mouse.move(0, 0)
        page.clock.run_for(UNDO_MS)
        expect(page.get_by_role("status").first).to_have_text("The post is deleted.")
        assert desk.visitor.headings() == ["third"]

    def test_skipping_to_the_content_is_not_going_on(self, desk: Desk) -> None:
        """Whoever does so is still on the list, and can still take it back."""
        page = desk.page
        delete(page, desk.visitor.write("staying"), by_key=True)
        page.get_by_role("link", name="Skip to the content").press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.keyboard.press("u")
        expect(page.get_by_role("link", name="staying")).to_be_focused()
        assert desk.visitor.headings() == ["staying"]

    def test_a_list_that_changes_does_not_show_it(self, desk: Desk) -> None:
        """Neither by a search nor to the keys."""
        page = desk.page
        paths = [desk.visitor.write(text) for text in ("a duck", "another duck")]
        delete(page, paths[1])
        page.keyboard.press("j")
        expect(page.get_by_role("link", name="a duck")).to_be_focused()
        page.get_by_role("searchbox").fill("duck")
        page.clock.run_for(1000)
        expect(page.locator("mark:visible")).to_have_count(1)
        assert len(desk.visitor.headings()) == 2

    def test_it_is_sent_at_once_when_the_list_is_left(self, desk: Desk) -> None:
        """By a link of ours, whose page knows of it; by logging out; or by anything else, as closing the tab."""
        page = desk.page
        delete(page, desk.visitor.write("first"))
        page.get_by_role("link", name="Postkeep").click()
        expect(page.get_by_text("Nothing here yet")).to_be_visible()
        delete(page, desk.visitor.write("second"))
        page.goto("/account")
        page.wait_for_function(HAS_NO_POSTS)
        delete(page, desk.visitor.write("third"))
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/?done=log-out")
        assert desk.visitor.log_in().status_code == 303
        assert desk.visitor.headings() == []

    def test_a_lost_connection_brings_the_post_back(self, desk: Desk) -> None:
        """With a word about it."""
        page = desk.page
        delete(page, desk.visitor.write("staying"))
        desk.context.set_offline(True)
        page.clock.run_for(UNDO_MS)
        expect(page.get_by_role("alert")).to_contain_text("could not be deleted")
        expect(page.get_by_role("article")).to_be_visible()

    def test_where_somebody_else_is_logged_in_by_then_nobody_is_told_that_it_is_done(
        self, desk: Desk, sqlite_server: PostkeepServer
    ) -> None:
        """To another account the post is not there, which is not the same as deleted."""
        delete(desk.page, desk.visitor.write("staying"))
        desk.log_in(Visitor.signs_up(sqlite_server.url))
        desk.page.clock.run_for(UNDO_MS)
        expect(desk.page.get_by_role("alert")).to_contain_text("could not be deleted")
        assert desk.visitor.headings() == ["staying"]

    def test_a_post_that_is_gone_already_is_deleted(self, desk: Desk) -> None:
        """Whoever did it, from wherever."""
        path = desk.visitor.write("going")
        delete(desk.page, path)
        assert desk.visitor.submit(f"{path}/delete").status_code == 303
        desk.page.clock.run_for(UNDO_MS)
        desk.page.wait_for_url("**/?done=deleted")

    def test_without_a_memory_the_page_asks(self, desk: Desk) -> None:
        """As it does without scripts."""
        path = desk.visitor.write("staying")
        desk.context.add_init_script(FORBIDDEN.replace("localStorage", "sessionStorage"))
        desk.page.goto(path)
        desk.page.get_by_role("link", name="Delete").click()
        desk.page.wait_for_url(f"**{path}/delete")


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

    def test_whoever_is_ahead_of_the_list_stays_where_they_are(self, desk: Desk) -> None:
        """Typing and going on at once must not lead back to the top of the page."""
        page = desk.page
        for status in ("draft", "published"):
            desk.visitor.write("a duck", status=status)
        page.goto("/")
        page.get_by_role("searchbox").fill("duck")
        page.get_by_role("link", name="Draft").first.focus()
        expect(page.locator("mark")).to_have_count(2)
        expect(page.get_by_role("link", name="Draft").first).to_be_focused()

    def test_a_search_that_is_refused_says_so_where_it_is_typed(self, desk: Desk) -> None:
        """With one word less it is a search again."""
        page, words = desk.page, " ".join("abcdefghijklmnop")
        desk.visitor.write(words)
        page.goto("/")
        page.get_by_role("searchbox").fill(f"{words} q")
        expect(page.locator(".empty")).to_have_text("A search has at most 16 words and 200 characters.")
        expect(page.locator("#told")).to_have_text("A search has at most 16 words and 200 characters.")
        page.get_by_role("searchbox").fill(words)
        expect(page.get_by_role("article")).to_have_count(1)

    def test_scrolling_does_not_stop_a_search(self, desk: Desk) -> None:
        """On a slow line, somebody may well scroll before it has been answered."""
        page = desk.page
        for number in range(21):
            desk.visitor.write(f"post {number}")
        page.goto("/")
        with page.expect_request("**/?q=*") as searched:
            # It is answered when the test says so.
            held: list[Route] = []
            page.route("**/?q=*", lambda route: held.append(route))  # noqa: PLW0108 - Playwright takes functions only
            page.get_by_role("searchbox").fill("20")
        assert searched.value
        page.mouse.wheel(0, 10_000)
        page.wait_for_function("() => scrollY > 0")
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 100)))")
        held.pop().continue_()
        expect(page.get_by_role("article")).to_have_count(1)

    def test_scrolling_brings_the_next_posts(self, desk: Desk) -> None:
        """Each once, to the last."""
        for number in range(21):
            desk.visitor.write(f"post {number}")
        desk.page.goto("/")
        expect(desk.page.get_by_role("article")).to_have_count(20)
        desk.page.mouse.wheel(0, 10_000)
        expect(desk.page.get_by_role("article")).to_have_count(21)
        expect(desk.page.get_by_role("link", name="Older posts")).to_have_count(0)

    def test_whoever_comes_back_from_a_post_is_where_they_were(self, desk: Desk) -> None:
        """With ten thousand posts, nobody finds that place again by scrolling."""
        page = desk.page
        for number in range(60):
            desk.visitor.write(f"post {number}")
        page.goto("/")
        for shown in (40, 60):
            page.get_by_role("link", name="Older posts").scroll_into_view_if_needed()
            expect(page.get_by_role("article")).to_have_count(shown)
        link = page.get_by_role("link", name="post 10", exact=True)
        link.scroll_into_view_if_needed()
        top = link.evaluate(TOP)
        link.click()
        page.wait_for_url("**/posts/*")
        page.go_back()
        expect(page.get_by_role("article")).to_have_count(60)
        page.wait_for_function(STANDS_AT, arg=[link.element_handle(), top])
        page.get_by_role("searchbox").fill("post 10")
        expect(page.get_by_role("article")).to_have_count(1)


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


def test_keys_work_on_a_keyboard_of_other_letters(desk: Desk) -> None:
    """A Russian one has another letter where there is a "j", and nobody changes it for that; ours stay as they are."""
    page = desk.page
    path = desk.visitor.write("a post")
    page.goto("/")
    # Where there is an "n" elsewhere, Dvorak's layout has a "b".
    page.evaluate(PRESS, ["b", "KeyN"])
    page.evaluate(PRESS, ["о", "KeyJ"])
    expect(page.locator("h2 a:focus")).to_have_attribute("href", path)
    page.evaluate(PRESS, ["у", "KeyE"])
    page.wait_for_url(f"**{path}/edit")


def test_nobody_is_told_of_keys_who_has_only_touch(desk: Desk, browser: Browser) -> None:
    """A telephone has none; a keyboard that is put to it still opens their list."""
    url = str(desk.visitor.http.base_url).rstrip("/")
    with browser.new_context(base_url=url, has_touch=True, is_mobile=True) as context:
        page = Desk(desk.visitor, context).page
        page.goto("/")
        expect(page.locator(".bottom")).to_be_visible()
        expect(page.locator("[data-keys]")).to_be_hidden()
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def test_keys_can_be_switched_off(desk: Desk) -> None:
    """For whom letters come by accident, or by voice (WCAG 2.2, 2.1.4); also after a log-out, by this browser alone."""
    page = desk.page
    page.goto("/")
    page.keyboard.press("?")
    page.get_by_role("checkbox", name="Single keys work").uncheck()
    page.get_by_role("button", name="Close").click()
    for _ in range(2):
        page.keyboard.press("?")
        page.keyboard.press("n")
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/?done=log-out")
        desk.visitor.log_in()
        desk.log_in(desk.visitor)
        page.goto("/account")
    page.goto("/posts/new")
    text_of(page).fill("saved by two keys")
    save(page)
    page.wait_for_url("**/posts/*?done=added")
    page.get_by_role("button", name="Keys").click()
    page.get_by_role("checkbox", name="Single keys work").check()
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.wait_for_url("**/posts/new")
