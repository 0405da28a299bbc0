"""Load: wrk plays requests from a file over kept connections, each sending its next one when the last was answered."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CONNECTIONS: Final = 32

_SCRIPT: Final = Path(__file__).with_name("play.lua")
_GRACE_SECONDS: Final = 30


class Void(Exception):
    """What was measured is worth nothing, and why."""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of some seconds of load.

    Attributes:
        answers: How many requests were answered, all of them with 2xx or 3xx.
        seconds: For how long.
        bytes: What all answers have together, heads included.
        p50_ms: Half of the answers came at least this fast.
        p99_ms: 99 of 100 did.
    """

    answers: int
    seconds: float
    bytes: int
    p50_ms: float
    p99_ms: float


def play(port: int, requests: Sequence[bytes], seconds: int) -> Load:
    """Send requests in turn, again and again, to a server of this machine.

    Args:
        port: Where it listens on loopback.
        requests: As they go over the wire.
        seconds: For how long.

    Raises:
        Void: A request was not answered, or answered with an error.
    """
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(b"%d\n%s" % (len(request), request) for request in requests))
        file.flush()
        options = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", str(_SCRIPT)]
        command = ["wrk", *options, f"http://127.0.0.1:{port}", "--", file.name]
        said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + _GRACE_SECONDS)
    found = json.loads(said.stdout.splitlines()[-1])
    if found["failed"] or not found["answers"]:
        message = f"{found['failed']} of {found['answers']} requests failed"
        raise Void(message)
    return Load(
        answers=found["answers"],
        seconds=found["microseconds"] / 1e6,
        bytes=found["bytes"],
        p50_ms=found["p50"] / 1e3,
        p99_ms=found["p99"] / 1e3,
    )
