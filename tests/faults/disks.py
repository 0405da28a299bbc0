"""Disks that are full soon: file systems of a few megabytes in memory, which only some may mount."""

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def small_disk(folder: Path, mib: int | None) -> Generator[Path | None]:
    """Mount a file system of so many megabytes in a folder, where one is asked for, and unmount it in the end.

    Raises:
        CalledProcessError: This process may not mount.
    """
    if mib is None:
        yield None
        return
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "none", disk], check=True, capture_output=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)
