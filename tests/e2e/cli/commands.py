"""Running `postkeep` as an operator does."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.servers import PROGRAM, PostkeepServer, environment

SECONDS = 20

STILL_RUNNING = 124
"""The exit code of what had to be ended, as of timeout(1)."""


@dataclass(frozen=True)
class Outcome:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


def postkeep(
    *arguments: str | bytes, settings: Mapping[str, str], folder: Path, stdin: bytes = b"", program: Path = PROGRAM
) -> Outcome:
    """Run a command to its end, or until it has taken far too long."""
    try:
        done = subprocess.run(
            [program, *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            cwd=folder,
            env=environment(settings),
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        return Outcome(STILL_RUNNING, (error.stdout or b"").decode(), (error.stderr or b"").decode())
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


def beside(server: PostkeepServer, *arguments: str | bytes, stdin: bytes = b"") -> Outcome:
    """Run a command on the database of a server, while it runs."""
    return postkeep(*arguments, settings=server.settings, folder=server.folder, stdin=stdin)


def refusal(outcome: Outcome) -> str:
    """Return the one line that a command refused with; it must be one, and readable."""
    assert outcome.out == ""
    lines = outcome.err.splitlines()
    assert len(lines) == 1, outcome.err
    assert lines[0].startswith("postkeep: ")
    assert lines[0].isprintable()
    return lines[0].removeprefix("postkeep: ")
