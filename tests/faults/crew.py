"""The crew: clients in a few processes of their own, told when to go and when to pause."""

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import uvloop

from tests.faults.clients import MIXED, Client, Habits
from tests.faults.history import Recorder
from tests.faults.users import User
from tests.faults.wire import Connection

ROOT: Final = Path(__file__).parents[2]

_CONNECTIONS: Final = 3
"""So many each client keeps: workers share one listening socket, so which worker takes which is left to chance."""

_STOP_SECONDS: Final = 90
"""Longer than anybody waits for an answer."""


@dataclass(frozen=True)
class Crew:
    """Who uses the server, and how.

    Attributes:
        users: Those whose accounts exist. The last few have a client each, the others share the rest of the clients.
        clients: How many there are.
        processes: In so many processes.
        own: So many users have a client to themselves.
        habits: What they do.
        seconds: How long they wait for an answer.
        seed: Of all that they choose.
    """

    users: Sequence[User]
    clients: int = 16
    processes: int = 2
    own: int = 4
    habits: Habits = MIXED
    seconds: float = 10
    seed: int = 0

    def user_of(self, client: int) -> int:
        """Return the number of the user that a client acts for."""
        shared = len(self.users) - self.own
        return client % shared if client < self.clients - self.own else shared + client % self.own

    @asynccontextmanager
    async def working(self, folder: Path, port: int) -> AsyncGenerator["Workplace"]:
        """Start the processes, at first paused, and end them in the end."""
        processes: list[asyncio.subprocess.Process] = []
        try:
            for number in range(self.processes):
                order = {"folder": str(folder), "port": port, "number": number, "crew": asdict(self)}
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "tests.faults.crew",
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
                processes.append(process)
                await _tell(process, json.dumps(order))
            yield Workplace(processes)
        finally:
            for process in processes:
                if process.returncode is None:
                    process.kill()
                await process.wait()


class Workplace:
    """A crew at work."""

    def __init__(self, processes: Sequence[asyncio.subprocess.Process]) -> None:
        """Take the processes."""
        self._processes = processes

    async def go(self) -> None:
        """Have all clients work."""
        for process in self._processes:
            await _tell(process, "go")

    async def pause(self) -> None:
        """Have all clients finish what they are about, and wait for that."""
        for process in self._processes:
            await _tell(process, "pause")
        for process in self._processes:
            assert process.stdout is not None
            async with asyncio.timeout(_STOP_SECONDS):
                said = await process.stdout.readline()
            if said != b"paused\n":
                message = f"a process of clients ended: {said!r}"
                raise RuntimeError(message)


async def _tell(process: asyncio.subprocess.Process, word: str) -> None:
    """Write a line to a process."""
    assert process.stdin is not None
    process.stdin.write(f"{word}\n".encode())
    await process.stdin.drain()


class _Shift:
    """The clients of one process."""

    def __init__(self, order: dict[str, Any], recorder: Recorder) -> None:
        """Make them as they were ordered."""
        given, number = order["crew"], order["number"]
        users = [User(**user) for user in given["users"]]
        crew = replace(Crew(users), **{**given, "users": users, "habits": Habits(**given["habits"])})
        self._going = False
        self._work: list[asyncio.Task[None]] = []
        self._clients = [
            Client(
                f"c{client}",
                user := users[crew.user_of(client)],
                [other for other in users if other is not user],
                connections=[Connection(order["port"]) for _ in range(_CONNECTIONS)],
                recorder=recorder,
                habits=crew.habits,
                seconds=crew.seconds,
                choose=random.Random(f"{crew.seed} {client}"),
            )
            for client in range(crew.clients)
            # Clients of one user work in different processes, or how would one see what another one did not know?
            if (client + client // (len(users) - crew.own)) % crew.processes == number
        ]

    def go(self) -> None:
        """Have them work."""
        self._going = True
        self._work = [asyncio.create_task(client.run(lambda: self._going)) for client in self._clients]

    async def pause(self) -> None:
        """Have them finish what they are about."""
        self._going = False
        await asyncio.gather(*self._work)


async def _work() -> None:
    """Work as standard input says, until it ends."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=1024 * 1024)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    order = json.loads(await lines.readline())
    history = Path(order["folder"]) / f"clients-{order['number']}.jsonl"
    with history.open("a", encoding="utf-8") as file:
        shift = _Shift(order, Recorder(file, f"{order['number']}-"))
        while word := (await lines.readline()).decode().strip():
            if word == "go":
                shift.go()
            else:
                await shift.pause()
                sys.stdout.write("paused\n")
                sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(_work())
