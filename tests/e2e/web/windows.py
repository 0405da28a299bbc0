"""Windows of a real browser, as different people have them, and what they complain of."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Request, Route, WebError

from postkeep.views.languages import Language, translations
from tests.e2e.web.visitors import Visitor

DEADLINE_MS = 20_000
PHONE, DESKTOP = (360, 720), (1280, 800)
_TELL_OF_POLICY = """
document.addEventListener("securitypolicyviolation", event => {
    console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
});
"""


class Look(NamedTuple):
    """How somebody looks at pages.

    Attributes:
        language: Which their browser asks for.
        scheme: "light" or "dark".
        size: Of the window, in CSS pixels.
        scripts: Whether those of the pages run.
    """

    language: Language = "en"
    scheme: Any = "light"
    size: tuple[int, int] = DESKTOP
    scripts: bool = True

    def __str__(self) -> str:
        """Name it, for a test's id."""
        device = "phone" if self.size == PHONE else "desktop"
        return "-".join([self.language, self.scheme, device, "scripts" if self.scripts else "plain"])

    def says(self, english: str) -> str:
        """Return what a page says in this language."""
        return translations(self.language).gettext(english)


USUAL: Final = Look()


@dataclass
class Window:
    """A window that reaches our server and nothing else.

    Attributes:
        url: Of the server.
        context: The browser's.
        page: The first tab.
        complaints: Dialogs, requests to elsewhere, errors and warnings of the console, breaches of the policy.
    """

    url: str
    context: BrowserContext
    page: Page = field(init=False)
    complaints: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        """Listen, and open a tab."""
        self.context.set_default_timeout(DEADLINE_MS)
        self.context.add_init_script(_TELL_OF_POLICY)
        self.context.on("console", self._hear)
        self.context.on("dialog", self._dismiss)
        self.context.on("request", self._see)
        self.context.on("weberror", self._note)
        self.page = self.context.new_page()

    def enter(self, visitor: Visitor | None) -> None:
        """Be in somebody's session, or in nobody's."""
        self.context.clear_cookies()
        if visitor is not None:
            self.context.add_cookies([{"name": "postkeep", "value": visitor.cookie, "url": self.url}])

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def _dismiss(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _see(self, request: Request) -> None:
        if not request.url.startswith(f"{self.url}/"):
            self.complaints.append(f"request: {request.url}")

    def _note(self, error: WebError) -> None:
        self.complaints.append(f"error: {error.error.message}")


@contextmanager
def window(browser: Browser, url: str, look: Look = USUAL, **more: Any) -> Generator[Window]:
    """Open a window, and close it in the end.

    Args:
        browser: Whose.
        url: Of the server.
        look: How somebody looks at pages.
        more: Options of Playwright's.
    """
    width, height = look.size
    context = browser.new_context(
        base_url=url,
        locale=look.language,
        color_scheme=look.scheme,
        viewport={"width": width, "height": height},
        **more,
    )
    if not look.scripts:
        # What tests themselves run in pages needs a browser that can.
        context.route("**/*.js", _refuse)
    try:
        yield Window(url, context)
    finally:
        context.close()


def _refuse(route: Route) -> None:
    route.abort()
