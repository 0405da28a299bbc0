"""Processes that may have no more than so much memory, as in a container: what needs more is killed by the kernel."""

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")


@contextmanager
def memory_limited(process: int, mib: int) -> Generator[bool]:
    """Have the kernel kill a process that takes so much more memory from now on; say whether it will.

    What it has is counted where it was taken. Where no group of processes may be made, nothing happens.
    Source: Linux, cgroup-v1/memory.rst and cgroup-v2.rst.
    """
    parent = _GROUPS / "memory" if (_GROUPS / "memory").is_dir() else _GROUPS
    group = parent / f"postkeep-test-{os.getpid()}-{process}"
    limit = "memory.limit_in_bytes" if parent.name == "memory" else "memory.max"
    made = False
    with suppress(OSError):
        group.mkdir()
        made = True
        (group / limit).write_text(str(mib * 1024 * 1024), "ascii")
        (group / "cgroup.procs").write_text(str(process), "ascii")
    try:
        yield made and str(process) in (group / "cgroup.procs").read_text("ascii").split()
    finally:
        if made:
            for member in (group / "cgroup.procs").read_text("ascii").split():
                (parent / "cgroup.procs").write_text(member, "ascii")
            group.rmdir()
