"""The README in its two languages."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.ru.md")
PACKAGE = ROOT / "src/postkeep"

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"(^|\s+)# .*$", re.MULTILINE)


def text(name: str) -> str:
    """Return a README."""
    return (ROOT / name).read_text("utf-8")


def prose(name: str) -> str:
    """Return a README without its blocks of code."""
    return BLOCK.sub("", text(name))


def headings(name: str) -> list[int]:
    """Return the levels of the headings."""
    return [len(marks) for marks in re.findall(r"^(#+) ", prose(name), re.MULTILINE)]


def blocks(name: str) -> list[tuple[str, str]]:
    """Return the blocks of code, each with its language and without its comments, which are translated."""
    return [(language, COMMENT.sub("", code)) for language, code in BLOCK.findall(text(name))]


def tables(name: str) -> list[tuple[int, list[str]]]:
    """Return each table's rows: how many columns, and the names in backticks, which are the same in any language."""
    rows = [line for line in prose(name).splitlines() if line.startswith("|")]
    return [(row.count("|"), sorted(re.findall(r"`.+?`", row))) for row in rows]


def links(name: str) -> list[str]:
    """Return where the links lead."""
    found = set(re.findall(r"\]\(([^)]+)\)|<(http[^>]+)>", prose(name)))
    return sorted({"".join(link) for link in found} - set(READMES))


@pytest.mark.parametrize("part", [headings, blocks, tables, links])
def test_both_languages_say_the_same(part: object) -> None:
    """Whoever reads Russian gets every command, row and link that the English README has, and no old ones."""
    assert callable(part)
    english, russian = (part(name) for name in READMES)

    assert english
    assert russian == english


@pytest.mark.parametrize("name", READMES)
def test_every_picture_is_there_and_says_what_it_shows(name: str) -> None:
    """Whoever sees it finds it, and whoever does not hears of it."""
    pictures = re.findall(r'<img src="([^"]+)" width="\d+%" alt="[^"]+">', text(name))

    assert len(pictures) == text(name).count("<img ") == 2
    assert all((ROOT / picture).is_file() for picture in pictures)


@pytest.mark.parametrize("name", READMES)
def test_every_module_is_explained(name: str) -> None:
    """The specification asks for the architecture module by module (SPECIFICATION.md, S-34)."""
    modules = {file.stem for file in PACKAGE.rglob("*.py") if "migrations" not in file.parts}
    named = set(re.findall(r"`(\w+)`", prose(name)))

    assert modules - named == {"__init__"}
