"""Another program's database: refused by every command before anything in it is made or changed."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from tests.databases import MariaDbServer
from tests.e2e.cli.commands import postkeep, refusal
from tests.e2e.conftest import settings_for
from tests.e2e.rows import Rows
from tests.e2e.servers import PostkeepServer

THEIRS = (
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(9))",
    "CREATE TABLE accounts (id INTEGER PRIMARY KEY, who VARCHAR(9))",
    "CREATE TABLE posts (id INTEGER PRIMARY KEY, body VARCHAR(9))",
    "INSERT INTO posts VALUES (1, 'theirs')",
)

COMMANDS = (
    ("serve", "--port", "1"),
    ("migrate", "upgrade"),
    ("migrate", "downgrade", "base"),
    ("restore", "backup"),
    ("backup", "another"),
    ("account", "list"),
    ("doctor",),
)


def assert_refused(settings: Mapping[str, str], folder: Path) -> None:
    """Run every command on another program's database."""
    empty = folder / "empty"
    empty.mkdir()
    (folder / "theirs").mkdir(exist_ok=True)
    assert postkeep("migrate", "upgrade", settings={}, folder=empty).code == 0
    assert postkeep("backup", str(folder / "theirs/backup"), settings={}, folder=empty).code == 0
    for command in COMMANDS:
        outcome = postkeep(*command, settings=settings, folder=folder / "theirs")
        if command == ("doctor",):
            assert (outcome.code, "another program's tables" in outcome.out) == (1, True), outcome
        else:
            assert (command, outcome.code) == (command, 3)
            assert "another program's tables" in refusal(outcome)


def test_another_programs_file_is_left_as_it_is(tmp_path: Path) -> None:
    """To the byte, with its rights; nothing lies beside it afterwards, where somebody would take it for ours."""
    (tmp_path / "theirs").mkdir()
    file = tmp_path / "theirs/their.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in THEIRS:
            connection.execute(statement)
    file.chmod(0o640)
    before = file.read_bytes()
    assert_refused({"POSTKEEP_DATABASE_URL": "sqlite:///their.db"}, tmp_path)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (before, 0o640)
    assert {path.name for path in file.parent.iterdir()} == {"their.db", "backup"}


def test_another_programs_database_on_a_server_is_left_as_it_is(tmp_path: Path, mariadb: MariaDbServer) -> None:
    """Servers of several programs are the rule, and names are mistaken."""
    with mariadb.database() as url:
        settings = settings_for(url.render_as_string(hide_password=False))
        rows = Rows(PostkeepServer(tmp_path, settings).database_url)
        for statement in THEIRS:
            rows.change(statement)
        assert_refused(settings, tmp_path)
        assert rows.ask("SELECT body FROM posts")[0]["body"] == "theirs"
        tables = "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()"
        assert {row["name"] for row in rows.ask(tables)} == {"customers", "accounts", "posts"}
