"""docs/first-minute.md, as it is printed."""

import re
import subprocess
from pathlib import Path

from tests.e2e.printed import DOCS, programs
from tests.e2e.servers import PostkeepServer, environment

TEMPLATES = Path(__file__).parents[2] / "src/postkeep/views/templates"


def test_the_commands_work_as_printed(tmp_path: Path) -> None:
    """Whoever has a minute copies and pastes."""
    start, commands = programs("first-minute.md", "sh")
    assert start.code == "bin/run\n"
    with PostkeepServer(tmp_path, {}).running() as fresh:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands.at(fresh)],
            env=environment({}),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert {"postkeep.db", "secret.key"} <= {file.name for file in fresh.data_folder.iterdir()}
    assert commands.said(done.stdout) == commands.says != []


def test_the_buttons_are_called_what_it_calls_them() -> None:
    """A newcomer looks for the very word."""
    section = (DOCS / "first-minute.md").read_text("utf-8").partition("## In a browser")[2].partition("\n## ")[0]
    pages = "".join(file.read_text("utf-8") for file in TEMPLATES.glob("*.html"))
    words = re.findall(r"\*(.+?)\*", section)
    assert words
    assert [word for word in words if f'_("{word}")' not in pages] == []
