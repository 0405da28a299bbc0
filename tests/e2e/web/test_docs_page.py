"""The docs page in a real browser: it works without the internet, and without a word of complaint (CASES.md, BR-20)."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Error, Locator, Page, Route, expect

from tests.e2e.clients import Person, a_text
from tests.e2e.servers import PostkeepServer

WATCH_POLICY = """
window.policyReports = [];
document.addEventListener("securitypolicyviolation", event => policyReports.push(event.violatedDirective));
"""

SMUGGLE = """() => {
    for (const html of ["<img src=x onerror='window.ran = 1'>", "<img src='https://elsewhere.example/x'>"])
        document.body.insertAdjacentHTML("beforeend", html);
    const script = document.createElement("script");
    script.textContent = "window.ran = 1";
    document.body.append(script);
}"""

DEADLINE_MS = 20_000


@dataclass
class Visit:
    """A page, and everything that a developer's console would show of it.

    Attributes:
        page: The page.
        elsewhere: Requests to anybody but our server; none of them is let through.
        complaints: Errors and warnings in the console, and errors that no script caught.
    """

    page: Page
    elsewhere: list[str] = field(default_factory=list[str])
    complaints: list[str] = field(default_factory=list[str])

    def policy_reports(self) -> list[str]:
        """Return what the content security policy kept from happening."""
        reports: list[str] = self.page.evaluate("policyReports")
        return reports


@pytest.fixture
def visit(browser: Browser, sqlite_server: PostkeepServer) -> Iterator[Visit]:
    """Open an empty page that reaches our server and nothing else."""
    context = browser.new_context(base_url=sqlite_server.url, viewport={"width": 1200, "height": 1600})
    context.set_default_timeout(DEADLINE_MS)
    visit = Visit(context.new_page())

    def pass_or_refuse(route: Route) -> None:
        if route.request.url.startswith((f"{sqlite_server.url}/", "data:")):
            route.continue_()
        else:
            visit.elsewhere.append(route.request.url)
            route.abort()

    def note(error: Error) -> None:
        visit.complaints.append(error.message)

    context.route("**/*", pass_or_refuse)
    context.add_init_script(WATCH_POLICY)
    visit.page.on(
        "console",
        lambda message: visit.complaints.append(message.text) if message.type in {"error", "warning"} else None,
    )
    visit.page.on("pageerror", note)
    yield visit
    context.close()


def open_operation(page: Page, operation: str) -> Locator:
    """Unfold an operation of the docs page."""
    block = page.locator(f"[id$='-{operation}'].opblock")
    block.locator(".opblock-summary-control").first.click()
    return block


def status_of(block: Locator) -> Locator:
    """Return where an operation's live answer shows its status."""
    return block.locator(".live-responses-table .response .response-col_status").first


def log_in(page: Page, person: Person) -> None:
    """Use the Authorize button with e-mail and password."""
    page.locator(".auth-wrapper .authorize").first.click()
    dialog = page.locator(".dialog-ux")
    dialog.locator("#oauth_username").fill(person.email)
    dialog.locator("#oauth_password").fill(person.password)
    dialog.locator("button.authorize").first.click()


def test_br_20_the_docs_page_logs_in_adds_and_lists(visit: Visit, sqlite_server: PostkeepServer) -> None:
    """Whoever tries the API in the browser needs no curl: Authorize, addPost, getPosts; all of it offline."""
    person, text = Person.signs_up(sqlite_server.http), a_text()
    page = visit.page
    page.goto("/docs")
    expect(page.locator(".info .title")).to_contain_text("Postkeep")
    log_in(page, person)
    expect(page.locator(".dialog-ux")).to_contain_text("Logout")
    page.locator(".dialog-ux .btn-done").click()

    adding = open_operation(page, "addPost")
    adding.locator("textarea.body-param__text").fill(f'{{"text": "{text}"}}')
    adding.locator("button.execute").click()
    expect(status_of(adding)).to_contain_text("201")
    listing = open_operation(page, "getPosts")
    listing.locator("button.execute").click()
    expect(status_of(listing)).to_contain_text("200")
    expect(listing.locator(".live-responses-table .response .response-col_description").first).to_contain_text(text)

    assert person.texts() == [text]
    assert (visit.elsewhere, visit.complaints, visit.policy_reports()) == ([], [], [])


def test_br_20_a_wrong_password_is_told_on_the_docs_page(visit: Visit, sqlite_server: PostkeepServer) -> None:
    """In the dialog, in words; the browser's own note of a 400 is the only complaint."""
    person = Person.signs_up(sqlite_server.http)
    person.password = "not the password"
    visit.page.goto("/docs")
    log_in(visit.page, person)
    expect(visit.page.locator(".dialog-ux .errors")).to_contain_text("password is wrong")
    assert (visit.elsewhere, visit.policy_reports()) == ([], [])
    assert [complaint for complaint in visit.complaints if "400" not in complaint] == []


def test_br_20_the_first_page_comes_from_this_server_alone(visit: Visit) -> None:
    """No content network, no fonts, no counters: nobody else learns who reads this."""
    visit.page.goto("/", wait_until="networkidle")
    assert (visit.elsewhere, visit.complaints, visit.policy_reports()) == ([], [], [])


def test_br_10_scripts_of_others_do_not_run_on_the_docs_page(visit: Visit) -> None:
    """The policy is in force: what somebody could smuggle into the page does nothing."""
    visit.page.goto("/docs")
    visit.page.evaluate(SMUGGLE)
    visit.page.wait_for_function("() => policyReports.length >= 3")
    assert visit.page.evaluate("window.ran") is None
    assert visit.elsewhere == []
