"""HAProxy with deploy/haproxy.cfg before a server: on loopback, in a folder of its own, stopped by its own handle."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx2

from tests.databases import free_port
from tests.e2e.certificates import write_certificate
from tests.e2e.clients import look_at
from tests.e2e.servers import LOGS, PostkeepServer

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "deploy/haproxy.cfg"
UNPACKED = ROOT / ".cache/haproxy/usr"
START_SECONDS = 10


@dataclass
class Haproxy:
    """HAProxy in front of a server.

    Attributes:
        server: What it passes requests on to.
        folder: Where everything of its own lies.
    """

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
        both = self.certificate.read_text("ascii") + (self.folder / "key.pem").read_text("ascii")
        (self.folder / "postkeep.pem").write_text(both, "ascii")
        (self.folder / "haproxy.cfg").write_text(self._configuration(), "utf-8")
        log = self.folder / "log"
        LOGS.append(log)
        # Where it was unpacked and not installed, its libraries lie beside it.
        libraries = os.pathsep.join(str(path.parent) for path in UNPACKED.glob("lib/*/liblua*"))
        environment = {**os.environ, "LD_LIBRARY_PATH": libraries} if libraries else None
        command = [_program(), "-db", "-f", str(self.folder / "haproxy.cfg")]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        try:
            self._await_start(process)
            yield self
        finally:
            process.terminate()
            process.wait(START_SECONDS)

    @contextmanager
    def client(self) -> Generator[httpx2.Client]:
        """Make a client that looks at every answer."""
        tls = ssl.create_default_context(cafile=str(self.certificate))
        hooks = {"response": [look_at]}
        with httpx2.Client(base_url=self.url, verify=tls, trust_env=False, timeout=30, event_hooks=hooks) as client:
            yield client

    def _configuration(self) -> str:
        """Return the file that operators take, with this test's addresses; each must be there to be replaced."""
        text = CONFIGURATION.read_text("utf-8")
        for pattern, here, count in (
            (r"log /dev/log local0", "log stdout format raw local0", 1),
            (r" +(user|group) haproxy\n", "", 2),
            (r"bind :80\n", f"bind 127.0.0.1:{self.plain_port}\n", 1),
            (
                r"bind :443 ssl crt /etc/haproxy/postkeep\.pem",
                f"bind :{self.port} ssl crt {self.folder}/postkeep.pem",
                1,
            ),
            (r"bind :(\d+) ssl", r"bind 127.0.0.1:\1 ssl", 1),
            (r"server one 127\.0\.0\.1:8000", f"server one 127.0.0.1:{self.server.port}", 1),
        ):
            text, found = re.subn(pattern, here, text)
            assert found == count, pattern
        return text

    def _await_start(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        message = f"HAProxy did not start: {(self.folder / 'log').read_text('utf-8')[-2000:]}"
        raise RuntimeError(message)


def _program() -> str:
    """Find HAProxy where Debian keeps it, or where bin/setup/servers.py unpacked it."""
    places = os.pathsep.join([os.environ["PATH"], "/usr/sbin", str(UNPACKED / "sbin")])
    program = shutil.which("haproxy", path=places)
    if program is None:
        message = "HAProxy is not there: bin/test unpacks it where apt-get may be used"
        raise RuntimeError(message)
    return program
