"""Reverse proxies in front of a server, with the files that operators take: on loopback, in folders of their own."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

import httpx2

from tests.databases import free_port
from tests.e2e.certificates import write_certificate
from tests.e2e.clients import look_at
from tests.e2e.servers import LOGS, PostkeepServer

ROOT = Path(__file__).parents[2]
START_SECONDS = 10


@dataclass
class ReverseProxy(ABC):
    """A proxy in front of a server, stopped by its own handle.

    Attributes:
        program: What it is called.
        configuration: The file that operators take.
        server: What it passes requests on to.
        folder: Where everything of its own lies.
    """

    program: ClassVar[str]
    configuration: ClassVar[Path]

    server: PostkeepServer
    folder: Path
    port: int = field(default_factory=free_port)
    plain_port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def certificate(self) -> Path:
        """Its certificate, which is its own authority."""
        return self.folder / "certificate.pem"

    @contextmanager
    def running(self) -> Generator[Self]:
        """Start it, and stop it in the end whatever happens."""
        write_certificate(self.folder)
        log = self.folder / "log"
        LOGS.append(log)
        command = [self._find_program(), *self._prepare()]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **self._environment()})
        try:
            self._await_start(process)
            yield self
        finally:
            process.terminate()
            process.wait(START_SECONDS)

    @contextmanager
    def client(self) -> Generator[httpx2.Client]:
        """Make a client that looks at every answer."""
        with self.reader() as client:
            client.event_hooks = {"response": [look_at]}
            yield client

    def reader(self, *, address: str | None = None) -> httpx2.Client:
        """Make a client that reads what it is told to, when it is told to; it may call from an address of loopback."""
        tls = ssl.create_default_context(cafile=str(self.certificate))
        transport = httpx2.HTTPTransport(verify=tls, trust_env=False, local_address=address)
        return httpx2.Client(base_url=self.url, transport=transport, trust_env=False, timeout=30)

    @abstractmethod
    def _prepare(self) -> Sequence[str]:
        """Write what it needs into its folder, and return its options."""

    def _environment(self) -> Mapping[str, str]:
        """Return what it finds in its environment beside everything else."""
        return {}

    def _configured(self, *replaced: tuple[str, str, int]) -> str:
        """Return the file that operators take, with this test's own: each pattern must be there so many times."""
        text = self.configuration.read_text("utf-8")
        for pattern, here, count in replaced:
            text, found = re.subn(pattern, here, text)
            assert found == count, pattern
        return text

    def _await_start(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until it listens."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        message = f"{self.program} did not start: {(self.folder / 'log').read_text('utf-8')[-2000:]}"
        raise RuntimeError(message)

    def _find_program(self) -> str:
        """Find it where Debian keeps it, or where bin/setup/servers.py unpacked it."""
        places = [os.environ["PATH"], "/usr/sbin", str(unpacked(self.program) / "sbin")]
        found = shutil.which(self.program, path=os.pathsep.join(places))
        if found is None:
            message = f"{self.program} is not there: bin/test unpacks it where apt-get may be used"
            raise RuntimeError(message)
        return found


def unpacked(program: str) -> Path:
    """Return where a program lies that was unpacked and not installed."""
    return ROOT / ".cache" / program / "usr"
