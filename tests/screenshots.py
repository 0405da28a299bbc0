"""Pictures of every page, for whoever looks before they install: docs/screenshots.

`.venv/bin/python -m tests.screenshots` takes them anew, of the same words and moments each time: on a phone by day, on
a tablet by night and in Russian, at a desk by day.
"""

import io
import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.e2e.clients import Person
from tests.e2e.conftest import settings_for
from tests.e2e.servers import PostkeepServer
from tests.e2e.web.conftest import ARGUMENTS, find_chromium
from tests.e2e.web.tours import drawn_refusal
from tests.e2e.web.visitors import Visitor, connect_browser

FOLDER: Final = Path(__file__).parents[1] / "docs/screenshots"

COLOURS: Final = 128
"""Of a picture: pages have few, and the soft edges of letters some more."""

_UNSEEN: Final = 8
"""By how much a colour may differ, of 255."""

BEGUN: Final = "2026-03-01 08:00:00.000000"
CHANGED: Final = "2026-11-28 18:20:00.000000"
PHONE: Final = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"

REFUSALS: Final = {
    413: ("too-large", "body_too_large"),
    429: ("too-often", "too_many_requests"),
    500: ("broken", "internal_error"),
    503: ("one-moment", "storage_unavailable"),
}
"""Pages of refusals: their pictures' names, and the codes that they come with."""


@dataclass(frozen=True)
class Screen:
    """Something to look at pages with, and who sits in front of it."""

    name: str
    size: ViewportSize
    language: Literal["en", "ru"]
    scheme: Literal["light", "dark"]


SCREENS: Final = (
    Screen("phone", {"width": 375, "height": 700}, "en", "light"),
    Screen("tablet", {"width": 768, "height": 900}, "ru", "dark"),
    Screen("desk", {"width": 1280, "height": 800}, "en", "light"),
)

WORDS: Final = json.loads(Path(__file__).with_name("screenshots.json").read_text("utf-8"))
"""What people wrote, by language."""


def main() -> None:
    """Take all pictures."""
    FOLDER.mkdir(exist_ok=True)
    taken: set[Path] = set()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), headless=True, args=list(ARGUMENTS))
        for screen in SCREENS:
            with _somebody(browser, screen) as (visitor, server, page):
                _Photographer(screen, visitor, server, page, taken).work()
        browser.close()
    for old in {*FOLDER.glob("*.png")} - taken:
        old.unlink()
    print(f"{len(taken)} pictures, {sum(file.stat().st_size for file in taken):,} bytes")  # noqa: T201 - for a terminal


@contextmanager
def _somebody(browser: Browser, screen: Screen) -> Generator[tuple[Visitor, PostkeepServer, Page]]:
    """Start a server of their own for somebody, with a browser."""
    with TemporaryDirectory() as folder, PostkeepServer(Path(folder), settings_for()).running() as server:
        context = browser.new_context(
            base_url=server.url,
            viewport=screen.size,
            locale=screen.language,
            color_scheme=screen.scheme,
            timezone_id="UTC",
            extra_http_headers={"X-Request-ID": "5f3c9a0e1b2d4c68"},
        )
        visitor = Visitor(connect_browser(server.url), WORDS[screen.language]["email"])
        yield visitor, server, context.new_page()
        context.close()
        visitor.http.close()


@dataclass(frozen=True)
class _Photographer:
    """Goes through all pages once."""

    screen: Screen
    visitor: Visitor
    server: PostkeepServer
    page: Page
    taken: set[Path]

    def work(self) -> None:
        """Take one picture of each."""
        self._of_strangers()
        self._sign_up()
        self._take("posts-empty", "/")
        newest = self._bring_posts()
        self._of_posts(newest)
        self._of_edits(newest)
        self._of_the_account()
        self._take("not-found", "/nothing")
        self._of_refusals()

    @property
    def words(self) -> dict[str, str]:
        """What is written in the language of the screen."""
        words: dict[str, str] = WORDS[self.screen.language]
        return words

    def _of_strangers(self) -> None:
        """Before there is an account."""
        self._take("landing", "/")
        self._take("log-in", "/log-in")
        self.page.goto("/sign-up")
        self.page.locator("#email").fill(self.visitor.email)
        self.page.locator("#password").fill("password")
        self.page.locator("main button").click()
        self.page.locator("#password-error").wait_for()
        self._take("sign-up")

    def _sign_up(self) -> None:
        """Have an account, as old as the posts, that is open in two browsers."""
        self.visitor.submit("/sign-up", email=self.visitor.email, password=self.visitor.password)
        other = connect_browser(self.server.url, **{"User-Agent": PHONE})
        Visitor(other, self.visitor.email, self.visitor.password).log_in()
        self.page.goto("/log-in")
        self.page.locator("#email").fill(self.visitor.email)
        self.page.locator("#password").fill(self.visitor.password)
        self.page.locator("main button").click()
        self.page.wait_for_url("**/")
        self.visitor.submit("/log-out")
        self.server.rows.change("UPDATE accounts SET created_date = :begun", begun=BEGUN)
        self.server.rows.change("UPDATE sessions SET created_date = :changed", changed=CHANGED)

    def _bring_posts(self) -> str:
        """Bring in what was written, and return the path of the post that is shown."""
        person = Person(self.server.http, self.visitor.email, self.visitor.password)
        person.keep(person.login())
        lines = "\n".join(json.dumps(post) for post in WORDS[self.screen.language]["posts"])
        headers = {**person.authorization, "Content-Type": "application/jsonl"}
        person.http.post("/api/v1/import", content=lines.encode(), headers=headers)
        (path,) = (f"/posts/{post['id']}" for post in person.posts() if post["title"] == self.words["shown"])
        person.http.post("/api/v1/logout", headers=person.authorization)
        return path

    def _of_posts(self, path: str) -> None:
        """Lists, and one post."""
        self._take("posts", "/")
        self._take("search", f"/?q={self.words['sought']}")
        self._take("post", path)
        self.page.keyboard.press("?")
        self._take("keys", whole=False)
        self.page.clock.install()
        self.page.goto(path)
        self.page.locator("[data-delete]").click()
        self.page.locator("[data-undo] button").wait_for()
        self.page.mouse.move(0, 0)
        self._take("undo", whole=False)
        self.page.locator("[data-undo] button").click()

    def _of_edits(self, path: str) -> None:
        """Sheets to write on."""
        self.page.goto("/posts/new")
        self.page.locator("#text").fill(self.words["draft"])
        self.page.locator("[data-preview]").click()
        self.page.locator("[data-previewed] .prose").wait_for()
        self._take("write")
        self.page.goto(f"{path}/edit")
        self._take("edit")
        self._be_late(path)
        self._take("conflict")
        self._take("delete-post", f"{path}/delete")

    def _be_late(self, path: str) -> None:
        """Save an edit behind another one."""
        theirs: dict[str, str | float | bool] = {
            "title": self.words["shown"],
            "text": self.words["theirs"],
            "version": "1",
        }
        self.page.context.request.post(f"{path}/edit", form=theirs, headers={"Sec-Fetch-Site": "same-origin"})
        self.server.rows.change("UPDATE posts SET updated_date = :changed WHERE version = 2", changed=CHANGED)
        self.page.locator("#text").press("Control+Enter")
        self.page.locator("#theirs").wait_for()

    def _of_the_account(self) -> None:
        """One's own account."""
        pages = {
            "account": "/account",
            "password": "/account/password",
            "import": "/account/import",
            "leave": "/account/delete",
        }
        for name, path in pages.items():
            self._take(name, path)

    def _of_refusals(self) -> None:
        """What takes a broken server or too many requests to come about, as whoever is not logged in sees it."""
        for status, (name, code) in REFUSALS.items():
            self.page.set_content(drawn_refusal(self.screen.language, status, code))
            self._take(name)

    def _take(self, name: str, path: str = "", *, whole: bool = True) -> None:
        """Take a picture, of a page that is gone to, or of what is shown."""
        if path:
            self.page.goto(path)
        taken = Image.open(io.BytesIO(self.page.screenshot(full_page=whole, animations="disabled", caret="hide")))
        few = taken.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        file = FOLDER / f"{name}-{self.screen.name}.png"
        self.taken.add(file)
        if not (file.is_file() and _looks_like(few, Image.open(file))):
            few.save(file, optimize=True)


def _looks_like(one: Image.Image, other: Image.Image) -> bool:
    """Whether nobody can tell two pictures apart: the edge of a letter or of a field is not drawn alike each time."""
    difference = ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB")))
    return one.size == other.size and all(most <= _UNSEEN for _, most in difference.extrema)


if __name__ == "__main__":
    main()
