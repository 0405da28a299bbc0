"""Lists on their way from the application, taken into memory for all who wait for them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeAlias

from starlette.types import Message, Send

from postkeep.server.representations import VARY, Header, Loaded

Target: TypeAlias = str | tuple[str, bytes]
"""Which list: path and query; or without a query "" for the whole list, which is the same at all its names, or another
word for something else."""

ListKey: TypeAlias = tuple[int, Target]
"""Whose list, and which."""


@dataclass(slots=True, eq=False)
class Load:
    """A list that is being loaded.

    Attributes:
        posts_version: Of the stamp that was read before.
        begun: When that was, by the monotonic clock.
        is_too_long: Whether it is nothing to keep or to wait for: everybody has to get it by themselves.
        loaded: The list, once it came.
        ended: Set when it is known what came of it.
    """

    posts_version: int
    begun: float
    is_too_long: bool = False
    loaded: Loaded | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Loads:
    """What is being loaded: one load per list that others may wait for."""

    def __init__(self) -> None:
        """Begin with none."""
        self._loads: dict[ListKey, Load] = {}

    def join(self, key: ListKey, load: Load) -> Load:
        """Return the load under way that will do in place of this one; this one itself if there is none.

        One of the same version will do: its list is read later than that version was.
        """
        other = self._loads.get(key)
        if other is not None and other.posts_version == load.posts_version:
            return other
        self._loads[key] = load
        return load

    def end(self, key: ListKey, load: Load) -> None:
        """Tell who waits that no more will come of a load. If nothing came, the first of them takes it over."""
        if self._loads.get(key) is load:
            del self._loads[key]
        load.ended.set()


class Recorder:
    """Takes an answer into its load; what is not to be kept goes on to the client as it comes."""

    def __init__(  # noqa: PLR0913 - what an answer is for, and what may become of it
        self, send: Send, load: Load, *, limit: int, cache_status: Header, end: Callable[[], None], is_head: bool
    ) -> None:
        """Stand between the application and a client.

        Args:
            send: To the client.
            load: What the answer is for.
            limit: How many bytes of body are taken.
            cache_status: Goes with a list that is not kept.
            end: Is called at once when the answer turns out not to be kept.
            is_head: Whether an answer in parts comes without its body, which is not to be kept for a whole one.
        """
        self._send = send
        self._load = load
        self._limit = 0 if load.is_too_long else limit
        self._cache_status = cache_status
        self._end = end
        self._goes_on = False
        self._is_head = is_head
        self._start: Message = {}
        self._chunks: list[bytes] = []
        self._size = 0

    async def __call__(self, message: Message) -> None:
        """Take a message of the application."""
        if self._goes_on:
            await self._send(message)
        elif message["type"] == "http.response.start":
            self._start = message
            if message["status"] != HTTPStatus.OK:
                await self._go_on(message)
            elif self._is_head and not any(name == b"content-length" for name, _ in message["headers"]):
                await self._go_on_with_list()
        else:
            await self._take(message)

    async def _take(self, message: Message) -> None:
        """Take a part of the body: keep it as long as the whole may still fit, pass everything on once it does not."""
        chunk = message.get("body", b"")
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > self._limit:
            await self._go_on_with_list()
            chunks, self._chunks = self._chunks, []
            await self._send({**message, "body": b"".join(chunks)})
        elif not message.get("more_body", False):
            self._load.loaded = Loaded(self._start["headers"], b"".join(self._chunks))

    async def _go_on_with_list(self) -> None:
        """Let a list pass by that is too long to be kept."""
        self._load.is_too_long = True
        headers = [header for header in self._start["headers"] if header[0] != VARY[0]]
        await self._go_on({**self._start, "headers": [*headers, VARY, self._cache_status]})

    async def _go_on(self, start: Message) -> None:
        """End the load for all who wait, and let the answer pass by from here on."""
        self._goes_on = True
        self._end()
        await self._send(start)
