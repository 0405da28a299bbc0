"""Preparing the embedded database's file: nothing is taken over, or changed, that is no database."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import URL

from postkeep.bootstrap.database import prepare_file, refuse_foreign_file
from postkeep.bootstrap.wiring import kept_files
from postkeep.domain.errors import Misconfigured
from postkeep.settings import load_settings
from postkeep.storage.embedded_file import FileLock


def prepared(path: Path) -> Path:
    """Prepare a file."""
    return prepare_file(URL.create("sqlite", database=str(path)))


def mode_of(path: Path) -> int:
    """Return a file's rights."""
    return stat.S_IMODE(path.stat().st_mode)


def make_database(path: Path) -> None:
    """Make a database."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (id)")


def make_link(path: Path) -> None:
    """Make a link to a file that is something else."""
    path.with_name("notes.txt").write_text("notes")
    path.symlink_to("notes.txt")


OTHERS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("a public file, nothing of ours\n"),
    "short": lambda path: path.write_bytes(b"SQLite format"),
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "link": make_link,
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_database_stays_as_it_is(tmp_path: Path, name: str) -> None:
    """A setting that names the wrong file: its rights stay, nothing is made beside it, and it says so."""
    path = tmp_path / "notes"
    OTHERS[name](path)
    path.chmod(0o755)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(Misconfigured, match="not changed"):
        prepared(path)
    assert (sorted(tmp_path.iterdir()), mode_of(path)) == (before, 0o755)


def make_nothing(path: Path) -> None:
    """Leave it to be made."""
    assert not path.exists()


MAKERS: dict[str, Callable[[Path], object]] = {"database": make_database, "empty": Path.touch, "absent": make_nothing}


@pytest.mark.parametrize("name", MAKERS)
def test_a_database_and_what_may_become_one_are_closed_to_others(tmp_path: Path, name: str) -> None:
    """A backup that was put back, a file that somebody made for it, or nothing."""
    path = tmp_path / "new" / "postkeep.db"
    path.parent.mkdir()
    MAKERS[name](path)
    content = path.read_bytes() if path.exists() else b""
    assert prepared(path) == path
    assert (path.read_bytes(), mode_of(path), mode_of(Path(f"{path}.lock"))) == (content, 0o600, 0o600)


def test_what_a_kill_left_half_written_is_left_to_who_writes(tmp_path: Path) -> None:
    """SQLite takes it back, which whoever only looks cannot; a start looks again behind that."""
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    with closing(sqlite3.connect(theirs, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("CREATE TABLE large (text)")
        connection.execute("BEGIN")
        for _ in range(100):
            connection.execute("INSERT INTO large VALUES (randomblob(9000))")
        for end in ("", "-journal"):
            shutil.copy(f"{theirs}{end}", f"{ours}{end}")
    refuse_foreign_file(URL.create("sqlite", database=str(ours)))


def test_a_log_is_looked_for_beside_the_file_and_not_beside_a_link_to_it(tmp_path: Path) -> None:
    """SQLite keeps it there; whoever looked past it would see the database as it was long ago."""
    (link := tmp_path / "link").symlink_to(file := tmp_path / "file")
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE customers (id INTEGER)")
        with pytest.raises(Misconfigured, match="another program"):
            refuse_foreign_file(URL.create("sqlite", database=str(link)))


def test_whoever_goes_by_a_link_takes_turns_with_all_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a lock beside each name, two processes would both think that it is their turn to write."""
    (tmp_path / "links").mkdir()
    (link := tmp_path / "links" / "link").symlink_to(file := tmp_path / "file")
    file.touch()
    prepared(link)
    FileLock(link).close()
    assert {path.name for path in tmp_path.rglob("*")} == {"links", "link", "file", "file.lock"}
    monkeypatch.setenv("POSTKEEP_DATABASE_URL", f"sqlite:///{link}")
    assert tmp_path / "file.lock" in kept_files(load_settings())
