"""docs/api.md: its commands, as they are printed."""

import re
import subprocess
from pathlib import Path

from tests.e2e.clients import Person, a_text
from tests.e2e.servers import PostkeepServer

SECTIONS = re.split(r"^## ", (Path(__file__).parents[2] / "docs/api.md").read_text("utf-8"), flags=re.MULTILINE)
COMMANDS = {
    section.partition("\n")[0]: "".join(re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))
    for section in SECTIONS
}


def run(section: str, person: Person, server: PostkeepServer, folder: Path) -> str:
    """Run a section's commands for somebody, and return what they print."""
    script = f'URL={server.url}\nTOKEN="$(cat)"\n{COMMANDS[section]}'
    command = ["bash", "-euo", "pipefail", "-c", script]
    return subprocess.run(
        command, input=person.access, capture_output=True, text=True, check=True, timeout=60, cwd=folder
    ).stdout


def test_out_and_in_work_as_printed(sqlite_server: PostkeepServer, tmp_path: Path) -> None:
    """Whoever leaves copies two lines, and whoever comes back three."""
    server = sqlite_server
    ann, bob = Person.signs_up(server.http), Person.signs_up(server.http)
    ann.add(a_text())
    assert run("How do I take everything out?", ann, server, tmp_path) == ""
    said = run("How do I bring posts in?", bob, server, tmp_path).splitlines()
    assert said[1::2] == [
        '{"added":1,"existing":0,"refused":0,"dry_run":true,"complete":true}',
        '{"added":1,"existing":0,"refused":0,"dry_run":false,"complete":true}',
        '{"added":0,"existing":1,"refused":0,"dry_run":false,"complete":true}',
    ]
    assert bob.posts() == ann.posts()
