"""A server that is started before its database (docs/operations.md)."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.databases import MariaDbProcess, MariaDbServer
from tests.e2e.cli.commands import postkeep
from tests.e2e.clients import Person
from tests.e2e.conftest import settings_for
from tests.e2e.servers import PostkeepServer
from tests.e2e.test_processes import eventually


def says_that_it_waits(server: PostkeepServer) -> bool:
    """Whether it has told its log what it waits for, which it does after five seconds."""
    return server.log_file.is_file() and bool(server.events("waiting_for_database"))


def test_a_server_waits_for_a_database_that_comes_late(tmp_path: Path) -> None:
    """After a power cut everything starts at the same time, and a database is not the fastest."""
    database = MariaDbProcess(tmp_path)
    database.install()
    with ExitStack() as stack:
        stack.callback(database.stop)
        mariadb = MariaDbServer(database.url)
        mariadb.await_start(database.start())
        mariadb.run("CREATE DATABASE postkeep")
        settings = settings_for(database.url.set(database="postkeep").render_as_string(hide_password=False))
        assert postkeep("migrate", "upgrade", settings=settings, folder=tmp_path).code == 0
        database.stop()
        servers = [
            PostkeepServer(tmp_path / count, settings, ("--workers", count), start_seconds=60) for count in ("1", "2")
        ]
        for server in servers:
            stack.callback(server.end)
        threads = stack.enter_context(ThreadPoolExecutor(len(servers)))
        starts = [threads.submit(server.start) for server in servers]
        assert eventually(lambda: all(map(says_that_it_waits, servers)) or any(start.done() for start in starts))
        assert not any(start.done() for start in starts)
        mariadb.await_start(database.start())
        for server in (start.result() for start in starts):
            Person.signs_up(server.http).add("kept")
            assert server.events("database_absent") == []
