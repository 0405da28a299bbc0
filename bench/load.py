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

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.answers / self.seconds


class Playlist:
    """Requests to play in turn; each play goes on where the one before it ended."""

    def __init__(self, requests: Sequence[bytes]) -> None:
        """Take the requests as they go over the wire."""
        self.requests = requests
        self.played = 0

    def take(self, count: int) -> Sequence[bytes]:
        """Return the next few requests, which then count as played."""
        turns = range(self.played, self.played + count)
        self.played += count
        return [self.requests[turn % len(self.requests)] for turn in turns]

    def play(self, port: int, seconds: int, *, connections: int = CONNECTIONS) -> Load:
        """Send requests to a server of this machine.

        Args:
            port: Where it listens on loopback.
            seconds: For how long.
            connections: How many at the same time.

        Raises:
            Void: A request was not answered, or answered with an error.
        """
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"".join(b"%d\n%s" % (len(request), request) for request in self.requests))
            file.flush()
            options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(_SCRIPT)]
            where = [f"http://127.0.0.1:{port}", "--", file.name, str(self.played % len(self.requests))]
            said = subprocess.run(
                ["wrk", *options, *where], check=True, capture_output=True, text=True, timeout=seconds + _GRACE_SECONDS
            )
        found = json.loads(said.stdout.splitlines()[-1])
        if found["failed"] or not found["answers"]:
            message = f"{found['failed']} of {found['answers']} requests failed"
            raise Void(message)
        # wrk goes away with a request of each connection under way.
        self.played += found["answers"] + connections
        return Load(
            answers=found["answers"],
            seconds=found["microseconds"] / 1e6,
            bytes=found["bytes"],
            p50_ms=found["p50"] / 1e3,
            p99_ms=found["p99"] / 1e3,
        )
