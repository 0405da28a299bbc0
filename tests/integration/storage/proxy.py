"""A wire between a storage and its server that can be cut at the worst moment."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto

from sqlalchemy import URL


class Cut(Enum):
    """What happens to the next COMMIT that comes along."""

    LOST = auto()
    """It never arrives, and both ends lose the connection."""
    UNANSWERED = auto()
    """It arrives, and its answer does not."""
    LATE = auto()
    """The client loses the connection; the COMMIT arrives when `Proxy.late` is set."""


class Proxy:
    """Passes bytes on, until a planned cut.

    Attributes:
        cuts: What is to happen to the next COMMITs.
        late: Lets late COMMITs go.
        is_down: Whether new connections are refused.
        admits: Set as long as new connections are passed on; without it, they are silent, and those there are go on.
        flowing: Set as long as bytes are passed on; without it, everybody waits.
        swallows: Whether packets are dropped: what comes goes nowhere, and neither end hears of the other's.
            Connections on which something was lost so stay dead, and open at the server.
        latency: Says how many seconds later than they came the next bytes go on, to either side.
    """

    def __init__(self, url: URL) -> None:
        """Take the server's address."""
        self.cuts: list[Cut] = []
        self.late = asyncio.Event()
        self.is_down = False
        self.admits = asyncio.Event()
        self.admits.set()
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.swallows = False
        self.latency: Callable[[], float] | None = None
        self._url = url
        self._tasks: set[asyncio.Task[None]] = set()
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._dead: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> URL:
        """Where to connect instead."""
        assert self._server is not None
        return self._url.set(host="127.0.0.1", port=self._server.sockets[0].getsockname()[1])

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["Proxy"]:
        """Listen, and close everything in the end."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield self
        finally:
            self._server.close()
            self.admits.set()
            self.flowing.set()
            self.drop_all()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def open_connections(self) -> int:
        """How many connections the server has from here."""
        return sum(not server_out.is_closing() for _, server_out in self._pairs)

    def drop_all(self) -> None:
        """Cut all connections."""
        for pair in list(self._pairs):
            for writer in pair:
                writer.close()

    def end_dead(self) -> None:
        """Tell both ends of the connections on which something was lost, as a server does whose patience is over."""
        for writer in self._dead:
            writer.close()

    def half_close(self, *, towards_server: bool) -> None:
        """Say to one side of all connections that nothing more will come, and let the other side speak on."""
        for client_out, server_out in list(self._pairs):
            with suppress(OSError):
                (server_out if towards_server else client_out).write_eof()

    async def _serve(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        await self.admits.wait()
        if self.is_down:
            client_out.close()
            return
        try:
            server_in, server_out = await asyncio.open_connection(self._url.host, self._url.port)
        except OSError:
            client_out.close()
            return
        pair = (client_out, server_out)
        self._pairs.add(pair)
        try:
            await self._serve_between(client_in, client_out, server_in, server_out)
        finally:
            # One that is dead is closed with everything else.
            if server_out not in self._dead:
                self._pairs.discard(pair)

    async def _serve_between(
        self,
        client_in: asyncio.StreamReader,
        client_out: asyncio.StreamWriter,
        server_in: asyncio.StreamReader,
        server_out: asyncio.StreamWriter,
    ) -> None:
        back = asyncio.create_task(self._pass(server_in, client_out))
        self._tasks.add(back)
        back.add_done_callback(self._tasks.discard)
        # Nothing more can be passed on in a direction that was closed; asyncio calls that a RuntimeError.
        with suppress(OSError, RuntimeError):
            while chunk := await client_in.read(65536):
                if self.cuts and chunk[4:] == b"\x03COMMIT":
                    await self._cut(self.cuts.pop(0), chunk, back, client_out, server_out)
                    break
                await self._pass_on(chunk, server_out)
        self._end(server_out)
        await asyncio.gather(back, return_exceptions=True)

    async def _cut(
        self,
        cut: Cut,
        chunk: bytes,
        back: asyncio.Task[None],
        client_out: asyncio.StreamWriter,
        server_out: asyncio.StreamWriter,
    ) -> None:
        back.cancel()
        await asyncio.gather(back, return_exceptions=True)
        client_out.close()
        if cut is Cut.LATE:
            await self.late.wait()
        if cut is not Cut.LOST:
            server_out.write(chunk)
            await server_out.drain()

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError, RuntimeError):
            while chunk := await source.read(65536):
                await self._pass_on(chunk, target)
        self._end(target)

    async def _pass_on(self, chunk: bytes, target: asyncio.StreamWriter) -> None:
        await self.flowing.wait()
        if self.latency is not None:
            await asyncio.sleep(self.latency())
        if not self._is_dead(target):
            target.write(chunk)
            await target.drain()

    def _end(self, target: asyncio.StreamWriter) -> None:
        if not self._is_dead(target):
            target.close()

    def _is_dead(self, target: asyncio.StreamWriter) -> bool:
        if self.swallows:
            self._dead.update(*(pair for pair in self._pairs if target in pair))
        return target in self._dead
