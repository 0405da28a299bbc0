"""Migrations: forward and back, by many at once, cut off anywhere; and which schemas a release works on."""

import asyncio
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from asyncmy.errors import MySQLError
from sqlalchemy import URL, Connection, Engine, event, inspect, text
from sqlalchemy.exc import OperationalError

from postkeep.domain.errors import Misconfigured
from postkeep.services.ports import SchemaUnfit
from postkeep.storage import embedded_file
from postkeep.storage import server_pool as server_module
from postkeep.storage.embedded_file import create_embedded_engine
from postkeep.storage.migrate import alembic_config, upgrade
from postkeep.storage.schema import REVISION, SchemaState, read_state, refuse_unfit
from postkeep.storage.server_pool import create_server_engine
from postkeep.storage.tables import Row
from tests.builders import a_post
from tests.contracts.kept import assert_counted, find_account, keep_account, keep_posts
from tests.databases import Server
from tests.integration.storage.opened import SERVERS, Opened, open_embedded, open_server
from tests.integration.storage.shapes import shapes_of, taken_away

PROJECT = Path(__file__).parents[3]
SCRIPTS = ScriptDirectory.from_config(alembic_config(URL.create("sqlite")))
REVISIONS = [script.revision for script in SCRIPTS.walk_revisions()][::-1]


@dataclass(frozen=True)
class Bare:
    """A database without a schema.

    Attributes:
        kind: embedded, mariadb or mysql.
        url: Where it is.
    """

    kind: str
    url: URL

    @property
    def config(self) -> Config:
        """Alembic's configuration for it."""
        return alembic_config(self.url)

    def ask(self, look: Callable[[Connection], Any]) -> Any:
        """Look at it over a connection of one's own."""
        if self.kind == "embedded":
            engine = create_embedded_engine(Path(self.url.database or ""))
            with engine.connect() as connection:
                return look(connection)
        return asyncio.run(self._ask(look))

    async def _ask(self, look: Callable[[Connection], Any]) -> Any:
        engine = create_server_engine(self.url, pool_size=1, autocommit=True)
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(look)
        finally:
            await engine.dispose()

    def run(self, *statements: str) -> None:
        """Run statements."""
        self.ask(lambda connection: [connection.execute(text(statement)) for statement in statements])

    def state(self) -> SchemaState:
        """Read what it says of its schema."""
        state: SchemaState = self.ask(read_state)
        return state

    def tables(self) -> set[str]:
        """Return the names of its tables."""
        return set(self.ask(lambda connection: inspect(connection).get_table_names()))

    def definitions(self) -> dict[str, list[str]]:
        """Return how the database itself writes its tables down: their lines, in no order."""
        show = "SELECT name, sql FROM sqlite_master WHERE name = '{}'"
        if self.kind != "embedded":
            show = "SHOW CREATE TABLE {}"

        def look(connection: Connection) -> dict[str, list[str]]:
            written = {name: str(connection.execute(text(show.format(name))).one()[1]) for name in TABLES}
            return {name: sorted(line.strip(" ,\t") for line in lines.split("\n")) for name, lines in written.items()}

        return dict(self.ask(look))


@contextmanager
def a_bare_database(kind: str, request: pytest.FixtureRequest, folder: Path) -> Generator[Bare]:
    """Make a database without a schema."""
    if kind == "embedded":
        # As the start does, which alone makes files.
        (folder / "postkeep.db").touch()
        yield Bare(kind, URL.create("sqlite", database=str(folder / "postkeep.db")))
        return
    server: Server = request.getfixturevalue({"mariadb": "mariadb", "mysql": "outside_server"}[kind])
    with server.database() as url:
        yield Bare(kind, url)


@pytest.fixture(params=["embedded", *SERVERS])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bare]:
    """Return a database without a schema, of each kind in turn."""
    with a_bare_database(request.param, request, tmp_path) as bare:
        yield bare


TABLES = {"accounts", "sessions", "posts", "schema_support", "login_attempts", "idempotency_keys"}

NEWER = f"{int(REVISION) + 1:04d}"
OLDER = f"{int(REVISION) - 1:04d}"
MUCH_NEWER = f"{int(REVISION) + 2:04d}"

OLDEST = "0004"
"""The oldest revision whose release the newest schema serves: nothing since then took anything away."""


def test_the_release_knows_its_own_revision() -> None:
    """It is written down so that a server need not load Alembic."""
    assert SCRIPTS.get_current_head() == REVISION == REVISIONS[-1]


def test_revisions_ascend_one_by_one() -> None:
    """Older and newer are told apart by their numbers."""
    assert [f"{number:04d}" for number in range(1, len(REVISIONS) + 1)] == REVISIONS
    assert SCRIPTS.get_bases() == [REVISIONS[0]]


def test_s_24_up_down_and_up_again(bare: Bare) -> None:
    """To the last table, and back to nothing."""
    upgrade(bare.url)
    assert bare.tables() == TABLES | {"alembic_version"}
    command.downgrade(bare.config, "base")
    assert bare.tables() <= {"alembic_version"}
    upgrade(bare.url)
    assert bare.tables() == TABLES | {"alembic_version"}
    assert bare.state() == SchemaState(REVISION, OLDEST)


def test_s_24_every_step_can_be_taken_back(bare: Bare) -> None:
    """One forward, one back, one forward again: also twice over."""
    for revision in REVISIONS:
        command.upgrade(bare.config, "+1")
        assert bare.state().revision == revision
        command.downgrade(bare.config, "-1")
        command.upgrade(bare.config, "+1")
        assert bare.state().revision == revision


def test_s_24_the_tables_in_the_code_are_those_that_the_migrations_make(bare: Bare) -> None:
    """`alembic check` finds nothing to add: columns, types, keys, constraints."""
    upgrade(bare.url)
    command.check(bare.config)


def test_s_24_to_the_letter(bare: Bare) -> None:
    """Nor do they differ in what `alembic check` does not compare: CHECK constraints, microseconds, collations."""
    upgrade(bare.url)
    migrated = bare.definitions()
    command.downgrade(bare.config, "base")
    bare.ask(Row.metadata.create_all)
    assert bare.definitions() == migrated


def test_a_written_revision_makes_the_tables_in_the_code(bare: Bare, tmp_path: Path) -> None:
    """To the letter, too: whoever adds a table gets its checks where they belong."""
    scripts = tmp_path / "migrations"
    shutil.copytree(PROJECT / "src/postkeep/storage/migrations", scripts, ignore=shutil.ignore_patterns("0*.py"))
    config = bare.config
    config.set_main_option("script_location", str(scripts))
    command.revision(config, "everything", autogenerate=True)
    command.upgrade(config, "head")
    written = bare.definitions()
    command.downgrade(config, "base")
    bare.ask(Row.metadata.create_all)
    assert bare.definitions() == written


def test_a_migration_that_is_done_is_done(bare: Bare) -> None:
    """A server that starts, starts it again."""
    upgrade(bare.url)
    upgrade(bare.url)
    assert bare.state().revision == REVISION


@pytest.mark.parametrize("revision", REVISIONS)
def test_db_30_a_revision_that_was_not_noted_runs_again_harmlessly(bare: Bare, revision: str) -> None:
    """Killed after its statement and before Alembic's note of it."""
    command.upgrade(bare.config, revision)
    before = REVISIONS.index(revision)
    bare.run(
        f"UPDATE alembic_version SET version_num = '{REVISIONS[before - 1]}'"  # noqa: S608 - ours
        if before
        else "DELETE FROM alembic_version"
    )
    upgrade(bare.url)
    assert bare.state() == SchemaState(REVISION, OLDEST)
    command.check(bare.config)


async def test_db_30_all_run_again_over_what_people_keep(tmp_path: Path) -> None:
    """Whatever Alembic has noted, nobody's posts are lost by it. The embedded database."""
    async with open_embedded(tmp_path / "postkeep.db") as opened:
        await keep_and_migrate_again(opened)


async def test_db_30_all_run_again_over_what_people_keep_on_a_server(database_server: Server) -> None:
    """The same, on servers."""
    with_database = database_server.database()
    url = await asyncio.to_thread(with_database.__enter__)
    try:
        await asyncio.to_thread(upgrade, url)
        async with open_server("server", url) as opened:
            await keep_and_migrate_again(opened)
    finally:
        await asyncio.to_thread(with_database.__exit__, None, None, None)


async def test_a_migration_keeps_nobody_from_a_table_that_it_waits_for(database_server: Server) -> None:
    """Somebody reads a long list, slowly. Others write meanwhile, and when that ends the migration is done."""
    with_database = database_server.database()
    url = await asyncio.to_thread(with_database.__enter__)
    engine = create_server_engine(url, pool_size=1)
    try:
        await asyncio.to_thread(upgrade, url)
        # What comes behind makes an index on posts.
        await asyncio.to_thread(command.downgrade, alembic_config(url), "0008")
        async with open_server("server", url) as opened:
            account = await keep_account(opened.storage)
            async with engine.connect() as reading:
                await reading.execute(text("SELECT id FROM posts"))
                migrating = asyncio.create_task(asyncio.to_thread(upgrade, url))
                await until_waiting_for_a_table(opened)
                await keep_posts(opened.storage, post := a_post(author=account.id))
                assert not migrating.done()
            await migrating
            await assert_counted(opened.storage, account, post)
            await opened.storage.check()
    finally:
        await engine.dispose()
        await asyncio.to_thread(with_database.__exit__, None, None, None)


async def until_waiting_for_a_table(opened: Opened) -> None:
    """Wait until somebody waits for a table that others use."""
    async with asyncio.timeout(30):
        while "metadata lock" not in str(await opened.rows("SHOW PROCESSLIST")):  # noqa: ASYNC110 - only it can tell
            await asyncio.sleep(0.01)


async def keep_and_migrate_again(opened: Opened) -> None:
    """Keep something, forget all revisions, migrate, and look."""
    account = await keep_account(opened.storage)
    await keep_posts(opened.storage, post := a_post(author=account.id))
    await opened.rows("DELETE FROM alembic_version")
    await asyncio.to_thread(upgrade, opened.url)
    await assert_counted(opened.storage, account, post)
    assert await find_account(opened.storage, account.id) is not None
    await opened.storage.check()


THEIRS = (
    "CREATE TABLE accounts (id INTEGER PRIMARY KEY, who VARCHAR(9))",
    "CREATE TABLE posts (id INTEGER PRIMARY KEY, body VARCHAR(9))",
    "INSERT INTO posts VALUES (1, 'theirs')",
)
VERSIONED = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"


@pytest.mark.parametrize("revision", [None, "0001", REVISION, NEWER, "1a2b3c"])
@pytest.mark.parametrize("theirs", [THEIRS, ("CREATE TABLE customers (id INTEGER)",)], ids=["our-names", "others"])
def test_another_programs_database_is_left_as_it_is(bare: Bare, theirs: tuple[str, ...], revision: str | None) -> None:
    """Tables are made if they are not there and dropped by their names: theirs would be taken for ours, and be gone."""
    bare.run(*theirs)
    if revision is not None:
        bare.run(VERSIONED, f"INSERT INTO alembic_version VALUES ('{revision}')")  # noqa: S608 - ours
    before = bare.tables()
    for move, target in ((command.upgrade, "head"), (command.downgrade, "base")):
        with pytest.raises(Misconfigured, match="another program's tables"):
            move(bare.config, target)
    assert bare.tables() == before
    with pytest.raises(SchemaUnfit, match="another program's tables"):
        refuse_unfit(bare.state())


@pytest.mark.parametrize("revisions", [["1a2b3c"], [""], [OLDEST, REVISION]], ids=["theirs", "empty", "two"])
def test_a_revision_that_is_none_of_ours_is_left_as_it_is(bare: Bare, revisions: list[str]) -> None:
    """Revisions are compared as text, so any word is older or newer than ours."""
    upgrade(bare.url)
    bare.run("DELETE FROM alembic_version", *(f"INSERT INTO alembic_version VALUES ('{each}')" for each in revisions))  # noqa: S608 - ours
    with pytest.raises(Misconfigured, match="no revision of Postkeep's"):
        upgrade(bare.url)
    assert bare.state().revision == ", ".join(revisions)


def test_a_table_that_somebody_dropped_is_told(bare: Bare) -> None:
    """Otherwise everything would be said to be well, and whoever asks for it be refused."""
    upgrade(bare.url)
    bare.run("DROP TABLE idempotency_keys", "DROP TABLE posts")
    with pytest.raises(SchemaUnfit, match="lacks idempotency_keys, posts"):
        refuse_unfit(bare.state())


def test_db_30_an_empty_note_of_the_revision_is_an_empty_database(bare: Bare) -> None:
    """What is left where the first migration was killed before its first table, or after the way back to nothing."""
    bare.run(VERSIONED)
    upgrade(bare.url)
    assert bare.state() == SchemaState(REVISION, OLDEST)


def test_db_30_a_way_back_that_was_killed_goes_on(bare: Bare) -> None:
    """Its last table is gone, and Alembic has not noted it."""
    command.upgrade(bare.config, REVISIONS[0])
    bare.run("DROP TABLE accounts")
    command.downgrade(bare.config, "base")
    upgrade(bare.url)
    assert bare.state() == SchemaState(REVISION, OLDEST)


def test_an_operators_own_table_beside_ours_is_theirs_to_keep(bare: Bare) -> None:
    """A database that is ours stays ours."""
    upgrade(bare.url)
    bare.run("CREATE TABLE notes (id INTEGER)")
    command.downgrade(bare.config, REVISIONS[0])
    upgrade(bare.url)
    assert bare.tables() == TABLES | {"alembic_version", "notes"}


class Killed(Exception):
    """The end of a process, in effect."""


def test_db_30_a_migration_killed_at_any_statement_converges(
    bare: Bare, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before the first, the second, ... statement; run again, everything is there."""
    killed_at: list[int] = []
    for number in count(1):
        (folder := tmp_path / str(number)).mkdir()
        with a_bare_database(bare.kind, request, folder) as fresh:
            with monkeypatch.context() as patch:
                kill_at(number, patch)
                killed = was_killed(fresh)
            upgrade(fresh.url)
            assert fresh.state() == SchemaState(REVISION, OLDEST)
            assert fresh.tables() == TABLES | {"alembic_version"}
        if not killed:
            break
        killed_at.append(number)
    assert len(killed_at) > 2 * len(REVISIONS)


UPGRADE_UNTIL = """
import os, signal, sys
from sqlalchemy import Engine, event, make_url
from postkeep.storage.migrate import upgrade

left = int(sys.argv[2])

def hear(*_):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(Engine, sys.argv[3], hear)
upgrade(make_url(sys.argv[1]))
"""


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("moment", ["before_cursor_execute", "after_cursor_execute"])
def test_db_30_a_migration_killed_with_its_process_converges(
    bare: Bare, request: pytest.FixtureRequest, tmp_path: Path, moment: str
) -> None:
    """Kill -9 before, or after, the first, the second, ... statement, and what a dead client held is let go of."""
    kills = 0
    for number in count(1):
        (folder := tmp_path / str(number)).mkdir()
        with a_bare_database(bare.kind, request, folder) as fresh:
            url = fresh.url.render_as_string(hide_password=False)
            killed = subprocess.run(
                [sys.executable, "-c", UPGRADE_UNTIL, url, str(number), moment], check=False, capture_output=True
            )
            upgrade(fresh.url)
            assert fresh.state() == SchemaState(REVISION, OLDEST)
            assert fresh.tables() == TABLES | {"alembic_version"}
        if killed.returncode != -signal.SIGKILL:
            assert killed.returncode == 0, killed.stderr
            break
        kills += 1
    print(f"{bare.kind}: {kills} kills")  # noqa: T201 - pytest shows it with -s
    assert kills > 2 * len(REVISIONS)


def kill_at(number: int, patch: pytest.MonkeyPatch) -> None:
    """Have the engines that migrations make kill everything at a statement."""
    sent = [0]

    def kill(*_: object) -> None:
        sent[0] += 1
        if sent[0] == number:
            raise Killed

    listen_to_migrations(kill, patch)


def listen_to_migrations(hear: Callable[..., None], patch: pytest.MonkeyPatch) -> None:
    """Have a function hear of each statement of the engines that migrations make, before it is sent."""

    def listening_to(make: Callable[..., Any]) -> Callable[..., Any]:
        def make_and_listen(*arguments: Any, **options: Any) -> Any:
            engine = make(*arguments, **options)
            event.listen(getattr(engine, "sync_engine", engine), "before_cursor_execute", hear)
            return engine

        return make_and_listen

    for module in (embedded_file, server_module):
        for name in ("create_embedded_engine", "create_server_engine"):
            if hasattr(module, name):
                patch.setattr(module, name, listening_to(getattr(module, name)))


def test_the_error_that_ended_a_migration_comes_out(database_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here, that the server ended the connection; not that the lock could not be let go of over it."""

    def kill(_connection: object, cursor: Any, statement: str, *_: object) -> None:
        if "CREATE TABLE IF NOT EXISTS accounts" in statement:
            with suppress(MySQLError):
                cursor.execute("KILL CONNECTION_ID()")

    listen_to_migrations(kill, monkeypatch)
    with database_server.database() as url:
        with pytest.raises(OperationalError, match="CREATE TABLE IF NOT EXISTS accounts"):
            upgrade(url)
        monkeypatch.undo()
        upgrade(url)


def was_killed(bare: Bare) -> bool:
    """Migrate, and say whether it was cut off."""
    try:
        upgrade(bare.url)
    except Killed:
        return True
    return False


UPGRADE = """
import sys
from sqlalchemy import make_url
from postkeep.storage.migrate import upgrade
print("ready", flush=True)
sys.stdin.readline()
upgrade(make_url(sys.argv[1]))
"""


def test_db_28_four_processes_migrate_at_once(bare: Bare) -> None:
    """One runs, the others wait and find it done: nobody fails."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", UPGRADE, bare.url.render_as_string(hide_password=False)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    complaints = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, complaints
    assert bare.state() == SchemaState(REVISION, OLDEST)


FIT = [
    SchemaState(REVISION, REVISION),
    SchemaState(REVISION, OLDER),
    SchemaState(NEWER, REVISION),
    SchemaState(NEWER, OLDER),
]
UNFIT = {
    SchemaState(None, None): "migrate upgrade",
    SchemaState(OLDER, OLDER): "migrate upgrade",
    SchemaState(OLDER, None): "migrate upgrade",
    SchemaState(NEWER, NEWER): "newer",
    SchemaState(MUCH_NEWER, NEWER): "newer",
    SchemaState(NEWER, None): "newer",
}


MOVES = [(OLDER, OLDER, False), (NEWER, REVISION, True), (NEWER, NEWER, False)]


@pytest.mark.parametrize("state", FIT)
def test_db_31_a_schema_that_serves_this_release_is_taken(state: SchemaState) -> None:
    """Its own, or a newer one that says so: servers can be replaced one by one."""
    refuse_unfit(state)


@pytest.mark.parametrize("state", UNFIT)
def test_db_31_a_schema_that_does_not_is_refused(state: SchemaState) -> None:
    """With what to do, in one line."""
    with pytest.raises(SchemaUnfit) as caught:
        refuse_unfit(state)
    assert UNFIT[state] in caught.value.detail
    assert "\n" not in caught.value.detail


@pytest.mark.parametrize(
    ("revision", "oldest", "fits"), [(OLDER, OLDER, False), (NEWER, REVISION, True), (NEWER, NEWER, False)]
)
async def test_db_31_readiness_follows_the_schema_while_serving(
    tmp_path: Path, revision: str, oldest: str, *, fits: bool
) -> None:
    """A schema that moves away under a running server, and comes back."""
    async with open_embedded(tmp_path / "postkeep.db") as opened:
        await assert_follows(opened, revision, oldest, fits=fits)


@pytest.mark.parametrize(
    ("revision", "oldest", "fits"), [(OLDER, OLDER, False), (NEWER, REVISION, True), (NEWER, NEWER, False)]
)
async def test_db_31_readiness_follows_the_schema_of_a_server(
    server: Opened, revision: str, oldest: str, *, fits: bool
) -> None:
    """The same, on servers."""
    await assert_follows(server, revision, oldest, fits=fits)


async def assert_follows(opened: Opened, revision: str, oldest: str, *, fits: bool) -> None:
    """Move the schema, check, and move it back."""
    await opened.rows("UPDATE alembic_version SET version_num = :to", to=revision)
    await opened.rows("UPDATE schema_support SET oldest_revision = :to", to=oldest)
    try:
        if fits:
            await opened.storage.check()
        else:
            with pytest.raises(SchemaUnfit):
                await opened.storage.check()
    finally:
        await opened.rows("UPDATE alembic_version SET version_num = :to", to=REVISION)
        await opened.rows("UPDATE schema_support SET oldest_revision = :to", to=OLDEST)
    await opened.storage.check()


SERVED = REVISIONS[REVISIONS.index(OLDEST) : -1]
"""What the newest schema says that it serves, besides its own release."""


@pytest.mark.parametrize("revision", SERVED)
def test_db_32_a_schema_takes_nothing_away_from_a_release_that_it_serves(bare: Bare, revision: str) -> None:
    """Whatever the release reads is there, and whatever it writes is taken: servers are replaced one by one."""
    command.upgrade(bare.config, revision)
    served = bare.ask(shapes_of)
    upgrade(bare.url)
    assert taken_away(served, bare.ask(shapes_of)) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("DROP TABLE idempotency_keys", "idempotency_keys is gone"),
        ("ALTER TABLE posts RENAME COLUMN title TO name", "posts.title is another one, or gone"),
        ("ALTER TABLE posts ADD COLUMN tags VARCHAR(99) NOT NULL DEFAULT 'none'", None),
        ("ALTER TABLE posts ADD COLUMN tags VARCHAR(99)", None),
        ("CREATE TABLE tags (name VARCHAR(99) NOT NULL)", None),
        ("CREATE INDEX ix_posts_title ON posts (account_id, title)", None),
        ("CREATE UNIQUE INDEX uq_posts_title ON posts (account_id, title)", "posts: unique ['account_id', 'title']"),
    ],
    ids=["table", "column", "default", "nullable", "new-table", "index", "unique"],
)
def test_db_32_what_a_schema_takes_away_is_told(tmp_path: Path, change: str, told: str | None) -> None:
    """A check that found nothing would hold nobody to anything; what is only added is nobody's loss."""
    (tmp_path / "postkeep.db").touch()
    bare = Bare("embedded", URL.create("sqlite", database=str(tmp_path / "postkeep.db")))
    upgrade(bare.url)
    served = bare.ask(shapes_of)
    bare.run(change)
    found = taken_away(served, bare.ask(shapes_of))
    assert (told in found) if told else found == []


@pytest.mark.parametrize("definition", ["VARCHAR(100) NULL", "VARCHAR(201) NULL", "VARCHAR(200) NOT NULL"])
def test_db_32_a_column_that_changes_is_told(database_server: Server, definition: str) -> None:
    """Narrower, wider or asked for: a release that knows the old one need not manage."""
    with database_server.database() as url:
        bare = Bare("server", url)
        upgrade(url)
        served = bare.ask(shapes_of)
        bare.run(f"ALTER TABLE posts MODIFY COLUMN title {definition}")
        assert "posts.title is another one, or gone" in taken_away(served, bare.ask(shapes_of))


def test_the_schema_of_an_engine_in_memory_is_made_on_it() -> None:
    """Its one connection is the database."""
    engine: Engine = create_embedded_engine(None)
    upgrade(engine)
    with engine.connect() as connection:
        assert read_state(connection) == SchemaState(REVISION, OLDEST)
    engine.dispose()
