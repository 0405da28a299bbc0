"""The machine and the versions that figures were made with: figures without them mean nothing."""

import hashlib
import json
import os
import platform
import re
import sqlite3
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Final

_PACKAGES: Final = ("uvicorn", "httptools", "uvloop", "fastapi", "pydantic", "sqlalchemy", "asyncmy", "pyjwt")

_WORK: Final = [{"number": number, "text": "abcdefghij" * 20} for number in range(20)]
_ROUNDS: Final = 400


def describe() -> list[str]:
    """Return what to know, a line each."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return [
        f"{os.cpu_count()} cores ({_processor()}), {_memory_gib():.0f} GiB, {platform.system()} {platform.release()}",
        f"{platform.python_implementation()} {platform.python_version()}, {packages}",
        f"SQLite {sqlite3.sqlite_version}, {_said_by('mariadbd', '--version')}, {_said_by('wrk', '-v')}",
    ]


def time_fixed_work() -> float:
    """Return the processor milliseconds of something that is always the same: a busy host makes every figure larger."""
    begun = time.process_time()
    for _ in range(_ROUNDS):
        hashlib.sha256(json.dumps(_WORK).encode()).hexdigest()
    return (time.process_time() - begun) * 1e3


def _processor() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _said_by(program: str, option: str) -> str:
    """Return a program's name and its version, or that it is missing."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    try:
        # wrk says its version with exit code 1.
        said = subprocess.run(
            [program, option], capture_output=True, text=True, check=False, env={"PATH": path}, timeout=10
        )
    except FileNotFoundError:
        return f"no {program}"
    found = re.search(r"\d+\.\d+(\.\d+)?", said.stdout)
    return f"{program} {found[0] if found else '?'}"
