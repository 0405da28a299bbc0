"""Ending without cutting anybody off: first no more is asked for, then no more is let in, then no more is taken."""

import asyncio
import ctypes
import multiprocessing
import os
import signal
import socket
import struct
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final

LAST_SECONDS: Final = 0.5
"""So long before the end nobody is let in any more: whoever was has been taken by then, and has said what it wants."""

_OPEN_FILES: Final = Path("/proc/self/fd")

_ATTACH_FILTER: Final = getattr(socket, "SO_ATTACH_FILTER", 26)
_ALL: Final = 0xFFFFFFFF
_NO_SYN: Final = (
    (0x30, 0, 0, 13),  # load the byte with TCP's flags
    (0x54, 0, 0, 0x12),  # of which only SYN and ACK count
    (0x15, 0, 1, 0x02),  # SYN alone asks for a connection:
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, _ALL),  # and let pass whatever else there is
)
"""A program for the kernel. Source: Linux, networking/filter.rst; RFC 9293 3.1."""


@contextmanager
def sigterm_delayed(seconds: float, begin: Callable[[], None]) -> Generator[None]:
    """Have SIGTERM do what it does some seconds later. A second one, or any other signal, is heeded at once.

    For as long as that, whoever directs requests here has time to notice that they should go elsewhere.

    Args:
        seconds: How much later; 0 leaves everything as it is.
        begin: Called when SIGTERM comes, in the event loop.
    """
    ends = signal.getsignal(signal.SIGTERM)
    # Only the main thread hears signals; where the server has said nothing of this one, it ends the process.
    if not seconds or not callable(ends) or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def start() -> None:
        begin()
        # Several workers have one listener, and others may go on: their parent knows whether all of them end.
        if multiprocessing.parent_process() is None:
            loop.call_later(seconds - LAST_SECONDS, let_nobody_in, _listeners())
        loop.call_later(seconds, ends, signal.SIGTERM, None)

    def hear(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, ends)
        loop.call_soon_threadsafe(start)

    signal.signal(signal.SIGTERM, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, ends)


@contextmanager
def sigterm_after_parent() -> Generator[None]:
    """Have the end of whoever started this process, killed perhaps, be a SIGTERM, and no closed terminal its end.

    Nobody else would tell it to end; it would serve on, and its port stay taken. A terminal tells all its processes
    (SIGHUP), and the one that started them knows what to do. Without such a parent nothing is done.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        yield
        return
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    loop = asyncio.get_running_loop()

    def end() -> None:
        loop.remove_reader(parent.sentinel)
        signal.raise_signal(signal.SIGTERM)

    # One end of a pipe, which the system closes at the other end together with the parent.
    loop.add_reader(parent.sentinel, end)
    try:
        yield
    finally:
        loop.remove_reader(parent.sentinel)


def let_nobody_in(listeners: Iterable[socket.socket]) -> None:
    """Have the kernel drop what asks for a new connection, in all processes that share these sockets.

    A listener that is closed resets the connections that nobody has taken yet, with what their clients have sent. Here
    they can all be taken first. Whoever comes meanwhile hears nothing, tries again after a second as TCP does, and then
    finds that nobody listens. Only Linux can do it, and from 6.18 on (as seen there) only for who has CAP_NET_ADMIN.
    Elsewhere those who come in the last moment may be reset, unless what directs requests here has noticed by then.
    """
    for listener in listeners:
        with suppress(OSError):
            _attach(listener, _NO_SYN)


def _attach(listener: socket.socket, program: Iterable[tuple[int, int, int, int]]) -> None:
    """Give a socket a filter of incoming packets."""
    steps = [struct.pack("HBBI", *step) for step in program]
    code = ctypes.create_string_buffer(b"".join(steps))
    listener.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("HL", len(steps), ctypes.addressof(code)))


def _listeners() -> Iterator[socket.socket]:
    """Return the sockets that this process listens on, each only for a moment. Source: proc(5), socket(7)."""
    names = [link.name for link in _OPEN_FILES.iterdir()] if _OPEN_FILES.is_dir() else []
    for name in names:
        with suppress(OSError), socket.socket(fileno=os.dup(int(name))) as found:
            if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                yield found
