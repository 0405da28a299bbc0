"""Stamps of a file, which other processes write to as well."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from postkeep.domain.accounts import Account
from postkeep.storage import freshness as freshness_module
from postkeep.storage.freshness import EmbeddedFreshness
from tests.builders import a_post
from tests.contracts.freshness import stamp_of
from tests.contracts.kept import account_by_now, keep_account, keep_posts
from tests.integration.storage.opened import Opened, open_embedded

RAISE = "UPDATE accounts SET posts_version = posts_version + 1 WHERE id = ?"


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[Opened]:
    """Return a file of this test's own."""
    async with open_embedded(tmp_path / "postkeep.db") as opened:
        yield opened


@pytest.fixture
async def freshness(file: Opened) -> AsyncIterator[EmbeddedFreshness]:
    """Return what reads its stamps."""
    found = EmbeddedFreshness(path_of(file))
    yield found
    await found.close()


def path_of(file: Opened) -> Path:
    """Return where the file is."""
    return Path(file.url.database or "")


def raise_in_another_process(path: Path, account: Account) -> None:
    """Raise a number from outside, and wait until it is committed."""
    program = "import sqlite3, sys, uuid; c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=9)"
    program += f"; c.execute({RAISE!r}, (uuid.UUID(sys.argv[2]).bytes,))"
    subprocess.run([sys.executable, "-c", program, str(path), str(account.id)], check=True)


async def next_turn() -> None:
    """Come in from outside, as requests do."""
    await asyncio.sleep(0)


async def test_another_process_s_commit_shows_at_once(file: Opened, freshness: EmbeddedFreshness) -> None:
    """A worker or a command beside this one: its commit counts for whoever asks after it."""
    account = await keep_account(file.storage)
    for number in range(5):
        assert await freshness.stamp(account.id) == stamp_of(account)._replace(
            posts_version=account.posts_version + number
        )
        raise_in_another_process(path_of(file), account)
        await next_turn()


async def test_another_account_s_commit_changes_nothing(file: Opened, freshness: EmbeddedFreshness) -> None:
    """What was read is read again whenever anybody wrote."""
    account, neighbour = await keep_account(file.storage), await keep_account(file.storage)
    before = await freshness.stamp(account.id)
    await keep_posts(file.storage, a_post(author=neighbour.id))
    assert await freshness.stamp(account.id) == before
    assert await freshness.stamp(neighbour.id) == stamp_of(await account_by_now(file.storage, neighbour))


async def test_a_commit_between_two_questions_of_one_turn_shows_in_the_next(
    file: Opened, freshness: EmbeddedFreshness
) -> None:
    """Whoever asks the second one, of another account, came before that commit as well; whoever comes then, did not."""
    first, second = await keep_account(file.storage), await keep_account(file.storage)
    await next_turn()
    await freshness.stamp(first.id)
    raise_in_another_process(path_of(file), second)
    raise_in_another_process(path_of(file), first)
    assert await freshness.stamp(second.id) == stamp_of(second)
    await next_turn()
    assert await freshness.stamp(second.id) == stamp_of(second)._replace(posts_version=second.posts_version + 1)
    assert await freshness.stamp(first.id) == stamp_of(first)._replace(posts_version=first.posts_version + 1)


async def test_one_turn_s_questions_share_one_look(file: Opened, freshness: EmbeddedFreshness) -> None:
    """What makes a hit cheap: no statement per question, one per turn."""
    accounts = [await keep_account(file.storage) for _ in range(20)]
    for account in accounts:
        await freshness.stamp(account.id)
    await next_turn()
    statements: list[str] = []
    freshness._connection.set_trace_callback(statements.append)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    assert await asyncio.gather(*(freshness.stamp(account.id) for account in accounts)) == [*map(stamp_of, accounts)]
    assert statements == ["PRAGMA data_version"]


async def test_what_a_turn_has_to_read_anew_is_one_transaction(file: Opened, freshness: EmbeddedFreshness) -> None:
    """The file is locked once, not for each account, and let go with the turn, or a log could not be written back."""
    accounts = [await keep_account(file.storage) for _ in range(20)]
    statements: list[str] = []
    freshness._connection.set_trace_callback(statements.append)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    for account in accounts:
        assert await freshness.stamp(account.id) == stamp_of(account)
    await next_turn()
    assert [statement for statement in statements if not statement.startswith("SELECT")] == [
        "PRAGMA data_version",
        "BEGIN",
        "COMMIT",
    ]
    assert not freshness._connection.in_transaction  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


async def test_after_a_commit_those_who_asked_before_are_read_together(
    file: Opened, freshness: EmbeddedFreshness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each commit would cost the event loop a statement for everybody who reads; who came last is read anew first."""
    monkeypatch.setattr(freshness_module, "MOST_RENEWED", 40)
    accounts = [await keep_account(file.storage) for _ in range(50)]
    for account in accounts:
        await freshness.stamp(account.id)
    changed = accounts[-1]
    raise_in_another_process(path_of(file), changed)
    await next_turn()
    statements: list[str] = []
    freshness._connection.set_trace_callback(statements.append)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    found = await asyncio.gather(*(freshness.stamp(account.id) for account in reversed(accounts)))
    expected = stamp_of(changed)._replace(posts_version=changed.posts_version + 1)
    assert found == [expected, *map(stamp_of, reversed(accounts[:-1]))]
    assert sum(statement.startswith("SELECT") for statement in statements) == 2 + 10


async def test_who_asks_no_more_is_read_anew_once(file: Opened, freshness: EmbeddedFreshness) -> None:
    """Somebody who left must not cost a read at each commit for ever."""
    account, neighbour = await keep_account(file.storage), await keep_account(file.storage)
    await freshness.stamp(account.id)
    for expected in (2, 1):
        raise_in_another_process(path_of(file), neighbour)
        await next_turn()
        await freshness.stamp(neighbour.id)
        remembered = {**freshness._stamps, **freshness._renewed}  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        assert len(remembered) == expected
    raise_in_another_process(path_of(file), account)
    await next_turn()
    expected_stamp = stamp_of(account)._replace(posts_version=account.posts_version + 1)
    assert await freshness.stamp(account.id) == expected_stamp


async def test_who_was_removed_since_has_no_stamp(file: Opened, freshness: EmbeddedFreshness) -> None:
    """What is read anew is what is there."""
    account = await keep_account(file.storage)
    assert await freshness.stamp(account.id) is not None
    await file.storage.transact(account.id, lambda work: work.accounts.remove(account.id))
    await next_turn()
    assert await freshness.stamp(account.id) is None


async def test_stamps_that_are_remembered_are_bounded(
    file: Opened, freshness: EmbeddedFreshness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody writes for a day, and everybody reads."""
    monkeypatch.setattr(freshness_module, "MOST_STAMPS", 3)
    accounts = [await keep_account(file.storage) for _ in range(10)]
    for account in accounts * 2:
        assert await freshness.stamp(account.id) == stamp_of(account)
        await next_turn()
    assert len(freshness._stamps) <= 4  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


async def test_a_busy_file_gives_no_stamp(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Who holds the file for itself does so for longer than a request may wait: a miss, never a hit, never an error."""
    async with open_embedded(tmp_path / "postkeep.db") as opened:
        account = await keep_account(opened.storage)
    path = tmp_path / "postkeep.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA journal_mode = DELETE")
    freshness = EmbeddedFreshness(path)
    try:
        assert await freshness.stamp(account.id) == stamp_of(account)
        await next_turn()
        holder.execute("BEGIN EXCLUSIVE")
        assert await freshness.stamp(account.id) is None
        assert [record.getMessage() for record in caplog.records] == ["stamp_unread"]
        await next_turn()
        holder.execute("ROLLBACK")
        assert await freshness.stamp(account.id) == stamp_of(account)
    finally:
        await freshness.close()
        holder.close()


async def test_a_file_that_is_gone_gives_no_stamp(file: Opened, freshness: EmbeddedFreshness) -> None:
    """Whatever SQLite says, the answer is None."""
    account = await keep_account(file.storage)
    await freshness.close()
    await next_turn()
    assert await freshness.stamp(account.id) is None


async def test_it_cannot_write(file: Opened, freshness: EmbeddedFreshness) -> None:
    """It stands outside the one rule that keeps the numbers right."""
    account = await keep_account(file.storage)
    connection = freshness._connection  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(sqlite3.OperationalError):
        connection.execute(RAISE, (UUID(str(account.id)).bytes,))
