"""People to test with."""

import pytest

from tests.e2e.clients import Person
from tests.e2e.servers import PostkeepServer


# For a module and not for the run, which may take longer than an access token lives.
@pytest.fixture(scope="module")
def _residents() -> dict[str, Person]:
    return {}


@pytest.fixture
def resident(server: PostkeepServer, _residents: dict[str, Person]) -> Person:
    """Return somebody with an account on the server, for tests that do not mind what others did with it."""
    if server.url not in _residents:
        _residents[server.url] = Person.signs_up(server.http)
    return _residents[server.url]
