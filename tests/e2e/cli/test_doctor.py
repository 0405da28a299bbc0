"""postkeep doctor: whoever was woken at night reads what is the matter, and what to do."""

import asyncio
import json
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import jwt
import pytest
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import create_async_engine

from postkeep.storage.embedded_file import FileLock
from tests.databases import MariaDbProcess, MariaDbServer, free_port
from tests.e2e.cli.commands import Outcome, postkeep, refusal
from tests.e2e.clients import Person
from tests.e2e.servers import PostkeepServer
from tests.faults.disks import small_disk
from tests.integration.storage.proxy import Proxy

NOBODY = {"POSTKEEP_PORT": "1"}
"""Where nobody serves; at the usual port a developer may."""

SECRET = {**NOBODY, "POSTKEEP_SECRET_KEY": "x7Kq2-vT9wLm4_ZpR8sYb3Nc6HdJf1Ga"}


def verdicts(out: str) -> dict[str, str]:
    """Return how bad each place was found."""
    return {finding["place"]: finding["verdict"] for finding in json.loads(out)}


def test_a_server_that_is_well_is_found_well(server: PostkeepServer) -> None:
    """On each database, and while it serves."""
    settings = {**server.settings, "POSTKEEP_PORT": str(server.port)}
    done = postkeep("doctor", settings=settings, folder=server.folder)
    assert done.code == 0, done.out
    assert "ERROR" not in done.out
    assert "schema" in done.out
    found = verdicts(postkeep("doctor", "--json", settings=settings, folder=server.folder).out)
    assert set(found.values()) <= {"ok", "warning"}
    assert found["server"] == "ok"


def test_it_changes_nothing(tmp_path: Path) -> None:
    """Before the first start, too: a doctor that makes a database would hide that there is none."""
    done = postkeep("doctor", settings=NOBODY, folder=tmp_path)
    assert done.code == 0
    assert "is not there yet" in done.out
    assert list(tmp_path.iterdir()) == []


def test_a_setting_at_its_default_is_not_counted(tmp_path: Path) -> None:
    """Whoever copied .env.example has changed nothing."""
    settings = {**NOBODY, "POSTKEEP_DRAIN_SECONDS": "2", "POSTKEEP_WORKERS": "1", "POSTKEEP_TRUSTED_HOSTS": ""}
    done = postkeep("doctor", settings=settings, folder=tmp_path)
    assert "They can be read; 1 are not at their default." in done.out


def test_a_setting_that_cannot_be_is_named(tmp_path: Path) -> None:
    """With the word that was probably meant; nothing else can be looked at."""
    done = postkeep("doctor", "--json", settings={"POSTKEEP_PROT": "1"}, folder=tmp_path)
    assert done.code == 1
    (finding,) = json.loads(done.out)
    assert finding["place"] == "settings"
    assert "did you mean POSTKEEP_PORT?" in finding["said"]


def test_files_that_others_may_read_are_named(tmp_path: Path) -> None:
    """Each with what to do."""
    data = tmp_path / "postkeep-data"
    data.mkdir(mode=0o700)
    (data / "postkeep.db").touch(0o600)
    (data / "postkeep.db").chmod(0o644)
    done = postkeep("doctor", "--json", settings=SECRET, folder=tmp_path)
    assert done.code == 1
    assert verdicts(done.out)["files"] == "error"
    assert "postkeep.db: run chmod go=" in done.out


def test_a_lock_that_somebody_keeps_is_found(tmp_path: Path) -> None:
    """An operator's own transaction, say: lists are answered, the server is ready, and all that adds is refused."""
    assert postkeep("migrate", "upgrade", settings=NOBODY, folder=tmp_path).code == 0
    database = tmp_path / "postkeep-data" / "postkeep.db"
    free = verdicts(postkeep("doctor", "--json", settings=NOBODY, folder=tmp_path).out)
    with closing(sqlite3.connect(database, isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        done = postkeep("doctor", "--json", settings=NOBODY, folder=tmp_path)
    (said,) = [finding["said"] for finding in json.loads(done.out) if finding["place"] == "writing"]
    assert (free["writing"], done.code) == ("ok", 1)
    assert "fuser postkeep-data/postkeep.db" in said


def test_a_turn_to_write_that_somebody_keeps_is_found(tmp_path: Path) -> None:
    """A command that was stopped between two statements, say: nobody has the database's own lock."""
    assert postkeep("migrate", "upgrade", settings=NOBODY, folder=tmp_path).code == 0
    with closing(FileLock(tmp_path / "postkeep-data" / "postkeep.db")) as lock, lock.held():
        done = postkeep("doctor", "--json", settings=NOBODY, folder=tmp_path)
    (said,) = [finding["said"] for finding in json.loads(done.out) if finding["place"] == "writing"]
    assert done.code == 1
    assert "somebody has held" in said
    assert "postkeep.db.lock" in said


def test_a_disk_that_is_full_is_said_wherever_it_matters(tmp_path: Path) -> None:
    """The lock can be had all the same; "whoever wants to can write" would send an operator elsewhere."""
    try:
        with small_disk(tmp_path, 24) as disk:
            assert disk is not None
            settings = {**NOBODY, "POSTKEEP_DATA_DIR": str(disk / "data")}
            assert postkeep("migrate", "upgrade", settings=settings, folder=tmp_path).code == 0
            (disk / "old-export.tar").write_bytes(bytes(shutil.disk_usage(disk).free))
            done = postkeep("doctor", "--json", settings=settings, folder=tmp_path)
    except subprocess.CalledProcessError:
        pytest.skip("this process may not mount a file system")
    said = {finding["place"]: finding["said"] for finding in json.loads(done.out)}
    assert (done.code, verdicts(done.out)["writing"]) == (1, "error")
    assert "its disk is full" in said["writing"]
    assert "posts are refused" in said["disk"]


def test_what_cannot_be_opened_on_a_full_disk_says_what_may_be_the_matter(tmp_path: Path) -> None:
    """SQLite finds no room for its -shm and says "disk I/O error", which sounds like a broken disk."""
    create = ("account", "create", "ann@example.com", "--password-stdin")
    try:
        with small_disk(tmp_path, 24) as disk:
            assert disk is not None
            settings = {**SECRET, "POSTKEEP_DATA_DIR": str(disk / "data")}
            assert postkeep(*create, settings=settings, folder=tmp_path, stdin=b"five purple ducks").code == 0
            (disk / "old-export.tar").write_bytes(bytes(shutil.disk_usage(disk).free))
            outcome = postkeep("account", "list", settings=settings, folder=tmp_path)
            found = postkeep("doctor", settings=settings, folder=tmp_path).out
    except subprocess.CalledProcessError:
        pytest.skip("this process may not mount a file system")
    assert (outcome.code, "may be full" in refusal(outcome)) == (3, True), outcome
    assert "may be full" in found


def test_a_database_server_that_is_away_is_one_line(tmp_path: Path) -> None:
    """And the other findings are there all the same."""
    url = f"mysql://postkeep:password@127.0.0.1:{free_port()}/postkeep"
    done = postkeep("doctor", "--json", settings={**SECRET, "POSTKEEP_DATABASE_URL": url}, folder=tmp_path)
    assert done.code == 1
    found = verdicts(done.out)
    assert (found.pop("server"), found.pop("proxies")) == ("warning", "ok")
    assert found == {"settings": "ok", "secret": "ok", "disk": "ok", "database": "error"}
    assert "\\n" not in done.out
    assert "Is it running" in done.out
    assert "password@" not in done.out


def test_a_server_that_hangs_is_found(tmp_path: Path) -> None:
    """Settings, files and the database are as they should be, and yet nobody is answered."""
    server = PostkeepServer(tmp_path, dict(SECRET))
    with server.running():
        settings = {**SECRET, "POSTKEEP_PORT": str(server.port)}
        server.signal(signal.SIGSTOP)
        try:
            done = postkeep("doctor", "--json", settings=settings, folder=tmp_path)
        finally:
            server.signal(signal.SIGCONT)
    assert (done.code, verdicts(done.out)["server"]) == (1, "error")
    assert "no answer" in done.out
    assert "It hangs, for the database is well: restart it." in done.out


def test_a_server_that_waits_for_its_database_is_not_said_to_hang(tmp_path: Path) -> None:
    """Restarting it would help nobody."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"mysql://postkeep:password@127.0.0.1:{free_port()}/postkeep"
        settings = {**SECRET, "POSTKEEP_PORT": str(silent.getsockname()[1]), "POSTKEEP_DATABASE_URL": url}
        done = postkeep("doctor", settings=settings, folder=tmp_path)
    assert "The database first: see below." in done.out
    assert "restart" not in done.out


def test_the_name_of_the_secret_is_that_of_the_log(tmp_path: Path) -> None:
    """Where everybody is logged out at once, two names tell that the secret is another one; neither tells it."""
    server = PostkeepServer(tmp_path, dict(SECRET))
    with server.running():
        person = Person.signs_up(server.http)
        done = postkeep("doctor", settings=SECRET, folder=tmp_path)
    (started,) = server.events("started")
    assert f"called {started['key']}" in done.out
    assert jwt.get_unverified_header(person.access)["kid"] == started["key"]


def test_more_connections_than_the_database_allows_are_found(tmp_path: Path, mariadb: MariaDbServer) -> None:
    """Otherwise the busiest minute finds it."""
    with mariadb.database() as url:
        settings = {**SECRET, "POSTKEEP_DATABASE_URL": url.render_as_string(hide_password=False)}
        many = {**settings, "POSTKEEP_WORKERS": "64", "POSTKEEP_DATABASE_POOL_SIZE": "200"}
        found = [
            verdicts(postkeep("doctor", "--json", settings=each, folder=tmp_path).out)["connections"]
            for each in (settings, many)
        ]
    assert found == ["ok", "warning"]


def test_a_database_server_that_takes_no_writes_is_found(tmp_path: Path) -> None:
    """A replica, or a primary that somebody has switched over: reading goes on, so nothing else says so."""
    (server := tmp_path / "server").mkdir()
    with MariaDbServer.started(server) as mariadb, mariadb.database() as url:
        settings = {**SECRET, "POSTKEEP_DATABASE_URL": url.render_as_string(hide_password=False)}
        assert postkeep("migrate", "upgrade", settings=settings, folder=tmp_path).code == 0
        mariadb.run("SET GLOBAL read_only = ON")
        done = postkeep("doctor", "--json", settings=settings, folder=tmp_path)
    assert (done.code, verdicts(done.out)["writing"]) == (1, "error")


def test_a_database_server_that_was_started_to_be_read_is_found(tmp_path: Path) -> None:
    """As whoever saves what is left of a damaged one does: its read_only says nothing."""
    (folder := tmp_path / "server").mkdir()
    process = MariaDbProcess(folder)
    process.install()
    mariadb = MariaDbServer(process.url)
    settings = {**SECRET, "POSTKEEP_DATABASE_URL": process.url.set(database="kept").render_as_string()}
    try:
        mariadb.await_start(process.start())
        mariadb.run("CREATE DATABASE kept")
        assert postkeep("migrate", "upgrade", settings=settings, folder=tmp_path).code == 0
        process.stop()
        process.options = ("--innodb-read-only",)
        mariadb.await_start(process.start())
        done = postkeep("doctor", "--json", settings=settings, folder=tmp_path)
    finally:
        process.stop()
    assert (done.code, verdicts(done.out)["writing"]) == (1, "error")


def test_what_a_database_server_may_lose_is_found(tmp_path: Path) -> None:
    """At 0 its own death is enough, which no machine has to fail for: acknowledged posts are gone when it is back."""
    (server := tmp_path / "server").mkdir()
    found: list[tuple[int, str | None]] = []
    with MariaDbServer.started(server) as mariadb, mariadb.database() as url:
        settings = {**SECRET, "POSTKEEP_DATABASE_URL": url.render_as_string(hide_password=False)}
        assert postkeep("migrate", "upgrade", settings=settings, folder=tmp_path).code == 0
        for flushes in (0, 2, 1):
            mariadb.run(f"SET GLOBAL innodb_flush_log_at_trx_commit = {flushes}")
            done = postkeep("doctor", "--json", settings=settings, folder=tmp_path)
            found.append((done.code, verdicts(done.out).get("durability")))
    assert found == [(1, "error"), (0, "warning"), (0, None)]


def test_what_one_account_may_use_is_found(tmp_path: Path, mariadb: MariaDbServer) -> None:
    """It may be much less than the server allows all together."""
    with mariadb.database() as url:
        mariadb.run(
            "CREATE OR REPLACE USER bounded@'127.0.0.1' WITH MAX_USER_CONNECTIONS 6",
            f"GRANT ALL ON {url.database}.* TO bounded@'127.0.0.1'",
        )
        bounded = url.set(username="bounded", password=None).render_as_string(hide_password=False)
        done = postkeep("doctor", "--json", settings={**SECRET, "POSTKEEP_DATABASE_URL": bounded}, folder=tmp_path)
    (said,) = [finding["said"] for finding in json.loads(done.out) if finding["place"] == "connections"]
    assert said.startswith("The server allows 6,")


def test_a_database_server_that_takes_long_to_answer_is_found(tmp_path: Path, mariadb: MariaDbServer) -> None:
    """Everything succeeds, and everything is slow."""

    async def ask(url: URL) -> Outcome:
        proxy = Proxy(url)
        proxy.latency = lambda: 0.02
        async with proxy.running():
            settings = {**SECRET, "POSTKEEP_DATABASE_URL": proxy.url.render_as_string(hide_password=False)}
            return await asyncio.to_thread(postkeep, "doctor", "--json", settings=settings, folder=tmp_path)

    with mariadb.database() as url:
        done = asyncio.run(ask(url))
    (said,) = [finding["said"] for finding in json.loads(done.out) if finding["place"] == "speed"]
    assert re.match(r"It takes \d+ ms for an answer", said)


@pytest.mark.parametrize(
    ("speaks", "said"),
    [(b"", "takes connections and stays silent: it is frozen"), (b"J", "It greets, and then takes too long")],
    ids=["frozen", "slow"],
)
def test_a_database_server_that_is_frozen_is_told_apart_from_one_that_is_not_running(
    speaks: bytes, said: str, tmp_path: Path
) -> None:
    """Whoever is told to start what runs looks in the wrong place: in front of a frozen one, all seems to be there."""
    with ExitStack() as held:
        server = held.enter_context(socket.create_server(("127.0.0.1", 0)))

        def greet() -> None:
            with suppress(OSError):
                while True:
                    held.enter_context(server.accept()[0]).sendall(speaks)

        threading.Thread(target=greet, daemon=True).start()
        url = f"mysql://postkeep:password@127.0.0.1:{server.getsockname()[1]}/postkeep"
        settings = {**SECRET, "POSTKEEP_DATABASE_URL": url}
        done = postkeep("doctor", "--json", settings=settings, folder=tmp_path)
        server.shutdown(socket.SHUT_RDWR)
    (told,) = [finding["said"] for finding in json.loads(done.out) if finding["place"] == "database"]
    assert said in told
    assert (done.code, "running?" in told) == (1, False)


def test_an_account_that_has_all_the_connections_it_may_is_told_its_limit(
    tmp_path: Path, mariadb: MariaDbServer
) -> None:
    """The server would take many more: whoever looks at max_connections finds nothing."""

    async def ask(url: URL) -> Outcome:
        engine = create_async_engine(url)
        try:
            async with engine.connect():
                settings = {**SECRET, "POSTKEEP_DATABASE_URL": url.render_as_string(hide_password=False)}
                return await asyncio.to_thread(postkeep, "doctor", "--json", settings=settings, folder=tmp_path)
        finally:
            await engine.dispose()

    with mariadb.database() as url:
        mariadb.run(
            "CREATE OR REPLACE USER crowded@'127.0.0.1' WITH MAX_USER_CONNECTIONS 1",
            f"GRANT ALL ON {url.database}.* TO crowded@'127.0.0.1'",
        )
        done = asyncio.run(ask(url.set(username="crowded", password=None)))
    (said,) = [finding["said"] for finding in json.loads(done.out) if finding["place"] == "database"]
    assert "Its account may have 1 by MAX_USER_CONNECTIONS, and has that many." in said


@pytest.mark.parametrize(
    ("database", "user", "advice"),
    [("nowhere", None, "Make the database"), (None, "nobody", "password right?")],
    ids=["no-database", "no-user"],
)
def test_a_database_server_that_refuses_is_told_apart_from_one_that_is_away(
    database: str | None, user: str | None, advice: str, tmp_path: Path, mariadb: MariaDbServer
) -> None:
    """Whoever is told to start what runs looks in the wrong place."""
    with mariadb.database() as url:
        wrong = url.set(database=database or url.database, username=user or url.username)
        settings = {**SECRET, "POSTKEEP_DATABASE_URL": wrong.render_as_string(hide_password=False)}
        done = postkeep("doctor", "--json", settings=settings, folder=tmp_path)
    (said,) = [finding["said"] for finding in json.loads(done.out) if finding["place"] == "database"]
    assert advice in said
    assert (done.code, "running?" in said) == (1, False)


def test_a_schema_that_is_not_there_says_which_command_makes_it(tmp_path: Path, mariadb: MariaDbServer) -> None:
    """As the start would."""
    with mariadb.database() as url:
        settings = {**SECRET, "POSTKEEP_DATABASE_URL": url.render_as_string(hide_password=False)}
        done = postkeep("doctor", "--json", settings=settings, folder=tmp_path)
    assert done.code == 1
    assert verdicts(done.out)["schema"] == "error"
    assert "postkeep migrate upgrade" in done.out
    assert verdicts(done.out)["clock"] == "ok"


@pytest.mark.parametrize(
    ("settings", "place", "verdict"),
    [
        ({"POSTKEEP_HOST": "0.0.0.0"}, "names", "warning"),  # noqa: S104 - nobody listens
        ({"POSTKEEP_HOST": "0.0.0.0"}, "proxies", "warning"),  # noqa: S104 - nobody listens
        ({"POSTKEEP_METRICS_PORT": "8000", "POSTKEEP_PORT": "8000"}, "metrics", "error"),
        ({"POSTKEEP_SECRET_KEY": "short"}, "secret", "error"),
        ({"POSTKEEP_DATABASE_URL": "sqlite://"}, "database", "warning"),
    ],
    ids=["names", "proxies", "metrics", "secret", "memory"],
)
def test_what_will_not_go_well_is_said_before(
    settings: dict[str, str], place: str, verdict: str, tmp_path: Path
) -> None:
    """A wrong mix of settings is found here, and not by the first client."""
    done = postkeep("doctor", "--json", settings={**SECRET, **settings}, folder=tmp_path)
    assert verdicts(done.out)[place] == verdict
    assert done.code == (1 if verdict == "error" else 0)
    assert list(tmp_path.iterdir()) == []


def test_strangers_who_are_refused_together_are_spoken_of(tmp_path: Path) -> None:
    """Whoever sees them reads the doctor, where "ok" alone would send them elsewhere: it cannot know of a proxy."""
    done = postkeep("doctor", "--json", settings=SECRET, folder=tmp_path)
    (finding,) = [finding for finding in json.loads(done.out) if finding["place"] == "proxies"]
    assert "if strangers are refused together (429), set POSTKEEP_TRUSTED_PROXIES" in finding["said"]
