"""Those who strain a server on purpose, or by their number, while others are measured."""

import asyncio
import json
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from bench.people import PASSWORD, Api, Person, text_of
from bench.requests import adding, write

Counts: TypeAlias = Counter[str]
"""How often what happened to the strainers: the status of an answer, or "closed" for a connection's end without one."""

_LARGE_BYTES: Final = 1024 * 1024 - 16
_PAUSE_SECONDS: Final = 1.0
_HEAD: Final = b"GET /api/v1/posts HTTP/1.1\r\nHost: localhost\r\nX-Slow: "


@dataclass(frozen=True, slots=True)
class Strainer:
    """Many who do the same at the same time, each again and again.

    Attributes:
        name: What the report calls them.
        turns: What each of them does, over and over.
        counts: What came of it.
    """

    name: str
    turns: Sequence[Callable[[Counts], Coroutine[Any, Any, None]]]
    counts: Counts = field(default_factory=Counts)

    @contextmanager
    def at_work(self) -> Generator[None]:
        """Strain for a while, in a thread of their own: wrk, which measures meanwhile, is a process."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_run, args=(loop,))
        thread.start()
        work = asyncio.run_coroutine_threadsafe(self._work(), loop)
        try:
            yield
        finally:
            work.cancel()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            _end(loop)

    async def _work(self) -> None:
        """Have all of them take their turns until this is cancelled."""
        await asyncio.gather(*(self._repeat(turn) for turn in self.turns))

    async def _repeat(self, turn: Callable[[Counts], Coroutine[Any, Any, None]]) -> None:
        while True:
            await turn(self.counts)


def logins(api: Api, emails: Sequence[str]) -> Strainer:
    """Log in, all at the same time; who is told to try again later does as told."""

    def turn_of(email: str) -> Callable[[Counts], Coroutine[Any, Any, None]]:
        request = write("POST", "/api/v1/login", "", {"email": email, "password": PASSWORD})
        return lambda counts: _ask(api.port, request, counts)

    return Strainer(f"{len(emails)} logins in flight", [turn_of(email) for email in emails])


def large_posts(api: Api, authors: Sequence[Person]) -> Strainer:
    """Add posts of a megabyte, all at the same time."""

    def turn_of(author: Person) -> Callable[[Counts], Coroutine[Any, Any, None]]:
        request = adding(api, author, text_of(0, _LARGE_BYTES))
        return lambda counts: _ask(api.port, request, counts)

    return Strainer(f"{len(authors)} posts of 1 MiB in flight", [turn_of(author) for author in authors])


def slow(api: Api, author: Person, count: int) -> Strainer:
    """Send heads, and bodies, about a byte a second, from so many connections each."""
    whole = adding(api, author, text_of(0, _LARGE_BYTES))
    begun = whole[: whole.index(b"\r\n\r\n") + 5]

    def turn_of(beginning: bytes) -> Callable[[Counts], Coroutine[Any, Any, None]]:
        return lambda counts: _trickle(api.port, beginning, counts)

    turns = [turn_of(beginning) for beginning in (_HEAD, begun) for _ in range(count)]
    return Strainer(f"{count} slow heads and {count} slow bodies", turns)


def together(*strainers: Strainer) -> Strainer:
    """Return all of some as one."""
    name = ", and ".join(strainer.name for strainer in strainers)
    return Strainer(name, [turn for strainer in strainers for turn in strainer.turns])


async def _ask(port: int, request: bytes, counts: Counts) -> None:
    """Send a request on a connection of its own, and heed the answer."""
    status: str = "closed"
    headers: Mapping[str, str] = {}
    with suppress(OSError, asyncio.IncompleteReadError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            status, headers = _read_head(await reader.readuntil(b"\r\n\r\n"))
        finally:
            writer.transport.abort()
    counts[status] += 1
    if status != "closed" and "retry-after" in headers:
        await asyncio.sleep(float(headers["retry-after"]) * random.uniform(1, 2))
    elif status == "closed":
        await asyncio.sleep(_PAUSE_SECONDS)


async def _trickle(port: int, beginning: bytes, counts: Counts) -> None:
    """Begin a request, and send a byte a second until the server has had enough."""
    status = "closed"
    with suppress(OSError, asyncio.IncompleteReadError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(beginning)
            answer = asyncio.ensure_future(reader.readuntil(b"\r\n\r\n"))
            while not (await asyncio.wait([answer], timeout=random.uniform(0.5, 1.5) * _PAUSE_SECONDS))[0]:
                writer.write(b"a")
            status, _ = _read_head(answer.result())
        finally:
            writer.transport.abort()
    counts[status] += 1


def _read_head(head: bytes) -> tuple[str, Mapping[str, str]]:
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    return first.split()[1], dict(line.lower().split(": ", 1) for line in lines)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Run as somebody elsewhere: they must not take the processors from the server, nor from who measures.

    However nice, a thread keeps a processor for milliseconds once it has it. One that is idle gives it up at once.

    Source: sched(7), SCHED_IDLE.
    """
    os.sched_setscheduler(threading.get_native_id(), os.SCHED_IDLE, os.sched_param(0))
    loop.run_forever()


def _end(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel whatever is left, and close the loop."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks))
    loop.close()


def shown(counts: Counts) -> str:
    """Say what came of it in a few words."""
    return json.dumps(dict(sorted(counts.items()))).strip("{}").replace('"', "") or "nothing"
