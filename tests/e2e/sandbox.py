"""Runs a program with what a unit of systemd lets it ask of the kernel: `python -m tests.e2e.sandbox UNIT PROGRAM ...`.

What systemd itself would do, with the same lists and the same library: no systemd needs to run, and no root.
Source: systemd.exec(5), SystemCallFilter=; seccomp_rule_add(3).
"""

import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | 1
"""With EPERM, which is what SystemCallErrorNumber says in our unit."""


def allowed_calls(unit: str) -> set[str]:
    """Return the names of the system calls that a unit's filters leave, one after the other."""
    calls = _members("@default")
    for given in re.findall(r"^SystemCallFilter=(.+)$", unit, re.MULTILINE):
        named = {call for word in given.removeprefix("~").split() for call in _members(word)}
        calls = calls - named if given.startswith("~") else calls | named
    return calls


def _members(word: str) -> set[str]:
    """Return the calls of a set, of whichever sets it has in it too; a call is itself."""
    if not word.startswith("@"):
        return {word}
    shown = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter", word], capture_output=True, text=True, check=True
    )
    listed = (line.strip() for line in shown.stdout.splitlines()[1:])
    return {call for line in listed if line and not line.startswith("#") for call in _members(line)}


def _confine(calls: AbstractSet[str]) -> None:
    """Have the kernel refuse all other calls of this process, and of whatever it becomes."""
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(seccomp.seccomp_init(_REFUSE))
    for call in calls:
        number = seccomp.seccomp_syscall_resolve_name(call.encode())
        if number >= 0:  # What other machines have is below.
            assert seccomp.seccomp_rule_add(rules, _ALLOW, number, 0) == 0
    assert seccomp.seccomp_load(rules) == 0


if __name__ == "__main__":
    _, unit, *program = sys.argv
    _confine(allowed_calls(Path(unit).read_text("utf-8")))
    os.execv(program[0], program)  # noqa: S606 - what it was given, which is what it is for
