"""Where what is brought in waits on the disk: one of each account, few read at a time, and nothing is left of it."""

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from typing import BinaryIO, Final

from postkeep.controllers.errors import BodyTooLarge
from postkeep.domain.accounts import AccountId
from postkeep.domain.errors import Conflict, Unavailable

_WAITING: Final = 32
"""So many come in, or wait to be read, at once: a slow sender holds up nothing but a place."""

_ALL_OF: Final = 4
"""All together may have the bytes of so many as long as one may be, beyond what is each one's own."""

_READ_AT_ONCE: Final = 2
_SPARED_BYTES: Final = 64 * 1024 * 1024
"""So much of the disk is left to everything else."""

_BUFFER_BYTES: Final = 256 * 1024


class ImportUnderWay(Conflict):
    """Another import into this account is under way; send this one when that has ended."""

    code = "import_under_way"


class TooManyImports(Unavailable):
    """Too many are bringing their posts in just now."""

    code = "too_many_imports"
    retry_after = 5


class NoRoom(Unavailable):
    """There is no room on the server's disk for what is to be brought in."""

    code = "no_room"
    retry_after = 60


class Spools:
    """The files of all imports under way in this process. They have no names, and so end with it in any case.

    Attributes:
        limit: How many bytes one may have.
        turns: To be entered for each piece of work on one of them, which takes a core while it lasts.
    """

    def __init__(self, folder: Path | None, limit: int) -> None:
        """Take where they are (None: in the system's folder for such things), and how long one may be."""
        self.limit = limit
        # The first of each is its own: who brings little gets in, however much others hold, and for however long.
        self._own = limit // _WAITING
        self.turns = asyncio.Semaphore(_READ_AT_ONCE)
        self._folder = folder
        self._files: dict[AccountId, BinaryIO] = {}

    @contextmanager
    def opened(self, whose: AccountId) -> Generator[BinaryIO]:
        """Give an account a file, readable by nobody else, and take it away again.

        Raises:
            ImportUnderWay: The account has one.
            TooManyImports: Others have all that there are.
            NoRoom: The disk has no room.
        """
        if whose in self._files:
            raise ImportUnderWay
        if len(self._files) >= _WAITING:
            raise TooManyImports
        with _made(self._folder) as file:
            self._files[whose] = file
            try:
                yield file
            finally:
                del self._files[whose]

    async def fill(self, file: BinaryIO, body: AsyncGenerator[bytes], declared: int) -> None:
        """Write a body into a file as it comes.

        Args:
            file: Where to.
            body: What comes.
            declared: How many bytes it says that it has; 0 if it does not.

        Raises:
            BodyTooLarge: It has more than it may.
            NoRoom: The disk has no room for it.
        """
        if declared > self.limit:
            raise BodyTooLarge.over(self.limit)
        come = 0
        buffer = bytearray()
        self._refuse_full(file, declared)
        async for chunk in body:
            come += len(chunk)
            if come > self.limit:
                raise BodyTooLarge.over(self.limit)
            buffer += chunk
            if len(buffer) >= _BUFFER_BYTES:
                self._refuse_full(file, len(buffer))
                await asyncio.to_thread(_write, file, bytes(buffer))
                buffer.clear()
        await asyncio.to_thread(_write, file, bytes(buffer))

    def _refuse_full(self, file: BinaryIO, wanted: int) -> None:
        """Refuse to fill a disk to its end, or with nothing but this; whoever has no more than its own gets in.

        Raises:
            NoRoom: It would be.
        """
        folder = self._folder or Path(gettempdir())
        size = os.fstat(file.fileno()).st_size + wanted
        others = [other for other in self._files.values() if other is not file]
        held = sum(self._beyond(os.fstat(other.fileno()).st_size) for other in others)
        shared = _ALL_OF * (self.limit - self._own)
        is_full = size > self._own and held + self._beyond(size) > shared
        if is_full or shutil.disk_usage(folder).free < wanted + _SPARED_BYTES:
            raise NoRoom

    def _beyond(self, size: int) -> int:
        """Return how much of a file is more than its own."""
        return max(0, size - self._own)


@contextmanager
def _made(folder: Path | None) -> Generator[BinaryIO]:
    """Make a file without a name."""
    try:
        file = TemporaryFile(dir=folder)  # noqa: SIM115 - it is entered below, where errors are others
    except OSError as error:
        raise NoRoom from error
    with file:
        yield file


def _write(file: BinaryIO, data: bytes) -> None:
    """Write what has come.

    Raises:
        NoRoom: The disk is full.
    """
    try:
        file.write(data)
        file.flush()
    except OSError as error:
        raise NoRoom from error
