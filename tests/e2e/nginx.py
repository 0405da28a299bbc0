"""nginx with deploy/nginx.conf."""

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

from tests.e2e.reverse_proxies import ROOT, ReverseProxy
from tests.e2e.servers import LOGS

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
class Nginx(ReverseProxy):
    """nginx in front of a server."""

    program = "nginx"
    configuration = ROOT / "deploy/nginx.conf"

    @contextmanager
    def client(self) -> Generator[httpx2.Client]:
        """Make a client that looks at every answer, nginx's name aside."""
        with super().client() as client:
            client.event_hooks["response"].insert(0, _take_nginxs_name)
            yield client

    def _prepare(self) -> Sequence[str]:
        """Write its configuration."""
        text = self._configured(
            (r"listen \[::\]:[^;]+;", "", 2),
            (r"listen 80;", f"listen 127.0.0.1:{self.plain_port};", 1),
            (r"listen 443 ", f"listen 127.0.0.1:{self.port} ", 1),
            (r"server 127\.0\.0\.1:8000;", f"server 127.0.0.1:{self.server.port};", 1),
            (r"/var/log/nginx/postkeep\.log", f"{self.folder}/access.log", 2),
            (r"/etc/letsencrypt/live/example\.com/fullchain\.pem", str(self.certificate), 1),
            (r"/etc/letsencrypt/live/example\.com/privkey\.pem", f"{self.folder}/key.pem", 1),
        )
        (self.folder / "postkeep.conf").write_text(text, "utf-8")
        # Root's nginx would give its work to a user who may not read this folder.
        user = "user root;" if os.geteuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(_MAIN.format(folder=self.folder, user=user), "utf-8")
        errors = self.folder / "errors.log"
        LOGS.extend([self.folder / "access.log", errors])
        return ["-p", str(self.folder), "-e", str(errors), "-c", str(self.folder / "nginx.conf")]


def _take_nginxs_name(response: httpx2.Response) -> None:
    """See that nginx names itself and no version; Postkeep's answers have no such header."""
    assert response.headers.pop("server") == "nginx"
