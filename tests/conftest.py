"""What all tests share."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.databases import MariaDbServer, OutsideServer


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --long."""
    parser.addoption("--long", action="store_true", help="run the tests that take minutes, and try more examples")


def pytest_sessionstart() -> None:
    """Keep the developer's own settings out of the tests: those of Postkeep, and those of OpenTelemetry."""
    ours = [name for name in os.environ if name.startswith("POSTKEEP_") and not name.startswith("POSTKEEP_TEST_")]
    for name in [*ours, *(name for name in os.environ if name.startswith("OTEL_"))]:
        del os.environ[name]


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


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator["MariaDbServer"]:
    """Start a private MariaDB for this run, on loopback, and stop it in the end."""
    from tests.databases import MariaDbServer

    with MariaDbServer.started(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


@pytest.fixture(scope="session")
def outside_server() -> "OutsideServer | None":
    """Return the server that POSTKEEP_TEST_MYSQL_URL names, or a MySQL found on PATH, if any."""
    from tests.databases import find_outside_server

    return find_outside_server()
