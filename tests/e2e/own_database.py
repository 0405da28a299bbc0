"""A server on a MariaDB that a test may hurt, because nobody else uses it."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.databases import MariaDbProcess, MariaDbServer
from tests.e2e.cli.commands import beside
from tests.e2e.conftest import settings_for
from tests.e2e.servers import PostkeepServer


@contextmanager
def on_own_mariadb(folder: Path) -> Generator[tuple[PostkeepServer, MariaDbProcess]]:
    """Start a database and a server on it, and stop both in the end."""
    database = MariaDbProcess(folder)
    database.install()
    try:
        mariadb = MariaDbServer(database.url)
        mariadb.await_start(database.start())
        mariadb.run("CREATE DATABASE postkeep")
        settings = settings_for(database.url.set(database="postkeep").render_as_string(hide_password=False))
        server = PostkeepServer(folder, settings)
        assert beside(server, "migrate", "upgrade").code == 0
        with server.running():
            yield server, database
    finally:
        database.stop()
