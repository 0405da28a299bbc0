"""Links between documents."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")])


def links(document: Path) -> list[tuple[Path, str]]:
    """Return where a document's links to files lead, and to which heading there."""
    prose = re.sub(r"^```.*?^```$", "", document.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    found = [target.partition("#") for target in re.findall(r"\]\(([^)\s]+)\)", prose) if "://" not in target]
    return [(document.parent / path if path else document, heading) for path, _, heading in found]


def headings(document: Path) -> set[str]:
    """Return the names that a document's headings can be reached by, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_no_link_is_dead(document: Path) -> None:
    """Files move; whoever follows a link must not find out first."""
    dead = [
        (str(target), heading)
        for target, heading in links(document)
        if not target.exists() or (heading and heading not in headings(target))
    ]

    assert dead == []


def test_every_decision_stands_in_the_list_of_decisions() -> None:
    """Whoever asks why reads the list, and a page that is not in it is not found."""
    folder = ROOT / "docs/adr"
    numbered = {file.name: file.read_text("utf-8").partition("\n")[0] for file in folder.glob("0*.md")}
    listed = re.findall(r"^(\d+)\. \[(.+)\]\((.+)\)$", (folder / "README.md").read_text("utf-8"), re.MULTILINE)
    assert {name: f"# {number}. {title}" for number, title, name in listed} == numbered
