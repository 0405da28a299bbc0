"""Long lists beside each other: whoever reads slowly gives way to whoever waits."""

import asyncio
import gc
import itertools
import threading
import tracemalloc
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import AsyncExitStack, ExitStack, aclosing, closing, contextmanager
from pathlib import Path

import pytest

from postkeep.domain.accounts import Account
from postkeep.domain.posts import ListedPost, Text
from postkeep.services.ports import StorageUnavailable
from postkeep.storage import embedded_file, write_ahead_log
from postkeep.storage import streams as streams_module
from postkeep.storage.embedded_file import FileLock
from postkeep.storage.limits import LONGEST_BYTES, OWN_STREAMS, PART_LENGTH, STREAMS
from tests.builders import a_post
from tests.contracts.kept import keep_account, keep_posts
from tests.integration.storage.opened import SERVERS, Opened

COUNT = 30


class Reader:
    """Somebody who reads a long list, and stops when told to."""

    def __init__(self, opened: Opened, account: Account, *, weight: int = 0) -> None:
        """Ask for the list, and say how long it is."""
        self.recalled = asyncio.Event()
        self.parts: AsyncGenerator[Sequence[ListedPost]] = opened.storage.stream(
            account.id, weight=weight, recall=self.recalled.set
        )

    async def read(self) -> int:
        """Read to the end, and return how many posts there were."""
        async with aclosing(self.parts):
            return sum([len(part) async for part in self.parts])

    async def read_a_little_and_wait(self) -> None:
        """Read on only when recalled, and then no more."""
        async with aclosing(self.parts):
            await anext(self.parts)
            await self.recalled.wait()


async def keep_long_list(opened: Opened) -> Account:
    """Keep somebody with a long list."""
    account = await keep_account(opened.storage)
    await keep_posts(opened.storage, *(a_post(author=account.id, text=Text("x" * 40_000)) for _ in range(COUNT)))
    return account


@pytest.fixture
async def account(opened: Opened) -> Account:
    """Keep somebody with a long list."""
    return await keep_long_list(opened)


@pytest.fixture
async def others(opened: Opened) -> list[Account]:
    """Keep others with long lists, who take all turns when each takes all that one may have."""
    return [await keep_long_list(opened) for _ in range(STREAMS // OWN_STREAMS)]


async def take_turns(
    opened: Opened, accounts: Sequence[Account], *, each: int, stack: AsyncExitStack, weight: int = 0
) -> list[Reader]:
    """Begin to read so many lists of each account, and leave it at that."""
    readers = [Reader(opened, account, weight=weight) for account in accounts for _ in range(each)]
    for reader in readers:
        await stack.enter_async_context(aclosing(reader.parts))
        await anext(reader.parts)
    return readers


@pytest.mark.parametrize("opened", ["embedded", "mariadb"], indirect=True)
class TestTurns:
    """A few at the same time."""

    async def test_nobody_is_recalled_without_need(
        self, opened: Opened, others: list[Account], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However slow, and however many of one account, as long as nobody waits."""
        monkeypatch.setattr(streams_module, "UNDISTURBED_SECONDS", 0.0)
        async with AsyncExitStack() as stack:
            readers = await take_turns(opened, others, each=OWN_STREAMS, stack=stack)
            await asyncio.sleep(0.3)
            assert not any(reader.recalled.is_set() for reader in readers)

    async def test_the_slow_give_way(
        self, opened: Opened, account: Account, others: list[Account], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """All turns are taken by readers that stand still; everybody else reads all the same."""
        monkeypatch.setattr(streams_module, "UNDISTURBED_SECONDS", 0.2)
        slow = [Reader(opened, each) for each in others for _ in range(OWN_STREAMS * 2)]
        waiting = [asyncio.create_task(reader.read_a_little_and_wait()) for reader in slow]
        await asyncio.sleep(0.1)
        async with asyncio.timeout(20):
            assert await Reader(opened, account).read() == COUNT
            for reader in slow:
                reader.recalled.set()
            await asyncio.gather(*waiting)

    async def test_one_account_leaves_turns_to_others(
        self, opened: Opened, account: Account, others: list[Account], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However many of its own wait, and however long."""
        monkeypatch.setattr(streams_module, "UNDISTURBED_SECONDS", 0.0)
        async with AsyncExitStack() as stack:
            for _ in range(OWN_STREAMS):
                parts = await stack.enter_async_context(aclosing(Reader(opened, account).parts))
                await anext(parts)
            begun = await stack.enter_async_context(aclosing((slow := Reader(opened, others[0])).parts))
            await anext(begun)
            more = [asyncio.create_task(Reader(opened, account).read()) for _ in range(9)]
            await asyncio.sleep(0.3)
            assert not slow.recalled.is_set()
            for _ in range(3):
                assert await Reader(opened, others[0]).read() == COUNT
            assert not any(task.done() for task in more)
        assert await asyncio.gather(*more) == [COUNT] * 9

    async def test_whoever_reads_two_gives_one_to_who_waits(
        self, opened: Opened, account: Account, others: list[Account]
    ) -> None:
        """However fast: a few accounts that take out a gigabyte twice each would keep everybody else from theirs."""
        async with AsyncExitStack() as stack:
            readers = await take_turns(opened, others, each=OWN_STREAMS, stack=stack)
            next_one = asyncio.create_task(Reader(opened, account).read())
            async with asyncio.timeout(20):
                await readers[-1].recalled.wait()
            await asyncio.sleep(0.3)
            assert [reader for reader in readers if reader.recalled.is_set()] == readers[-1:]
            await readers[-1].parts.aclose()
            assert await next_one == COUNT

    async def test_whoever_reads_already_takes_nobody_elses_second_one(
        self, opened: Opened, others: list[Account]
    ) -> None:
        """Or two who read two each would take them from each other in turns, and neither would come to an end."""
        async with AsyncExitStack() as stack:
            readers = await take_turns(opened, others[1:], each=OWN_STREAMS, stack=stack)
            readers += await take_turns(opened, others[:1], each=1, stack=stack)
            readers += await take_turns(opened, [await keep_long_list(opened)], each=1, stack=stack)
            next_one = asyncio.create_task(Reader(opened, others[0]).read())
            await asyncio.sleep(0.3)
            assert not any(reader.recalled.is_set() for reader in readers)
        assert await next_one == COUNT

    async def test_who_does_not_give_way_keeps_the_others_waiting(
        self, opened: Opened, account: Account, others: list[Account], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Until they are told to come again; nothing is left behind by it."""
        monkeypatch.setattr(streams_module, "PATIENCE_SECONDS", 0.3)
        async with AsyncExitStack() as stack:
            await take_turns(opened, others, each=OWN_STREAMS, stack=stack)
            with pytest.raises(StorageUnavailable):
                await Reader(opened, account).read()
        assert await Reader(opened, account).read() == COUNT

    async def test_who_reads_fast_is_left_alone(
        self, opened: Opened, others: list[Account], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However long it takes, since there is so much: each part that is taken gives time for the next."""
        monkeypatch.setattr(streams_module, "UNDISTURBED_SECONDS", 0.2)
        monkeypatch.setattr(streams_module, "BYTES_PER_SECOND", 40_000)
        async with AsyncExitStack() as stack:
            readers = await take_turns(opened, others, each=OWN_STREAMS, stack=stack)
            for reader in readers:
                await anext(reader.parts)
            next_one = asyncio.create_task(Reader(opened, others[0]).read())
            await asyncio.sleep(0.7)
            assert not any(reader.recalled.is_set() for reader in readers)
        assert await next_one == COUNT

    async def test_the_longest_lists_leave_turns_to_others(
        self, opened: Opened, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Eight accounts that read hundreds of megabytes, none of them slowly, would have all turns for minutes."""
        # Two wait so long in turn: less than a reader may take without being slow, on a busy machine, too.
        monkeypatch.setattr(streams_module, "PATIENCE_SECONDS", 0.2)
        holders = [await keep_long_list(opened) for _ in range(STREAMS)]
        async with AsyncExitStack() as stack:
            readers = await take_turns(opened, holders[:6], each=1, stack=stack, weight=LONGEST_BYTES + 1)
            for late in holders[6:]:
                with pytest.raises(StorageUnavailable):
                    await Reader(opened, late, weight=LONGEST_BYTES + 1).read()
            assert not any(reader.recalled.is_set() for reader in readers)
            async with aclosing((ordinary := Reader(opened, holders[0], weight=LONGEST_BYTES)).parts):
                await anext(ordinary.parts)
                assert await Reader(opened, account, weight=LONGEST_BYTES).read() == COUNT
        assert await Reader(opened, account, weight=LONGEST_BYTES + 1).read() == COUNT

    async def test_among_the_longest_the_second_ones_give_way(
        self, opened: Opened, account: Account, others: list[Account]
    ) -> None:
        """As among all."""
        async with AsyncExitStack() as stack:
            readers = await take_turns(opened, others[:3], each=2, stack=stack, weight=LONGEST_BYTES + 1)
            next_one = asyncio.create_task(Reader(opened, account, weight=LONGEST_BYTES + 1).read())
            async with asyncio.timeout(20):
                await readers[-1].recalled.wait()
            await readers[-1].parts.aclose()
            assert await next_one == COUNT

    @pytest.mark.parametrize("weight", [0, LONGEST_BYTES + 1])
    async def test_who_waits_has_only_those_give_way_who_have_what_it_waits_for(
        self, opened: Opened, account: Account, monkeypatch: pytest.MonkeyPatch, weight: int
    ) -> None:
        """One of the longest needs another's turn, an ordinary one its own account's, and nobody else is disturbed."""
        monkeypatch.setattr(streams_module, "UNDISTURBED_SECONDS", 0.05)
        holders = [await keep_long_list(opened) for _ in range(5)]
        async with AsyncExitStack() as stack:
            mine = await take_turns(opened, [account], each=1, stack=stack) if weight else []
            readers = await take_turns(opened, holders, each=1, stack=stack, weight=LONGEST_BYTES + 1)
            own = await take_turns(opened, [account], each=1, stack=stack, weight=LONGEST_BYTES + 1)
            mine += [] if weight else await take_turns(opened, [account], each=1, stack=stack)
            await asyncio.sleep(0.3)
            waits = await keep_long_list(opened) if weight else account
            waiting = asyncio.create_task(Reader(opened, waits, weight=weight).read())
            await asyncio.sleep(0.3)
            first = readers[0] if weight else own[0]
            assert [each for each in [*mine, *readers, *own] if each.recalled.is_set()] == [first]
            await first.parts.aclose()
            assert await waiting == COUNT


async def test_who_was_fast_has_saved_up_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred megabytes at once give no right to stand still for half a minute."""
    monkeypatch.setattr(streams_module, "UNDISTURBED_SECONDS", 0.02)
    streams = streams_module.Streams(1)
    author = a_post().author
    part = [ListedPost.of(a_post(text=Text("x" * 1_000_000)))]
    async with streams.turn(author, lambda: None, 0) as stream:
        for _ in range(100):
            stream.give(part)
            stream.taken()
        await asyncio.sleep(0.5)
        assert stream.lateness < 0
        stream.give(part)
        assert stream.lateness < 0
        await asyncio.sleep(0.5)
        assert stream.lateness > 0
        stream.taken()
        assert stream.lateness > 0


@pytest.mark.parametrize("opened", ["embedded", *SERVERS], indirect=True)
async def test_a_part_is_bounded_however_short_the_posts_before_it_are(opened: Opened) -> None:
    """Behind short ones up to 64 of a megabyte came together, which is more than may wait: each reader was cut."""
    account = await keep_account(opened.storage)
    lengths = [300_000] * 20 + [1] * 5
    await keep_posts(opened.storage, *(a_post(author=account.id, text=Text("x" * length)) for length in lengths))
    parts = [part async for part in opened.storage.stream(account.id)]
    assert [len(post.text) for part in parts for post in part] == lengths[::-1]
    assert max(sum(len(post.text) for post in part) for part in parts) < PART_LENGTH + 4 * 300_000


async def test_nothing_of_what_was_read_stays(opened: Opened, account: Account) -> None:
    """A connection that nobody uses would hold what it read last, and there are many; a driver's buffer may stay."""
    await keep_posts(opened.storage, *(a_post(author=account.id, text=Text("y" * 1_000_000)) for _ in range(4)))
    tracemalloc.start()
    try:
        await opened.storage.read(lambda work: work.posts.list_for(account.id), weight=LONGEST_BYTES)
        _, peak = tracemalloc.get_traced_memory()
        assert peak > 3_000_000
        # What was waited for is held until this task waits again, and until the thread that read lets go of it.
        async with asyncio.timeout(20):
            while tracemalloc.get_traced_memory()[0] > 3_000_000:
                await asyncio.sleep(0.05)
                gc.collect()
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("opened", ["embedded"], indirect=True)
class TestWriteAheadLog:
    """SQLite's write-ahead log cannot begin anew while somebody reads what is in it."""

    async def test_db_26_a_reader_in_whose_time_much_is_written_is_recalled(
        self, opened: Opened, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Or slow readers, one after another, would fill the disk; the log is short again, and everybody can read."""
        monkeypatch.setattr(write_ahead_log, "LOG_BYTES", 2_000_000)
        monkeypatch.setattr(write_ahead_log, "_LOOK_SECONDS", 0.05)
        assert await Reader(opened, account).read() == COUNT
        async with aclosing((reader := Reader(opened, account)).parts):
            await anext(reader.parts)
            await asyncio.sleep(0.2)
            assert not reader.recalled.is_set()
            await keep_posts(opened.storage, *(a_post(author=account.id, text=Text("y" * 40_000)) for _ in range(60)))
            async with asyncio.timeout(20):
                await reader.recalled.wait()
            with pytest.raises(StorageUnavailable):
                await Reader(opened, account).read()
            await keep_posts(opened.storage, a_post(author=account.id))
        assert await Reader(opened, account).read() == COUNT + 61
        assert log_bytes(opened) < 2_000_000

    async def test_nobody_copies_the_log_whose_turn_to_write_it_is_not(
        self, opened: Opened, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """SQLite may lose what is committed in a log that begins anew in the moment in which somebody copies it."""
        monkeypatch.setattr(write_ahead_log, "LOG_BYTES", 0)
        path = Path(str(opened.url.database))
        writer = FileLock(path)
        with writer.held():
            before = content_of(path)
            with pytest.raises(StorageUnavailable):
                await Reader(opened, account).read()
            assert (content_of(path) == before) is True
        writer.close()
        assert await Reader(opened, account).read() == COUNT
        assert (content_of(path) == before) is False

    async def test_db_26_short_readings_do_not_keep_it_from_beginning_anew(
        self, opened: Opened, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where somebody reads at every moment, it never begins anew by itself, however short each reading is."""
        monkeypatch.setattr(write_ahead_log, "KEPT_LOG_BYTES", 1_000_000)
        monkeypatch.setattr(write_ahead_log, "_ANEW_SECONDS", 0.0)
        path = Path(str(opened.url.database))
        with closing(embedded_file.connect(path)) as connection:
            # As long as a test before this one left it, it would stay.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with always_read(path):
            for _ in range(20):
                await keep_posts(
                    opened.storage, *(a_post(author=account.id, text=Text("y" * 40_000)) for _ in range(10))
                )
        assert log_bytes(opened) < 4_000_000


@contextmanager
def always_read(path: Path) -> Generator[None]:
    """Have two connections read in turn, so that at every moment one of them does."""
    ended = threading.Event()

    def read() -> None:
        with ExitStack() as stack:
            readers = [stack.enter_context(closing(embedded_file.connect(path))) for _ in range(2)]
            for reader in itertools.cycle(readers):
                reader.execute("BEGIN")
                reader.execute("SELECT COUNT(*) FROM accounts").fetchall()
                for other in readers:
                    if other is not reader and other.in_transaction:
                        other.execute("COMMIT")
                if ended.wait(0.003):
                    return

    reading = threading.Thread(target=read)
    reading.start()
    try:
        yield
    finally:
        ended.set()
        reading.join()


def content_of(path: Path) -> bytes:
    """Return all that is in a file."""
    return path.read_bytes()


def log_bytes(opened: Opened) -> int:
    """Return how long the write-ahead log is."""
    return Path(f"{opened.url.database}-wal").stat().st_size
