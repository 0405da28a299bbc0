"""Servers to test against: one process per database for the whole run."""

import json
import os
import secrets
import subprocess
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import MappingProxyType

import jsonschema_rs
import pytest

from tests.databases import MariaDbServer, OutsideServer, Server, find_outside_server, start_mysql
from tests.e2e.clients import MARK, USED, secrets_in
from tests.e2e.servers import LOGS, PROGRAM, PostkeepServer, environment
from tests.events import SCHEMA

# Before the tests are collected, which are as many as there are databases.
start_mysql()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for `server` on each database: the embedded one, MariaDB, and another one where there is one."""
    if "database_name" in metafunc.fixturenames:
        databases = ["sqlite", "mariadb", *(["outside"] if find_outside_server() else [])]
        metafunc.parametrize("database_name", databases, indirect=True)


MANY_ATTEMPTS = {
    "POSTKEEP_LOGIN_FAILURES": "100000",
    "POSTKEEP_LOGIN_FAILURES_PER_NETWORK": "100000",
    "POSTKEEP_SIGNUPS_PER_HOUR": "100000",
}
"""Limits for a server that many tests share, all of them from one address. What is usual is tested by itself."""


def settings_for(database_url: str | None = None) -> dict[str, str]:
    """Return settings with a secret of their own."""
    settings = {
        "POSTKEEP_SECRET_KEY": secrets.token_urlsafe(32),
        "POSTKEEP_ACCESS_LOG": "all",
        # What requests by hand call every server.
        "POSTKEEP_TRUSTED_HOSTS": "x",
        **MANY_ATTEMPTS,
    }
    if database_url is None:
        return settings
    # The one that POSTKEEP_TEST_MYSQL_URL names may be on another machine, without TLS.
    return {**settings, "POSTKEEP_DATABASE_URL": database_url, "POSTKEEP_DATABASE_TLS": "off"}


def on_server(
    database: Server, folder: Path, options: tuple[str, ...] = (), changed: Mapping[str, str] = MappingProxyType({})
) -> Generator[PostkeepServer]:
    """Serve on a fresh database of a database server, with the settings that are usual here but those changed."""
    with database.database() as url:
        settings = settings_for(url.render_as_string(hide_password=False)) | dict(changed)
        server = PostkeepServer(folder, settings, options)
        subprocess.run(
            [PROGRAM, "migrate", "upgrade"],
            check=True,
            capture_output=True,
            env=environment(server.settings),
            cwd=folder,
        )
        with server.running():
            yield server


@pytest.fixture(scope="session", autouse=True)
def _no_secret_in_any_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Search the logs of all servers, in the end, for every password, token and text that was used (OP-04).

    Where several processes test, each leaves here what it used and which logs it has; the last one to end sees all.
    """
    yield
    base = tmp_path_factory.getbasetemp()
    everybody = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    # Thousands of texts and passwords begin with the mark of their process, which stands for all of them.
    used_here = {MARK, *(secret for secret in USED if MARK not in secret)}
    told = {"used": sorted(used_here), "logs": [str(log) for log in LOGS]}
    with NamedTemporaryFile("w", dir=everybody, prefix="told-", suffix=".part", delete=False, encoding="utf-8") as file:
        json.dump(told, file)
    Path(file.name).rename(Path(file.name).with_suffix(".json"))
    so_far = [json.loads(file.read_text("utf-8")) for file in everybody.glob("told-*.json")]
    used = {secret for each in so_far for secret in each["used"]}
    found = {log: secrets_in(Path(log).read_text("utf-8"), used) for each in so_far for log in each["logs"]}
    assert {log: secrets for log, secrets in found.items() if secrets} == {}


@pytest.fixture(scope="session", autouse=True)
def _every_line_is_described() -> Iterator[None]:
    """Hold each line of all logs to the schema that docs/logs.md promises, in the end."""
    yield
    described = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text("utf-8")))
    lines = (line for log in LOGS for line in log.read_text("utf-8").splitlines() if line.startswith("{"))
    assert [line for line in lines if not described.is_valid(json.loads(line))] == []


@pytest.fixture(scope="session")
def sqlite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostkeepServer]:
    """Serve on the embedded database; this one tells everything in its log."""
    settings = {**settings_for(), "POSTKEEP_LOG_LEVEL": "debug"}
    with PostkeepServer(tmp_path_factory.mktemp("sqlite"), settings).running() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server(mariadb: MariaDbServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostkeepServer]:
    """Serve on a fresh database of a private MariaDB."""
    yield from on_server(mariadb, tmp_path_factory.mktemp("mariadb-served"))


@pytest.fixture(scope="session")
def outside_postkeep_server(
    outside_server: OutsideServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostkeepServer]:
    """Serve on a fresh database of the server that POSTKEEP_TEST_MYSQL_URL names."""
    yield from on_server(outside_server, tmp_path_factory.mktemp("outside-served"))


@pytest.fixture
def database_name(request: pytest.FixtureRequest) -> str:
    """Return what a test runs on: sqlite, mariadb or outside."""
    name: str = request.param
    return name


@pytest.fixture
def server(request: pytest.FixtureRequest, database_name: str) -> PostkeepServer:
    """Return the running server on each database in turn."""
    names = {"sqlite": "sqlite_server", "mariadb": "mariadb_server", "outside": "outside_postkeep_server"}
    found: PostkeepServer = request.getfixturevalue(names[database_name])
    return found


def beside(server: PostkeepServer, **changed: str) -> Iterator[PostkeepServer]:
    """Serve the same database from a second process, with the same settings but those that are changed."""
    url = server.database_url.render_as_string(hide_password=False)
    settings = {**server.settings, "POSTKEEP_DATABASE_URL": url, **changed}
    with PostkeepServer(server.folder, settings).running() as second:
        yield second


@pytest.fixture(scope="session")
def _sqlite_beside(sqlite_server: PostkeepServer) -> Iterator[PostkeepServer]:
    yield from beside(sqlite_server)


@pytest.fixture(scope="session")
def _mariadb_beside(mariadb_server: PostkeepServer) -> Iterator[PostkeepServer]:
    yield from beside(mariadb_server)


@pytest.fixture(scope="session")
def _outside_beside(outside_postkeep_server: PostkeepServer) -> Iterator[PostkeepServer]:
    yield from beside(outside_postkeep_server)


@pytest.fixture
def second(request: pytest.FixtureRequest, database_name: str) -> PostkeepServer:
    """Return a second process that serves the same database as `server`."""
    found: PostkeepServer = request.getfixturevalue(f"_{database_name}_beside")
    return found


@pytest.fixture(scope="session")
def strict_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostkeepServer]:
    """Serve with settings that differ from what is usual wherever a test asks whether a setting counts."""
    settings = {
        **settings_for(),
        "POSTKEEP_PASSWORD_MIN_LENGTH": "15",
        "POSTKEEP_REFRESH_GRACE_SECONDS": "0",
        "POSTKEEP_ACCESS_TOKEN_SECONDS": "30",
        "POSTKEEP_TOKEN_ALGORITHM": "HS512",
        "POSTKEEP_DOCS": "false",
        "POSTKEEP_ACCESS_LOG": "off",
        "POSTKEEP_HASH_QUEUE": "0",
        "TZ": "Asia/Kathmandu",
    }
    with PostkeepServer(tmp_path_factory.mktemp("strict"), settings).running() as server:
        yield server
