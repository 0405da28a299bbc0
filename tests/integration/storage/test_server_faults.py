"""A database server's faults: DESIGN 4. A unit runs again in whole, and has exactly one effect."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest
from asyncmy.errors import OperationalError
from sqlalchemy import Delete
from sqlalchemy.ext.asyncio import AsyncConnection

from postkeep.domain.accounts import Account
from postkeep.domain.edits import ANY_VERSION, Changes, Edit, Versions
from postkeep.domain.idempotency import IdempotencyKey, KeyUse
from postkeep.domain.posts import ListedPost, Post, Quota, Text, Title
from postkeep.domain.sessions import Session, SessionStatus
from postkeep.services.ports import StorageUnavailable
from postkeep.services.repositories import Unit, UnitOfWork
from postkeep.storage import server as server_module
from postkeep.storage import server_pool
from postkeep.storage.server import ServerStorage
from postkeep.storage.server_driver import Connection
from postkeep.storage.server_pool import create_server_engine
from postkeep.storage.statements import Parameters, Result, Statement
from postkeep.storage.tables import SessionRow
from postkeep.storage.transaction import Run
from tests.builders import a_moment, a_post, a_session, an_account, an_account_id
from tests.contracts.edits import make
from tests.contracts.idempotency import find_use
from tests.contracts.kept import (
    Boom,
    account_by_now,
    assert_counted,
    find_account,
    find_session,
    keep_account,
    keep_posts,
    keep_sessions,
    unit_that_keeps,
)
from tests.integration.storage.opened import Opened, ask, open_server
from tests.integration.storage.proxy import Cut, Proxy
from tests.integration.storage.watched import watched

DEADLOCK = (1213, "Deadlock found when trying to get lock; try restarting transaction")
LOCK_WAIT = (1205, "Lock wait timeout exceeded; try restarting transaction")
LOST = (2013, "Lost connection to MySQL server during query")

DELETE = "DELETE FROM posts WHERE id = %s AND account_id = %s"
ISOLATION = "SHOW VARIABLES WHERE Variable_name IN ('tx_isolation', 'transaction_isolation')"


@asynccontextmanager
async def another(server: Opened) -> AsyncGenerator[AsyncConnection]:
    """Open a transaction beside the storage; it is rolled back unless committed."""
    engine = create_server_engine(server.url, pool_size=1)
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


async def run(connection: AsyncConnection, sql: str, *parameters: object) -> None:
    """Run a statement in the driver's own words."""
    await connection.exec_driver_sql(sql, parameters)


async def until_waiting(server: Opened) -> None:
    """Wait until some transaction waits for another one's lock."""
    async with asyncio.timeout(30):
        while not await waiting(server):  # noqa: ASYNC110 - only the server can tell
            await asyncio.sleep(0.005)


async def waiting(server: Opened) -> int:
    """Return how many transactions wait for a lock."""
    (row,) = await server.rows("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")
    return int(row["Value"])


async def waiting_for_tables(server: Opened) -> int:
    """Return how many connections wait for a table that somebody else holds."""
    states = [row["State"] or "" for row in await server.rows("SHOW PROCESSLIST")]
    return sum("metadata lock" in state for state in states)


@contextmanager
def failing_statements(opened: Opened, begin: str, *errors: tuple[int, str]) -> Generator[list[str]]:
    """Have the next statements that begin so fail, one with each error, unexecuted; collect those that were tried."""
    tried, left = list[str](), list(errors)

    def fail(statement: str) -> None:
        if statement.startswith(begin):
            tried.append(statement)
            if left:
                raise OperationalError(*left.pop(0))

    assert isinstance(opened.storage, ServerStorage)
    with watched(opened.storage, fail):
        yield tried


@contextmanager
def committing(opened: Opened, commit: Callable[[Connection], Awaitable[None]]) -> Generator[None]:
    """Have every unit committed so."""
    assert isinstance(opened.storage, ServerStorage)
    with watched(opened.storage, commit=commit):
        yield


class TestCollisions:
    """Transactions that lost against others."""

    async def test_db_05_of_two_units_in_a_deadlock_both_succeed(self, server: Opened) -> None:
        """The server rolls one back with 1213; it runs again in whole, and once counts once."""
        ann, bob = await keep_account(server.storage), await keep_account(server.storage)
        runs: list[str] = []
        met = asyncio.Barrier(2)

        async def take_both(first: Account, second: Account) -> None:
            post = a_post(author=first.id)

            async def unit(work: UnitOfWork) -> None:
                await work.posts.add(post)
                runs.append("run")
                if len(runs) <= 2:
                    await met.wait()
                await ask(work, "SELECT id FROM accounts WHERE id = :id FOR UPDATE", id=second.id.bytes)

            await server.storage.transact(first.id, unit)

        await asyncio.gather(take_both(ann, bob), take_both(bob, ann))
        assert len(runs) == 3
        for account in (ann, bob):
            by_now = await account_by_now(server.storage, account)
            assert (by_now.posts, by_now.posts_version) == (1, account.posts_version + 1)

    async def test_db_05_a_delete_that_deadlocks_runs_again(self, server: Opened) -> None:
        """Against a transaction that takes the post first and the account then; ours weighs less, and yields."""
        account = await keep_account(server.storage)
        post, *others = (a_post(author=account.id) for _ in range(30))
        await keep_posts(server.storage, post, *others)
        async with another(server) as connection:
            await run(connection, "UPDATE posts SET version = version + 1 WHERE account_id = %s", account.id.bytes)
            deleting = asyncio.create_task(server.storage.transact(account.id, unit_that_removes(post)))
            await until_waiting(server)
            await run(connection, "UPDATE accounts SET posts_version = 1000 WHERE id = %s", account.id.bytes)
            await connection.commit()
        await deleting
        by_now = await account_by_now(server.storage, account)
        assert (by_now.posts, by_now.posts_version) == (29, 1001)
        assert by_now.bytes == sum(other.bytes for other in others)

    @pytest.mark.parametrize("error", [DEADLOCK, LOCK_WAIT, (1020, "Record has changed since last read")], ids=str)
    @pytest.mark.parametrize("times", [1, 3])
    async def test_db_05_a_unit_runs_again_up_to_three_times(
        self, fresh: Opened, error: tuple[int, str], times: int
    ) -> None:
        """In whole, after a rollback: 1205 alone would leave the account's row as the failed run changed it."""
        account = await keep_account(fresh.storage)
        with failing_statements(fresh, "INSERT INTO posts", *[error] * times) as tried:
            await keep_posts(fresh.storage, post := a_post(author=account.id))
        assert len(tried) == times + 1
        await assert_counted(fresh.storage, account, post)
        assert (await account_by_now(fresh.storage, account)).posts_version == account.posts_version + 1

    async def test_db_05_a_unit_that_always_collides_is_given_up(self, fresh: Opened) -> None:
        """After four runs, with nothing left behind and no lock held."""
        account = await keep_account(fresh.storage)
        with (
            failing_statements(fresh, "INSERT INTO posts", *[DEADLOCK] * 4) as tried,
            pytest.raises(StorageUnavailable),
        ):
            await keep_posts(fresh.storage, a_post(author=account.id))
        assert len(tried) == 4
        assert await find_account(fresh.storage, account.id) == account
        await keep_posts(fresh.storage, post := a_post(author=account.id))
        await assert_counted(fresh.storage, account, post)

    async def test_an_error_of_the_statement_itself_is_not_repeated(self, fresh: Opened) -> None:
        """It would fail again; whoever asked must know."""
        account = await keep_account(fresh.storage)
        unknown = (1054, "Unknown column")
        with failing_statements(fresh, "INSERT INTO posts", unknown) as tried, pytest.raises(Exception, match="1054"):
            await keep_posts(fresh.storage, a_post(author=account.id))
        assert len(tried) == 1
        assert await find_account(fresh.storage, account.id) == account


REMOVALS: list[Callable[[UnitOfWork, Post], Awaitable[object]]] = [
    lambda work, post: work.posts.remove(post.author, post.id),
    lambda work, post: work.posts.remove(post.author, post.id, Versions.only(1)),
    lambda work, post: work.posts.remove_some(post.author, at_most=9, about_bytes=9),
    lambda work, post: work.bulk.remove(post.author, [post.id]),
    lambda work, post: work.accounts.remove(post.author),
]


@pytest.mark.parametrize("remove", REMOVALS, ids=["post", "version", "some", "bulk", "account"])
async def test_a_delete_that_the_server_ends_without_a_word_removes_nothing(
    fresh: Opened, monkeypatch: pytest.MonkeyPatch, remove: Callable[[UnitOfWork, Post], Awaitable[object]]
) -> None:
    """MariaDB answers one that KILL QUERY hits in its first moment as if it had found nothing: it is no 404."""
    account, post = await with_a_kept_post(fresh)

    def ended(connection: Connection) -> Run:
        run = server_pool.runs_on(connection)

        async def find_nothing(statement: Statement, parameters: Parameters) -> Result:
            is_ended = isinstance(statement, Delete) and statement.table is not SessionRow.__table__
            return Result(0) if is_ended else await run(statement, parameters)

        return find_nothing

    async def unit(work: UnitOfWork) -> None:
        await remove(work, post)

    with monkeypatch.context() as ending:
        ending.setattr(server_module, "runs_on", ended)
        with pytest.raises(StorageUnavailable):
            await fresh.storage.transact(account.id, unit)
    await assert_counted(fresh.storage, account, post)


class TestLocks:
    """What is read must be what is locked."""

    async def test_a_delete_counts_out_the_size_that_the_post_has_by_then(self, server: Opened) -> None:
        """An edit by another connection is under way when the delete begins, and commits while the delete waits."""
        account = await keep_account(server.storage)
        post, other = a_post(author=account.id), a_post(author=account.id)
        await keep_posts(server.storage, post, other)
        async with another(server) as connection:
            await run(
                connection, "UPDATE accounts SET bytes = bytes + %s WHERE id = %s", 1000 - post.bytes, account.id.bytes
            )
            await run(
                connection,
                "UPDATE posts SET bytes = 1000, text = %s WHERE account_id = %s AND id = %s",
                "x" * 1000,
                account.id.bytes,
                post.id.bytes,
            )
            deleting = asyncio.create_task(server.storage.transact(account.id, unit_that_removes(post)))
            await until_waiting(server)
            await connection.commit()
        await deleting
        await assert_counted(server.storage, account, other)

    async def test_a_delete_waits_for_a_post_that_is_being_changed(self, server: Opened) -> None:
        """By a hand that holds the post and not its account: what is counted out is what was there in the end.

        This is what FOR UPDATE in the counting is for; whoever takes the account's row first is safe without.
        """
        account = await keep_account(server.storage)
        post, other = a_post(author=account.id), a_post(author=account.id)
        await keep_posts(server.storage, post, other)
        await server.rows(
            "UPDATE accounts SET bytes = bytes + :more WHERE id = :id", more=1000 - post.bytes, id=account.id.bytes
        )
        async with another(server) as connection:
            await run(
                connection,
                "UPDATE posts SET bytes = 1000 WHERE account_id = %s AND id = %s",
                account.id.bytes,
                post.id.bytes,
            )
            deleting = asyncio.create_task(server.storage.transact(account.id, unit_that_removes(post)))
            await until_waiting(server)
            await connection.commit()
        await deleting
        await assert_counted(server.storage, account, other)

    async def test_an_edit_counts_from_the_size_that_the_post_has_by_then(self, server: Opened) -> None:
        """Another edit, of whichever version, is under way when ours begins, and commits while ours waits."""
        account = await keep_account(server.storage)
        post = a_post(author=account.id)
        await keep_posts(server.storage, post)
        edit = Edit(account.id, post.id, Changes(title=Title("ü"), sets_title=True), ANY_VERSION, post.created_date)
        async with another(server) as connection:
            await run(
                connection, "UPDATE accounts SET bytes = bytes + %s WHERE id = %s", 1005 - post.bytes, account.id.bytes
            )
            await run(
                connection,
                "UPDATE posts SET bytes = 1005, text = %s, version = 2 WHERE account_id = %s AND id = %s",
                "x" * 1000,
                account.id.bytes,
                post.id.bytes,
            )
            editing = asyncio.create_task(make(server.storage, edit))
            await until_waiting(server)
            await connection.commit()
        await editing
        by_now = replace(post, text=Text("x" * 1000), title=Title("ü"), version=3)
        await assert_counted(server.storage, account, by_now)

    async def test_a_delete_counts_out_nothing_for_a_post_that_is_gone_by_then(self, server: Opened) -> None:
        """Another connection's delete is under way when ours begins: one of them finds it, and it is counted once."""
        account = await keep_account(server.storage)
        post, other = a_post(author=account.id), a_post(author=account.id)
        await keep_posts(server.storage, post, other)
        found: list[bool] = []

        async def unit(work: UnitOfWork) -> None:
            found.append(await work.posts.remove(account.id, post.id))

        async with another(server) as connection:
            await run(
                connection,
                "UPDATE accounts SET posts = posts - 1, bytes = bytes - %s WHERE id = %s",
                post.bytes,
                account.id.bytes,
            )
            await run(connection, DELETE, post.id.bytes, account.id.bytes)
            deleting = asyncio.create_task(server.storage.transact(account.id, unit))
            await until_waiting(server)
            await connection.commit()
        await deleting
        assert found == [False]
        await assert_counted(server.storage, account, other)

    async def test_a_delete_finds_a_post_that_was_added_just_before(self, server: Opened) -> None:
        """The add commits while the delete waits for the account's row."""
        account = await keep_account(server.storage)
        post = a_post(author=account.id)
        await keep_posts(server.storage, post)
        async with another(server) as connection:
            # The whole post leaves and comes back larger, in one foreign transaction.
            await run(connection, "SELECT id FROM accounts WHERE id = %s FOR UPDATE", account.id.bytes)
            await run(connection, DELETE, post.id.bytes, account.id.bytes)
            await run(
                connection,
                "INSERT INTO posts (account_id, id, text, status, version, bytes, created_date, updated_date)"
                " VALUES (%s, %s, 'xx', 'draft', 2, 2, '2026-01-01', '2026-01-01')",
                account.id.bytes,
                post.id.bytes,
            )
            await run(connection, "UPDATE accounts SET bytes = 2 WHERE id = %s", account.id.bytes)
            deleting = asyncio.create_task(server.storage.transact(account.id, unit_that_removes(post)))
            await until_waiting(server)
            await connection.commit()
        await deleting
        await assert_counted(server.storage, account)

    async def test_a_table_that_somebody_holds_is_not_waited_for_by_those_who_left(self, server: Opened) -> None:
        """MySQL does not hear that they did, and each keeps a connection for as long as the table is held."""
        account = await keep_account(server.storage)
        post = a_post(author=account.id)
        async with another(server) as connection:
            await run(connection, "LOCK TABLES posts WRITE")
            with pytest.raises(StorageUnavailable):
                await keep_posts(server.storage, post)
            async with asyncio.timeout(20):
                while await waiting_for_tables(server):  # noqa: ASYNC110 - only the server can tell
                    await asyncio.sleep(0.05)
        await assert_counted(server.storage, account)
        await keep_posts(server.storage, post)
        await assert_counted(server.storage, account, post)

    # Everybody's tables are locked, and a server from outside may have others.
    @pytest.mark.parametrize("server", ["mariadb"], indirect=True)
    async def test_a_commit_that_waits_for_somebody_s_backup_is_done_once(self, server: Opened) -> None:
        """The server takes it back after a second, and the unit runs again when the backup is over."""
        account = await keep_account(server.storage)
        post, runs = a_post(author=account.id), list[int]()
        async with another(server) as connection:

            async def unit(work: UnitOfWork) -> None:
                runs.append(1)
                await work.posts.add(post)
                if len(runs) == 1:
                    await run(connection, "FLUSH TABLES WITH READ LOCK")

            adding = asyncio.create_task(server.storage.transact(account.id, unit))
            async with asyncio.timeout(20):
                while len(runs) < 2:  # noqa: ASYNC110 - a second run is all there is to see
                    await asyncio.sleep(0.01)
            await run(connection, "UNLOCK TABLES")
            await adding
        await assert_counted(server.storage, account, post)
        assert (await account_by_now(server.storage, account)).posts_version == account.posts_version + 1

    async def test_a_writer_waits_for_its_account_only(self, server: Opened) -> None:
        """Somebody else's account, held by a slow transaction, holds nobody else up."""
        slow, other = await keep_account(server.storage), await keep_account(server.storage)
        async with another(server) as connection:
            await run(connection, "SELECT id FROM accounts WHERE id = %s FOR UPDATE", slow.id.bytes)
            async with asyncio.timeout(30):
                await keep_posts(server.storage, post := a_post(author=other.id))
            await assert_counted(server.storage, other, post)
            assert await find_account(server.storage, slow.id) == slow

    async def test_db_21_looking_for_a_post_that_is_not_there_locks_no_gap(self, server: Opened) -> None:
        """Under REPEATABLE READ all who add nearby would wait, and two such would be a deadlock."""
        looking, adding = await keep_account(server.storage), await keep_account(server.storage)
        looked, added = asyncio.Event(), asyncio.Event()

        async def look(work: UnitOfWork) -> None:
            assert not await work.posts.remove(looking.id, a_post().id)
            looked.set()
            await added.wait()

        removing = asyncio.create_task(server.storage.transact(looking.id, look))
        async with asyncio.timeout(30):
            await looked.wait()
            await keep_posts(server.storage, post := a_post(author=adding.id))
            added.set()
            await removing
        await assert_counted(server.storage, adding, post)

    async def test_db_20_every_connection_reads_committed(self, fresh: Opened) -> None:
        """Set on each, whatever the server's default is; and a unit sees what was committed while it ran."""
        accounts = [await keep_account(fresh.storage) for _ in range(3)]
        all_there, seen = asyncio.Barrier(3), list[tuple[int, str]]()

        async def unit(work: UnitOfWork, account: Account) -> None:
            await work.accounts.claim_access(account.id)
            await all_there.wait()
            ((mine,),) = await ask(work, "SELECT CONNECTION_ID()")
            ((_, level),) = await ask(work, ISOLATION)
            seen.append((mine, level))

        def unit_of(account: Account) -> Unit:
            return lambda work: unit(work, account)

        await asyncio.gather(*(fresh.storage.transact(account.id, unit_of(account)) for account in accounts))
        assert [level for _, level in seen] == ["READ-COMMITTED"] * 3
        assert len({connection for connection, _ in seen}) == 3


def unit_that_removes(post: Post, versions: Versions = ANY_VERSION) -> Unit:
    """Return the unit that removes a post, and finds it."""

    async def unit(work: UnitOfWork) -> None:
        assert await work.posts.remove(post.author, post.id, versions)

    return unit


class TestLostConnections:
    """Connections that end before the COMMIT."""

    async def test_db_04_a_unit_whose_connection_is_killed_runs_again(self, server: Opened) -> None:
        """In whole, on another connection: one post, counted once."""
        account = await keep_account(server.storage)
        post, runs = a_post(author=account.id), list[int]()

        async def unit(work: UnitOfWork) -> None:
            await work.posts.add(post)
            ((mine,),) = await ask(work, "SELECT CONNECTION_ID()")
            runs.append(mine)
            if len(runs) == 1:
                await server.rows(f"KILL {mine}")
            await work.posts.find(account.id, post.id)

        await server.storage.transact(account.id, unit)
        assert len(runs) == len(set(runs)) == 2
        await assert_counted(server.storage, account, post)

    async def test_db_15_connections_that_died_while_idle_are_nobody_s_problem(self, fresh: Opened) -> None:
        """Past wait_timeout, after a restart of the server: the next requests get good ones."""
        account = await keep_account(fresh.storage)
        await kill_all(fresh)
        posts = [a_post(author=account.id) for _ in range(10)]
        found, *_ = await asyncio.gather(
            find_account(fresh.storage, account.id),
            *(find_account(fresh.storage, account.id) for _ in range(10)),
            *(fresh.storage.transact(account.id, unit_that_keeps(post)) for post in posts),
        )
        assert found is not None
        await assert_counted(fresh.storage, account, *posts)

    async def test_db_15_readiness_does_not_stumble_over_them(self, fresh: Opened) -> None:
        """The database answers; that an old connection does not is no news."""
        await kill_all(fresh)
        await fresh.storage.check()

    async def test_db_11_without_a_free_connection_the_answer_is_no(
        self, fresh: Opened, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """After the pool's patience, not after all retries of it; the operator is told; and later everything works."""
        account = await keep_account(fresh.storage)
        busy, may_end = asyncio.Barrier(4), asyncio.Event()

        async def query(_: UnitOfWork) -> None:
            await busy.wait()
            await may_end.wait()

        held = [asyncio.create_task(fresh.storage.read(query)) for _ in range(3)]
        await busy.wait()
        # Not before: opening a connection may take as long.
        with monkeypatch.context() as patch:
            patch.setattr(server_pool, "PATIENCE_SECONDS", 0.01)
            with pytest.raises(StorageUnavailable):
                await find_account(fresh.storage, account.id)
        assert [record.getMessage() for record in caplog.records if record.name.startswith("postkeep")] == [
            "storage_busy"
        ]
        may_end.set()
        await asyncio.gather(*held)
        assert await find_account(fresh.storage, account.id) == account

    async def test_a_server_that_is_away_is_unavailable(self, server: Opened) -> None:
        """For everything; and when it is back, so is the storage."""
        async with Proxy(server.url).running() as proxy, open_server(server.kind, proxy.url) as opened:
            account = await keep_account(opened.storage)
            proxy.is_down = True
            proxy.drop_all()
            with pytest.raises(StorageUnavailable):
                await find_account(opened.storage, account.id)
            with pytest.raises(StorageUnavailable):
                await keep_posts(opened.storage, a_post(author=account.id))
            with pytest.raises(StorageUnavailable):
                await opened.storage.check()
            proxy.is_down = False
            await keep_posts(opened.storage, post := a_post(author=account.id))
            await assert_counted(opened.storage, account, post)

    async def test_sv_14_closing_finishes_what_was_begun(self, server: Opened) -> None:
        """Everybody who waits gets an answer, and it is true; also of those whose caller went away."""
        account = await keep_account(server.storage)
        posts = [a_post(author=account.id) for _ in range(20)]
        async with open_server(server.kind, server.url, pool_size=2) as opened:
            tasks = [asyncio.create_task(opened.storage.transact(account.id, unit_that_keeps(p))) for p in posts]
            await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
        # Closing has waited for all of them, so nothing is awaited here.
        await assert_counted(server.storage, account, *posts)
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("rounds", [20, pytest.param(2_000, marks=[pytest.mark.long, pytest.mark.timeout(300)])])
async def test_az_09_a_cancelled_reading_leaves_nobody_another_s_rows(fresh: Opened, rounds: int) -> None:
    """A driver whose stream is out of step would answer the next question with the last one's rows."""
    accounts = [await keep_account(fresh.storage) for _ in range(5)]
    chance, wrong, answered = random.Random(7), list[Account | None](), list[Account | None]()

    async def ask_and_perhaps_leave(number: int) -> None:
        wanted = accounts[number % 5]
        task = asyncio.create_task(find_account(fresh.storage, wanted.id))
        for _ in range(chance.randint(0, 12)):
            await asyncio.sleep(0)
        if chance.random() < 0.5:
            task.cancel()
        with suppress(asyncio.CancelledError):
            found = await task
            (answered if found == wanted else wrong).append(found)

    for _ in range(rounds):
        await asyncio.gather(*map(ask_and_perhaps_leave, range(20)))
    assert wrong == []
    assert len(answered) > 5 * rounds


async def test_az_09_a_long_list_that_fails_in_the_middle_leaves_nobody_its_rows(
    server: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong with a row: the rows behind it must not wait on a connection that the next one gets."""
    monkeypatch.setattr(server_module, "STREAMS", 1)
    mine, other = await keep_account(server.storage), await keep_account(server.storage)
    await keep_posts(server.storage, *(a_post(author=mine.id, text=Text("x" * 30_000)) for _ in range(40)))
    await keep_posts(server.storage, post := a_post(author=other.id))

    def fail(_rows: object) -> list[ListedPost]:
        raise KeyError

    async with open_server(server.kind, server.url) as opened, asyncio.timeout(20):
        with monkeypatch.context() as patch:
            patch.setattr(server_module, "listed", fail)
            with pytest.raises(KeyError):
                await anext(opened.storage.stream(mine.id))
        assert [part async for part in opened.storage.stream(other.id)] == [[ListedPost.of(post)]]


async def kill_all(opened: Opened) -> None:
    """End all connections that a storage with a pool of three has, of units and of queries."""
    all_there, ids = asyncio.Barrier(6), list[int]()

    async def note(work: UnitOfWork) -> None:
        ((mine,),) = await ask(work, "SELECT CONNECTION_ID()")
        ids.append(mine)
        await all_there.wait()

    # One account has fewer at a time.
    units = [opened.storage.transact(an_account_id(), note) for _ in range(3)]
    await asyncio.gather(*units, *(opened.storage.read(note) for _ in range(3)))
    assert len(set(ids)) == 6
    for one in ids:
        await opened.rows(f"KILL {one}")


@dataclass(frozen=True)
class Case:
    """One unit, and how its one effect shows."""

    prepare: Callable[[Opened], Awaitable[tuple[Account, Any]]]
    unit: Callable[[Account, Any], Unit]
    look: Callable[[Opened, Account, Any], Awaitable[None]]
    absent: Callable[[Opened, Account, Any], Awaitable[None]] | None = None
    """How it shows that the unit was not done and is not done again: for what others may have removed meanwhile."""


async def with_a_post(opened: Opened) -> tuple[Account, Post]:
    """Keep an account, and have a post for it."""
    account = await keep_account(opened.storage, password_hash="same")
    return account, a_post(author=account.id, text=Text("x" * 99))


async def with_a_kept_post(opened: Opened) -> tuple[Account, Post]:
    """Keep an account and a post."""
    account, post = await with_a_post(opened)
    await keep_posts(opened.storage, post)
    return account, post


async def with_a_session(opened: Opened) -> tuple[Account, Session]:
    """Keep an account, and have a session for it."""
    account = await keep_account(opened.storage, password_hash="same")
    return account, a_session(account_id=account.id)


async def with_a_kept_session(opened: Opened) -> tuple[Account, Session]:
    """Keep an account and a session."""
    account, session = await with_a_session(opened)
    await keep_sessions(opened.storage, session)
    return await account_by_now(opened.storage, account), session


async def with_nothing(_: Opened) -> tuple[Account, Session]:
    """Have an account and its session."""
    account = an_account()
    return account, a_session(account_id=account.id)


def signing_up(account: Account, session: Session) -> Unit:
    """Return the unit that opens an account."""

    async def unit(work: UnitOfWork) -> None:
        await work.accounts.add(account)
        await work.sessions.add(session)

    return unit


def logging_in(kept_hash: str) -> Callable[[Account, Session], Unit]:
    """Return what makes the unit that lets somebody in."""

    def make(account: Account, session: Session) -> Unit:
        async def unit(work: UnitOfWork) -> None:
            await work.accounts.admit(account.id, proven_hash="same", kept_hash=kept_hash)
            await work.sessions.add(session)

        return unit

    return make


NOW = a_moment()


def removing(account: Account) -> Unit:
    """Return the unit that removes an account."""

    async def unit(work: UnitOfWork) -> None:
        await work.accounts.remove(account.id)

    return unit


KEY = IdempotencyKey("k")
EDITION = Changes(text=Text("another"), sets_title=True)


def adding_with_a_key(_account: Account, post: Post) -> Unit:
    """Return the unit that adds a post which came with a key."""

    async def unit(work: UnitOfWork) -> None:
        await work.posts.add(post)
        assert await work.keys.add(use := KeyUse.of(KEY, post)) == use

    return unit


def ending(account: Account, session: Session) -> Unit:
    """Return the unit that ends a session."""

    async def unit(work: UnitOfWork) -> None:
        await work.accounts.claim_access(account.id)
        await work.sessions.end(session, NOW)

    return unit


async def look_for_the_post(opened: Opened, account: Account, post: Post) -> None:
    """See that the post is there and counted once."""
    await assert_counted(opened.storage, account, post)


async def look_for_the_post_and_its_key(opened: Opened, account: Account, post: Post) -> None:
    """See that the post is there and counted once, and that its key stands for it."""
    await assert_counted(opened.storage, account, post)
    assert await find_use(opened.storage, KeyUse.of(KEY, post)) == KeyUse.of(KEY, post)


def unit_that_edits(post: Post) -> Unit:
    """Return the unit that edits a post from its first version."""
    edit = Edit(post.author, post.id, EDITION, Versions.only(1), NOW)

    async def unit(work: UnitOfWork) -> None:
        assert (await work.edits.make(edit)).version == 2

    return unit


async def look_for_the_edit(opened: Opened, account: Account, post: Post) -> None:
    """See that the post was edited once, and is counted so."""
    edit = Edit(post.author, post.id, EDITION, Versions.only(1), NOW)
    await assert_counted(opened.storage, account, edit.applied_to(post))


async def look_for_no_post(opened: Opened, account: Account, _post: Post) -> None:
    """See that no post is there, nor counted."""
    await assert_counted(opened.storage, account)


async def look_for_the_account(opened: Opened, account: Account, session: Session) -> None:
    """See that account and session are there as they were made."""
    assert await find_account(opened.storage, account.id) == account
    assert await find_session(opened.storage, session.id) == session


def look_for_the_login(kept_hash: str) -> Callable[[Opened, Account, Session], Awaitable[None]]:
    """Return what sees that a session is there, and nothing else changed but what a login changes."""

    async def look(opened: Opened, account: Account, session: Session) -> None:
        assert await find_session(opened.storage, session.id) == session
        assert await find_account(opened.storage, account.id) == replace(
            account, password_hash=kept_hash, access_version=account.access_version + 1
        )

    return look


async def look_for_no_account(opened: Opened, account: Account, _thing: object) -> None:
    """See that the account is gone."""
    assert await find_account(opened.storage, account.id) is None


async def look_for_a_closed_account(opened: Opened, account: Account, post: Post) -> None:
    """See that the account is closed, and holds what it held."""
    closed = await find_account(opened.storage, account.id)
    assert closed is not None
    assert (closed.is_active, closed.email == account.email, closed.posts) == (False, False, 1)
    assert post.author == closed.id


async def look_for_the_end(opened: Opened, _account: Account, session: Session) -> None:
    """See that the session ended at the moment said."""
    ended = replace(session, status=SessionStatus.ENDED, ended_date=NOW)
    assert await find_session(opened.storage, session.id) == ended


CASES = {
    "add": Case(with_a_post, lambda _, post: unit_that_keeps(post), look_for_the_post, look_for_no_post),
    "add the last one": Case(
        with_a_post,
        lambda _, post: lambda work: work.posts.add(post, Quota(posts=1)),
        look_for_the_post,
        look_for_no_post,
    ),
    "import": Case(
        with_a_post, lambda _, post: lambda work: work.imports.add([post]), look_for_the_post, look_for_no_post
    ),
    "import the last one": Case(
        with_a_post,
        lambda _, post: lambda work: work.imports.add([post], Quota(posts=1)),
        look_for_the_post,
        look_for_no_post,
    ),
    "add with a key": Case(with_a_post, adding_with_a_key, look_for_the_post_and_its_key, look_for_no_post),
    "delete": Case(with_a_kept_post, lambda _, post: unit_that_removes(post), look_for_no_post),
    "delete a version": Case(
        with_a_kept_post,
        lambda _, post: unit_that_removes(post, Versions.only(1)),
        look_for_no_post,
    ),
    "edit": Case(with_a_kept_post, lambda _, post: unit_that_edits(post), look_for_the_edit),
    "signup": Case(with_nothing, signing_up, look_for_the_account, look_for_no_account),
    "login": Case(with_a_session, logging_in("same"), look_for_the_login("same")),
    "login with a new hash": Case(with_a_session, logging_in("new"), look_for_the_login("new")),
    "logout": Case(with_a_kept_session, ending, look_for_the_end),
    "remove one's own": Case(
        with_a_kept_post,
        lambda account, _: lambda work: work.accounts.remove(account.id, proven_hash=account.password_hash),
        look_for_no_account,
    ),
    "close one's own": Case(
        with_a_kept_post,
        lambda account, _: lambda work: work.accounts.close(account.id, proven_hash=account.password_hash),
        look_for_a_closed_account,
    ),
    "remove": Case(
        with_a_kept_post, lambda account, _: lambda work: work.accounts.remove(account.id), look_for_no_account
    ),
}


async def settled(case: Case, transacting: Awaitable[None], *, done: bool) -> None:
    """Wait for the unit; it says that it failed where it was not done and must not be done again."""
    if done or case.absent is None:
        await transacting
    else:
        with pytest.raises(StorageUnavailable):
            await transacting


@pytest.mark.parametrize("name", CASES)
class TestUnknownCommits:
    """A COMMIT whose answer is lost may have been done; DB-03."""

    @pytest.mark.parametrize("done", [(True,), (False,), (True, True), (False, True), (True, False)], ids=str)
    async def test_it_settles_to_one_effect(self, fresh: Opened, name: str, done: tuple[bool, ...]) -> None:
        """Whether it was done or not, once or twice in a row."""
        case, left = CASES[name], list(done)
        account, thing = await case.prepare(fresh)

        async def commit_and_lose(connection: Connection) -> None:
            if not left:
                await connection.commit()
                return
            if left.pop(0):
                await connection.commit()
            raise OperationalError(*LOST)

        with committing(fresh, commit_and_lose):
            await settled(case, fresh.storage.transact(account.id, case.unit(account, thing)), done=done[0])
        await (case.look if done[0] or case.absent is None else case.absent)(fresh, account, thing)

    @pytest.mark.parametrize("cut", Cut)
    async def test_db_03_a_wire_cut_at_the_commit_settles_to_one_effect(
        self, server: Opened, name: str, cut: Cut
    ) -> None:
        """Also where the COMMIT lands later: the second run waits for its lock."""
        case = CASES[name]
        async with Proxy(server.url).running() as proxy, open_server(server.kind, proxy.url) as opened:
            # A connection's own set-up ends with a COMMIT, too; the unit's is the next one on this connection.
            await keep_account(opened.storage)
            account, thing = await case.prepare(server)
            proxy.cuts = [cut]
            task = asyncio.create_task(opened.storage.transact(account.id, case.unit(account, thing)))
            if cut is Cut.LATE:
                await until_waiting(server)
                proxy.late.set()
            done = cut is not Cut.LOST
            await settled(case, task, done=done)
            assert proxy.cuts == []
        await (case.look if done or case.absent is None else case.absent)(server, account, thing)

    async def test_db_07_a_commit_that_collided_was_not_done(self, fresh: Opened, name: str) -> None:
        """1213 at COMMIT (Galera's certification): rolled back for certain, so the unit simply runs again."""
        case, left = CASES[name], [DEADLOCK, DEADLOCK]
        account, thing = await case.prepare(fresh)

        async def collide(connection: Connection) -> None:
            if left:
                await connection.rollback()
                raise OperationalError(*left.pop())
            await connection.commit()

        with committing(fresh, collide):
            await fresh.storage.transact(account.id, case.unit(account, thing))
        await case.look(fresh, account, thing)


async def test_db_07_a_commit_that_collided_did_not_delete_what_somebody_else_did(
    fresh: Opened, server: Opened
) -> None:
    """It was rolled back for certain: a post that is gone in the second run was not ours to have deleted."""
    account, post = await with_a_kept_post(fresh)
    left, found = [DEADLOCK], list[bool]()

    async def collide(connection: Connection) -> None:
        if left:
            await connection.rollback()
            raise OperationalError(*left.pop())
        await connection.commit()

    async def unit(work: UnitOfWork) -> None:
        if found:
            await server.storage.transact(account.id, unit_that_removes(post))
        found.append(await work.posts.remove(account.id, post.id))

    with committing(fresh, collide):
        await fresh.storage.transact(account.id, unit)
    assert found == [True, False]
    await assert_counted(server.storage, account)


@pytest.mark.parametrize("done", [True, False])
async def test_sv_13_a_key_that_another_process_used_meanwhile_is_not_taken_for_one_s_own(
    fresh: Opened, server: Opened, *, done: bool
) -> None:
    """A COMMIT is lost, done or not; before that is settled, another process comes with the same key."""
    account, post = await with_a_post(fresh)
    mine, theirs = KeyUse.of(KEY, post), KeyUse.of(KEY, other := a_post(author=account.id))
    left, found, kept = [LOST], list[KeyUse](), list[KeyUse]()

    def adding(new: Post, use: KeyUse, seen: list[KeyUse]) -> Unit:
        async def unit(work: UnitOfWork) -> None:
            await work.posts.add(new)
            seen.append(await work.keys.add(use))
            if seen[-1] != use:
                raise Boom

        return unit

    async def lose_and_be_overtaken(connection: Connection) -> None:
        if not left:
            await connection.commit()
            return
        await (connection.commit() if done else connection.rollback())
        with suppress(Boom):
            await server.storage.transact(account.id, adding(other, theirs, kept))
        raise OperationalError(*left.pop())

    with committing(fresh, lose_and_be_overtaken), suppress(StorageUnavailable):
        await fresh.storage.transact(account.id, adding(post, mine, found))
    assert kept == [mine if done else theirs]
    assert found == [mine]
    if not done:
        with pytest.raises(Boom):
            await fresh.storage.transact(account.id, adding(post, mine, found))
        assert found == [mine, theirs]
    await assert_counted(server.storage, account, post if done else other)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.absent])
async def test_db_03_what_somebody_removed_meanwhile_stays_removed(fresh: Opened, server: Opened, name: str) -> None:
    """A COMMIT was done and its answer lost; before that is settled, another hand finds the thing and removes it."""
    case, left = CASES[name], [LOST]
    account, thing = await case.prepare(fresh)

    async def lose_and_be_removed(connection: Connection) -> None:
        await connection.commit()
        if left:
            remove = unit_that_removes(thing) if isinstance(thing, Post) else removing(account)
            await server.storage.transact(account.id, remove)
            raise OperationalError(*left.pop())

    with committing(fresh, lose_and_be_removed), suppress(StorageUnavailable):
        await fresh.storage.transact(account.id, case.unit(account, thing))
    assert left == []
    assert case.absent is not None
    await case.absent(fresh, account, thing)


async def test_a_commit_that_never_answers_is_given_up(fresh: Opened) -> None:
    """After four runs; and it was not done, so everything is as it was."""
    account, post = await with_a_kept_post(fresh)
    runs: list[int] = []

    async def lose(_connection: Connection) -> None:
        runs.append(1)
        raise OperationalError(*LOST)

    with committing(fresh, lose), pytest.raises(StorageUnavailable):
        await fresh.storage.transact(account.id, unit_that_removes(post))
    assert len(runs) == 4
    await assert_counted(fresh.storage, account, post)


async def test_a_failure_that_nobody_waits_for_is_silent(fresh: Opened, server: Opened) -> None:
    """The caller is gone; the event loop must not complain of an exception that nobody took."""
    account = await keep_account(fresh.storage)
    assert isinstance(fresh.storage, ServerStorage)
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    may_go = asyncio.Event()

    async def unit(work: UnitOfWork) -> None:
        await work.accounts.claim_access(account.id)
        await may_go.wait()
        raise KeyError

    task = asyncio.create_task(fresh.storage.transact(account.id, unit))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    may_go.set()
    await fresh.storage.close()
    asyncio.get_running_loop().set_exception_handler(None)
    assert complaints == []
    assert await find_account(server.storage, account.id) == account
