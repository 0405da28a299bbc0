"""The whole life of an account and a post with scripts: in both languages, light and dark, by touch and by mouse."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.clients import a_password, an_address
from tests.e2e.servers import PostkeepServer
from tests.e2e.web.windows import DESKTOP, PHONE, Look, Window, window

LOOKS = [
    Look("ru", "dark", PHONE),
    Look("en", "light", DESKTOP),
    pytest.param(Look("en", "dark", PHONE), marks=pytest.mark.long),
    pytest.param(Look("ru", "light", DESKTOP), marks=pytest.mark.long),
]
PAPER = {"light": "rgb(250, 249, 246)", "dark": "rgb(21, 24, 22)"}


class Life:
    """Somebody who uses the pages, by what is written on them."""

    def __init__(self, seen: Window, look: Look) -> None:
        """Sit down before a window."""
        self.seen = seen
        self.page: Page = seen.page
        self.look = look
        self.email, self.password = an_address(), a_password()

    def presses(self, english: str) -> None:
        """Press a button or follow a link, by touch on a phone."""
        name = self.look.says(english)
        found = self.page.get_by_role("button", name=name, exact=True).or_(
            self.page.get_by_role("link", name=name, exact=True)
        )
        (found.tap if self.look.size == PHONE else found.click)()

    def types(self, english: str, text: str) -> None:
        """Write into a field."""
        self.page.get_by_label(self.look.says(english), exact=True).fill(text)

    def sees(self, english: str) -> None:
        """Be told something."""
        expect(self.page.get_by_role("status").filter(has_text=self.look.says(english))).to_be_visible()

    def signs_up(self) -> None:
        """Open an account on the first page."""
        self.page.goto("/")
        assert self.page.evaluate("getComputedStyle(document.body).backgroundColor") == PAPER[self.look.scheme]
        self.types("E-mail", self.email)
        self.types("Password", self.password)
        self.presses("Sign up")
        expect(self.page.get_by_role("heading", level=1)).to_have_text(self.look.says("Your posts"))

    def writes(self) -> None:
        """Write a post, with a look at what it will be like."""
        self.presses("Write the first post")
        self.page.get_by_label(self.look.says("Title")).fill("Gänse и гуси")
        self.types("Text", "# Гуси\n\nduck *and* goose")
        self.presses("Preview")
        expect(self.page.locator("[data-previewed] em")).to_have_text("and")
        self.page.get_by_label(self.look.says("Draft"), exact=True).check()
        self.presses("Save")
        self.sees("Saved.")
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Gänse и гуси")

    def edits(self) -> None:
        """Change it, and publish it."""
        self.presses("Edit")
        self.types("Text", "swan")
        self.presses("Save")
        self.page.wait_for_url("**?done=edited")
        expect(self.page.locator(".prose")).to_have_text("swan")
        self.presses("Publish")
        self.page.wait_for_url("**?done=status")
        self.presses("Archive")
        expect(self.page.locator(".status")).to_have_text(self.look.says("Archived"))

    def finds(self) -> None:
        """Find it by its status, and by its words."""
        self.presses("All posts")
        self.page.get_by_role("navigation").get_by_text(self.look.says("Draft")).click()
        expect(self.page.locator(".empty")).to_have_text(self.look.says("No post has this status."))
        self.page.get_by_role("navigation").get_by_text(self.look.says("All")).click()
        self.page.get_by_role("searchbox").fill("swan")
        expect(self.page.locator("mark")).to_have_text("swan")
        self.page.get_by_role("link", name="Gänse и гуси").click()
        expect(self.page.locator(".prose")).to_have_text("swan")

    def deletes(self) -> None:
        """Delete it, take that back, and delete it for good."""
        path = self.page.url
        self.presses("Delete")
        self.presses("Undo")
        expect(self.page.get_by_role("article")).to_be_visible()
        self.page.goto(path)
        self.presses("Delete")
        expect(self.page.get_by_role("button", name=self.look.says("Undo"))).to_be_visible()
        expect(self.page.get_by_role("article")).to_be_hidden()
        self.page.get_by_role("link", name="Postkeep").click()
        empty = self.look.says("Nothing here yet. The first line is the hardest.")
        expect(self.page.locator(".empty")).to_contain_text(empty)

    def leaves(self) -> None:
        """Change the password, log out and in again, and leave for good."""
        new = a_password()
        self.presses("Account")
        self.presses("Change the password")
        self.types("The current password", self.password)
        self.types("The new password", new)
        self.presses("Change it")
        self.sees("Your password is changed. All other sessions have ended.")
        self.presses("Log out")
        self.sees("You are logged out.")
        self.page.get_by_role("main").get_by_role("link", name=self.look.says("Log in")).click()
        self.types("E-mail", self.email)
        self.types("Password", new)
        self.page.get_by_role("main").get_by_role("button").click()
        self.presses("Account")
        self.presses("Delete the account")
        self.types("Your password", new)
        self.presses("Delete everything")
        self.sees("Your account is deleted, with everything in it.")


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_a_whole_life_with_scripts(browser: Browser, sqlite_server: PostkeepServer, look: Look) -> None:
    """Signs up, writes, edits, finds, deletes and leaves, without a word of complaint in the console."""
    with window(browser, sqlite_server.url, look, has_touch=look.size == PHONE) as seen:
        life = Life(seen, look)
        life.signs_up()
        life.writes()
        life.edits()
        life.finds()
        life.deletes()
        life.leaves()
        assert seen.complaints == []
