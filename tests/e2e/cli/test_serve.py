"""`postkeep serve`: what it says of itself at the start."""

from pathlib import Path

from tests.e2e.conftest import settings_for
from tests.e2e.servers import PostkeepServer


class OnIPv6(PostkeepServer):
    """A server on all addresses of IPv6."""

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://[::1]:{self.port}"


def test_the_address_that_it_names_is_one_where_it_listens(tmp_path: Path) -> None:
    """Whoever listens on "::" need not listen on any address of IPv4."""
    with OnIPv6(tmp_path, {**settings_for(), "POSTKEEP_HOST": "::"}).running() as server:
        assert server.http.get("/livez").status_code == 200
    said = [line.split()[-1] for line in server.log.splitlines() if line.startswith(("  Postkeep:", "  API docs:"))]
    assert said == [server.url, f"{server.url}/docs"]
