"""Letting nobody in while whoever was let in can still be taken (CASES.md: SV-01)."""

import os
import re
import socket
import sys
from pathlib import Path

import pytest

from postkeep.server.draining import let_nobody_in

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can do it")


def may_attach() -> bool:
    """Whether this process may: from Linux 6.18 on, it needs CAP_NET_ADMIN, the twelfth of the capabilities from 0."""
    release = tuple(map(int, re.findall(r"\d+", os.uname().release)[:2]))
    effective = re.search(r"CapEff:\s*(\w+)", Path("/proc/self/status").read_text("ascii"))
    return release < (6, 18) or (effective is not None and int(effective[1], 16) >> 12 & 1 == 1)


@pytest.mark.skipif(not may_attach(), reason="this kernel lets only the privileged do it")
def test_sv_01_whoever_was_let_in_is_taken_and_nobody_else() -> None:
    """What waits in the kernel's queue loses nothing, bytes included; whoever comes later hears nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as early:
        let_nobody_in([listener])
        with pytest.raises(TimeoutError):
            socket.create_connection(listener.getsockname(), timeout=0.2)
        early.sendall(b"hello")
        taken, _ = listener.accept()
        with taken:
            assert taken.recv(5) == b"hello"
            taken.sendall(b"good bye")
            assert early.recv(8) == b"good bye"


def test_sv_01_what_is_no_listener_is_left_alone() -> None:
    """A socket that was closed meanwhile is no reason to fail at the end."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.close()
    let_nobody_in([listener])
