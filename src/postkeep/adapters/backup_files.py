"""Backups and exports as files: whole or not there at all, and readable by their owner only; backups are packed."""

import gzip
import os
import secrets
import sys
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Final

from postkeep.domain.errors import Unavailable
from postkeep.domain.posts import MAX_LINE_BYTES
from postkeep.services.backup_format import BackupDamaged

STANDARD: Final = Path("-")
"""Standard output, or standard input."""

_LEVEL: Final = 1
"""What packs fastest: all the others take longer, and texts hardly get any smaller."""

_GZIP: Final = 16 + zlib.MAX_WBITS
"""What makes zlib write gzip's own head and end. Its head has no time and no name: the same content, the same file."""


class BackupFileFailed(Unavailable):
    """The file cannot be read or written."""

    code = "backup_file_failed"


class PlainFile:
    """Writes into a file what is written, as it is."""

    def __init__(self, file: FileIO) -> None:
        """Take an open file without a buffer."""
        self._file = file

    def write(self, data: bytes) -> None:
        """Take what comes next: all of it, while a file without a buffer may take less at a time.

        Raises:
            BackupFileFailed: The disk is full, or nobody reads any more.
        """
        with _failing():
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]

    def finish(self) -> None:
        """Write it through to the disk where there is one."""
        with suppress(OSError):
            # Pipes have no disk.
            os.fsync(self._file.fileno())


class PackedFile(PlainFile):
    """Packs what is written into a file."""

    def __init__(self, file: FileIO) -> None:
        """Take an open file without a buffer."""
        super().__init__(file)
        self._packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)

    def write(self, data: bytes) -> None:
        """Take what comes next.

        Raises:
            BackupFileFailed: The disk is full, or nobody reads any more.
        """
        super().write(self._packer.compress(data))

    def finish(self) -> None:
        """Write what is left, through to the disk where there is one."""
        super().write(self._packer.flush())
        super().finish()


class BackupFile:
    """A backup that is there."""

    def __init__(self, file: BinaryIO) -> None:
        """Take an open file."""
        self._file = file
        self._begin = file.tell() if file.seekable() else None

    @property
    def is_repeatable(self) -> bool:
        """Whether it can be read more than once: a pipe cannot."""
        return self._begin is not None

    def lines(self) -> Iterator[bytes]:
        """Answer its lines from the first on, each with its end; what is too long for one comes in pieces.

        Raises:
            BackupDamaged: It is not what gzip made.
            BackupFileFailed: It cannot be read.
        """
        with _failing():
            if self._begin is not None:
                self._file.seek(self._begin)
            try:
                with gzip.GzipFile(fileobj=self._file) as unpacked:
                    while line := unpacked.readline(MAX_LINE_BYTES):
                        yield line
            except (gzip.BadGzipFile, zlib.error, EOFError) as error:
                message = f"The backup is damaged: {str(error).rstrip('.')}."
                raise BackupDamaged(message) from error


def refuse_to_replace(path: Path, kept: Iterable[Path]) -> None:
    """Refuse to write over what Postkeep itself keeps.

    Args:
        path: Where somebody wants a file.
        kept: The files that Postkeep lives by, whether they are there or not.

    Raises:
        BackupFileFailed: It is one of them, by whatever name, or cannot be looked at.
    """
    target = _resolved(path)
    with _failing():
        for each in kept:
            if target == each.resolve() or (path.exists() and each.exists() and path.samefile(each)):
                message = f"{path} is a file that Postkeep keeps everything in: name another one."
                raise BackupFileFailed(message)


@contextmanager
def written(path: Path, form: type[PlainFile] = PackedFile) -> Generator[PlainFile]:
    """Write a file: where there was one, there is the new one when this is left, or, after an error, the old one.

    Args:
        path: Where to.
        form: Whether it is packed.

    Raises:
        BackupFileFailed: It cannot be written.
    """
    target = _resolved(path)
    if path == STANDARD:
        with open(sys.stdout.fileno(), "wb", buffering=0, closefd=False) as file:
            yield from _written_to(form(file))
    elif path.exists() and not path.is_file():
        # A pipe by name, a device: there is nothing to put in its place.
        with _failing():
            file = path.open("wb", buffering=0)
        with file:
            yield from _written_to(form(file))
    else:
        yield from _replaced(target, form)


@contextmanager
def opened(path: Path) -> Generator[BackupFile]:
    """Open a backup to be read.

    Raises:
        BackupFileFailed: It cannot be read.
    """
    if path == STANDARD:
        yield BackupFile(sys.stdin.buffer)
        return
    with _failing():
        file = path.open("rb")
    with file:
        yield BackupFile(file)


def _resolved(path: Path) -> Path:
    """Return where a path leads, behind its links.

    Raises:
        BackupFileFailed: Nowhere.
    """
    try:
        target = path.resolve()
        path.exists()
    except (OSError, RuntimeError, ValueError) as error:
        # pathlib raises RuntimeError for links that lead to themselves, and ValueError for a name with a NUL.
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        message = f"The file cannot be read or written: {reason}."
        raise BackupFileFailed(message) from error
    return target


def _written_to(file: PlainFile) -> Iterator[PlainFile]:
    """Write to a file as it is."""
    yield file
    file.finish()


def _replaced(path: Path, form: type[PlainFile]) -> Iterator[PlainFile]:
    """Write to a file beside it, and put that in its place when it is whole."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with _failing():
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123 - a path would be opened with other rights
            yield from _written_to(form(file))
        with _failing():
            beside.rename(path)
            _flush_folder(path.parent)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _flush_folder(folder: Path) -> None:
    """Have a folder's new entry survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _failing() -> Generator[None]:
    """Say what the operating system says in our words."""
    try:
        yield
    except OSError as error:
        message = f"The file cannot be read or written: {error.strerror or error}."
        raise BackupFileFailed(message) from error
