"""The doctor, by its findings: nothing that is the matter ends it, and nothing that it looks at changes."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from postkeep.bootstrap.doctor import diagnose
from postkeep.bootstrap.findings import Verdict
from tests.integration.storage.opened import empty_file, make_file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the data directory, in a folder of its own where nobody serves."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSTKEEP_PORT", "1")
    (data := tmp_path / "postkeep-data").mkdir(mode=0o700)
    return data


def found() -> dict[str, tuple[Verdict, str]]:
    """Return what the doctor says of each place."""
    return {finding.place: (finding.verdict, finding.said) for finding in diagnose()}


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files with what is in them, but for the index of a log, which is nobody's data."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}


def leave_a_database(folder: Path) -> Path:
    """Leave a database behind."""
    make_file(path := folder / "postkeep.db")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_database_at_rest_is_left_as_it_is(folder: Path, mode: str) -> None:
    """Nothing is set in it, and nothing lies beside it afterwards."""
    with closing(sqlite3.connect(leave_a_database(folder))) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
    before = contents(folder)
    assert found()["writing"][0] is Verdict.OK
    assert contents(folder) == before
    assert {path.name for path in folder.iterdir()} == {"postkeep.db"}


def test_what_a_killed_server_left_is_left_as_it_is(folder: Path, tmp_path: Path) -> None:
    """Whoever opens such a file to write, and closes it, moves what is in its log."""
    (living := tmp_path / "living").mkdir()
    with closing(sqlite3.connect(leave_a_database(living))) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("UPDATE schema_support SET oldest_revision = oldest_revision")
        connection.commit()
        for path in living.iterdir():
            shutil.copy(path, folder)
            (folder / path.name).chmod(0o600)
    before = contents(folder)
    assert before["postkeep.db-wal"]
    assert found()["writing"][0] is Verdict.OK
    assert contents(folder) == before


def test_an_empty_file_is_what_the_next_start_fills(folder: Path) -> None:
    """Whoever is told to run a command first does for nothing what the start does by itself."""
    (folder / "postkeep.db").touch(0o600)
    findings = found()
    assert (findings["database"][0], findings["writing"][0]) == (Verdict.OK, Verdict.OK)
    assert "is empty: the next start brings it to" in findings["database"][1]
    assert contents(folder) == {"postkeep.db": b""}


def test_another_programs_database_is_not_tried_out(folder: Path) -> None:
    """Nobody may be kept from writing in what is not ours."""
    (path := folder / "postkeep.db").touch(0o600)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE customers (id INTEGER)")
    before = contents(folder)
    findings = found()
    assert findings["database"][0] is Verdict.ERROR
    assert "another program's" in findings["database"][1]
    assert "writing" not in findings
    assert contents(folder) == before


def cut_short(path: Path) -> None:
    """Take some bytes off a database."""
    os.truncate(path, path.stat().st_size - 1000)


def break_text(path: Path) -> None:
    """Have SQLite quote what is no text: the statement that made a table, of which it says that it is malformed."""
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE posts", b"CREATE T\xff\xfeLE posts"))


def replace_with_text(path: Path) -> None:
    """Put a text where the database is meant to be, of a length that is no page's."""
    path.write_text("not a database\n", "utf-8")


def replace_with_folder(path: Path) -> None:
    """Put a folder where the database is meant to be."""
    path.unlink()
    path.mkdir()


def replace_with_link(path: Path) -> None:
    """Put a link to nowhere where the database is meant to be."""
    path.unlink()
    path.symlink_to("/nowhere/at/all")


def drop_posts(path: Path) -> None:
    """Drop a table."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE posts")


def note_two_revisions(path: Path) -> None:
    """Leave a second note of a revision."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO alembic_version VALUES ('0005')")


def make_lock_a_folder(path: Path) -> None:
    """Leave a lock behind that nobody can open; root may open every file."""
    Path(f"{path}.lock").mkdir()


def leave_secret_nowhere(path: Path) -> None:
    """Leave a link to nowhere in the place of the secret."""
    (path.parent / "secret.key").symlink_to("/nowhere/at/all")


@pytest.mark.parametrize(
    ("spoil", "place", "said"),
    [
        (cut_short, "database", "cut short"),
        (break_text, "database", "damaged"),
        (replace_with_text, "database", "something else than a SQLite file"),
        (replace_with_folder, "database", "no file"),
        (replace_with_link, "database", "link to nowhere"),
        (drop_posts, "database", "lacks posts"),
        (note_two_revisions, "database", "no revision of Postkeep's"),
        (make_lock_a_folder, "writing", "postkeep.db.lock"),
        (leave_secret_nowhere, "secret", "link to nowhere"),
    ],
)
def test_what_is_the_matter_with_the_files_is_a_finding(
    folder: Path, spoil: Callable[[Path], None], place: str, said: str
) -> None:
    """Whoever was woken at night needs a sentence, and no trace; least of all that all is well."""
    path = leave_a_database(folder)
    spoil(path)
    verdict, told = found()[place]
    assert verdict is Verdict.ERROR
    assert said in told


@pytest.mark.parametrize(
    "data",
    ["{folder}/file/data", "{folder}/" + "x" * 300, "{folder}/" + "y" * 300 + "/deep"],
    ids=["file", "long", "deep"],
)
def test_a_data_directory_that_cannot_be_is_a_finding(folder: Path, data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first start would be refused; the doctor says so before."""
    (folder / "file").touch(0o600)
    monkeypatch.setenv("POSTKEEP_DATA_DIR", data.format(folder=folder))
    assert found()["disk"][0] is Verdict.ERROR


def test_a_data_directory_that_nobody_may_enter_is_a_finding(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every look into it, and not a trace of the first. Root may enter all, so the system's word is a fake."""
    leave_a_database(folder)

    stat = Path.stat

    def refuse(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if path.parent.name == folder.name:
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", refuse)
    findings = found()
    for place in ("secret", "files", "database"):
        verdict, said = findings[place]
        assert verdict is Verdict.ERROR
        assert "Permission denied" in said


def test_a_database_that_may_only_be_read_is_a_finding(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The start is refused. Root may write to all, so the system's word is a fake."""
    path = leave_a_database(folder)
    open_it = os.open

    def refuse(name: Path, flags: int, mode: int = 0o777) -> int:
        if name == path.relative_to(folder.parent) and flags & os.O_RDWR:
            raise PermissionError(13, "Permission denied", str(name))
        return open_it(name, flags, mode)

    monkeypatch.setattr(os, "open", refuse)
    assert found()["writing"] == (Verdict.ERROR, "postkeep-data/postkeep.db: Permission denied")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:99999", "127.0.0.1:-1", "x" * 64 + ".example", "a..b"],
    ids=["port", "minus", "label", "dots"],
)
def test_a_server_that_cannot_be_is_a_finding(folder: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the URL is refused as a whole, that is the finding."""
    del folder
    monkeypatch.setenv("POSTKEEP_SECRET_KEY", "x7Kq2-vT9wLm4_ZpR8sYb3Nc6HdJf1Ga")
    monkeypatch.setenv("POSTKEEP_DATABASE_URL", f"mysql://ann:duck@{address}/posts")
    monkeypatch.setenv("POSTKEEP_DATABASE_TLS", "off")
    findings = found()
    assert findings.get("database", findings["settings"])[0] is Verdict.ERROR


def test_the_file_that_tests_begin_with_is_whole() -> None:
    """Otherwise what is told of a spoilt one would tell nothing."""
    assert len(empty_file()) % 4096 == 0
