"""docs/specification.md: no row is missing, and each command shows what it says."""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.servers import PostkeepServer, environment

ROOT: Final = Path(__file__).parents[2]
BEGINNING, *ROWS = re.split(r"^## ", (ROOT / "docs/specification.md").read_text("utf-8"), flags=re.MULTILINE)
URL: Final = "URL=http://127.0.0.1:8000"
SAYS: Final = "# → "


@dataclass
class Command:
    """A command of a row, and what its output must hold."""

    row: str
    line: str
    says: list[str] = field(default_factory=list[str])


def commands(rows: list[str]) -> list[Command]:
    """Return the commands in the order in which they are run; each stands on one line."""
    found: list[Command] = []
    for row in rows:
        for block in re.findall(r"^```sh\n(.*?)^```$", row, re.MULTILINE | re.DOTALL):
            for line in block.splitlines():
                if line.startswith(SAYS):
                    found[-1].says.append(line.removeprefix(SAYS))
                else:
                    found.append(Command(row[:4], line))
    return found


def is_of_tests(command: Command) -> bool:
    """Tell whether a command runs tests, which run anyway."""
    return command.line.startswith("bin/test ")


SHOWN: Final = [command for command in commands([BEGINNING, *ROWS]) if not is_of_tests(command)]
TESTS: Final = [test for command in commands(ROWS) if is_of_tests(command) for test in command.line.split()[1:]]


def outputs(server: PostkeepServer) -> list[str]:
    """Run all commands in one shell, as somebody does who reads on, and return what each has printed."""
    mark = "== end of a command =="
    script = "\n".join(f"{command.line}\necho '{mark}'" for command in SHOWN)
    assert script.count(URL) == 1
    settings = {
        "POSTKEEP_DATA_DIR": str(server.data_folder),
        "PREK_HOME": str(server.folder / "prek"),
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace(URL, f"URL={server.url}")],
        cwd=ROOT,
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    said = done.stdout.split(mark + "\n")
    assert done.returncode == 0, f"{SHOWN[len(said) - 1].line}: {said[-1]}"
    return said[:-1]


def test_no_row_is_missing() -> None:
    """Whoever holds the two documents finds every wish, in the order of SPECIFICATION.md."""
    assert [row[:5] for row in ROWS] == [f"S-{number:02} " for number in range(1, 35)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[:4])
def test_every_row_says_where_and_how(row: str) -> None:
    """A row without a command that shows it working, or without words, is a claim."""
    heading, _, rest = row.partition("\n")
    words, *blocks = re.split(r"^```", rest, flags=re.MULTILINE)

    assert heading.endswith(")")
    assert words.strip()
    assert blocks
    # Nothing here runs a block of this kind, so the row says where its trial is written down.
    assert "```console" not in row or re.search(r"\]\((deploy/\w+\.md|\.\./tests/\S+\.py)\)", words)


def test_every_command_shows_what_it_says(tmp_path: Path) -> None:
    """The page is for somebody who wants to see it, not to believe it."""
    with PostkeepServer(tmp_path, {}).running() as server:
        said = outputs(server)

    wrong = [
        (command.row, command.line, wanted, output)
        for command, output in zip(SHOWN, said, strict=True)
        for wanted in command.says
        if wanted not in output
    ]
    assert wrong == []


@pytest.mark.parametrize("test", sorted(set(TESTS)))
def test_every_test_that_a_row_names_is_there(test: str) -> None:
    """`bin/test` runs it with all others; here it only must not have moved."""
    path, _, function = test.partition("::")

    assert (ROOT / path).exists()
    assert not function or f"def {function}(" in (ROOT / path).read_text("utf-8")
