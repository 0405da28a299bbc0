"""`postkeep migrate`, and the plain commands alembic and uvicorn (CASES.md, DB-28; SPECIFICATION.md, S-24, S-26)."""

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection
from typer.testing import CliRunner

import postkeep as package
from postkeep.cli import migrate
from postkeep.domain.errors import Misconfigured
from postkeep.storage.server_pool import create_server_engine
from tests.databases import MariaDbServer
from tests.e2e.cli.commands import Outcome, postkeep, refusal
from tests.e2e.clients import Person
from tests.e2e.conftest import settings_for
from tests.e2e.crowds import at_once
from tests.e2e.rows import Rows
from tests.e2e.servers import PostkeepServer, environment
from tests.integration.storage.proxy import Proxy

ROOT = Path(__file__).parents[3]
TABLES = {"accounts", "sessions", "posts", "idempotency_keys", "login_attempts", "schema_support", "alembic_version"}


class Site:
    """A database that nobody has used, and commands on it."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        """Take where commands run, and their settings."""
        self.folder = folder
        self.settings = settings
        self.server = PostkeepServer(folder, settings)

    def run(self, *arguments: str) -> Outcome:
        """Run a command of `postkeep migrate`."""
        return postkeep("migrate", *arguments, settings=self.settings, folder=self.folder)

    def says(self, *arguments: str) -> str:
        """Run a command that must succeed, and return what it prints."""
        outcome = self.run(*arguments)
        assert outcome.code == 0, outcome.err
        assert "Traceback" not in outcome.err
        return outcome.out

    def tables(self) -> set[str]:
        """Return the names of the database's tables."""
        sqlite = self.server.database == "sqlite"
        query = (
            "SELECT name FROM sqlite_master WHERE type = 'table'"
            if sqlite
            else "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()"
        )
        return {row["name"] for row in Rows(self.server.database_url).ask(query)}


@pytest.fixture(params=["sqlite", "mariadb"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Return an unused database of each kind."""
    if request.param == "sqlite":
        yield Site(tmp_path, settings_for())
        return
    mariadb: MariaDbServer = request.getfixturevalue("mariadb")
    with mariadb.database() as url:
        yield Site(tmp_path, settings_for(url.render_as_string(hide_password=False)))


def test_db_28_the_schema_goes_up_and_down_and_up_again(site: Site) -> None:
    """Three containers start at the same moment: one migrates, the others wait and find it done; every step has its
    way back, and what results is what the code expects.
    """
    outcomes = at_once(3, lambda _: site.run("upgrade"))
    assert [(outcome.code, outcome.err) for outcome in outcomes] == [(0, "")] * 3
    assert site.tables() == TABLES
    site.says("downgrade", "base")
    assert site.tables() == {"alembic_version"}
    site.says("upgrade")
    assert "in step" in site.says("check")


def test_one_step_back_is_one_step(tmp_path: Path) -> None:
    """As the help says it: `postkeep migrate downgrade -1`; the check sees that something is missing."""
    site = Site(tmp_path, settings_for())
    site.says("upgrade")
    site.says("downgrade", "-1")
    commands = (("history",), ("current",), ("check",))
    history, current, check = at_once(len(commands), lambda number: site.run(*commands[number]))
    newest = max(re.findall(r"\d{4}", history.out))
    assert current.out.split() == [f"{int(newest) - 1:04d}"]
    assert check.code in {1, 3}


@pytest.fixture
def unused(mariadb: MariaDbServer) -> Iterator[URL]:
    """Return the address of an unused database."""
    with mariadb.database() as url:
        yield url


async def test_an_upgrade_waits_for_a_server_that_is_still_starting(unused: URL, tmp_path: Path) -> None:
    """Platforms run it before the first start, when the database beside it has only just been made."""
    async with Proxy(unused).running() as proxy:
        proxy.is_down = True
        site = Site(tmp_path, settings_for(proxy.url.render_as_string(hide_password=False)))
        upgrade = asyncio.create_task(asyncio.to_thread(site.run, "upgrade"))
        # Twice as long as the command takes to its first try.
        await asyncio.sleep(2)
        proxy.is_down = False
        outcome = await upgrade
    assert (outcome.code, outcome.out) == (0, "The schema is up to date.\n")


def test_whoever_only_looks_makes_no_database(tmp_path: Path) -> None:
    """An empty one would be taken for one that has lost everything; the first start makes it, or an upgrade."""
    commands = ("current", "check", "history")
    current, check, history = at_once(len(commands), lambda number: Site(tmp_path, {}).run(commands[number]))
    said = "There is no database postkeep-data/postkeep.db: run this where the server runs, with its settings."
    assert {refusal(current), refusal(check)} == {said}
    assert (current.code, check.code, history.code) == (3, 3, 0)
    assert "0001" in history.out
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_revision_is_said_in_one_line(tmp_path: Path) -> None:
    """A typing mistake is no crash."""
    commands = (("upgrade", "nonsense"), ("downgrade", "-99"))
    outcomes = at_once(len(commands), lambda number: Site(tmp_path, {}).run(*commands[number]))
    assert {outcome.code for outcome in outcomes} <= {1, 3}
    assert all(refusal(outcome) for outcome in outcomes)


LEADING_NOWHERE = [
    ("upgrade", ""),
    ("upgrade", "@"),
    ("upgrade", "base"),
    ("upgrade", "-1"),
    ("downgrade", "head@"),
    ("downgrade", "head"),
    ("downgrade", "+1"),
]


@pytest.mark.parametrize("arguments", LEADING_NOWHERE)
def test_a_revision_that_leads_nowhere_is_said_in_one_line(arguments: tuple[str, str]) -> None:
    """Or the other way: nothing would be done, and that be called done."""
    told = CliRunner().invoke(migrate.app, arguments)
    assert isinstance(told.exception, Misconfigured)
    assert f"{arguments[1]!r} is no revision to go to" in str(told.exception)


def test_where_the_schema_is_afterwards_is_told_as_it_is(tmp_path: Path) -> None:
    """Also where there was nothing to do, whatever was asked for."""
    site = Site(tmp_path, {})
    assert site.says("upgrade", "0003") == "The schema is at 0003.\n"
    assert site.says("upgrade", "0002") == "The schema is at 0003.\n"
    assert site.says("downgrade", "-1") == "The schema is at 0002.\n"
    assert site.says("downgrade", "base") == "The schema is at base.\n"


def test_a_runner_that_waits_in_vain_for_another_one_says_so(
    unused: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After ten minutes, which are none here."""
    for name, value in settings_for(unused.render_as_string(hide_password=False)).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    execute = Connection.execute

    def hurry(connection: Connection, statement: Any, parameters: Any = None, **options: Any) -> Any:
        if "GET_LOCK" in str(statement):
            parameters = {"seconds": 0}
        return execute(connection, statement, parameters, **options)

    monkeypatch.setattr(Connection, "execute", hurry)
    with lock_held(unused):
        told = CliRunner().invoke(migrate.app, ["upgrade"])
    assert isinstance(told.exception, Misconfigured)
    assert "another one has been running for 600 seconds" in str(told.exception)


@contextmanager
def lock_held(url: URL) -> Generator[None]:
    """Hold the lock by which runners take turns, as another one does."""
    engine = create_server_engine(url, pool_size=1, autocommit=True)

    async def take() -> AsyncConnection:
        connection = await engine.connect()
        name = "CONCAT('postkeep.migrate.', LEFT(SHA2(DATABASE(), 256), 32))"
        assert (await connection.execute(text(f"SELECT GET_LOCK({name}, 5)"))).scalar() == 1
        return connection

    with asyncio.Runner() as runner:
        connection = runner.run(take())
        try:
            yield
        finally:
            runner.run(connection.close())
            runner.run(engine.dispose())


def test_an_absent_database_is_said_in_one_line(tmp_path: Path) -> None:
    """As the server says it."""
    settings = settings_for("mysql://u:hunter2@127.0.0.1:1/x")
    outcome = postkeep("migrate", "upgrade", settings={**settings, "POSTKEEP_DATABASE_WAIT": "0"}, folder=tmp_path)
    assert outcome.code == 3
    assert "hunter2" not in refusal(outcome)


def test_a_file_that_is_no_database_is_said_in_one_line(tmp_path: Path) -> None:
    """It is left as it is."""
    photo = b"\xff\xd8" * 9000
    (tmp_path / "photo").write_bytes(photo)
    outcome = postkeep("migrate", "upgrade", settings={"POSTKEEP_DATABASE_URL": "sqlite:///photo"}, folder=tmp_path)
    assert outcome.code == 3
    assert refusal(outcome)
    assert (tmp_path / "photo").read_bytes() == photo


def test_a_revision_is_written_into_the_package(tmp_path: Path) -> None:
    """What the tables need, as a file to be completed, with the next number; on a copy, because it writes there."""
    source = Path(package.__file__).parent
    shutil.copytree(source, tmp_path / "src/postkeep", ignore=shutil.ignore_patterns("__pycache__"))
    site = Site(tmp_path, {"PYTHONPATH": str(tmp_path / "src")})
    versions = tmp_path / "src/postkeep/storage/migrations/versions"
    before = {path.name for path in versions.glob("*.py")}
    site.says("upgrade")
    site.says("revision", "-m", "add tags to posts")
    (added,) = {path.name for path in versions.glob("*.py")} - before
    assert added == f"{len(before):04d}_add_tags_to_posts.py"
    assert (source / "storage/migrations/versions" / added).exists() is False
    compile((versions / added).read_text("utf-8"), added, "exec")


def test_plain_alembic_does_the_same(site: Site) -> None:
    """`alembic upgrade head` from the repository's root, with the database that the settings name (S-24)."""
    settings = {**site.settings, "POSTKEEP_DATA_DIR": str(site.folder / "postkeep-data")}
    done = subprocess.run(
        [Path(sys.executable).with_name("alembic"), "upgrade", "head"],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(settings),
    )
    assert done.returncode == 0, done.stderr
    assert site.tables() == TABLES


def test_plain_uvicorn_serves_the_same(tmp_path: Path) -> None:
    """`uvicorn main:app` from the repository's root (S-26)."""
    command = (str(Path(sys.executable).with_name("uvicorn")), "main:app", "--app-dir", str(ROOT), "--no-server-header")
    with PostkeepServer(tmp_path, {}, command=command).running() as server:
        person = Person.signs_up(server.http)
        person.add("by plain uvicorn")
        assert person.texts() == ["by plain uvicorn"]


def test_the_committed_description_is_in_step(tmp_path: Path) -> None:
    """Clients are generated from docs/openapi.json: it says what the server does, whatever the settings are here."""
    checked = postkeep(
        "openapi", "--check", str(ROOT / "docs/openapi.json"), settings={"POSTKEEP_DOCS": "false"}, folder=tmp_path
    )
    assert (checked.code, checked.err) == (0, "")


def test_a_description_out_of_step_is_told(tmp_path: Path) -> None:
    """With the command that mends it."""
    (tmp_path / "openapi.json").write_text("{}")
    told = postkeep("openapi", "--check", "openapi.json", settings={}, folder=tmp_path)
    assert (told.code, "postkeep openapi --write openapi.json" in refusal(told)) == (1, True)


def test_the_version_is_told(tmp_path: Path) -> None:
    """Without reading a setting: it must work when nothing else does."""
    told = postkeep("--version", settings={"POSTKEEP_NONSENSE": "1"}, folder=tmp_path)
    assert (told.code, told.err) == (0, "")
    assert re.fullmatch(r"postkeep \d+\.\d+\.\d+\S*\n", told.out)


def test_help_comes_without_a_setting(tmp_path: Path) -> None:
    """Whoever asks for help may not have configured anything yet."""
    told = postkeep("serve", "--help", settings={"POSTKEEP_NONSENSE": "1"}, folder=tmp_path)
    assert (told.code, told.err, "Usage" in told.out) == (0, "", True)


@pytest.mark.parametrize("arguments", [("srve",), ("serve", "--port", "many")])
def test_wrong_usage_is_exit_code_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Scripts tell a typing mistake from a refusal."""
    told = postkeep(*arguments, settings={}, folder=tmp_path)
    assert (told.code, told.out, "Traceback" in told.err) == (2, "", False)
