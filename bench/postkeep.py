"""Postkeep itself: as people start it, with its own settings, on a database of ours."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from bench.crowd import Crowd
from bench.databases import Database
from bench.figures import Start
from bench.load import Void
from bench.people import POSTS, Api, sign_up
from bench.processes import Server, environment, started, usage_of
from tests.databases import free_port

# Nothing of the developer's own environment counts: not even a setting that all servers of this run share.
_SECRET: Final = os.urandom(24).hex()

_IDLE_SECONDS: Final = 2.0

# What the log says of each request that was not answered from memory.
_REQUEST: Final = b'"request"'


class Postkeep:
    """One installation: a database and a folder for everything else.

    Attributes:
        crowd: Those who are written straight into its tables.
        folder: Where everything lies but the database.
    """

    def __init__(self, database: Database, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        """Take its database, and bring its schema up.

        Args:
            database: An empty one.
            folder: Its data directory.
            settings: What is not at its default.
        """
        self.crowd = Crowd(database, _SECRET.encode())
        self._database = database
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self._settings = {
            "POSTKEEP_DATABASE_URL": database.url.render_as_string(hide_password=False),
            "POSTKEEP_DATA_DIR": str(folder),
            "POSTKEEP_SECRET_KEY": _SECRET,
            # All load comes from one address, and what is measured is not how it is refused.
            "POSTKEEP_ADDRESS_RATE": "0",
            "POSTKEEP_ACCOUNT_RATE": "0",
            "POSTKEEP_DRAIN_SECONDS": "0",
            **(settings or {}),
        }
        self.run("migrate", "upgrade")

    def run(self, *arguments: str) -> None:
        """Run one of its commands."""
        command = [_program(), *arguments]
        subprocess.run(command, cwd=self.folder, env=environment(self._settings), check=True, capture_output=True)

    def serve(self, *, guarded: bool = True) -> AbstractContextManager[Server]:
        """Start it with one worker, and stop it in the end. Its log must then be free of complaints.

        Args:
            guarded: Whether as `postkeep serve` does it; otherwise the application alone on uvicorn's own protocol.
        """
        port = free_port()
        plain = [sys.executable, "-m", "uvicorn", "postkeep.main:app", "--no-access-log", "--no-server-header"]
        command = [*([_program(), "serve"] if guarded else plain), "--port", str(port)]
        return started(command, port, self.folder, ready="/readyz", settings=self._settings)

    def measure_starts(self, count: int, *, sign_ups: int) -> Start:
        """Start it so many times, and once before that, which does not count; and have people sign up in the end."""
        seconds: list[float] = []
        idle: list[float] = []
        for _ in range(count + 1):
            with self.serve() as server:
                time.sleep(_IDLE_SECONDS)
                seconds.append(server.start_seconds)
                idle.append(usage_of(server.pid).resident_mib)
        with self.serve() as server:
            sign_up(Api(server.port), sign_ups, posts=POSTS)
            used = usage_of(server.pid).resident_mib
        return Start(f"Postkeep, {self._database.name}", seconds[1:], idle[1:], used)


def check_log(server: Server) -> None:
    """See that a server of Postkeep did not complain.

    Raises:
        Void: It did.
    """
    with server.log.open() as lines:
        for line in lines:
            if '"level": "' in line and '"level": "info"' not in line:
                message = f"Postkeep said: {line.strip()}"
                raise Void(message)


def count_logged(server: Server) -> int:
    """Return how many requests a server of Postkeep has logged: by default those not answered from memory."""
    return server.log.read_bytes().count(_REQUEST)


def _program() -> str:
    """Find the command beside the Python that runs this."""
    return str(Path(sys.executable).with_name("postkeep"))
