"""No list is ever wrong, however many processes serve (CASES.md: CA-01, CA-02, CA-12, TK-20; invariants I1 to I5)."""

import asyncio
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.databases import MariaDbServer
from tests.e2e.conftest import settings_for
from tests.e2e.hammer import Hammer
from tests.e2e.servers import PROGRAM, PostkeepServer, environment

OPERATIONS = 3400
"""In each of the six runs; together they are more than 20,000."""


@contextmanager
def serving(
    folder: Path, workers: int, mariadb: MariaDbServer | None = None, **settings: str
) -> Generator[PostkeepServer]:
    """Serve with some workers on a database of this run's own."""
    options = ("--workers", str(workers))
    if mariadb is None:
        with PostkeepServer(folder, {**settings_for(), **settings}, options=options).running() as server:
            yield server
        return
    with mariadb.database() as url:
        given = {**settings_for(url.render_as_string(hide_password=False)), **settings}
        subprocess.run(
            [PROGRAM, "migrate", "upgrade"], check=True, capture_output=True, env=environment(given), cwd=folder
        )
        with PostkeepServer(folder, given, options=options).running() as server:
            yield server


def hammer(server: PostkeepServer, operations: int) -> None:
    """Use a server hard, and see that no list was wrong and nothing failed."""
    run = Hammer(server.port)
    asyncio.run(run.run(operations))
    assert run.violations == []
    assert run.operations >= operations
    assert server.events("failed") == []
    assert server.events("storage_failed") == server.events("storage_busy") == []


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("database", ["sqlite", "mariadb"])
def test_no_list_is_wrong(request: pytest.FixtureRequest, tmp_path: Path, database: str, workers: int) -> None:
    """After an acknowledged write, whichever worker is asked, by whichever client, under whichever name."""
    mariadb = request.getfixturevalue("mariadb") if database == "mariadb" else None
    with serving(tmp_path, workers, mariadb, POSTKEEP_ACCESS_LOG="misses") as server:
        hammer(server, OPERATIONS)


def test_no_list_is_wrong_where_little_is_remembered(tmp_path: Path) -> None:
    """With a memory that forgets all the time, and lists that are too long for it."""
    with serving(tmp_path, 2, POSTKEEP_CACHE_BYTES=str(1024 * 1024)) as server:
        hammer(server, 800)


def test_ca_12_no_list_is_wrong_where_nothing_is_remembered(tmp_path: Path) -> None:
    """The same histories."""
    with serving(tmp_path, 2, POSTKEEP_CACHE_TTL="0") as server:
        hammer(server, 800)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("database", ["sqlite", "mariadb"])
def test_no_list_is_wrong_for_long(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> None:
    """A hundred thousand operations on three workers."""
    mariadb = request.getfixturevalue("mariadb") if database == "mariadb" else None
    with serving(tmp_path, 3, mariadb) as server:
        hammer(server, 100_000)
