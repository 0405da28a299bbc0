"""Both languages: nothing without a translation, and the right one for everybody."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from postkeep.views.figures import Figures
from postkeep.views.languages import LOCALE, Language, choose_language, translations

ROOT = Path(__file__).parents[3]
CATALOG = LOCALE / "ru/LC_MESSAGES/pages.po"


def messages() -> list[Message]:
    """Return everything that the pages say."""
    with CATALOG.open("rb") as file:
        return [message for message in read_po(file, locale="ru") if message.id]


def forms(said: str | tuple[str, ...] | list[str] | None) -> list[str]:
    """Return all forms of what is said."""
    return [said] if isinstance(said, str) else list(said or [""])


def test_the_catalogues_are_in_step_with_what_is_said() -> None:
    """Whoever adds a sentence is told to translate it; what programs read is made from what people edit."""
    check = subprocess.run(
        [sys.executable, "bin/setup/messages.py", "--check"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert (check.returncode, check.stderr) == (0, "")


def test_no_line_begins_with_a_dash() -> None:
    """Russian typesetting keeps one with the word before it."""
    said = [form for message in messages() for form in forms(message.string)]
    assert [form for form in said if " \N{EM DASH}" in form] == []


def test_an_account_has_one_name() -> None:
    """Whoever reads of another one wonders whether it is the same; and "запись" is what a post is called."""
    said = [form.casefold() for message in messages() for form in forms(message.string)]
    assert [form for form in said if "учётн" in form or "профил" in form] == []
    assert sum("аккаунт" in form for form in said) > 5


def test_nothing_lacks_a_translation() -> None:
    """Nor any of its three forms of number."""
    assert len(messages()) > 100
    missing = [message.id for message in messages() if not all(forms(message.string)) or message.fuzzy]
    assert missing == []
    assert all(len(forms(message.string)) == 3 for message in messages() if message.pluralizable)


def test_the_placeholders_of_a_translation_are_those_of_the_message() -> None:
    """One too many would be a page that fails, one too few a fact that nobody learns."""
    for message in messages():
        wanted = set(re.findall(r"%\(\w+\)s", forms(message.id)[0]))
        for form in forms(message.string):
            assert set(re.findall(r"%\(\w+\)s", form)) == wanted, form


@pytest.mark.parametrize(
    ("chosen", "accepted", "default", "language"),
    [
        ("", "", "en", "en"),
        ("", "", "ru", "ru"),
        ("", "ru", "en", "ru"),
        ("", "ru-RU,ru;q=0.9,en;q=0.8", "en", "ru"),
        ("", "de, en;q=0.5, ru;q=0.7", "en", "ru"),
        ("", "fr", "ru", "ru"),
        ("", "ru;q=0", "en", "en"),
        ("", "ru;q=x, en;q=0.1", "ru", "en"),
        ("en", "ru", "ru", "en"),
        ("xx", "ru", "en", "ru"),
        ("", "ru" * 10_000, "en", "en"),
    ],
)
def test_a_language_is_chosen(chosen: str, accepted: str, default: Language, language: Language) -> None:
    """By the cookie, then by the browser, then by the setting."""
    assert choose_language(chosen, accepted, default) == language


def test_figures_are_written_as_people_write_them() -> None:
    """Dates, thousands and sizes."""
    english, russian = Figures(translations("en")), Figures(translations("ru"))
    assert english.date("2026-11-29T09:05:00.000000Z") == "29\u00a0November 2026, 09:05"
    assert russian.date("2026-05-01T23:59:59.000000Z") == "1\u00a0мая 2026, 23:59"
    assert (english.number(1234567), russian.number(1234567)) == ("1,234,567", "1\u00a0234\u00a0567")
    assert [russian.size(size) for size in (1, 2, 5, 21, 112)] == ["1 байт", "2 байта", "5 байт", "21 байт", "112 байт"]
    assert (english.size(1536), russian.size(7 * 1024**2 // 2)) == ("1.5\u00a0KB", "3,5\u00a0МБ")
    assert english.size(256 * 1024**2) == "256\u00a0MB"
