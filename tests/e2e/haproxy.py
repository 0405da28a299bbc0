"""HAProxy with deploy/haproxy.cfg."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.e2e.reverse_proxies import ROOT, ReverseProxy, unpacked
from tests.e2e.servers import PostkeepServer


@dataclass
class Haproxy(ReverseProxy):
    """HAProxy in front of a server, and of more that keep to the same database.

    Attributes:
        more: The other servers.
    """

    program = "haproxy"
    configuration = ROOT / "deploy/haproxy.cfg"

    more: Sequence[PostkeepServer] = ()

    def _prepare(self) -> Sequence[str]:
        """Write its certificate with the key, and its configuration."""
        both = self.certificate.read_text("ascii") + (self.folder / "key.pem").read_text("ascii")
        (self.folder / "postkeep.pem").write_text(both, "ascii")
        servers = "\n".join(
            rf"    server s{number} 127.0.0.1:{server.port} \1"
            for number, server in enumerate((self.server, *self.more))
        )
        text = self._configured(
            (r"log /dev/log local0", "log stdout format raw local0", 1),
            (r" +(user|group) haproxy\n", "", 2),
            (r"bind :80\n", f"bind 127.0.0.1:{self.plain_port}\n", 1),
            (
                r"bind :443 ssl crt /etc/haproxy/postkeep\.pem",
                f"bind :{self.port} ssl crt {self.folder}/postkeep.pem",
                1,
            ),
            (r"bind :(\d+) ssl", r"bind 127.0.0.1:\1 ssl", 1),
            (r" +server one 127\.0\.0\.1:8000 (.+)", servers, 1),
        )
        (self.folder / "haproxy.cfg").write_text(text, "utf-8")
        return ["-db", "-f", str(self.folder / "haproxy.cfg")]

    def _environment(self) -> Mapping[str, str]:
        """Name its libraries' places: where it was unpacked and not installed, they lie beside it."""
        places = [str(path.parent) for path in unpacked(self.program).glob("lib/*/liblua*")]
        return {"LD_LIBRARY_PATH": os.pathsep.join(places)} if places else {}
