"""Clients that generators make of docs/openapi.json, by the commands and with the programs of docs/clients.md."""

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.nodejs import NODE, NPM
from tests.e2e.printed import DOCS, programs
from tests.e2e.servers import PostkeepServer, environment

GENERATORS = Path(__file__).with_name("generators")
"""What the generators are, to the byte: the pins of pip and of npm."""

CACHE = DOCS.parent / ".cache" / "generators"
INSTALL_SECONDS = 300

pytestmark = pytest.mark.timeout(INSTALL_SECONDS + 100)


def run(*command: str | Path, folder: Path, seconds: float = 100, **variables: str) -> str:
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
        timeout=seconds,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def installed(kind: str, pins: str, install: Callable[[Path], object]) -> Path:
    """Return the folder of a generator, made anew where its pins have changed or it was left halfway.

    Args:
        kind: The folder's name.
        pins: The file of `generators` that says what is installed.
        install: Fills the folder, with all files of `generators` in it.
    """
    folder = CACHE / kind
    done = folder / "installed"
    wanted = (GENERATORS / pins).read_bytes()
    if not done.is_file() or done.read_bytes() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(GENERATORS, folder)
        install(folder)
        done.write_bytes(wanted)
    return folder


def install_python(folder: Path) -> None:
    """Install the generator for Python, apart from this environment: it takes an older Typer."""
    venv.create(folder / "environment", with_pip=False)
    pip = (sys.executable, "-m", "pip", "--python", folder / "environment", "install", "--disable-pip-version-check")
    run(*pip, "--no-deps", "--require-hashes", "-r", "requirements.txt", folder=folder, seconds=INSTALL_SECONDS)


def install_typescript(folder: Path) -> None:
    """Install the generator for TypeScript, and the compiler; npm goes by the hashes of package-lock.json."""
    run(NODE, NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=folder, seconds=INSTALL_SECONDS)


def test_a_generated_python_client_works_as_printed(sqlite_server: PostkeepServer, tmp_path: Path) -> None:
    """Whoever writes Python has a client by tomorrow."""
    programs_at = installed("python", "requirements.txt", install_python) / "environment" / "bin"
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
    folder = installed("typescript", "package-lock.json", install_typescript)
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
