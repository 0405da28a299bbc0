"""The application as a server has it, in a process of its own."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.servers import environment

COUNT = """
import asyncio, gc
from postkeep.main import app

async def main():
    async with app.router.lifespan_context(app):
        print(gc.get_freeze_count(), end=" ")
    print(gc.get_freeze_count())

asyncio.run(main())
"""


TAKE = """
import asyncio, ctypes
from postkeep.main import app

class Usage(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena chunks fast_chunks blocks block_bytes".split()] + [
        (name, ctypes.c_size_t) for name in "highest fast used free top".split()
    ]

allocator = ctypes.CDLL(None)
allocator.mallinfo2.restype = Usage

def taken(size):
    before = allocator.mallinfo2().block_bytes
    text = bytes(size)
    return allocator.mallinfo2().block_bytes - before

async def main():
    async with app.router.lifespan_context(app):
        bytes(8 * 1024 * 1024)
        print(taken(1024 * 1024), taken(64 * 1024))

asyncio.run(main())
"""
"""Source: mallinfo(3)."""


def said_by(program: str, folder: Path) -> list[int]:
    """Return the numbers that a program prints which has the application."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env=environment({"POSTKEEP_DATA_DIR": str(folder)}),
        cwd=folder,
    )
    return [int(word) for word in done.stdout.split()]


def test_collections_pass_over_what_lives_as_long_as_the_process(tmp_path: Path) -> None:
    """All of it: going through that took a tenth of a second, in which nobody was answered."""
    serving, afterwards = said_by(COUNT, tmp_path)
    assert serving > 100_000
    assert afterwards == 0


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators do as they do")
def test_what_a_large_text_took_goes_back_to_the_system(tmp_path: Path) -> None:
    """Or it would stay as holes in a heap: after the first large one that was freed, glibc cuts the next from there."""
    large, small = said_by(TAKE, tmp_path)
    assert large >= 1024 * 1024
    assert small == 0
