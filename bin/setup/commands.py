"""Keep docs/commands.md in step with the command line: commands.py --write | --check.

Typer describes its commands in Markdown itself. Put right here are examples, which become code, and what would be said
again in each section.
"""

import html
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parents[2]
_PAGE: Final = _ROOT / "docs" / "commands.md"

_HEADING: Final = """# The command line

Made from the commands themselves by `bin/check --fix`; `postkeep COMMAND --help` says the same."""
_SECTION: Final = re.compile(r"^#+ `(.+)`$", re.MULTILINE)
_EXAMPLES: Final = re.compile(r"^Examples?:\n((?: {4}.+\n|\n)+)", re.MULTILINE)
_COMMAND: Final = re.compile(r"^\* `([a-z][a-z-]*)`: .*$", re.MULTILINE)
_HELP: Final = re.compile(r"^(?:\*\*Options\*\*:\n\n)?\* `--help`: .*\n", re.MULTILINE)
_GAP: Final = re.compile(r"\n{3,}")


def main(option: str = "") -> str | None:
    """Write the page, or check it.

    Args:
        option: `--write` or `--check`.

    Returns:
        What is wrong, None when nothing is.
    """
    if option not in {"--write", "--check"}:
        return "usage: commands.py --write | --check"
    page = _page()
    if option == "--write":
        _PAGE.write_text(page, "utf-8")
    elif not _PAGE.is_file() or _PAGE.read_text("utf-8") != page:
        return "docs/commands.md is not in step: run bin/check --fix."
    return None


def _page() -> str:
    """Make the page."""
    # Nothing stands before the first heading.
    _, *parts = _SECTION.split(_described())
    sections = [_section(name, text) for name, text in zip(parts[::2], parts[1::2], strict=True)]
    return "\n\n".join([_HEADING, *sections]) + "\n"


def _described() -> str:
    """Have Typer describe the commands."""
    command = [sys.executable, "-m", "typer", "postkeep.cli", "utils", "docs", "--name", "postkeep"]
    return html.unescape(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def _section(name: str, text: str) -> str:
    """Write one command's section; the commands of a group stand one level below it."""
    text = _EXAMPLES.sub(lambda found: _code(found[1]), _HELP.sub("", text))
    # What a command does stands in its own section, uncut.
    text = _COMMAND.sub(lambda found: f"- [`{found[1]}`](#{name.replace(' ', '-')}-{found[1]})", text)
    text = _GAP.sub("\n\n", text).strip()
    level = len(name.split())
    return text if level == 1 else f"{'#' * level} `{name}`\n\n{text}"


def _code(examples: str) -> str:
    """Make a block of code of an example's lines."""
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    return "\n".join(["```sh", *lines, "```", "", ""])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
