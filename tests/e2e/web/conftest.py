"""A browser to test with."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.conftest import settings_for
from tests.e2e.servers import PostkeepServer
from tests.e2e.web.desks import Desk
from tests.e2e.web.visitors import OPEN, Visitor

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


def find_chromium() -> str:
    """Find the browser.

    Raises:
        RuntimeError: There is none.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        message = "Chromium is not installed: bin/test installs it where apt-get may be used"
        raise RuntimeError(message)
    return program


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), headless=True, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def _browsers_closed() -> Iterator[None]:
    """Close what tests open with `connect_browser`."""
    yield
    while OPEN:
        OPEN.pop().close()


@pytest.fixture
def desk(browser: Browser, sqlite_server: PostkeepServer) -> Iterator[Desk]:
    """Seat somebody with an account; scripts that fail, or that the policy stops, fail the test."""
    context = browser.new_context(base_url=sqlite_server.url, locale="en")
    desk = Desk(Visitor.signs_up(sqlite_server.url), context)
    yield desk
    context.close()
    assert desk.complaints == []


@pytest.fixture(scope="session")
def behind_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostkeepServer]:
    """Serve behind a proxy that ends TLS, as which the tests talk to it, under a name of its own."""
    settings = {
        **settings_for(),
        "POSTKEEP_TRUSTED_PROXIES": "127.0.0.1",
        "POSTKEEP_TRUSTED_HOSTS": "posts.example",
    }
    with PostkeepServer(tmp_path_factory.mktemp("behind-tls"), settings).running() as server:
        yield server


@pytest.fixture(scope="session")
def few_attempts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostkeepServer]:
    """Serve with few attempts to log in."""
    settings = {**settings_for(), "POSTKEEP_LOGIN_FAILURES": "3"}
    with PostkeepServer(tmp_path_factory.mktemp("few-attempts"), settings).running() as server:
        yield server


@pytest.fixture(scope="session")
def one_a_second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostkeepServer]:
    """Serve with one request a second for each account, and ten at once."""
    settings = {**settings_for(), "POSTKEEP_ACCOUNT_RATE": "1"}
    with PostkeepServer(tmp_path_factory.mktemp("one-a-second"), settings).running() as server:
        yield server
