"""The README's commands, as they are printed."""

import re
import subprocess
from pathlib import Path

from tests.databases import MariaDbServer
from tests.e2e.clients import Person
from tests.e2e.servers import PostkeepServer, environment

ROOT = Path(__file__).parents[2]
URL = "URL=http://127.0.0.1:8000\n"

# A block more than these would be one that nobody has tried.
TWO_COMMANDS, FIRST_MINUTE, ON_MYSQL = re.findall(
    r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)


def run(commands: str, server: PostkeepServer) -> str:
    """Run shell commands with the server's address instead of the README's, and return what they print."""
    assert URL in commands
    script = commands.replace(URL, f"URL={server.url}\n")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def serving(command: str, folder: Path, settings: dict[str, str]) -> PostkeepServer:
    """Return a server that is started by a shell command in the checkout, with what it keeps elsewhere."""
    assert command.count("bin/run") == 1
    # `exec`, so that the signal to end it reaches the server, and "$@" for the port, which is the test's own.
    script = f'cd "$0" && {command.replace("bin/run", "exec bin/run")} "$@"'
    return PostkeepServer(
        folder,
        {"POSTKEEP_DATA_DIR": str(folder / "data"), **settings},
        command=("bash", "-euo", "pipefail", "-c", script, str(ROOT)),
    )


def test_the_two_commands_work_as_printed(tmp_path: Path) -> None:
    """These two are all that somebody needs to remember. `bin/test` gets one file, or it would come back here."""
    serve, test = (line.partition("#")[0].strip() for line in TWO_COMMANDS.splitlines())

    with serving(serve, tmp_path, {}).running() as server:
        assert Person.signs_up(server.http).posts() == []

    command = ["bash", "-c", f"{test} -q -p no:cacheprovider tests/unit/test_readme.py"]
    subprocess.run(command, capture_output=True, check=True, cwd=ROOT, env=environment({}), timeout=100)


def test_the_first_minute_works_as_printed(tmp_path: Path) -> None:
    """A newcomer copies and pastes: sign up, log in, add, list, delete."""
    with PostkeepServer(tmp_path, {}).running() as fresh:
        said = run(FIRST_MINUTE, fresh)

    assert '"access_token":' in said
    assert '"text":"Bought milk."' in said
    assert said.count('"text":"Milk again."') == 1
    assert "204 No Content" in said


def test_the_commands_for_a_database_server_work_as_printed(tmp_path: Path, mariadb: MariaDbServer) -> None:
    """Whoever moves to MySQL or MariaDB sets two variables, migrates and serves."""
    with mariadb.database() as url:
        own = url.set(drivername="mysql").render_as_string(hide_password=False)
        commands, addresses = re.subn(r"mysql://[^']+", own, ON_MYSQL.rstrip())
        assert addresses == 1
        with serving(commands, tmp_path, {}).running() as server:
            assert Person.signs_up(server.http).posts() == []
    assert not (tmp_path / "data").exists()
