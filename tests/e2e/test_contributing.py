"""CONTRIBUTING.md's commands for uv and the hooks, as they are printed (SPECIFICATION.md, S-28, S-29)."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNTRACKED = shutil.ignore_patterns(".git", ".venv", ".*cache", "__pycache__", ".hypothesis", "postkeep-data", ".env")
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
ADDED = "iniconfig"
"""A small package that is pinned already, so that adding it changes nothing else."""

_DAILY, HOOKS, ENVIRONMENT, ADDING, _HUNTING = (
    [line.partition("#")[0].strip() for line in block.splitlines()]
    for block in re.findall(
        r"^```sh\n(.*?)^```$", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
)


class Checkout:
    """A copy of this checkout, with uv at hand."""

    def __init__(self, folder: Path) -> None:
        """Copy what is tracked, and take uv from PATH or else from the package index."""
        self.folder = folder / "postkeep"
        shutil.copytree(ROOT, self.folder, ignore=UNTRACKED)
        self.bin = self.folder / ".venv" / "bin"
        places = [self.bin, Path(sys.base_prefix, "bin")]
        if shutil.which("uv") is None:
            subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--target", folder / "uv", "uv"], check=True)
            places.append(folder / "uv" / "bin")
        self.environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"} | {
            "PATH": os.pathsep.join([*map(str, places), os.environ["PATH"]]),
            "PREK_HOME": str(folder / "prek"),
            "UV_PYTHON_DOWNLOADS": "never",
        }
        self.run("git init --quiet && git add --all")

    def run(self, command: str) -> str:
        """Run a command as somebody does whose environment is active, and return what it prints."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout

    def has(self, *programs: str) -> bool:
        """Tell whether the environment has all of these programs."""
        return all((self.bin / program).exists() for program in programs)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_s_28_s_29_the_commands_for_uv_and_the_hooks_work_as_printed(tmp_path: Path) -> None:
    """Whoever comes with uv and pre-commit from elsewhere types what they know, and it works."""
    checkout = Checkout(tmp_path)
    make, everything, run_time, tests, activate = ENVIRONMENT

    # Whichever Python runs the tests is there; 3.12 may not be.
    assert f"CPython {VERSION}" in checkout.run(make.replace("3.12", VERSION))
    checkout.run(everything)
    assert checkout.has("postkeep", "pytest", "ruff", "pip")
    checkout.run(run_time)
    assert checkout.has("postkeep", "pip")
    assert not checkout.has("pytest")
    assert not checkout.has("ruff")
    checkout.run(tests)
    assert checkout.has("postkeep", "pytest")
    assert str(checkout.bin / "postkeep") in checkout.run(f"{activate} && command -v postkeep")

    for command in HOOKS:
        checkout.run(command)
    assert (checkout.folder / ".git/hooks/pre-commit").exists()

    for command in ADDING:
        checkout.run(command.replace("NAME", ADDED))
    groups = tomllib.loads((checkout.folder / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    for group in ("dev", "test"):
        assert any(str(package).startswith(ADDED) for package in groups[group])
    checkout.run("bin/lock --check")
