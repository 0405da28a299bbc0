"""The README's first minute, as it is printed."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.servers import PostkeepServer

ROOT = Path(__file__).parents[2]


def first_minute() -> str:
    """Return the README's commands of the first minute."""
    section = (ROOT / "README.md").read_text("utf-8").partition("## The first minute")[2]
    found = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


def run(commands: str, server: PostkeepServer) -> str:
    """Run shell commands with the server's address instead of the README's, and return what they print."""
    assert "URL=http://127.0.0.1:8000\n" in commands
    script = commands.replace("URL=http://127.0.0.1:8000", f"URL={server.url}")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


@pytest.fixture
def fresh_server(tmp_path: Path) -> PostkeepServer:
    """Return a server that nobody has used."""
    return PostkeepServer(tmp_path, {})


def test_the_readmes_first_minute_works_as_printed(fresh_server: PostkeepServer) -> None:
    """A newcomer copies and pastes: sign up, log in, add, list, delete."""
    with fresh_server.running():
        said = run(first_minute(), fresh_server)

    assert '"access_token":' in said
    assert '"text":"Bought milk."' in said
    assert "204 No Content" in said
