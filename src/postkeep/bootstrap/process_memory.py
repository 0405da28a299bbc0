"""What a server's process does with memory: both of Python's garbage collector and of the C library's allocator."""

import ctypes
import gc
import platform
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
"""Source: glibc, malloc.h; mallopt(3)."""

_LARGE_BYTES: Final = 256 * 1024
"""A block of so much is got from the system by itself, and goes back to it when it is freed."""

_KEPT_BYTES: Final = 4 * 1024 * 1024
"""So much free memory of smaller blocks is kept for the next ones, as the system's takes longer."""

_ARENAS: Final = 2
"""So many heaps are there for all threads: only one of them runs Python at a time."""


@contextmanager
def kept_out_of_collections() -> Generator[None]:
    """Have the garbage collector pass over what has been made so far.

    It lives as long as the process, and going through it takes a tenth of a second in which nobody is answered.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def give_back_large_blocks() -> None:
    """Have glibc give back to the system what large texts and lists took; elsewhere nothing happens.

    By itself it learns from the first large block that is freed to cut all later ones out of its heaps, where what is
    freed between others stays: a worker that has had a few lists of megabytes had 40 MiB that nobody used.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    allocator = ctypes.CDLL(None)
    for name, value in ((_M_MMAP_THRESHOLD, _LARGE_BYTES), (_M_TRIM_THRESHOLD, _KEPT_BYTES), (_M_ARENA_MAX, _ARENAS)):
        allocator.mallopt(name, value)
