"""Databases as a whole: what happens when a restoring is cut off, and the road from one kind to the other and back."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import URL, Connection, insert, select

from postkeep.services.archive import Archive, Kept
from postkeep.services.backups import BackupService
from postkeep.services.ports import StorageUnavailable
from postkeep.storage import server_archive, server_pool
from postkeep.storage.archive import TABLES
from postkeep.storage.embedded_archive import EmbeddedArchive
from postkeep.storage.embedded_file import connect, create_embedded_engine
from postkeep.storage.server_archive import ServerArchive
from postkeep.storage.server_pool import create_server_engine
from postkeep.storage.tables import AccountRow, PostRow, SessionRow
from tests.builders import a_post, an_account
from tests.contracts.archive import Vault, fill, found_in, things_of
from tests.contracts.kept import Boom, find_account, keep_posts, posts_of
from tests.fakes import FakeClock
from tests.integration.storage.opened import make_file, open_server, remove_everything
from tests.integration.storage.proxy import Cut, Proxy
from tests.strategies import Everything, everything

T = TypeVar("T")


@pytest.fixture
async def server_vault(server_vault_url: URL) -> AsyncGenerator[Vault]:
    """Return an empty database of each kind of server in turn."""
    async with open_server("server", server_vault_url) as opened:
        yield Vault(ServerArchive(server_vault_url), opened.storage)


@asynccontextmanager
async def through_proxy(url: URL) -> AsyncGenerator[tuple[Proxy, ServerArchive]]:
    """Reach a server's database over a wire that can be cut."""
    async with Proxy(url).running() as proxy:
        yield proxy, ServerArchive(proxy.url)


async def cut_at_the_last_commit(cut: Cut, url: URL, things: Sequence[Sequence[Kept]]) -> None:
    """Restore everything, and have the COMMIT that brings the accounts cut."""
    async with through_proxy(url) as (proxy, archive), archive.restoring() as restoring:
        for part in things:
            await restoring.add(part)
        proxy.cuts.append(cut)


async def test_a_lost_commit_leaves_nothing(server_vault: Vault, server_vault_url: URL) -> None:
    """The posts were committed before; without their account they are removed."""
    with pytest.raises(StorageUnavailable):
        await cut_at_the_last_commit(Cut.LOST, server_vault_url, things_of(an_account(), 3))
    assert await found_in(server_vault) == []


async def test_an_unanswered_commit_counts_as_done(server_vault: Vault, server_vault_url: URL) -> None:
    """Nobody is told that it failed, and nothing is removed: the accounts are there."""
    sessions, posts, accounts = things_of(an_account(), 3)
    await cut_at_the_last_commit(Cut.UNANSWERED, server_vault_url, (sessions, posts, accounts))
    assert await found_in(server_vault) == [*sessions, *posts, *accounts]


async def test_a_commit_that_comes_late_finds_everything(
    server_vault: Vault, server_vault_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as it may come, nothing is removed: whose account comes to be there must have its posts."""
    monkeypatch.setattr(server_archive, "_TURN_SECONDS", 1)
    sessions, posts, accounts = things_of(an_account(), 3)
    async with through_proxy(server_vault_url) as (proxy, archive):

        async def restore() -> None:
            async with archive.restoring() as restoring:
                for part in (sessions, posts, accounts):
                    await restoring.add(part)
                proxy.cuts.append(Cut.LATE)

        with pytest.raises(StorageUnavailable):
            await restore()
        proxy.late.set()
        async with asyncio.timeout(10):
            while await find_account(server_vault.storage, accounts[0].id) is None:  # noqa: ASYNC110 - only the storage can tell
                await asyncio.sleep(0.01)
    assert await found_in(server_vault) == [*sessions, *posts, *accounts]


async def test_what_a_killed_restoring_left_is_removed_by_the_next(server_vault: Vault, server_vault_url: URL) -> None:
    """Nobody has cleared up behind it, and nobody can get in: the database counts as empty."""
    sessions, posts, accounts = things_of(an_account(), 3)
    many = [a_post(author=posts[0].author) for _ in range(2_500)]
    async with through_proxy(server_vault_url) as (proxy, archive):

        async def restore_and_be_cut_off() -> None:
            async with archive.restoring() as restoring:
                await restoring.add(sessions)
                await restoring.add([*posts, *many])
                # Neither this connection nor any further one comes through.
                proxy.is_down = True
                proxy.drop_all()
                await restoring.add(accounts)

        with pytest.raises(StorageUnavailable):
            await restore_and_be_cut_off()
    assert len(await found_in(server_vault)) == 2_506
    assert await find_account(server_vault.storage, accounts[0].id) is None
    other = things_of(an_account(), 2)
    await fill(server_vault, *other)
    assert await found_in(server_vault) == [kept for part in other for kept in part]


async def test_two_restorings_take_turns(server_vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second would take what the first has written so far for something left behind."""
    monkeypatch.setattr(server_archive, "_TURN_SECONDS", 0)
    sessions, posts, accounts = things_of(an_account(), 1)
    async with server_vault.archive.restoring() as restoring:
        await restoring.add(sessions)
        await restoring.add(posts)
        with pytest.raises(StorageUnavailable, match="Another"):
            await fill(server_vault, [an_account()])
        await restoring.add(accounts)
    assert await found_in(server_vault) == [*sessions, *posts, *accounts]


async def test_a_backup_may_go_to_somebody_slow(server_vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe may stand still between two tables, for longer than a server keeps a connection that says nothing."""
    things = things_of(an_account(), 3)
    await fill(server_vault, *things)
    monkeypatch.setattr(server_pool, "ORPHAN_SECONDS", 1)
    found: list[Kept] = []
    async with server_vault.archive.snapshot() as snapshot:
        async for part in snapshot.parts():
            found += part
            # The server's clock is nobody's to set.
            await asyncio.sleep(2 if len(found) == len(part) else 0)
    assert found == [kept for part in things for kept in part]


async def test_who_signs_up_meanwhile_stays(server_vault: Vault) -> None:
    """Servers may run; a restoring that fails takes nothing away but its own."""
    bob = an_account()
    mine = a_post(author=bob.id)

    async def fail() -> None:
        async with server_vault.archive.restoring() as restoring:
            await restoring.add([a_post()])
            await server_vault.storage.transact(bob.id, lambda work: work.accounts.add(bob))
            await keep_posts(server_vault.storage, mine)
            raise Boom

    with pytest.raises(Boom):
        await fail()
    assert await posts_of(server_vault.storage, bob.id) == [mine]
    assert len(await found_in(server_vault)) == 2


@pytest.mark.parametrize("kind", TABLES)
def test_sqlite_reads_in_order_without_sorting(tmp_path: Path, kind: type[Kept]) -> None:
    """Sorting would take memory or a file for all posts at once."""
    make_file(tmp_path / "postkeep.db")
    connection = connect(tmp_path / "postkeep.db")
    plan = connection.execute(f"EXPLAIN QUERY PLAN {TABLES[kind].select}").fetchall()
    connection.close()
    assert [str(step[-1]).partition(" USING ")[2] for step in plan] == [
        f"INDEX sqlite_autoindex_{kind.__name__.lower()}s_1"
    ]


def length(path: str) -> int:
    """Return how many bytes a file has."""
    return Path(path).stat().st_size


async def test_db_26_the_log_gives_back_what_it_grew_during_a_backup(tmp_path: Path) -> None:
    """As long as a backup reads, the write-ahead log keeps all that others write; then it is used from the start."""
    path = tmp_path / "postkeep.db"
    make_file(path)
    with sqlite3.connect(path) as writer:
        writer.execute("PRAGMA journal_size_limit = 0")
        async with EmbeddedArchive(path).snapshot() as snapshot:
            for value in range(200):
                writer.execute("UPDATE schema_support SET oldest_revision = ?", (f"{value:032}",))
                writer.commit()
            grown = length(f"{path}-wal")
            assert [part async for part in snapshot.parts()] == []
        writer.execute("PRAGMA wal_checkpoint(RESTART)")
        writer.execute("UPDATE schema_support SET oldest_revision = '0001'")
        writer.commit()
        left = length(f"{path}-wal")
    writer.close()
    assert (grown > 200 * 4096, left < grown / 10) == (True, True)


class Pile(list[bytes]):
    """A backup in memory."""

    def write(self, data: bytes) -> None:
        """Take what comes next."""
        self.append(data)

    @property
    def lines(self) -> list[bytes]:
        """Its lines."""
        return b"".join(self).splitlines(keepends=True)


VERSION = int(FakeClock().now().timestamp() * 1_000_000)


def rows_of(found: Everything, version: int) -> list[list[dict[str, Any]]]:
    """Return the rows that must stand in the tables."""
    accounts: list[dict[str, Any]] = [
        {
            "id": account.id,
            "email": account.email.address,
            "email_key": account.email.key.encode(),
            "password_hash": account.password_hash,
            "status": account.status.value,
            "access_version": version,
            "posts_version": version,
            "posts": account.posts,
            "bytes": account.bytes,
            "created_date": account.created_date,
        }
        for account in found.accounts
    ]
    sessions: list[dict[str, Any]] = [
        {
            "id": session.id,
            "account_id": session.account_id,
            "salt": session.salt,
            "counter": session.counter,
            "status": session.status.value,
            "device": session.origin.device,
            "address": session.origin.address,
            "created_date": session.created_date,
            "refreshed_date": session.refreshed_date,
            "expires_date": session.expires_date,
            "ended_date": session.ended_date,
        }
        for session in found.sessions
    ]
    posts: list[dict[str, Any]] = [
        {
            "account_id": post.author,
            "id": post.id,
            "title": post.title,
            "text": post.text,
            "status": post.status.value,
            "version": post.version,
            "bytes": len((post.text + (post.title or "")).encode()),
            "created_date": post.created_date,
            "updated_date": post.updated_date,
        }
        for post in found.posts
    ]
    return [accounts, sessions, posts]


ROWS = (AccountRow, SessionRow, PostRow)


def write(connection: Connection, rows: list[list[dict[str, Any]]]) -> None:
    """Write rows as they are."""
    for table, values in zip(ROWS, rows, strict=True):
        if values:
            connection.execute(insert(table), values)


def read(connection: Connection) -> list[list[dict[str, Any]]]:
    """Read all rows in their keys' order."""
    found: list[list[dict[str, Any]]] = []
    for table in ROWS:
        columns = table.__table__.columns
        key = [columns[name] for name in ("account_id", "id") if name in columns]
        rows = connection.execute(select(*columns).order_by(*key)).mappings()
        found.append([dict(row) for row in rows])
    return found


class File:
    """A SQLite file."""

    def __init__(self, folder: str) -> None:
        """Make one."""
        path = Path(folder) / "postkeep.db"
        make_file(path)
        self.archive: Archive = EmbeddedArchive(path)
        self._engine = create_embedded_engine(path)

    def run(self, use: Callable[[Connection], T]) -> T:
        """Use a connection of its own."""
        with self._engine.connect() as connection:
            return use(connection)


class OfServer:
    """A database of a server."""

    def __init__(self, url: URL) -> None:
        """Take one, and empty it."""
        remove_everything(url)
        self.archive: Archive = ServerArchive(url)
        self._url = url

    def run(self, use: Callable[[Connection], T]) -> T:
        """Use a connection of its own."""

        async def run() -> T:
            engine = create_server_engine(self._url, pool_size=1, autocommit=True)
            try:
                async with engine.connect() as connection:
                    return await connection.run_sync(use)
            finally:
                await engine.dispose()

        return asyncio.run(run())


def backed_up(archive: Archive) -> Pile:
    """Return a database's backup."""
    pile = Pile()
    asyncio.run(BackupService(archive, FakeClock(), release="1.0").backup(pile, no_progress))
    return pile


def restored(archive: Archive, backup: Pile) -> None:
    """Fill a database from a backup."""
    asyncio.run(BackupService(archive, FakeClock(), release="1.0").restore(iter(backup.lines), no_progress))


def no_progress(_done: int, _total: int) -> None:
    """Tell nobody."""


@settings(
    max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(found=everything())
def test_db_27_everything_survives_the_road_to_a_server_and_back(server_vault_url: URL, found: Everything) -> None:
    """Every field of every account, session and post; and the second and third backup are the first, to the byte."""
    with TemporaryDirectory() as here, TemporaryDirectory() as there:
        first, server, last = File(here), OfServer(server_vault_url), File(there)
        first.run(lambda connection: write(connection, rows_of(found, version=3)))
        backup = backed_up(first.archive)
        for database in (server, last):
            restored(database.archive, backup)
            # Compared as truths: pytest would print megabytes.
            assert (database.run(read) == rows_of(found, VERSION)) is True
            again = backed_up(database.archive)
            assert (again.lines == backup.lines) is True
            backup = again
