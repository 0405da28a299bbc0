"""Backups: everything in one file, and out of it again, from any kind of database to any other."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol, TypeAlias

from postkeep.domain.accounts import Account
from postkeep.domain.moments import microseconds_of
from postkeep.domain.posts import Post
from postkeep.domain.sessions import Session
from postkeep.services.archive import Amounts, Archive, Kept
from postkeep.services.backup_format import Header, Trailer, line_of
from postkeep.services.backup_reader import BackupReader
from postkeep.services.ports import Clock

Progress: TypeAlias = Callable[[int, int], object]
"""Is told now and then how many things are done, and of about how many."""


class Sink(Protocol):
    """Where a backup goes."""

    def write(self, data: bytes, /) -> object:
        """Take what comes next."""
        ...


class BackupService:
    """The use cases of backups."""

    def __init__(self, archive: Archive, clock: Clock, *, release: str) -> None:
        """Take what it needs: the database as a whole, the time, and which release this is."""
        self._archive = archive
        self._clock = clock
        self._release = release

    async def backup(self, sink: Sink, progress: Progress) -> Amounts:
        """Write everything that is kept, as it is at this moment, while others go on writing.

        Raises:
            StorageUnavailable: The database fails.
        """
        async with self._archive.snapshot() as snapshot:
            header = Header(self._release, snapshot.revision, self._clock.now(), snapshot.amounts)
            digest = hashlib.sha256(header.line())
            sink.write(header.line())
            found: Counter[type[Kept]] = Counter()
            async with aclosing(snapshot.parts()) as parts:
                async for part in parts:
                    lines = b"".join(map(line_of, part))
                    digest.update(lines)
                    sink.write(lines)
                    found[type(part[0])] += len(part)
                    progress(found.total(), header.amounts.total)
        amounts = Amounts(*(found[kind] for kind in (Session, Post, Account)))
        sink.write(Trailer(amounts, digest.hexdigest()).line())
        return amounts

    async def restore(self, lines: Iterator[bytes], progress: Progress, *, with_sessions: bool = True) -> Amounts:
        """Fill an empty database from a backup: all of it, or nothing.

        Every account gets numbers that no server can remember anything under: see `services.repositories.Stamp`.

        Args:
            lines: The backup's.
            progress: Is told of each part.
            with_sessions: Whether tokens of that time are to count on; otherwise everybody logs in again.

        Raises:
            BackupDamaged: The lines are not a whole and unchanged backup.
            DatabaseNotEmpty: There are accounts.
            BackupUnfit: The database refuses what the backup holds.
            StorageUnavailable: The database fails.
        """
        version = microseconds_of(self._clock.now())
        reader = BackupReader(lines)
        done = 0
        async with self._archive.restoring() as restoring:
            # Its end, where the checksum stands, is read before this is left: what is damaged is never there.
            for part in reader.parts():
                if with_sessions or not isinstance(part[0], Session):
                    await restoring.add([_renumbered(kept, version) for kept in part])
                done += len(part)
                progress(done, reader.header.amounts.total)
        return reader.amounts if with_sessions else replace(reader.amounts, sessions=0)


def verify(lines: Iterator[bytes], progress: Progress) -> Amounts:
    """Read a backup from its first line to its last.

    Raises:
        BackupDamaged: The lines are not a whole and unchanged backup.
    """
    reader = BackupReader(lines)
    done = 0
    for part in reader.parts():
        done += len(part)
        progress(done, reader.header.amounts.total)
    return reader.amounts


def _renumbered(kept: Kept, version: int) -> Kept:
    """Give an account the numbers that caches live by.

    A moment in microseconds is more than any number that the account had before, here or in the database that the
    backup was made of: nobody writes a million times a second.
    """
    return replace(kept, access_version=version, posts_version=version) if isinstance(kept, Account) else kept
