"""The pages as an app on somebody's own device."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from playwright.sync_api import sync_playwright

from tests.e2e.servers import PostkeepServer
from tests.e2e.web.conftest import ARGUMENTS, find_chromium


class Devtools(Protocol):
    """What Chromium tells of a page."""

    def send(self, method: str) -> Mapping[str, object]:
        """Ask something."""
        ...


def test_the_browser_finds_nothing_that_keeps_it_from_installing(sqlite_server: PostkeepServer, tmp_path: Path) -> None:
    """By its own list; a browser with a profile, since none installs anything from a private window."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path, executable_path=find_chromium(), headless=True, args=list(ARGUMENTS)
        )
        page = context.new_page()
        page.goto(sqlite_server.url.replace("127.0.0.1", "localhost"))
        look_at(context.new_cdp_session(page))
        context.close()


def look_at(devtools: Devtools) -> None:
    """Hold a page to what makes an app of it."""
    manifest = devtools.send("Page.getAppManifest")
    assert (manifest["errors"], "/static/manifest." in str(manifest["url"])) == ([], True)
    assert devtools.send("Page.getInstallabilityErrors") == {"installabilityErrors": []}
