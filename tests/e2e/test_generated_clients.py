"""Clients that generators make of docs/openapi.json, by the commands and with the programs of docs/clients.md."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.nodejs import NODE
from tests.e2e.printed import DOCS, programs
from tests.e2e.servers import PostkeepServer, environment

GENERATORS = DOCS.parent / ".cache" / "generators"
"""Where `bin/test` has installed them (bin/setup/generators.py)."""

# Generating, compiling and running take five seconds, and many times that where everything else runs, too.
pytestmark = pytest.mark.timeout(300)


def run(*command: str | Path, folder: Path, **variables: str) -> str:
    """Run a command in a folder, and return all that it prints."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**environment(variables), "NO_PROXY": "*"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_generated_python_client_works_as_printed(sqlite_server: PostkeepServer, tmp_path: Path) -> None:
    """Whoever writes Python has a client by tomorrow."""
    programs_at = GENERATORS / "python" / "environment" / "bin"
    generate, _ = programs("clients.md", "sh")
    (program,) = programs("clients.md", "python")
    (tmp_path / "docs").symlink_to(DOCS)

    said = run("bash", "-c", generate.code, folder=tmp_path, PATH=f"{programs_at}{os.pathsep}{os.environ['PATH']}")
    assert re.findall(r"^WARNING parsing \w+ (\S+)", said, re.MULTILINE) == ["/api/v1/export", "/api/v1/import"]

    client = tmp_path / "postkeep-client"
    said = run(programs_at / "python", "-c", program.at(sqlite_server), folder=tmp_path, PYTHONPATH=str(client))
    assert program.said(said) == program.says != []


def test_a_generated_typescript_client_works_as_printed(sqlite_server: PostkeepServer) -> None:
    """Whoever writes TypeScript has one, too; the compiler holds the program to the types of the client."""
    folder = GENERATORS / "typescript"
    _, generate = programs("clients.md", "sh")
    (program,) = programs("clients.md", "ts")
    (folder / "docs").unlink(missing_ok=True)
    (folder / "docs").symlink_to(DOCS)
    path = f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"

    # What `npx` does with a program that is installed.
    run("bash", "-c", generate.code.replace("npx ", "node_modules/.bin/"), folder=folder, PATH=path)
    (folder / "program.ts").write_text(program.at(sqlite_server), "utf-8")
    run(NODE, "node_modules/.bin/tsc", folder=folder)

    said = run(NODE, "made/program.js", folder=folder)
    assert program.said(said) == program.says != []
