"""Many at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def at_once(times: int, act: Callable[[int], T], *, threads: int | None = None) -> list[T]:
    """Do something so many times at once, and return what came of each.

    Args:
        times: How often; each is told its number, from 0.
        act: What is done, in a thread of its own.
        threads: How many at the same moment; None for all of them.
    """
    with ThreadPoolExecutor(threads or times) as pool:
        return list(pool.map(act, range(times)))
