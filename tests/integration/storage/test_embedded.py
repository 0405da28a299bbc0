"""The embedded database: one writer that commits many units together, readers beside it, and other processes."""

import asyncio
import json
import sqlite3
import subprocess
import sys
import threading
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from sqlalchemy import Engine

from postkeep.domain.posts import ListedPost, Text
from postkeep.domain.sessions import SessionStatus
from postkeep.services.ports import StorageUnavailable
from postkeep.services.repositories import UnitOfWork
from postkeep.storage import writer as writer_module
from postkeep.storage.embedded import EmbeddedStorage
from postkeep.storage.embedded_file import FileLock
from postkeep.storage.limits import BATCH_BYTES
from tests.builders import a_moment, a_post, a_session, an_account
from tests.contracts.kept import (
    account_by_now,
    assert_counted,
    find_account,
    find_session,
    keep_account,
    keep_posts,
    keep_sessions,
    unit_that_keeps,
)
from tests.integration.storage.opened import Opened, ask, make_file, open_embedded

PROJECT = Path(__file__).parents[3]

PRAGMAS = {
    "journal_mode": "wal",
    "journal_size_limit": 64 * 1024 * 1024,
    "synchronous": 2,
    "foreign_keys": 1,
    "busy_timeout": 5000,
}


async def pragmas(work: UnitOfWork) -> dict[str, object]:
    """Ask a connection how it is set."""
    return {name: (await ask(work, f"PRAGMA {name}"))[0][0] for name in (*PRAGMAS, "query_only")}


class TestConnections:
    """How every connection is set."""

    async def test_db_23_every_connection_is_durable_and_checked(self, embedded: Opened) -> None:
        """The writer's, the readers' and any other one: a default would lose the last commits with the power."""
        seen: list[dict[str, object]] = []

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.claim_access(account.id)
            seen.append(await pragmas(work))

        account = await keep_account(embedded.storage)
        await embedded.storage.transact(account.id, unit)
        seen += [await embedded.storage.read(pragmas, weight=weight) for weight in (0, 10**9)]
        assert seen == [PRAGMAS | {"query_only": only} for only in (0, 1, 1)]
        assert isinstance(embedded.engine, Engine)
        for _ in range(3):
            with embedded.engine.connect() as connection:
                assert {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in PRAGMAS} == PRAGMAS

    async def test_a_reading_cannot_write_even_by_hand(self, embedded: Opened) -> None:
        """Whatever statement it runs: the connection itself refuses."""
        account = await keep_account(embedded.storage)
        for weight in (0, 10**9):
            with pytest.raises(StorageUnavailable):
                await embedded.storage.read(lambda work: ask(work, "DELETE FROM accounts"), weight=weight)
        assert await find_account(embedded.storage, account.id) == account

    async def test_a_unit_that_waits_for_something_else_is_refused(self, embedded: Opened) -> None:
        """It would hold up everybody: the writer has one thread and no event loop."""
        account = await keep_account(embedded.storage)

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.claim_access(account.id)
            await asyncio.sleep(0)

        with pytest.raises(RuntimeError):
            await embedded.storage.transact(account.id, unit)
        assert await find_account(embedded.storage, account.id) == account

    async def test_a_heavy_reading_holds_nobody_up(self, embedded: Opened) -> None:
        """While it lasts, light ones are answered, units are committed, and long lists are read."""
        begun, may_end = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()
        account = await keep_account(embedded.storage)

        async def query(work: UnitOfWork) -> object:
            found = await work.accounts.find(account.id)
            loop.call_soon_threadsafe(begun.set)
            may_end.wait()
            return found

        heavy = asyncio.create_task(embedded.storage.read(query, weight=10**9))
        await begun.wait()
        try:
            await keep_posts(embedded.storage, post := a_post(author=account.id))
            await assert_counted(embedded.storage, account, post)
            async with asyncio.timeout(30):
                assert [part async for part in embedded.storage.stream(account.id)] == [[ListedPost.of(post)]]
            assert not heavy.done()
        finally:
            may_end.set()
        assert await heavy == account

    async def test_a_reader_does_not_see_a_unit_before_its_commit(self, embedded: Opened) -> None:
        """Nor wait for it: a unit that has begun and not ended is invisible."""
        begun, may_end = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()
        account = await keep_account(embedded.storage)
        post = a_post(author=account.id)

        async def unit(work: UnitOfWork) -> None:
            await work.posts.add(post)
            loop.call_soon_threadsafe(begun.set)
            may_end.wait()

        writing = asyncio.create_task(embedded.storage.transact(account.id, unit))
        await begun.wait()
        try:
            assert await find_account(embedded.storage, account.id) == account
            await assert_counted(embedded.storage, account)
        finally:
            may_end.set()
        await writing
        await assert_counted(embedded.storage, account, post)

    async def test_a_long_list_that_cannot_be_opened_is_unavailable(
        self, embedded: Opened, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Too many open files, say: told as such, and its place is free again."""
        account = await keep_account(embedded.storage)

        def fail(*_: object, **__: object) -> sqlite3.Connection:
            message = "unable to open database file"
            raise sqlite3.OperationalError(message)

        for _ in range(5):
            with monkeypatch.context() as patch:
                patch.setattr(sqlite3, "connect", fail)
                with pytest.raises(StorageUnavailable):
                    await anext(embedded.storage.stream(account.id))
        assert [part async for part in embedded.storage.stream(account.id)] == []


class TestDurability:
    """What is acknowledged is in the file."""

    async def test_it_is_there_when_the_file_is_opened_again(self, tmp_path: Path) -> None:
        """By another process, in effect."""
        async with open_embedded(tmp_path / "postkeep.db") as opened:
            account = await keep_account(opened.storage)
            await keep_posts(opened.storage, post := a_post(author=account.id))
        async with open_embedded(tmp_path / "postkeep.db") as opened:
            await assert_counted(opened.storage, account, post)

    async def test_it_is_in_a_copy_of_the_files_at_that_moment(self, tmp_path: Path) -> None:
        """As after a power cut: nothing waits in memory."""
        async with open_embedded(tmp_path / "postkeep.db") as opened:
            account = await keep_account(opened.storage)
            await keep_posts(opened.storage, post := a_post(author=account.id))
            for name in ("postkeep.db", "postkeep.db-wal"):
                (tmp_path / f"copy-{name}").write_bytes((tmp_path / name).read_bytes())
        async with open_embedded(tmp_path / "copy-postkeep.db") as copied:
            await assert_counted(copied.storage, account, post)

    async def test_another_storage_sees_it_at_once(self, tmp_path: Path) -> None:
        """Workers share the file: a write in one is read in the other, both ways, exactly."""
        async with open_embedded(tmp_path / "postkeep.db") as one, open_embedded(tmp_path / "postkeep.db") as other:
            account = await keep_account(one.storage)
            posts = [a_post(author=account.id) for _ in range(10)]
            for number, post in enumerate(posts):
                writer, reader = (one, other) if number % 2 else (other, one)
                await keep_posts(writer.storage, post)
                await assert_counted(reader.storage, account, *posts[: number + 1])

    async def test_two_storages_write_in_turn(self, tmp_path: Path) -> None:
        """However many units each has at once."""
        async with open_embedded(tmp_path / "postkeep.db") as one, open_embedded(tmp_path / "postkeep.db") as other:
            account = await keep_account(one.storage)
            posts = [a_post(author=account.id) for _ in range(100)]
            storages = [one.storage, other.storage] * 50
            await asyncio.gather(
                *(
                    storage.transact(account.id, unit_that_keeps(post))
                    for storage, post in zip(storages, posts, strict=True)
                )
            )
            await assert_counted(other.storage, account, *posts)

    async def test_sv_14_closing_finishes_what_was_begun(self, tmp_path: Path) -> None:
        """SIGTERM loses nothing: everybody who waits gets an answer, and it is true."""
        async with open_embedded(tmp_path / "postkeep.db") as opened:
            account = await keep_account(opened.storage)
            posts = [a_post(author=account.id) for _ in range(50)]
            tasks = [asyncio.create_task(opened.storage.transact(account.id, unit_that_keeps(p))) for p in posts]
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        async with open_embedded(tmp_path / "postkeep.db") as opened:
            await assert_counted(opened.storage, account, *posts)


class FailingConnection(sqlite3.Connection):
    """A connection whose next COMMITs may end otherwise than they say."""

    # Shared with the test on purpose: it does not make the connection.
    outcomes: ClassVar[list[str]] = []
    commits: ClassVar[list[str]] = []

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        """Run a statement; a COMMIT as planned."""
        if sql == "COMMIT":
            self.commits.append(sql)
        if sql != "COMMIT" or not self.outcomes:
            return super().execute(sql, *parameters)
        outcome = self.outcomes.pop(0)
        if outcome == "works":
            return super().execute(sql, *parameters)
        if outcome.startswith("done"):
            super().execute("COMMIT")
        if outcome == "done, and deleted":
            super().execute("DELETE FROM posts")
            super().execute("UPDATE accounts SET posts = 0, bytes = 0")
        elif outcome == "taken back":
            super().execute("ROLLBACK")
        elif outcome == "out of memory":
            # As the driver says SQLITE_NOMEM.
            raise MemoryError
        message = "disk I/O error"
        raise sqlite3.OperationalError(message)


@pytest.fixture
async def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a storage whose COMMITs can be made to fail."""
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=FailingConnection))
    FailingConnection.outcomes.clear()
    async with open_embedded(tmp_path / "postkeep.db") as opened:
        yield opened
    FailingConnection.outcomes.clear()


async def test_whatever_fails_leaves_no_transaction_behind(failing: Opened) -> None:
    """It would keep everybody from writing, this process and all others, until the end of this one."""
    account = await keep_account(failing.storage)
    FailingConnection.outcomes[:] = ["out of memory"]
    with pytest.raises(StorageUnavailable):
        await keep_posts(failing.storage, a_post(author=account.id))
    await keep_posts(failing.storage, post := a_post(author=account.id))
    await assert_counted(failing.storage, account, post)


async def test_what_fails_after_a_commit_fails_nobody_who_had_no_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log's file may be out of reach for a moment, when it is looked at whether it is long."""
    async with open_embedded(tmp_path / "postkeep.db") as opened:
        account = await keep_account(opened.storage)

        def fail(*_: object) -> int:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("postkeep.storage.write_ahead_log.WriteAheadLog._size", property(fail))
        await keep_posts(opened.storage, post := a_post(author=account.id))
        await assert_counted(opened.storage, account, post)


def told(outcomes: list[str]) -> AbstractContextManager[object]:
    """Expect to be told that it failed, where nobody could know, nothing is there, and it is not done again."""
    return pytest.raises(StorageUnavailable) if is_given_up(outcomes) else nullcontext()


def is_given_up(outcomes: list[str]) -> bool:
    """Whether the first COMMIT was not done, and did not tell: its transaction is still there where it failed."""
    return outcomes[0] == "taken back"


OUTCOMES = [["done"], ["not done"], ["taken back"], ["not done", "done"], ["done", "done"], ["taken back", "not done"]]


@pytest.mark.parametrize("outcomes", OUTCOMES, ids=" then ".join)
class TestUnknownCommits:
    """A COMMIT that fails may have been done: DESIGN 4. No unit has more than one effect, nor says what is not so."""

    async def test_an_added_post_is_there_once(self, failing: Opened, outcomes: list[str]) -> None:
        """And counted once; or whoever added it hears that it may have failed, and it is not there."""
        account = await keep_account(failing.storage)
        FailingConnection.outcomes[:] = outcomes
        with told(outcomes):
            await keep_posts(failing.storage, post := a_post(author=account.id))
        await assert_counted(failing.storage, account, *([] if is_given_up(outcomes) else [post]))

    async def test_a_deleted_post_is_gone_and_counted_out_once(self, failing: Opened, outcomes: list[str]) -> None:
        """And whoever deleted it hears so, not that it was absent."""
        account = await keep_account(failing.storage)
        post, other = a_post(author=account.id), a_post(author=account.id)
        await keep_posts(failing.storage, post, other)

        async def unit(work: UnitOfWork) -> None:
            assert await work.posts.remove(account.id, post.id)

        FailingConnection.outcomes[:] = outcomes
        await failing.storage.transact(account.id, unit)
        await assert_counted(failing.storage, account, other)

    async def test_a_signup_is_there_once(self, failing: Opened, outcomes: list[str]) -> None:
        """With its session; nobody hears that the address is taken, by themselves."""
        account = an_account()
        session = a_session(account_id=account.id)

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.add(account)
            await work.sessions.add(session)

        FailingConnection.outcomes[:] = outcomes
        with told(outcomes):
            await failing.storage.transact(account.id, unit)
        done = not is_given_up(outcomes)
        assert await find_account(failing.storage, account.id) == (account if done else None)
        assert await find_session(failing.storage, session.id) == (session if done else None)

    @pytest.mark.parametrize("kept_hash", ["same", "new"])
    async def test_a_login_is_there_once(self, failing: Opened, outcomes: list[str], kept_hash: str) -> None:
        """With a version raised by one, also where the login has hashed the password anew."""
        account = await keep_account(failing.storage, password_hash="same")
        session = a_session(account_id=account.id)

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.admit(account.id, proven_hash="same", kept_hash=kept_hash)
            await work.sessions.add(session)

        FailingConnection.outcomes[:] = outcomes
        await failing.storage.transact(account.id, unit)
        assert await find_session(failing.storage, session.id) == session
        assert await find_account(failing.storage, account.id) == replace(
            account, password_hash=kept_hash, access_version=account.access_version + 1
        )

    async def test_an_account_is_removed(self, failing: Opened, outcomes: list[str]) -> None:
        """And whoever removed it hears so."""
        account = await keep_account(failing.storage)
        await keep_posts(failing.storage, a_post(author=account.id))
        FailingConnection.outcomes[:] = outcomes
        await failing.storage.transact(account.id, lambda work: work.accounts.remove(account.id))
        assert await find_account(failing.storage, account.id) is None

    async def test_a_session_has_ended(self, failing: Opened, outcomes: list[str]) -> None:
        """At the moment that was said first."""
        account = await keep_account(failing.storage)
        session = a_session(account_id=account.id)
        await keep_sessions(failing.storage, session)
        now = a_moment()

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.claim_access(account.id)
            await work.sessions.end(session, now)

        FailingConnection.outcomes[:] = outcomes
        await failing.storage.transact(account.id, unit)
        ended = replace(session, status=SessionStatus.ENDED, ended_date=now)
        assert await find_session(failing.storage, session.id) == ended

    async def test_each_of_many_settles_for_itself(self, failing: Opened, outcomes: list[str]) -> None:
        """A COMMIT is everybody's who was in it: also of those that failed for reasons of their own."""
        account = await keep_account(failing.storage)
        posts = [a_post(author=account.id) for _ in range(20)]

        async def add(number: int) -> None:
            async def unit(work: UnitOfWork) -> None:
                await work.posts.add(posts[number])
                if number % 4 == 0:
                    raise KeyError(number)

            await failing.storage.transact(account.id, unit)

        FailingConnection.outcomes[:] = outcomes
        results = await asyncio.gather(*map(add, range(20)), return_exceptions=True)
        done = not is_given_up(outcomes)
        assert [type(result) for result in results] == [KeyError, *[type(None) if done else StorageUnavailable] * 3] * 5
        kept = [post for number, post in enumerate(posts) if number % 4] if done else []
        await assert_counted(failing.storage, account, *kept)


@pytest.mark.parametrize("outcomes", OUTCOMES, ids=" then ".join)
async def test_a_commit_is_not_of_those_that_had_no_turn_before_it(failing: Opened, outcomes: list[str]) -> None:
    """They run in the next one as if nothing had been: with one effect each, and told so."""
    account = await keep_account(failing.storage)
    posts = [a_post(author=account.id) for _ in range(6)]
    begun, may_end = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    async def before(work: UnitOfWork) -> None:
        await work.accounts.claim_access(account.id)
        loop.call_soon_threadsafe(begun.set)
        may_end.wait()

    FailingConnection.outcomes[:] = ["works", *outcomes]
    tasks = [asyncio.create_task(failing.storage.transact(account.id, before))]
    await begun.wait()
    for post in posts:
        unit = unit_that_keeps(post)
        tasks.append(asyncio.create_task(failing.storage.transact(account.id, unit, weight=BATCH_BYTES // 3)))
    await asyncio.sleep(0)
    may_end.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    told_first = StorageUnavailable if is_given_up(outcomes) else type(None)
    assert [type(result) for result in results[1:4]] == [told_first] * 3
    assert [type(result) for result in results[4:]] == [type(None)] * 3
    await assert_counted(failing.storage, account, *(posts[3:] if is_given_up(outcomes) else posts))


@pytest.mark.parametrize("outcome", ["not done", "taken back"])
async def test_the_log_says_why_a_commit_failed(
    failing: Opened, outcome: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk is found by these words; that something failed is not enough at night."""
    account = await keep_account(failing.storage)
    FailingConnection.outcomes[:] = [outcome]
    with suppress(StorageUnavailable):
        await keep_posts(failing.storage, a_post(author=account.id))
    (retried,) = [record for record in caplog.records if record.getMessage() == "storage_retried"]
    assert vars(retried)["reason"] == "disk I/O error"


async def test_the_log_says_at_the_end_why_a_commit_failed(failing: Opened, caplog: pytest.LogCaptureFixture) -> None:
    """The last line is the one that is an error, and the first to be read: alone it must say what to do."""
    account = await keep_account(failing.storage)
    FailingConnection.outcomes[:] = ["taken back"]
    with pytest.raises(StorageUnavailable):
        await keep_posts(failing.storage, a_post(author=account.id))
    (failed,) = [record for record in caplog.records if record.getMessage() == "storage_failed"]
    assert vars(failed)["reason"] == "a COMMIT failed (disk I/O error), and what it was for is not there"


async def test_the_log_says_why_sqlite_took_back_everything(failing: Opened, caplog: pytest.LogCaptureFixture) -> None:
    """As of a full disk, and with the savepoint; that there is no savepoint any more says nothing at night."""
    account = await keep_account(failing.storage)

    async def taken_back(work: UnitOfWork) -> None:
        await work.accounts.claim_access(account.id)
        await ask(work, "ROLLBACK")
        message = "database or disk is full"
        raise sqlite3.OperationalError(message)

    with pytest.raises(StorageUnavailable):
        await failing.storage.transact(account.id, taken_back)
    assert {vars(record)["reason"] for record in caplog.records if record.getMessage().startswith("storage_")} == {
        "database or disk is full"
    }


async def test_a_post_that_was_deleted_before_its_commit_was_settled_stays_deleted(failing: Opened) -> None:
    """The COMMIT was done and said otherwise; another hand finds the post and deletes it before that is found out."""
    account = await keep_account(failing.storage)
    FailingConnection.outcomes[:] = ["done, and deleted"]
    with pytest.raises(StorageUnavailable):
        await keep_posts(failing.storage, a_post(author=account.id))
    await assert_counted(failing.storage, account)


async def test_many_units_are_committed_together(failing: Opened) -> None:
    """One flush to the disk for all that wait: that is what makes it fast."""
    account = await keep_account(failing.storage)
    posts = [a_post(author=account.id) for _ in range(51)]
    begun, may_end = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    async def first(work: UnitOfWork) -> None:
        await work.posts.add(posts[0])
        loop.call_soon_threadsafe(begun.set)
        may_end.wait()

    FailingConnection.commits.clear()
    tasks = [asyncio.create_task(failing.storage.transact(account.id, first))]
    await begun.wait()
    tasks += [asyncio.create_task(failing.storage.transact(account.id, unit_that_keeps(post))) for post in posts[1:]]
    await asyncio.sleep(0)
    may_end.set()
    await asyncio.gather(*tasks)
    assert len(FailingConnection.commits) == 2
    await assert_counted(failing.storage, account, *posts)


async def test_a_commit_that_never_works_is_given_up(failing: Opened) -> None:
    """With the port's own error, nothing kept, and everything in order afterwards."""
    account = await keep_account(failing.storage)
    FailingConnection.outcomes[:] = ["not done"] * 3
    with pytest.raises(StorageUnavailable):
        await keep_posts(failing.storage, a_post(author=account.id))
    assert FailingConnection.outcomes == []
    await assert_counted(failing.storage, account)
    await keep_posts(failing.storage, post := a_post(author=account.id))
    await assert_counted(failing.storage, account, post)


class TestFullDisk:
    """DB-16: no room for another page."""

    @pytest.fixture
    async def full(self, tmp_path: Path) -> Any:
        """Return a storage that may take no more pages than it has, but for a few."""
        async with open_embedded(tmp_path / "postkeep.db") as opened:
            account = await keep_account(opened.storage)
            pages = await opened.value("PRAGMA page_count")

            async def unit(work: UnitOfWork) -> None:
                await work.accounts.claim_access(account.id)
                await ask(work, f"PRAGMA max_page_count = {pages + 20}")

            await opened.storage.transact(account.id, unit)
            yield opened

    async def test_what_does_not_fit_is_refused_and_nothing_is_half_done(self, full: Opened) -> None:
        """As unavailable; reads and small writes go on, and counts are exact."""
        account = await keep_account(full.storage)
        with pytest.raises(StorageUnavailable):
            await keep_posts(full.storage, a_post(author=account.id, text=Text("x" * 500_000)))
        await assert_counted(full.storage, account)
        await keep_posts(full.storage, small := a_post(author=account.id))
        await assert_counted(full.storage, account, small)
        assert await full.value("PRAGMA integrity_check") == "ok"

    @pytest.mark.parametrize("large", [[0], [7], [14], [2, 7, 12]], ids=str)
    async def test_neighbours_of_what_does_not_fit_are_told_the_truth(self, full: Opened, large: list[int]) -> None:
        """In one group commit: each is either kept and told so, or neither; one that is too large costs no other."""
        account = await keep_account(full.storage)
        posts = [a_post(author=account.id, text=Text("x" * (500_000 if n in large else 10))) for n in range(15)]
        results = await asyncio.gather(
            *(full.storage.transact(account.id, unit_that_keeps(post)) for post in posts), return_exceptions=True
        )
        assert {type(result) for result in results} <= {StorageUnavailable, type(None)}
        kept = [post for post, result in zip(posts, results, strict=True) if result is None]
        await assert_counted(full.storage, account, *kept)
        assert len(kept) == 14 or len(large) > 1

    async def test_neighbours_of_what_does_not_fit_have_one_effect_each(self, full: Opened) -> None:
        """SQLite may take the whole group back by itself; what runs again must not count twice."""
        account, large = await keep_account(full.storage), await keep_account(full.storage)
        too_large = unit_that_keeps(a_post(author=large.id, text=Text("x" * 500_000)))
        claims = [
            full.storage.transact(account.id, lambda work: work.accounts.claim_access(account.id)) for _ in range(10)
        ]
        results = await asyncio.gather(
            *claims[:5], full.storage.transact(large.id, too_large), *claims[5:], return_exceptions=True
        )
        assert [type(result) for result in results] == [type(None)] * 5 + [StorageUnavailable] + [type(None)] * 5
        by_now = await account_by_now(full.storage, account)
        assert by_now.access_version == account.access_version + 10


WRITE_MUCH = """
import asyncio, json, sys
from pathlib import Path
from postkeep.domain.posts import Text, parse_post_id
from postkeep.storage import writer as writer_module
from postkeep.storage.embedded import EmbeddedStorage
from postkeep.storage.embedded_file import FileLock
from tests.builders import a_post, an_account
from postkeep.domain.accounts import Email

async def main(path, name):
    storage = EmbeddedStorage(Path(path))
    account = an_account(email=Email.parse(f"{name}@ex.com"))
    await storage.transact(account.id, lambda work: work.accounts.add(account))
    print("ready", flush=True)
    sys.stdin.readline()
    errors = []

    async def read_then_write(number):
        post = a_post(author=account.id, text=Text("x" * 100))
        async def unit(work):
            seen = await work.posts.list_for(account.id, limit=3, before=None)
            await work.posts.add(post)
            if len(seen) == 3 and number % 5 == 0:
                await work.posts.remove(account.id, parse_post_id(seen[0].id))
        try:
            await storage.transact(account.id, unit)
            await storage.read(lambda work: work.accounts.find(account.id))
        except Exception as error:
            errors.append(repr(error.__cause__ or error))

    for _ in range(20):
        await asyncio.gather(*map(read_then_write, range(10)))
    kept = await storage.read(lambda work: work.accounts.find(account.id))
    listed = await storage.read(lambda work: work.posts.list_for(account.id, limit=None, before=None))
    await storage.close()
    size = sum(len((post.text + (post.title or "")).encode()) for post in listed)
    print(json.dumps([errors, kept.posts, kept.bytes, len(listed), size]), flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_db_12_a_turn_that_never_comes_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process holds the turn and stands still; who was told to come again must not find it done by then."""
    async with open_embedded(tmp_path / "postkeep.db") as opened:
        account = await keep_account(opened.storage)
        other = FileLock(tmp_path / "postkeep.db")
        with monkeypatch.context() as patch:
            patch.setattr(writer_module, "PATIENCE_SECONDS", 0.1)
            with other.held():
                refused = [keep_posts(opened.storage, a_post(author=account.id)) for _ in range(3)]
                answers = await asyncio.gather(*refused, return_exceptions=True)
        assert {type(answer) for answer in answers} == {StorageUnavailable}
        await keep_posts(opened.storage, post := a_post(author=account.id))
        await assert_counted(opened.storage, account, post)
        other.close()


async def test_a_broken_file_is_unavailable_and_not_a_fault_of_ours(tmp_path: Path) -> None:
    """A disk that lost something: the operator is told, the client is told to come again, and nothing is made worse."""
    path = tmp_path / "postkeep.db"
    async with open_embedded(path) as opened:
        account = await keep_account(opened.storage)
        await keep_posts(opened.storage, a_post(author=account.id, text=Text("x" * 100_000)))
    async with open_embedded(path) as opened:
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (size - 4096))
        with pytest.raises(StorageUnavailable):
            await find_account(opened.storage, account.id)
        with pytest.raises(StorageUnavailable):
            await opened.storage.read(lambda work: work.accounts.find(account.id), weight=10**6)
        with pytest.raises(StorageUnavailable):
            await keep_posts(opened.storage, a_post(author=account.id))
        with pytest.raises(StorageUnavailable):
            await anext(opened.storage.stream(account.id))


def test_db_22_three_processes_write_one_file_at_once(tmp_path: Path) -> None:
    """Not one "database is locked", and exact counts: 600 units that read and then write."""
    path = tmp_path / "postkeep.db"
    make_file(path)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE_MUCH, str(path), name],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("ann", "bob", "eve")
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    results = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    for errors, posts, size, listed, listed_size in results:
        assert errors == []
        assert (posts, size) == (listed, listed_size)
        assert 150 <= posts <= 200


async def test_the_storage_needs_its_schema(tmp_path: Path) -> None:
    """It never makes one by itself, where it was only to be looked at."""
    (tmp_path / "postkeep.db").touch()
    storage = EmbeddedStorage(tmp_path / "postkeep.db")
    try:
        with pytest.raises(Exception, match="postkeep migrate"):
            await storage.check()
    finally:
        await storage.close()
