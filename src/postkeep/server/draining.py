"""Ending without cutting anybody off: first no more is asked for, then no more is taken."""

import asyncio
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType


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
        loop.call_later(seconds, ends, signal.SIGTERM, None)

    def hear(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, ends)
        loop.call_soon_threadsafe(start)

    signal.signal(signal.SIGTERM, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, ends)
