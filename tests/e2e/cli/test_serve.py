"""`postkeep serve`: where it listens, and what it says of that at the start."""

from pathlib import Path

import httpx2
import pytest

from tests.e2e.conftest import settings_for
from tests.e2e.servers import PostkeepServer


class OnIPv6(PostkeepServer):
    """A server on all addresses of IPv6."""

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://[::1]:{self.port}"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_all_addresses_are_those_of_ipv4_too(tmp_path: Path, workers: str) -> None:
    """However many processes serve; and the address that is named is one where they listen."""
    settings = {**settings_for(), "POSTKEEP_HOST": "::", "POSTKEEP_WORKERS": workers}
    with OnIPv6(tmp_path, settings).running() as server:
        assert server.http.get("/livez").status_code == 200
        assert httpx2.get(f"http://127.0.0.1:{server.port}/livez", trust_env=False).status_code == 200
    said = [line.split()[-1] for line in server.log.splitlines() if line.startswith(("  Postkeep:", "  API docs:"))]
    assert said == [server.url, f"{server.url}/docs"]
