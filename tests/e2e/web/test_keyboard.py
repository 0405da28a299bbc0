"""A whole life without a mouse: everything is reached by Tab, in the order in which it is seen, and is seen to be."""

from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.clients import a_password, an_address
from tests.e2e.servers import PostkeepServer
from tests.e2e.web.visitors import Visitor
from tests.e2e.web.windows import DESKTOP, PHONE, Look, window

MOST_TABS = 60
FOCUSED = """() => {
    const element = document.activeElement, label = element.closest("label");
    const styles = [getComputedStyle(element), getComputedStyle(element, "::after")];
    if (label) styles.push(getComputedStyle(label));
    const { top, bottom, left, right, width } = element.getBoundingClientRect();
    const words = element.ariaLabel ?? element.labels?.[0]?.textContent ?? element.textContent;
    return {
        name: words.replace(/\\s+/g, " ").trim(),
        nothing: element === document.body,
        marked: styles.some(style => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2),
        seen: width > 0 && bottom > 0 && top < innerHeight && right > 0 && left < innerWidth,
        top: top + scrollY, bottom: bottom + scrollY, left,
    };
}"""


@dataclass
class Hands:
    """Hands on a keyboard.

    Attributes:
        page: What they use.
        look: Which language it speaks.
    """

    page: Page
    look: Look

    def focused(self) -> dict[str, Any]:
        """Return what has the focus, which must show, and be on the screen."""
        found: dict[str, Any] = self.page.evaluate(FOCUSED)
        if not found["nothing"]:
            assert found["marked"], f"nobody sees that {found['name']} has the focus"
            assert found["seen"], f"{found['name']} has the focus out of sight"
        return found

    def tab_to(self, english: str, key: str = "Tab") -> None:
        """Press Tab until something of this name has the focus."""
        wanted, passed = self.look.says(english), list[str]()
        for _ in range(MOST_TABS):
            self.page.keyboard.press(key)
            passed.append(self.focused()["name"])
            if passed[-1].startswith(wanted):
                return
        raise AssertionError(wanted, passed)

    def press(self, english: str) -> None:
        """Go somewhere and press Enter."""
        self.tab_to(english)
        self.page.keyboard.press("Enter")

    def types(self, english: str, text: str) -> None:
        """Go to a field and write into it."""
        self.tab_to(english)
        self.page.keyboard.type(text)

    def is_told(self, english: str) -> None:
        """See what the page says of what was done."""
        expect(self.page.get_by_role("status").filter(has_text=self.look.says(english))).to_be_visible()


@pytest.mark.parametrize("language", ["en", pytest.param("ru", marks=pytest.mark.long)])
def test_a_whole_life_by_keyboard(browser: Browser, sqlite_server: PostkeepServer, language: Any) -> None:
    """Signs up, writes, edits, publishes, finds, deletes, undoes that, deletes, leaves."""
    look, password = Look(language), a_password()
    with window(browser, sqlite_server.url, look) as seen:
        page = seen.page
        hands = Hands(page, look)
        page.goto("/")
        hands.types("E-mail", an_address())
        hands.types("Password", password)
        page.keyboard.press("Enter")
        page.wait_for_selector(".empty")

        hands.press("Write the first post")
        page.wait_for_url("**/posts/new")
        hands.types("Title", "By hand")
        hands.types("Text", "duck and goose")
        hands.tab_to("Published")
        page.keyboard.press("ArrowLeft")
        assert hands.focused()["name"] == look.says("Draft")
        hands.press("Save")
        page.wait_for_url("**/posts/*?done=added")
        hands.is_told("Saved.")

        hands.press("Edit")
        page.wait_for_url("**/edit")
        hands.types("Text", "swan, ")
        page.keyboard.press("Control+Enter")
        page.wait_for_url("**/posts/*?done=edited")
        hands.press("Publish")
        page.wait_for_url("**/posts/*?done=status")

        hands.press("All posts")
        page.wait_for_url(f"{sqlite_server.url}/")
        hands.types("Search your posts", "swan")
        expect(page.locator("mark")).to_have_text("swan")
        assert hands.focused()["name"] == look.says("Search your posts")
        hands.press("By hand")
        page.wait_for_selector(".post")
        _deletes(hands)

        hands.press("Account")
        page.wait_for_url("**/account")
        hands.press("Delete the account")
        page.wait_for_url("**/account/delete")
        hands.types("Your password", password)
        page.keyboard.press("Enter")
        page.wait_for_url("**/?done=account")
        hands.is_told("Your account is deleted, with everything in it.")
        assert seen.complaints == []


def _deletes(hands: Hands) -> None:
    """Delete the post that is shown, once in vain and once for good: the focus goes along."""
    page, path = hands.page, hands.page.url
    undo = page.get_by_role("button", name=hands.look.says("Undo"))
    hands.press("Delete")
    expect(undo).to_be_focused()
    page.keyboard.press("Enter")
    expect(undo).to_be_hidden()
    assert not hands.focused()["nothing"]
    page.goto(path)
    hands.press("Delete")
    expect(undo).to_be_focused()
    hands.tab_to("Postkeep", "Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(".empty")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_tab_goes_through_pages_as_they_are_read(
    browser: Browser, sqlite_server: PostkeepServer, size: tuple[int, int]
) -> None:
    """From the top to the bottom, from left to right, each thing once; first comes what leads past the head."""
    visitor = Visitor.signs_up(sqlite_server.url)
    post = visitor.write("a text", title="A title")
    visitor.write("another one")
    look = Look(size=size)
    with window(browser, sqlite_server.url, look) as seen:
        seen.enter(visitor)
        hands = Hands(seen.page, look)
        for path in ("/", "/posts/new", post, f"{post}/edit", f"{post}/delete", "/account", "/account/password", "/x"):
            seen.page.goto(path)
            hands.tab_to("Skip to the content")
            before = hands.focused()
            passed = [before["name"]]
            while not (now := _next(hands))["nothing"] and now["name"] != passed[0]:
                is_on = now["top"] >= before["bottom"] - 1 or (
                    now["left"] > before["left"] and now["bottom"] > before["top"]
                )
                assert is_on or len(passed) == 1, (path, passed, now)
                passed.append(now["name"])
                before = now
            assert passed[-1] == "API"
            assert len(passed) < MOST_TABS


def _next(hands: Hands) -> dict[str, Any]:
    hands.page.keyboard.press("Tab")
    return hands.focused()


def test_the_first_link_skips_to_the_content(browser: Browser, sqlite_server: PostkeepServer) -> None:
    """Nobody has to pass the head of each page."""
    with window(browser, sqlite_server.url) as seen:
        seen.page.goto("/sign-up")
        hands = Hands(seen.page, Look())
        hands.press("Skip to the content")
        expect(seen.page.locator("main")).to_be_focused()
        seen.page.keyboard.press("Tab")
        assert hands.focused()["name"] == "E-mail"
