"""The life of an account in a real browser that runs no script, on a phone's screen and on a desktop's."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from tests.e2e.clients import a_password, an_address
from tests.e2e.servers import PostkeepServer
from tests.e2e.web.windows import DESKTOP

SMALL_PHONE = (320, 640)
WORDS = {
    "en": {
        "in": "Log in",
        "out": "Log out",
        "up": "Sign up",
        "email": "E-mail",
        "password": "Password",
        "first": "Write the first post",
        "title": "Title (if it has one)",
        "text": "Text",
        "draft": "Draft",
        "save": "Save",
        "saved": "Saved.",
        "all": "All posts",
        "delete": "Delete",
        "really": "Delete it",
        "deleted": "The post is deleted.",
        "gone": "You are logged out.",
    },
    "ru": {
        "in": "Войти",
        "out": "Выйти",
        "up": "Зарегистрироваться",
        "email": "Эл. почта",
        "password": "Пароль",
        "first": "Написать первую запись",
        "title": "Заголовок (если он есть)",
        "text": "Текст",
        "draft": "Черновик",
        "save": "Сохранить",
        "saved": "Сохранено.",
        "all": "Все записи",
        "delete": "Удалить",
        "really": "Удалить",
        "deleted": "Запись удалена.",
        "gone": "Вы вышли.",
    },
}

PAYLOAD = '"><img src=x onerror=alert(1)><script>alert(2)</script>\n\n[x](javascript:alert(3)) <svg onload=alert(4)>'


@pytest.fixture(params=["en", "ru"])
def language(request: pytest.FixtureRequest) -> str:
    """Return which one the browser asks for."""
    return str(request.param)


@pytest.fixture(params=[SMALL_PHONE, DESKTOP], ids=["phone", "desktop"])
def plain(
    browser: Browser, sqlite_server: PostkeepServer, language: str, request: pytest.FixtureRequest
) -> Iterator[Page]:
    """Open a browser that reaches our server and nothing else; any complaint fails the test."""
    width, height = request.param
    context = browser.new_context(
        base_url=sqlite_server.url,
        viewport={"width": width, "height": height},
        java_script_enabled=False,
        locale=language,
        color_scheme="dark" if language == "ru" else "light",
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None
    )

    def dismiss(dialog: Dialog) -> None:
        complaints.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    page.on(
        "request",
        lambda asked: complaints.append(asked.url) if not asked.url.startswith(sqlite_server.url) else None,
    )
    yield page
    assert complaints == []
    context.close()


def press(page: Page, name: str) -> None:
    """Press the one button or link of this name in the page's content."""
    page.get_by_role("main").get_by_text(name, exact=True).click()


def test_br_07_br_17_a_whole_life_without_scripts(plain: Page, language: str) -> None:
    """Signs up, writes, reads, deletes and logs out; what would be a script elsewhere is shown as text.

    Nothing sticks out of the screen, and Back shows nothing afterwards.
    """
    page = plain
    words = WORDS[language]
    page.goto("/")
    page.get_by_label(words["email"], exact=True).fill(an_address())
    page.get_by_label(words["password"], exact=True).fill(a_password())
    press(page, words["up"])
    press(page, words["first"])
    page.get_by_label(words["title"], exact=True).fill(PAYLOAD.partition("\n")[0])
    page.get_by_label(words["text"], exact=True).fill(PAYLOAD)
    page.get_by_label(words["draft"], exact=True).check()
    press(page, words["save"])

    expect(page.get_by_role("status")).to_have_text(words["saved"])
    expect(page.get_by_role("heading", level=1)).to_have_text(PAYLOAD.partition("\n")[0])
    expect(page.locator(".prose")).to_contain_text("<script>alert(2)</script>")
    assert fits(page)
    press(page, words["all"])
    expect(page.get_by_role("article")).to_contain_text(words["draft"])
    assert fits(page)
    page.get_by_role("article").get_by_role("link").click()
    press(page, words["delete"])
    page.get_by_role("button", name=words["really"], exact=True).click()
    expect(page.get_by_role("status")).to_have_text(words["deleted"])

    page.get_by_role("button", name=words["out"], exact=True).click()
    expect(page.get_by_role("status")).to_have_text(words["gone"])
    page.go_back()
    expect(page.get_by_role("button", name=words["out"], exact=True)).to_have_count(0)


def fits(page: Page) -> bool:
    """Whether a page is no wider than the screen. Without scripts, its own size is all that can be asked."""
    box = page.locator("html").bounding_box()
    inner = page.locator("main").bounding_box()
    assert box is not None
    assert inner is not None
    assert page.viewport_size is not None
    width = page.viewport_size["width"]
    return box["width"] <= width and inner["width"] <= width
