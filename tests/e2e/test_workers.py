"""Several workers and who started them: settings, signals, starts that fail (CASES.md, SV)."""

import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.clients import Person, connect
from tests.e2e.conftest import settings_for
from tests.e2e.servers import PROGRAM, PostkeepServer, environment
from tests.e2e.test_processes import eventually, workers_of


@pytest.fixture
def two(tmp_path: Path) -> Iterator[PostkeepServer]:
    """Serve with two workers that drain for five minutes unless somebody is in a hurry, as each of these tests is."""
    settings = {**settings_for(), "POSTKEEP_DRAIN_SECONDS": "300"}
    with PostkeepServer(tmp_path, settings, options=("--workers", "2")).running() as server:
        assert eventually(lambda: len(server.events("started")) == 2)
        yield server


def test_a_worker_that_comes_later_has_the_settings_of_the_others(tmp_path: Path) -> None:
    """Else two databases are served, and who is known to one process is unknown to the other."""
    env_file, settings = tmp_path / ".env", settings_for()
    del settings["POSTKEEP_SECRET_KEY"]
    env_file.write_text("POSTKEEP_DATA_DIR=one\n", "utf-8")
    with PostkeepServer(tmp_path, settings, options=("--workers", "2")).running() as server:
        person = Person.signs_up(server.http)
        assert eventually(lambda: len(server.events("started")) == 2)
        env_file.write_text("POSTKEEP_DATA_DIR=two\n", "utf-8")
        (tmp_path / "one/secret.key").unlink()
        for worker in workers_of(server):
            os.kill(worker, signal.SIGKILL)
        assert eventually(lambda: len(server.events("started")) == 4)
        with ExitStack() as stack:
            clients = [stack.enter_context(connect(server.url, connections=1)) for _ in range(8)]
            ids = [person.at(client).add("kept") for client in clients]
            assert [len(person.at(client).posts()) for client in clients] == [len(ids)] * 8
        assert len({event["key"] for event in server.events("started")}) == 1
    assert not (tmp_path / "two").exists()


def test_a_second_sigterm_does_not_wait_for_workers_either(two: PostkeepServer) -> None:
    """Whoever is in a hurry says it twice, to whom was told the first time."""
    two.signal(signal.SIGTERM)
    assert eventually(lambda: len(two.events("draining")) == 2)
    two.signal(signal.SIGTERM)
    assert two.wait() == 0
    assert len(two.events("stopped")) == 2


def test_the_end_does_not_wait_for_a_replacement(two: PostkeepServer) -> None:
    """The one that is to be replaced drains for minutes: nothing that SIGHUP began may make SIGTERM unheard."""
    two.signal(signal.SIGHUP)
    assert eventually(lambda: len(two.events("draining")) == 1)
    two.signal(signal.SIGTERM)
    assert eventually(lambda: len(two.events("draining")) == 3)
    two.signal(signal.SIGTERM)
    assert two.wait() == 0
    assert len(two.events("stopped")) == 3


def test_no_worker_ends_by_the_sighup_of_a_terminal(tmp_path: Path) -> None:
    """A terminal tells it to each process; one that ends at once would cut off who is being served."""
    with PostkeepServer(tmp_path, settings_for(), options=("--workers", "2")).running() as server:
        assert eventually(lambda: len(server.events("started")) == 2)
        before = workers_of(server)
        for worker in before:
            os.kill(worker, signal.SIGHUP)
        assert server.http.get("/readyz").status_code == 200
        assert workers_of(server) == before


def test_a_closed_terminal_ends_all_workers_in_good_order(tmp_path: Path) -> None:
    """As it ends a single process: nobody would be left to end them."""
    server = PostkeepServer(tmp_path, {**settings_for(), "POSTKEEP_DRAIN_SECONDS": "1"})
    ours, theirs = pty.openpty()
    with server.log_file.open("ab") as log:
        process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", PROGRAM, "serve", "--port", str(server.port), "--workers", "2"],
            cwd=tmp_path,
            env=environment(server.settings),
            stdin=theirs,
            stdout=log,
            stderr=log,
        )
    os.close(theirs)
    try:
        assert eventually(lambda: len(server.events("started")) == 2)
        os.close(ours)
        assert process.wait(30) == 0
        assert [len(server.events(name)) for name in ("draining", "stopped")] == [2, 2]
    finally:
        process.kill()
        process.wait()


def test_a_worker_that_cannot_start_ends_nobody_who_serves(tmp_path: Path) -> None:
    """Another one dies while something is wrong for whoever starts anew: the rest goes on, and it comes back later."""
    with PostkeepServer(tmp_path, settings_for(), options=("--workers", "2")).running() as server:
        assert eventually(lambda: len(server.events("started")) == 2)
        person = Person.signs_up(server.http)
        version = server.rows.ask("SELECT version_num FROM alembic_version")[0]["version_num"]
        server.rows.change("UPDATE alembic_version SET version_num = 'unknown'")
        os.kill(workers_of(server)[0], signal.SIGKILL)
        assert eventually(lambda: "'unknown'" in server.log)
        with connect(server.url) as fresh:
            assert person.at(fresh).me().status_code == 200
        server.rows.change("UPDATE alembic_version SET version_num = :version", version=version)
        assert eventually(lambda: len(server.events("started")) == 3)
