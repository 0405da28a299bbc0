"""The folder where the processes of one server put their numbers: in memory, and gone with them."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the folder that is made there is nobody else's
"""Where Linux keeps files in memory. Source: shm_overview(7)."""

_PREFIX: Final = "postkeep-metrics-"


def place_of_numbers() -> Path:
    """Return where to make it: its files are mapped, and one on a full disk would end the process that writes to it."""
    return _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


@contextmanager
def folder_of_numbers(place: Path) -> Generator[Path]:
    """Make the folder, and remove it in the end; also those that servers left behind who were killed.

    Each is locked for as long as its server lives, so nobody takes away what another one uses.
    """
    for other in place.glob(f"{_PREFIX}*"):
        _remove_unless_used(other)
    folder, lock = _made_in(place)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _made_in(place: Path) -> tuple[Path, int]:
    """Make a folder with a name of its own, and lock it."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            # Where nothing can be locked, nobody takes anything away.
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_SH)
            if folder.is_dir():
                return folder, lock
            # Somebody who starts at the same time has taken it for one that was left behind.
            os.close(lock)


def _remove_unless_used(folder: Path) -> None:
    """Remove a folder of ours that nobody has locked."""
    with suppress(OSError):
        found = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if os.fstat(found).st_uid == os.geteuid():
                fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(found)
