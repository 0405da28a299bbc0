"""Databases for the storage's tests: each kind is made once per run; tests use accounts of their own."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from postkeep.bootstrap.wiring import freshness_of
from postkeep.storage.embedded_archive import EmbeddedArchive
from postkeep.storage.freshness import EmbeddedFreshness, SharedFreshness
from postkeep.storage.migrate import upgrade
from postkeep.storage.server_archive import ServerArchive
from tests.contracts.archive import Vault
from tests.databases import MariaDbServer, OutsideServer, Server
from tests.integration.storage.opened import (
    KINDS,
    SERVERS,
    AnyStorage,
    Opened,
    make_file,
    open_embedded,
    open_in_memory,
    open_server,
    remove_everything,
)


@pytest.fixture(scope="session")
def mariadb_url(mariadb: MariaDbServer) -> Iterator[URL]:
    """Return a MariaDB database with our schema."""
    with mariadb.database() as url:
        upgrade(url)
        yield url


@pytest.fixture(scope="session")
def mysql_url(outside_server: OutsideServer | None) -> Iterator[URL]:
    """Return a MySQL database with our schema; only asked for where there is a server."""
    assert outside_server is not None
    with outside_server.database() as url:
        upgrade(url)
        yield url


@pytest.fixture(scope="session")
async def embedded(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    """Return a SQLite file."""
    del anyio_backend
    async with open_embedded(tmp_path_factory.mktemp("embedded") / "postkeep.db") as opened:
        yield opened


@pytest.fixture(scope="session")
async def memory(anyio_backend: str) -> AsyncIterator[Opened]:
    """Return a database in memory."""
    del anyio_backend
    async with open_in_memory() as opened:
        yield opened


@pytest.fixture(scope="session")
async def mariadb_opened(anyio_backend: str, mariadb_url: URL) -> AsyncIterator[Opened]:
    """Return a MariaDB database."""
    del anyio_backend
    async with open_server("mariadb", mariadb_url) as opened:
        yield opened


@pytest.fixture(scope="session")
async def mysql_opened(anyio_backend: str, mysql_url: URL) -> AsyncIterator[Opened]:
    """Return a MySQL database."""
    del anyio_backend
    async with open_server("mysql", mysql_url) as opened:
        yield opened


FIXTURES = {"embedded": "embedded", "memory": "memory", "mariadb": "mariadb_opened", "mysql": "mysql_opened"}


@pytest.fixture(params=KINDS)
def opened(request: pytest.FixtureRequest, anyio_backend: str) -> Opened:
    """Return a database of each kind in turn."""
    del anyio_backend
    opened: Opened = request.getfixturevalue(FIXTURES[request.param])
    return opened


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, anyio_backend: str) -> Opened:
    """Return a server's database of each kind in turn."""
    del anyio_backend
    opened: Opened = request.getfixturevalue(FIXTURES[request.param])
    return opened


@pytest.fixture
def storage(opened: Opened) -> AnyStorage:
    """Return a storage over each kind of database in turn."""
    return opened.storage


@pytest.fixture
async def fresh(server: Opened) -> AsyncGenerator[Opened]:
    """Return a storage of the test's own, whose engines may be disturbed."""
    async with open_server(server.kind, server.url, pool_size=3) as opened:
        yield opened


@pytest.fixture
async def freshness(opened: Opened) -> AsyncIterator[EmbeddedFreshness | SharedFreshness]:
    """Return what reads the stamps of the storage on each kind of database."""
    found = freshness_of(opened.storage, opened.url)
    yield found
    await found.close()


@pytest.fixture(scope="session")
def mariadb_vault_url(mariadb: MariaDbServer) -> Iterator[URL]:
    """Return a MariaDB database with our schema, for tests that take it as a whole."""
    with mariadb.database() as url:
        upgrade(url)
        yield url


@pytest.fixture(scope="session")
def mysql_vault_url(outside_server: OutsideServer | None) -> Iterator[URL]:
    """Return a MySQL database with our schema, for tests that take it as a whole."""
    assert outside_server is not None
    with outside_server.database() as url:
        upgrade(url)
        yield url


@pytest.fixture(params=SERVERS)
def server_vault_url(request: pytest.FixtureRequest) -> URL:
    """Return an empty database of each kind of server in turn."""
    url: URL = request.getfixturevalue(f"{request.param}_vault_url")
    remove_everything(url)
    return url


@pytest.fixture(params=["embedded", *SERVERS])
def vault_url(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """Return an empty database of each kind in turn."""
    if request.param == "embedded":
        make_file(tmp_path / "postkeep.db")
        return URL.create("sqlite", database=str(tmp_path / "postkeep.db"))
    url: URL = request.getfixturevalue(f"{request.param}_vault_url")
    remove_everything(url)
    return url


@pytest.fixture
async def vault(vault_url: URL) -> AsyncIterator[Vault]:
    """Return an empty database as a whole, and as everybody else uses it."""
    if vault_url.get_backend_name() == "sqlite":
        path = Path(vault_url.database or "")
        async with open_embedded(path) as opened:
            yield Vault(EmbeddedArchive(path), opened.storage)
    else:
        async with open_server("server", vault_url) as opened:
            yield Vault(ServerArchive(vault_url), opened.storage)


@pytest.fixture(params=SERVERS)
def database_server(request: pytest.FixtureRequest) -> Server:
    """Return a server of each kind in turn, for tests that need databases of their own."""
    found: Server = request.getfixturevalue({"mariadb": "mariadb", "mysql": "outside_server"}[request.param])
    return found
