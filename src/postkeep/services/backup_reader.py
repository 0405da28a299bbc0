"""Reading a backup: line by line, strictly, and never more than a part of it in memory."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from postkeep.domain.accounts import Account
from postkeep.domain.posts import Post
from postkeep.domain.sessions import Session
from postkeep.services.archive import Amounts, Kept
from postkeep.services.backup_format import BackupDamaged, Header, Trailer, read_line

PART_LENGTH: Final = 500
"""A part has at most so many things."""

PART_BYTES: Final = 512 * 1024
"""A part is done when its lines have so many bytes together."""

_ID_BYTES: Final = 16

_ORDER: Final = (Session, Post, Account)


class BackupReader:
    """One reading of a backup, from its first line to its last.

    Attributes:
        header: What its first line says.
        amounts: How much there was, once all parts were read.
    """

    def __init__(self, lines: Iterator[bytes]) -> None:
        """Read the first line.

        Args:
            lines: All lines with their ends; one that is too long may come in pieces, which are lines of nobody.

        Raises:
            BackupDamaged: It is not the first line of a backup.
        """
        first = next(lines, b"")
        self.header = Header.read(first)
        self.amounts = Amounts()
        self._lines = lines
        self._digest = hashlib.sha256(first)
        self._found: Counter[type[Kept]] = Counter()
        self._place: tuple[int, UUID, UUID] | None = None
        self._counts = _Counts()

    def parts(self) -> Iterator[Sequence[Kept]]:
        """Answer everything, some of one kind at a time; only a reading that comes to its end has seen a whole backup.

        Raises:
            BackupDamaged: A line is not as it was written, or they are not all the lines, or not in their order.
        """
        part: list[Kept] = []
        size = 0
        for line in self._lines:
            kept = read_line(line)
            if kept is None:
                if part:
                    yield part
                self._end(line)
                return
            if part and (type(kept) is not type(part[0]) or len(part) == PART_LENGTH or size >= PART_BYTES):
                yield part
                part, size = [], 0
            self._take(line, kept)
            part.append(self._counted(kept))
            size += len(line)
        message = "The backup is damaged: its end is missing."
        raise BackupDamaged(message)

    def _take(self, line: bytes, kept: Kept) -> None:
        """Count one thing in; each stands behind those with smaller keys, so none comes twice."""
        self._digest.update(line)
        self._found[type(kept)] += 1
        place = _place_of(kept)
        if self._place is not None and place <= self._place:
            message = f"The backup is damaged: line {self._found.total() + 1} is out of order."
            raise BackupDamaged(message)
        self._place = place

    def _counted(self, kept: Kept) -> Kept:
        """Count posts, and have accounts say what was counted, whatever else somebody wrote into their database."""
        if isinstance(kept, Post):
            self._counts.add(kept)
        return self._counts.counted(kept) if isinstance(kept, Account) else kept

    def _end(self, line: bytes) -> None:
        """See that a line that is no thing is the right last one."""
        self.amounts = Amounts(*(self._found[kind] for kind in _ORDER))
        if line != Trailer(self.amounts, self._digest.hexdigest()).line():
            what = "its checksum differs" if line.startswith(b'{"end":') else "it cannot be read"
            message = f"The backup is damaged: line {self.amounts.total + 2}: {what}."
            raise BackupDamaged(message)
        if next(self._lines, None) is not None:
            message = "The backup is damaged: something follows its end."
            raise BackupDamaged(message)


class _Counts:
    """How many posts and bytes each account has that has any: some thirty bytes of memory each."""

    def __init__(self) -> None:
        """Begin before the first account."""
        self._ids = bytearray()
        self._posts = array("Q")
        self._bytes = array("Q")
        self._taken = 0

    def add(self, post: Post) -> None:
        """Count a post; those of one account come together, accounts in their order."""
        if bytes(self._ids[-_ID_BYTES:]) != post.author.bytes:
            self._ids += post.author.bytes
            self._posts.append(0)
            self._bytes.append(0)
        self._posts[-1] += 1
        self._bytes[-1] += post.bytes

    def counted(self, account: Account) -> Account:
        """Return an account with its right counts, accounts in the same order."""
        posts = size = 0
        while (at := self._taken) < len(self._posts):
            owner = bytes(self._ids[at * _ID_BYTES : (at + 1) * _ID_BYTES])
            if owner > account.id.bytes:
                break
            self._taken += 1
            if owner == account.id.bytes:
                posts, size = self._posts[at], self._bytes[at]
        return replace(account, posts=posts, bytes=size)


def _place_of(kept: Kept) -> tuple[int, UUID, UUID]:
    """Return where a thing stands among all."""
    if isinstance(kept, Account):
        return 2, kept.id, kept.id
    return (1, kept.author, kept.id) if isinstance(kept, Post) else (0, kept.account_id, kept.id)
