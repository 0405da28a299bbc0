"""Make the files of a release: release.py [--draft] [FOLDER].

The source distribution, the wheel that is built from it, a list of all that it runs on (CycloneDX), and the hashes of
these. Everything is made twice, and has to come out the same, byte for byte. docs/release.md says what to do with it.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parents[2]
_VERSION: Final[str] = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["version"]


def main(*arguments: str) -> str | None:
    """Make the files.

    Args:
        arguments: `--draft` and the folder, both of which can be left out.

    Returns:
        Why there are none, None when all is well.
    """
    draft, folders = "--draft" in arguments, [given for given in arguments if given != "--draft"]
    if len(folders) > 1 or any(folder.startswith("-") for folder in folders):
        return "usage: bin/release [--draft] [FOLDER]"
    folder = Path(*folders or ["dist"]).resolve()
    if not draft and (problems := list(_unready())):
        return "\n".join(problems)
    if folder.exists() and any(folder.iterdir()):
        return f"{folder} is there already, and not empty: remove it, or name another one."
    with tempfile.TemporaryDirectory() as scratch:
        first, second = Path(scratch, "first"), Path(scratch, "second")
        _make(first, validate=not draft)
        _make(second, validate=False)
        sums = _sums(first)
        if _sums(second) != sums:
            return f"Built twice, and not the same:\n{sums}{_sums(second)}"
        (first / "SHA256SUMS").write_text(sums)
        shutil.copytree(first, folder, dirs_exist_ok=True)
    print(f"In {folder}:\n{sums}", end="")
    return None


def _unready() -> Iterator[str]:
    """Say what is in the way of a release."""
    changed = _said("git", "status", "--porcelain")
    if changed:
        yield f"These are not committed:\n{changed}"
    changelog = (_ROOT / "CHANGELOG.md").read_text("utf-8")
    if not re.search(rf"^## {re.escape(_VERSION)} - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        yield f'CHANGELOG.md has no section "## {_VERSION} - YEAR-MONTH-DAY".'


def _make(folder: Path, *, validate: bool) -> None:
    """Make all files once.

    Args:
        folder: Where.
        validate: Whether the list is held to CycloneDX's own schema, which takes some seconds.
    """
    # Archives carry times; that of the commit is the same for whoever builds it. The backend's program is on PATH.
    environment = {
        **os.environ,
        "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH") or _said("git", "log", "-1", "--format=%ct"),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
    }
    # The wheel is built from the source distribution, which so is shown to be whole.
    _run(["build", "--no-isolation", "--outdir", str(folder), str(_ROOT)], environment)
    options = ["--pyproject", "pyproject.toml", "--output-reproducible", *([] if validate else ["--no-validate"])]
    bill = folder / f"postkeep-{_VERSION}.cdx.json"
    _run(["cyclonedx_py", "requirements", *options, "--output-file", str(bill), "requirements.txt"], environment)


def _sums(folder: Path) -> str:
    """List the files with their hashes, as sha256sum does."""
    files = sorted(folder.iterdir())
    return "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)


def _run(module: list[str], environment: dict[str, str]) -> None:
    """Run a module of this environment, whose words matter only if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", *module],
        cwd=_ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)
    done.check_returncode()


def _said(*command: str) -> str:
    """Run a command, and return what it prints."""
    return subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except subprocess.CalledProcessError as error:
        sys.exit(f"{' '.join(error.cmd)} failed; its words are above.")
