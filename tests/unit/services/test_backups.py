"""Backups: everything or nothing, and only what was written."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from postkeep.domain.accounts import Account
from postkeep.domain.posts import Post, Text
from postkeep.services.archive import Amounts, BackupUnfit, DatabaseNotEmpty
from postkeep.services.backup_format import BackupDamaged, Header, Trailer, line_of
from postkeep.services.backup_reader import PART_BYTES, PART_LENGTH, BackupReader
from postkeep.services.backups import BackupService, verify
from tests.builders import MIDNIGHT, a_post, a_session, an_account
from tests.contracts.archive import things_of
from tests.fake_archive import FakeArchive
from tests.fake_storage import FakeStorage
from tests.fakes import FakeClock


class World:
    """A database and what backs it up.

    Attributes:
        told: What the progress was told.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self.clock = FakeClock()
        self.storage = FakeStorage(self.clock)
        self.backups = BackupService(FakeArchive(self.storage), self.clock, release="1.0")
        self.told: list[tuple[int, int]] = []

    def keep(self, account: Account, posts: int) -> Account:
        """Have an account with so many posts and as many sessions."""
        sessions, written, (counted,) = things_of(account, posts)
        self.storage.state.sessions.update({session.id: session for session in sessions})
        self.storage.state.posts.update({(post.author, post.id): post for post in written})
        self.storage.state.accounts[counted.id] = counted
        return counted

    async def backup(self) -> list[bytes]:
        """Return the lines of a backup."""
        pile: list[bytes] = []
        await self.backups.backup(_Pile(pile), self.tell)
        return b"".join(pile).splitlines(keepends=True)

    async def restore(self, lines: list[bytes], *, with_sessions: bool = True) -> Amounts:
        """Restore lines."""
        return await self.backups.restore(iter(lines), self.tell, with_sessions=with_sessions)

    def tell(self, done: int, total: int) -> None:
        """Take down how far it is."""
        self.told.append((done, total))


class _Pile:
    """What a backup is written to."""

    def __init__(self, pile: list[bytes]) -> None:
        """Take where to put it."""
        self._pile = pile

    def write(self, data: bytes) -> None:
        """Take what comes next."""
        self._pile.append(data)


@pytest.fixture
async def lines() -> list[bytes]:
    """Return a backup of two accounts with five posts and sessions together."""
    world = World()
    world.keep(an_account(), 2)
    world.keep(an_account(), 3)
    return await world.backup()


def verified(lines: list[bytes]) -> Amounts:
    """Verify lines."""
    return verify(iter(lines), lambda _done, _total: None)


async def test_everything_comes_back_but_the_numbers_of_caches() -> None:
    """No server can remember anything under a number that is a moment: it is more than any before."""
    world, other = World(), World()
    accounts = [world.keep(an_account(posts_version=3), number) for number in (2, 0, 3)]
    lines = await world.backup()
    other.clock.advance(timedelta(days=1))
    assert await other.restore(lines) == Amounts(sessions=5, posts=5, accounts=3)
    assert (other.storage.state.posts, other.storage.state.sessions) == (
        world.storage.state.posts,
        world.storage.state.sessions,
    )
    version = int(other.clock.now().timestamp() * 1_000_000)
    found = [other.storage.state.accounts[account.id] for account in accounts]
    assert {(account.access_version, account.posts_version) for account in found} == {(version, version)}
    assert [line_of(account) for account in found] == [line_of(account) for account in accounts]


async def test_the_same_database_gives_the_same_backup() -> None:
    """To the byte, so that two of them can be compared."""
    world = World()
    world.keep(an_account(), 3)
    assert await world.backup() == await world.backup()


async def test_sessions_can_be_left_out(lines: list[bytes]) -> None:
    """Where the secret is another one, or got into wrong hands."""
    world = World()
    assert await world.restore(lines, with_sessions=False) == Amounts(sessions=0, posts=5, accounts=2)
    assert (world.storage.state.sessions, len(world.storage.state.posts)) == ({}, 5)


async def test_a_backup_says_what_it_is(lines: list[bytes]) -> None:
    """Its first line for people and for progress, its last one for certainty."""
    assert Header.read(lines[0]) == Header("1.0", "0007", FakeClock().now(), Amounts(5, 5, 2))
    assert lines[-1] == Trailer(Amounts(5, 5, 2), hashlib.sha256(b"".join(lines[:-1])).hexdigest()).line()
    assert verified(lines) == Amounts(5, 5, 2)


async def test_progress_is_told(lines: list[bytes]) -> None:
    """Ever more, up to all that there is."""
    world = World()
    await world.restore(lines)
    done = [done for done, _ in world.told]
    assert done == sorted(set(done))
    assert world.told[-1] == (12, 12)


Damage = Callable[[list[bytes]], list[bytes]]

DAMAGES: dict[str, tuple[Damage, str]] = {
    "nothing": (lambda _: [], "not a backup"),
    "no header": (lambda lines: lines[1:], "not a backup"),
    "no trailer": (lambda lines: lines[:-1], "end is missing"),
    "header alone": (lambda lines: lines[:1], "end is missing"),
    "half a trailer": (lambda lines: [*lines[:-1], lines[-1][:-9]], "checksum"),
    "another header": (lambda lines: [lines[0].replace(b"1.0", b"1.1"), *lines[1:]], "checksum"),
    "a line less": (lambda lines: [*lines[:3], *lines[4:]], "checksum"),
    "a line twice": (lambda lines: [*lines[:3], lines[2], *lines[3:]], "line 4 is out of order"),
    "another letter": (lambda lines: [line.replace(b"milk", b"silk") for line in lines], "checksum"),
    "another order": (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "line 3 is out of order"),
    "accounts first": (lambda lines: [lines[0], *lines[-3:-1], *lines[1:-3], lines[-1]], "line 4 is out of order"),
    "a line of nobody": (lambda lines: [*lines[:5], b'{"other":{}}\n', *lines[5:]], "line 6: it cannot be read"),
    "an empty line": (lambda lines: [*lines[:5], b"\n", *lines[5:]], "line 6: it cannot be read"),
    "another end": (lambda lines: [*lines[:-1], lines[-1].replace(b'"posts":5', b'"posts":6')], "checksum"),
    "something behind": (lambda lines: [*lines, b"\n"], "follows its end"),
    "twice": (lambda lines: [*lines, *lines], "follows its end"),
}


@pytest.mark.parametrize("name", DAMAGES)
async def test_a_damaged_backup_is_refused_and_nothing_is_kept(lines: list[bytes], name: str) -> None:
    """Verified by itself, and as it goes in, which is all that can be done with a pipe."""
    damage, says = DAMAGES[name]
    damaged, world = damage(list(lines)), World()
    assert damaged != lines
    with pytest.raises(BackupDamaged, match=says):
        verified(damaged)
    with pytest.raises(BackupDamaged, match=says):
        await world.restore(damaged)
    assert world.storage.state.accounts == {}
    assert world.storage.state.posts == {}


def signed(*things: bytes) -> list[bytes]:
    """Return a backup of these lines whose checksum is right."""
    header = Header("1.0", "0007", MIDNIGHT, Amounts()).line()
    kinds = [sum(line.startswith(kind) for line in things) for kind in (b'{"session"', b'{"post"', b'{"account"')]
    return [header, *things, Trailer(Amounts(*kinds), hashlib.sha256(header + b"".join(things)).hexdigest()).line()]


@pytest.mark.parametrize("stray", [a_post(), a_session()])
async def test_what_belongs_to_nobody_is_refused(stray: Post) -> None:
    """A checksum can be made by whoever made the file."""
    world = World()
    assert verified(signed(line_of(stray))).total == 1
    with pytest.raises(BackupUnfit):
        await world.restore(signed(line_of(stray), line_of(an_account())))
    assert world.storage.state.accounts == {}


async def test_accounts_count_what_is_there() -> None:
    """Whatever somebody did to the database by hand: a backup of it is no worse for that."""
    world = World()
    kept = [world.keep(an_account(), posts) for posts in (0, 3, 0, 1)]
    wrong = [replace(account, posts=account.posts + 7, bytes=account.bytes // 2) for account in kept]
    world.storage.state.accounts.update({account.id: account for account in wrong})
    restored = World()
    await restored.restore(await world.backup())
    found = restored.storage.state.accounts
    assert [(found[each.id].posts, found[each.id].bytes) for each in kept] == [
        (each.posts, each.bytes) for each in kept
    ]


async def test_a_database_with_accounts_is_not_restored_into(lines: list[bytes]) -> None:
    """Only an empty one."""
    world = World()
    ann = world.keep(an_account(), 1)
    with pytest.raises(DatabaseNotEmpty):
        await world.restore(lines)
    assert world.storage.state.accounts == {ann.id: ann}


@pytest.mark.parametrize(("text", "number"), [("x", 3 * PART_LENGTH + 1), ("x" * 100_000, 30)])
def test_parts_are_bounded(text: str, number: int) -> None:
    """By number and by bytes: what is in memory at a time does not depend on how much there is."""
    author = an_account()
    posts = sorted((a_post(author=author.id, text=Text(text)) for _ in range(number)), key=lambda post: post.id)
    taken = 0

    def lines() -> Iterator[bytes]:
        nonlocal taken
        for line in signed(*map(line_of, posts), line_of(author)):
            taken += 1
            yield line

    reader = BackupReader(lines())
    read = 0
    for part in reader.parts():
        read += len(part)
        # Header, the part, and the line that showed that it is done; the trailer ends the last.
        assert taken <= 1 + read + 1
        assert len(part) <= PART_LENGTH
        assert sum(len(line_of(kept)) for kept in part[:-1]) < PART_BYTES
    assert (read, reader.amounts) == (number + 1, Amounts(0, number, 1))
