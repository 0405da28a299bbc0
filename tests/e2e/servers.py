"""`postkeep serve` as a process of its own: started on a free port, stopped by its own handle."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import httpx2
from sqlalchemy import URL, make_url

from tests.databases import free_port
from tests.e2e.clients import connect
from tests.e2e.rows import Rows

PROGRAM = Path(sys.executable).with_name("postkeep")
AUDIT = Path(__file__).with_name("audit")

START_SECONDS = 30
STOP_SECONDS = 15

LOGS: list[Path] = []
"""Where all servers of this run wrote what they had to say."""


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with these settings of Postkeep, and otherwise none but a short end."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("POSTKEEP_")}
    return kept | {"POSTKEEP_DRAIN_SECONDS": "0"} | dict(settings)


@dataclass
class PostkeepServer:
    """A server, running or stopped; what it keeps stays when it stops.

    Attributes:
        folder: Where it runs; its data directory, if it has one, lies in it.
        settings: POSTKEEP_* as it gets them.
        options: What is written behind `postkeep serve`.
        umask: What its process masks of the rights of new files.
        command: What is run instead of `postkeep serve`.
        start_seconds: How long it may take to be ready.
    """

    folder: Path
    settings: dict[str, str]
    options: tuple[str, ...] = ()
    umask: int = 0o022
    command: tuple[str, ...] = (str(PROGRAM), "serve")
    start_seconds: float = START_SECONDS
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_file(self) -> Path:
        """Where its standard output and standard error go."""
        return self.folder / f"log-{self.port}"

    @property
    def log(self) -> str:
        """What it has said so far."""
        return self.log_file.read_text("utf-8")

    @property
    def database_url(self) -> URL:
        """Where it keeps everything."""
        given = self.settings.get("POSTKEEP_DATABASE_URL")
        if given:
            return make_url(given)
        return URL.create("sqlite", database=str(self.data_folder / "postkeep.db"))

    @property
    def data_folder(self) -> Path:
        """Its data directory."""
        return self.folder / self.settings.get("POSTKEEP_DATA_DIR", "postkeep-data")

    @property
    def database(self) -> str:
        """The kind of its database: "sqlite" or "mysql"."""
        return self.database_url.get_backend_name()

    @property
    def secret(self) -> bytes:
        """The secret it was given."""
        return self.settings["POSTKEEP_SECRET_KEY"].encode()

    @cached_property
    def http(self) -> httpx2.Client:
        """A client with a pool of connections, for any number of threads."""
        return connect(self.url)

    @cached_property
    def rows(self) -> Rows:
        """Its database, from behind."""
        return Rows(self.database_url)

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the events of this name in its log."""
        lines = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]

    def logged(self, request_id: str) -> dict[str, Any]:
        """Return the line about a request, which is written just after its answer.

        Raises:
            TimeoutError: There is none.
        """
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            for event in self.events("request"):
                if event["request_id"] == request_id:
                    return event
            time.sleep(0.01)
        raise TimeoutError(request_id)

    def start(self) -> Self:
        """Start it, and wait until it is ready.

        Raises:
            RuntimeError: It ended, or did not answer in time.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        LOGS.append(self.log_file)
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, "--port", str(self.port), *self.options],
                cwd=self.folder,
                env=environment(self.settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                umask=self.umask,
                process_group=0,
            )
        self._await_ready()
        return self

    def signal(self, number: signal.Signals) -> None:
        """Send its process a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end and return the exit code."""
        assert self.process is not None
        return self.process.wait(STOP_SECONDS)

    def stop(self) -> int:
        """End it as a service manager does, and return its exit code."""
        self._hang_up()
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End it as a power cut does."""
        self.signal(signal.SIGKILL)
        self.wait()
        self._hang_up()

    @contextmanager
    def running(self) -> Generator[Self]:
        """Start it, and stop it in the end whatever happens."""
        try:
            yield self.start()
        except BaseException:
            self.end()
            raise
        assert self.end() in {None, 0, -signal.SIGTERM}

    def end(self) -> int | None:
        """Leave no process behind; return the exit code, or None where it has ended before."""
        if self.process is None or self.process.poll() is not None:
            self._hang_up()
            return None
        try:
            return self.stop()
        except subprocess.TimeoutExpired:
            # Its workers, if any, are of its process group.
            os.killpg(self.process.pid, signal.SIGKILL)
            self.wait()
            raise

    def cpu_seconds(self) -> float:
        """Return the processor time its process has used."""
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def forget_peak(self) -> None:
        """Have `peak_bytes` begin anew, at what its process has now. Source: proc(5), clear_refs."""
        assert self.process is not None
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5", "ascii")

    def peak_bytes(self) -> int:
        """Return the most memory its process has had at any time."""
        return self._status("VmHWM")

    def resident_bytes(self) -> int:
        """Return the memory that its process has now."""
        return self._status("VmRSS")

    def bytes_read(self) -> int:
        """Return how many bytes its process has read, from sockets as from files."""
        assert self.process is not None
        return int(Path(f"/proc/{self.process.pid}/io").read_text("ascii").split()[1])

    def threads(self) -> int:
        """Return how many threads its process has."""
        assert self.process is not None
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def _status(self, name: str) -> int:
        """Return a size that the kernel tells of its process. Source: proc(5)."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        (line,) = (line for line in status.splitlines() if line.startswith(f"{name}:"))
        return int(line.split()[1]) * 1024

    def _hang_up(self) -> None:
        """Close the client's connections."""
        client = self.__dict__.pop("http", None)
        if client is not None:
            client.close()

    def _await_ready(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + self.start_seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx2.get(f"{self.url}/readyz", trust_env=False, verify=False).status_code == 200:
                    return
            except httpx2.TransportError:
                time.sleep(0.02)
        message = f"the server did not start: {self.log[-2000:]}"
        raise RuntimeError(message)
