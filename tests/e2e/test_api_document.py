"""docs/api.md: its commands and programs work as they are printed, one after the other, and say what it says."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.e2e.clients import Person
from tests.e2e.nodejs import node
from tests.e2e.printed import programs
from tests.e2e.servers import PostkeepServer, environment

DOCUMENT: Final = (Path(__file__).parents[2] / "docs/api.md").read_text("utf-8")
SAYS: Final = "# → "
MARK: Final = "== end of a command =="


def commands() -> list[tuple[str, list[str]]]:
    """Return the commands, each on one line, and what the output of each must hold."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```sh\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith(SAYS):
                found[-1][1].append(line.removeprefix(SAYS))
            else:
                found.append((line, []))
    return found


def test_the_commands_work_as_printed(server: PostkeepServer, tmp_path: Path) -> None:
    """Whoever copies and pastes them, as the page has them, gets what stands below each; also east of UTC."""
    shown = commands()
    assert len([says for _, says in shown if says]) > 5
    given = {"URL": server.url, "JSON": "Content-Type: application/json", "TOKEN": Person.signs_up(server.http).access}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(f"{line}\necho '{MARK}'" for line, _ in shown)],
        env={**environment(given), "NO_PROXY": "*", "TZ": "JST-9"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    for (line, says), said in zip(shown, done.stdout.split(MARK), strict=False):
        for expected in says:
            assert expected in said, f"{line}: {said}"


def test_the_program_in_python_works_as_printed(sqlite_server: PostkeepServer, tmp_path: Path) -> None:
    """It is what somebody's own program begins with."""
    (program,) = programs("api.md", "python")
    done = subprocess.run(
        [sys.executable, "-c", program.at(sqlite_server)],
        env={**environment({}), "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert program.said(done.stdout) == program.says != []


def test_the_program_in_javascript_works_as_printed(sqlite_server: PostkeepServer, tmp_path: Path) -> None:
    """It is what somebody's own page begins with; nothing in it is of Node.js alone."""
    (program,) = programs("api.md", "js")
    said = node("--input-type=module", "--eval", program.at(sqlite_server), folder=tmp_path)
    assert program.said(said) == program.says != []
