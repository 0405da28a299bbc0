"""What all tests share."""

import atexit
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.databases import MariaDbServer, MySqlServer, OutsideServer, find_mysqld, find_outside_server


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --long."""
    parser.addoption("--long", action="store_true", help="run the tests that take minutes, too")


def _start_mysql() -> None:
    """Start MySQL where it is on PATH and none was named: the tests run on it as on one that somebody else started."""
    if os.environ.get("POSTKEEP_TEST_MYSQL_URL") or find_mysqld() is None:
        return
    stack = ExitStack()
    atexit.register(stack.close)
    server = stack.enter_context(MySqlServer.started(Path(stack.enter_context(TemporaryDirectory()))))
    os.environ["POSTKEEP_TEST_MYSQL_URL"] = server.url.render_as_string(hide_password=False)


# Here and now: the conftest files below this one ask for the server's name when they are imported.
_start_mysql()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests out unless they were asked for."""
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run coroutines on asyncio, as the server does."""
    return "asyncio"


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> None:
    """Keep the developer's own POSTKEEP_* settings out of the tests."""
    for name in [name for name in os.environ if name.startswith("POSTKEEP_") and not name.startswith("POSTKEEP_TEST_")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDbServer]:
    """Start a private MariaDB for this run, on loopback, and stop it in the end."""
    with MariaDbServer.started(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


@pytest.fixture(scope="session")
def outside_server() -> OutsideServer | None:
    """Return the server that POSTKEEP_TEST_MYSQL_URL names, or a MySQL found on PATH, if any."""
    return find_outside_server()
