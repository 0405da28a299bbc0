"""One kept connection of a client, on which every end of an answer is told from every other."""

import asyncio
import gzip
import json
from dataclasses import dataclass, field
from typing import Any, Final

_CONNECT_SECONDS: Final = 5


class NotSentError(Exception):
    """Nobody listened: not one byte of the request went out."""


class CutError(Exception):
    """The answer did not come to its end, or is none; what was asked for may have been done."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read to its end.

    Attributes:
        status: Of three digits.
        headers: By their names in small letters.
        body: Without what it travelled in.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""

    def json(self) -> Any:
        """Return what the body says.

        Raises:
            ValueError: It is no JSON.
        """
        return json.loads(self.body)


class Connection:
    """A connection to the server; whichever worker took it holds it until it ends, and then another one is opened."""

    def __init__(self, port: int) -> None:
        """Take the server's port on loopback; the connection is opened when it is needed."""
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.turn = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether it is open as far as is known."""
        return self._writer is not None

    @property
    def local_port(self) -> int:
        """This end's port, by which the other end's owner can be found."""
        assert self._writer is not None
        port: int = self._writer.get_extra_info("sockname")[1]
        return port

    async def ask(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> Answer:
        """Send a request and read its answer to the end; without a body there is no length, so that memory may answer.

        Raises:
            NotSentError: Nothing was sent.
            CutError: It is not known whether anything was done. So, too, if this is cancelled.
        """
        reader, writer = await self._open()
        lengths = {} if body is None else {"content-length": str(len(body))}
        fields = [f"{name}: {value}" for name, value in {**headers, **lengths}.items()]
        try:
            head = "\r\n".join([f"{method} {path} HTTP/1.1", "host: localhost", *fields, "", ""])
            writer.write(head.encode() + (body or b""))
            answer = await self._read(reader)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            self.close()
            raise CutError from error
        except BaseException:
            self.close()
            raise
        if answer.headers.get("connection") == "close":
            self.close()
        return answer

    def close(self) -> None:
        """Let go of it."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return both ends of a connection that the server has not closed as far as is known."""
        if self._reader is not None and self._reader.at_eof():
            self.close()
        if self._reader is None or self._writer is None:
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError as error:
                raise NotSentError from error
        return self._reader, self._writer

    async def _read(self, reader: asyncio.StreamReader) -> Answer:
        """Read one answer."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
        if status in {204, 304}:
            return Answer(status, headers)
        if headers.get("transfer-encoding") == "chunked":
            body = await self._read_chunks(reader)
        else:
            body = await reader.readexactly(int(headers["content-length"]))
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        return Answer(status, headers, body)

    async def _read_chunks(self, reader: asyncio.StreamReader) -> bytes:
        """Read a body that comes in chunks, to the last one."""
        chunks: list[bytes] = []
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            chunks.append(await reader.readexactly(size))
            await reader.readexactly(2)
        await reader.readuntil(b"\r\n")
        return b"".join(chunks)
