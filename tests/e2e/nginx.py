"""nginx with deploy/nginx.conf in front of a server: on loopback, in a folder of its own, stopped by its own handle."""

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
CONFIGURATION = ROOT / "deploy/nginx.conf"
START_SECONDS = 10

_MAIN = """
daemon off;
{user}
worker_processes 1;
pid {folder}/pid;
error_log {folder}/errors.log;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/postkeep.conf;
}}
"""


@dataclass
class Nginx:
    """nginx in front of a server.

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
        (self.folder / "postkeep.conf").write_text(self._configuration(), "utf-8")
        # Root's nginx would give its work to a user who may not read this folder.
        user = "user root;" if os.geteuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(_MAIN.format(folder=self.folder, user=user), "utf-8")
        errors = self.folder / "errors.log"
        LOGS.extend([self.folder / "access.log", errors])
        process = subprocess.Popen([_program(), "-p", self.folder, "-e", errors, "-c", self.folder / "nginx.conf"])
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
            client.event_hooks = {"response": [_take_nginxs_name, look_at]}
            yield client

    def reader(self, *, address: str | None = None) -> httpx2.Client:
        """Make a client that reads what it is told to, when it is told to; it may call from an address of loopback."""
        tls = ssl.create_default_context(cafile=str(self.certificate))
        transport = httpx2.HTTPTransport(verify=tls, trust_env=False, local_address=address)
        return httpx2.Client(base_url=self.url, transport=transport, trust_env=False, timeout=30)

    def _configuration(self) -> str:
        """Return the file that operators take, with this test's addresses; each must be there to be replaced."""
        text = CONFIGURATION.read_text("utf-8")
        for pattern, here, count in (
            (r"listen \[::\]:[^;]+;", "", 2),
            (r"listen 80;", f"listen 127.0.0.1:{self.plain_port};", 1),
            (r"listen 443 ", f"listen 127.0.0.1:{self.port} ", 1),
            (r"server 127\.0\.0\.1:8000;", f"server 127.0.0.1:{self.server.port};", 1),
            (r"/var/log/nginx/postkeep\.log", f"{self.folder}/access.log", 2),
            (r"/etc/letsencrypt/live/example\.com/fullchain\.pem", str(self.certificate), 1),
            (r"/etc/letsencrypt/live/example\.com/privkey\.pem", f"{self.folder}/key.pem", 1),
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
        message = f"nginx did not start: {(self.folder / 'errors.log').read_text('utf-8')[-2000:]}"
        raise RuntimeError(message)


def _program() -> str:
    """Find nginx where Debian keeps it, or where bin/setup/servers.py unpacked it."""
    unpacked = ROOT / ".cache/nginx/usr/sbin"
    program = shutil.which("nginx", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", str(unpacked)]))
    if program is None:
        message = "nginx is not there: bin/test unpacks it where apt-get may be used"
        raise RuntimeError(message)
    return program


def _take_nginxs_name(response: httpx2.Response) -> None:
    """See that nginx names itself and no version; Postkeep's answers have no such header."""
    assert response.headers.pop("server") == "nginx"
