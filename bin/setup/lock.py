"""Pin every dependency, or check the pins: lock.py [--upgrade | --check].

uv resolves; what is committed are its hashed exports, because uv.lock holds the addresses of a package index:

- requirements.txt: the server with its build backend, for bin/run and images
- requirements-dev.txt: all of that and the tools, for bin/test and bin/check
- [tool.uv] constraint-dependencies in pyproject.toml: the same versions, for a plain `uv sync`
"""

import operator
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

_ROOT: Final = Path(__file__).resolve().parents[2]
_PYPROJECT: Final = _ROOT / "pyproject.toml"
_EXPORTS: Final = {
    "requirements.txt": ("--no-dev", "--group", "build"),
    "requirements-dev.txt": ("--all-extras", "--all-groups"),
}
_HEADING: Final = "# Written by bin/lock. Install with: pip install --no-deps --require-hashes -r {name}\n"
_BEGIN: Final = "# bin/lock writes from here\n"
_END: Final = "# to here\n"
_BLOCK: Final = re.compile(f"(?<={re.escape(_BEGIN)}).*(?={re.escape(_END)})", re.DOTALL)
_COMPARE: Final = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}


def main(option: str = "") -> str | None:
    """Pin, or check.

    Args:
        option: Nothing to keep the versions and add what is missing, `--upgrade` for the newest ones, or `--check`.

    Returns:
        What is wrong, None when nothing is.
    """
    if option == "--check":
        return "\n".join(_problems()) or None
    if option not in {"", "--upgrade"}:
        return "usage: bin/lock [--upgrade | --check]"
    uv = shutil.which("uv")
    if uv is None:
        return "bin/lock needs uv on PATH: install it with your package manager, pipx or pip."
    try:
        _pin(uv, upgrade=option == "--upgrade")
    except subprocess.CalledProcessError:
        return "uv found no versions that fit; its words are above. Is a pin older than a new bound? bin/lock --upgrade"
    return None


def _pin(uv: str, *, upgrade: bool) -> None:
    text = _PYPROJECT.read_text()
    with tempfile.TemporaryDirectory() as scratch:
        # Without the pins that stand in the file, uv takes the newest versions.
        Path(scratch, "pyproject.toml").write_text(_BLOCK.sub("", text) if upgrade else text)
        for name, extent in _EXPORTS.items():
            command = [uv, "export", "--python", sys.executable, "--no-emit-project", "--no-header", *extent]
            export = subprocess.run(command, cwd=scratch, stdout=subprocess.PIPE, text=True, check=True).stdout
            (_ROOT / name).write_text(_HEADING.format(name=name) + export)
    pins = "".join(f'  "{pin}",\n' for pin in _pins("requirements-dev.txt"))
    _PYPROJECT.write_text(_BLOCK.sub(f"constraint-dependencies = [\n{pins}]\n", text))


def _pins(name: str) -> list[str]:
    """List the pins of an export, with their markers but without their hashes."""
    return re.findall(r"^(\w[^\\\n]*?) *\\?$", (_ROOT / name).read_text(), re.MULTILINE)


def _problems() -> Iterator[str]:
    pyproject = tomllib.loads(_PYPROJECT.read_text())
    server, all_of_it = _pins("requirements.txt"), _pins("requirements-dev.txt")
    if missing := set(map(_parse, server)) - set(map(_parse, all_of_it)):
        yield f"requirements.txt has what requirements-dev.txt has not: {sorted(missing)}"
    if different := set(all_of_it) ^ set(pyproject["tool"]["uv"]["constraint-dependencies"]):
        yield f"requirements-dev.txt and constraint-dependencies in pyproject.toml differ: {sorted(different)}"
    yield from _unmet("requirements.txt", _needed_to_run(pyproject))
    yield from _unmet("requirements-dev.txt", _needed_at_all(pyproject))
    for name in _EXPORTS:
        # An address would be that of one machine's package index.
        if re.search(r"://|^-", (_ROOT / name).read_text(), re.MULTILINE):
            yield f"{name} holds an address or an option"
    if _is_tracked("uv.lock"):
        yield "uv.lock is in git, where it shows the addresses of a package index"


def _needed_to_run(pyproject: dict[str, Any]) -> list[str]:  # Any: what a TOML file holds
    project, groups = pyproject["project"], pyproject["dependency-groups"]
    return [*project["dependencies"], *groups["build"]]


def _needed_at_all(pyproject: dict[str, Any]) -> list[str]:  # Any: what a TOML file holds
    lists = [*pyproject["project"]["optional-dependencies"].values(), *pyproject["dependency-groups"].values()]
    # A table in place of a string includes another group, which is among the lists itself.
    return [line for lines in lists for line in lines if isinstance(line, str)]


def _unmet(name: str, requirements: Iterable[str]) -> Iterator[str]:
    pins = list(map(_parse, _pins(name)))
    for requirement in requirements:
        package, bounds = _parse(requirement)
        versions = [version.removeprefix("==") for pinned, version in pins if pinned == package]
        if not versions or not all(_holds(version, bounds) for version in versions):
            yield f"{name} has {package} {versions or 'not at all'}, pyproject.toml wants {requirement}: run bin/lock"


def _parse(requirement: str) -> tuple[str, str]:
    """Split `name[extra]>=1,<2; marker` into its name and its bounds."""
    match = re.match(r"([\w.-]+)(?:\[.*?\])?([^;]*)", requirement)
    if match is None:
        message = f"not a requirement: {requirement}"
        raise ValueError(message)
    return re.sub(r"[-_.]+", "-", match[1]).lower(), match[2].strip()


def _holds(version: str, bounds: str) -> bool:
    """Compare the numbers of versions; ours have nothing but numbers."""
    clauses = re.findall(r"([<>=!]+) *([^, ]+)", bounds)
    return all(_COMPARE[sign](_numbers(version), _numbers(limit)) for sign, limit in clauses)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.sub(r"(\.0)+$", "", version).split("."))


def _is_tracked(name: str) -> bool:
    if not (_ROOT / ".git").exists():
        return False
    listing = subprocess.run(["git", "ls-files", name], cwd=_ROOT, stdout=subprocess.PIPE, check=True)
    return bool(listing.stdout)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
