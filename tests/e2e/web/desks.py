"""People at a real browser that runs scripts."""

from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext, Error, Locator, Page

from tests.e2e.web.visitors import Visitor

DEADLINE_MS = 15_000
WATCH_POLICY = "document.addEventListener('securitypolicyviolation', event => { throw event.violatedDirective; });"
DRAFTS = "() => Object.keys(localStorage).filter(name => name.startsWith('postkeep:draft:')).length"
IS_KEPT = """text => Object.entries(localStorage).some(([name, kept]) =>
    name.startsWith('postkeep:draft:') && JSON.parse(kept).text === text)"""


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


def text_of(page: Page) -> Locator:
    """Return the field of a post's text."""
    return page.get_by_label("Text", exact=True)


def save(page: Page) -> None:
    """Press Ctrl+Enter in the text."""
    text_of(page).press("Control+Enter")
