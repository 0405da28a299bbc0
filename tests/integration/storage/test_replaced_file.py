"""A database file that is removed or replaced under the storage that has it open: nothing is acknowledged and lost."""

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from postkeep.services.ports import StorageUnavailable
from postkeep.storage import write_ahead_log
from postkeep.storage.embedded_file import connect, create_embedded_engine
from postkeep.storage.freshness import EmbeddedFreshness
from postkeep.storage.migrate import upgrade
from tests.builders import a_post, an_account
from tests.contracts.kept import assert_counted, find_account, keep_account, keep_posts
from tests.integration.storage.opened import Opened, make_file, open_embedded

LOOK = """
import sys
from sqlalchemy import URL
from postkeep.bootstrap.database import refuse_foreign_file
refuse_foreign_file(URL.create("sqlite", database=sys.argv[1]))
"""

VACUUM = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('VACUUM'); c.close()"


def vacuum(path: Path) -> None:
    """Have another process write the file anew, from its first page to its last."""
    subprocess.run([sys.executable, "-c", VACUUM, str(path)], check=True)


def look_from_elsewhere(path: Path) -> str:
    """Have another process look at the file, as each of ours does first, and return what it complains of."""
    return subprocess.run([sys.executable, "-c", LOOK, str(path)], capture_output=True, text=True, check=False).stderr


def files_in(folder: Path) -> set[str]:
    """Return the names of the files in a folder."""
    return {each.name for each in folder.glob("*")}


def content_of(path: Path) -> bytes:
    """Return all that is in a file."""
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the database is."""
    return tmp_path / "kept" / "postkeep.db"


@pytest.fixture
async def opened(path: Path) -> AsyncIterator[Opened]:
    """Return a storage of the test's own, whose file may be disturbed."""
    path.parent.mkdir()
    async with open_embedded(path) as opened:
        yield opened


def remove(path: Path) -> None:
    """Remove the file and all beside it."""
    shutil.rmtree(path.parent)


def replace(path: Path) -> None:
    """Put another file in its place, as `mv` does with a copy."""
    other = path.with_name("copy.db")
    make_file(other)
    other.rename(path)


def point_elsewhere(path: Path) -> None:
    """Make its path a link to another file."""
    path.rename(path.with_name("old.db"))
    make_file(path.with_name("other.db"))
    path.symlink_to("other.db")


def remove_log(path: Path) -> None:
    """Remove the write-ahead log alone, which holds what was committed last."""
    Path(f"{path}-wal").unlink()


def remove_index(path: Path) -> None:
    """Remove what tells processes which part of the log counts: the next one to come would make another."""
    Path(f"{path}-shm").unlink()


DISTURBANCES = [remove, Path.unlink, replace, point_elsewhere, remove_log, remove_index]


@pytest.mark.parametrize("disturb", DISTURBANCES, ids=lambda each: each.__name__)
class TestWhatIsGone:
    """The path leads elsewhere, or nowhere; connections go on with a file that nobody will find again."""

    async def test_nothing_is_acknowledged_any_more(
        self, opened: Opened, path: Path, disturb: Callable[[Path], None], caplog: pytest.LogCaptureFixture
    ) -> None:
        """Neither posts nor sign-ups nor counts; the log says what to do; nothing is half-done."""
        account = await keep_account(opened.storage)
        disturb(path)
        for _ in range(2):
            with pytest.raises(StorageUnavailable):
                await keep_posts(opened.storage, a_post(author=account.id))
        with pytest.raises(StorageUnavailable):
            await keep_account(opened.storage)
        with pytest.raises(StorageUnavailable):
            await opened.storage.count(lambda work: work.accounts.claim_access(account.id))
        await assert_counted(opened.storage, account)
        reasons = {vars(each)["reason"] for each in caplog.records if each.getMessage() == "storage_failed"}
        assert len(reasons) == 1
        assert "until all servers are stopped" in reasons.pop()

    async def test_it_is_not_ready_and_makes_no_file(
        self, opened: Opened, path: Path, disturb: Callable[[Path], None]
    ) -> None:
        """Whoever looked for it used to make an empty one, which the next start took for ours."""
        account = await keep_account(opened.storage)
        disturb(path)
        kept = files_in(path.parent)
        with pytest.raises(StorageUnavailable):
            await opened.storage.check()
        with pytest.raises(StorageUnavailable):
            await anext(opened.storage.stream(account.id))
        assert files_in(path.parent) == kept

    async def test_what_was_read_from_it_still_is(
        self, opened: Opened, path: Path, disturb: Callable[[Path], None]
    ) -> None:
        """Reads go on, from the file that was opened; all but long lists, which would open another one."""
        account = await keep_account(opened.storage)
        disturb(path)
        for weight in (0, 10**9):
            found = await opened.storage.read(lambda work: work.accounts.find(account.id), weight=weight)
            assert found == account


async def test_nobody_comes_to_a_file_whose_log_has_lost_its_index(path: Path) -> None:
    """Of two indexes, each leads its own to write over what the others have committed; a restart makes one for all."""
    path.parent.mkdir()
    async with open_embedded(path) as opened:
        account = await keep_account(opened.storage)
        remove_index(path)
        kept = files_in(path.parent)
        assert "-shm was removed or replaced" in look_from_elsewhere(path)
        assert files_in(path.parent) == kept
    assert not look_from_elsewhere(path)
    async with open_embedded(path) as opened:
        assert await find_account(opened.storage, account.id) == account


async def test_nobody_comes_to_a_file_by_another_name_than_those_who_have_it_open(path: Path, tmp_path: Path) -> None:
    """Each of its names has a log of its own, so both would write over what the other has committed."""
    path.parent.mkdir()
    async with open_embedded(path) as opened:
        account = await keep_account(opened.storage)
        (other := tmp_path / "other.db").hardlink_to(path)
        kept = files_in(tmp_path)
        assert "open by another name" in look_from_elsewhere(other)
        assert files_in(tmp_path) == kept
        assert not look_from_elsewhere(path)
    assert not look_from_elsewhere(other)
    async with open_embedded(other) as opened:
        assert await find_account(opened.storage, account.id) == account


def test_a_file_without_a_log_may_be_read_by_others(path: Path) -> None:
    """As a copy that another tool made, and reads at the same time: it has no index, by whatever name."""
    path.parent.mkdir()
    make_file(path)
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("BEGIN")
        connection.execute("SELECT COUNT(*) FROM accounts").fetchall()
        assert not look_from_elsewhere(path)


async def test_a_log_whose_index_was_removed_is_not_begun_anew(
    opened: Opened, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one index says is in the log may be there no more: nothing of it goes into the file."""
    account = await keep_account(opened.storage)
    remove_index(path)
    monkeypatch.setattr(write_ahead_log, "KEPT_LOG_BYTES", 0)
    before = content_of(path)
    with pytest.raises(StorageUnavailable):
        await keep_posts(opened.storage, a_post(author=account.id))
    assert content_of(path) == before


async def test_what_a_kill_leaves_without_an_index_is_opened(tmp_path: Path) -> None:
    """A log that nobody has open is read from its beginning, and an index made of it."""
    make_file(path := tmp_path / "postkeep.db")
    with closing(connect(path)) as connection:
        connection.execute("DELETE FROM posts")
        for end in ("", "-wal"):
            shutil.copy(f"{path}{end}", tmp_path / f"copy.db{end}")
    assert not look_from_elsewhere(tmp_path / "copy.db")


async def test_it_is_looked_at_after_the_units_have_run(opened: Opened, path: Path) -> None:
    """As late as can be: a unit may take a second, and others are committed with it."""
    account = an_account()

    async def unit(work: object) -> None:
        del work
        remove(path)

    with pytest.raises(StorageUnavailable):
        await opened.storage.transact(account.id, unit)


async def test_a_path_through_links_leads_to_the_same_file(tmp_path: Path) -> None:
    """A folder or a file that is a link is usual; where it is given another name in passing is, too."""
    (tmp_path / "real").mkdir()
    make_file(tmp_path / "real" / "postkeep.db")
    (tmp_path / "linked").symlink_to("real")
    (tmp_path / "link.db").symlink_to("linked/postkeep.db")
    async with open_embedded(tmp_path / "link.db") as opened:
        account = await keep_account(opened.storage)
        await opened.storage.check()
        assert await find_account(opened.storage, account.id) == account


async def test_what_others_do_with_the_file_disturbs_nobody(opened: Opened, path: Path) -> None:
    """Other processes that come and go, the log begun anew, and VACUUM leave both files in place."""
    account = await keep_account(opened.storage)
    vacuum(path)
    await opened.value("PRAGMA wal_checkpoint(TRUNCATE)")
    await keep_posts(opened.storage, post := a_post(author=account.id))
    await opened.storage.check()
    await assert_counted(opened.storage, account, post)


async def test_nobody_but_the_preparation_makes_a_file(tmp_path: Path) -> None:
    """Whatever characters its name has: a file that is made in passing has other rights, and hides that one is gone."""
    path = tmp_path / "a?b#c%20 ü.db"
    for opening in (connect, EmbeddedFreshness):
        with pytest.raises(Exception, match="unable to open"):
            opening(path)
    assert files_in(tmp_path) == set()
    make_file(path)
    connect(path).close()
    await EmbeddedFreshness(path).close()
    assert path.name in files_in(tmp_path) <= {path.name, f"{path.name}-wal", f"{path.name}-shm"}


def test_migrations_take_their_turn_beside_the_file(tmp_path: Path) -> None:
    """Whatever characters its name has: a ? began something else than a name, and the lock had another place."""
    (path := tmp_path / "a?b#c%20 ü.db").touch()
    engine = create_embedded_engine(path)
    upgrade(engine)
    engine.dispose()
    assert files_in(tmp_path) == {path.name, f"{path.name}.lock"}
