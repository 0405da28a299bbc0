"""The stage: a server with three workers on a database of its own, which can be hurt, healed and looked at."""

import asyncio
import os
import secrets
import signal
import subprocess
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import httpx2
from sqlalchemy import URL

from tests.databases import MariaDbProcess, Server
from tests.e2e.rows import Rows
from tests.e2e.servers import PROGRAM, PostkeepServer, environment
from tests.faults.users import User
from tests.integration.storage.proxy import Proxy

WORKERS: Final = 3

DURABLE: Final = ("--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1", "--innodb-fast-shutdown=1")
"""What the other tests do without, and a server that is killed cannot: a kill may tear the page being written."""

_HEAL_SECONDS: Final = 90
_POLL_SECONDS: Final = 0.05


class Setting(Protocol):
    """What kind of stage is to be set up; see `run.Plan`."""

    @property
    def database(self) -> str:
        """Which database it has: "sqlite" or "mariadb"."""
        ...

    @property
    def workers(self) -> int:
        """How many workers the server has."""
        ...

    @property
    def options(self) -> Sequence[str]:
        """What MariaDB is started with."""
        ...

    @property
    def disk(self) -> Path | None:
        """Where the database lies, unless beside everything else."""
        ...

    @property
    def settings(self) -> dict[str, str]:
        """What the server is started with."""
        ...


@dataclass(frozen=True)
class Strike:
    """What was done to the stage.

    Attributes:
        name: Of what was done.
        at: When, in nanoseconds of the monotonic clock.
    """

    name: str
    at: int


@dataclass
class Stage:
    """A server on a database.

    Attributes:
        server: The one that clients talk to.
        mariadb: Its database's process, unless it is SQLite.
        proxy: What stands between the two.
        strikes: What was done to them, so far.
        flaws: What they did that no fault excuses.
        folder: Where everything of them lies,
        disk: but for the database, which lies here.
        number: How many workers there are when all is well.
    """

    server: PostkeepServer
    mariadb: MariaDbProcess | None
    proxy: Proxy | None
    folder: Path
    disk: Path
    number: int = WORKERS
    strikes: list[Strike] = field(default_factory=list[Strike])
    flaws: list[str] = field(default_factory=list[str])

    @property
    def database(self) -> str:
        """The kind of the database: "sqlite" or "mariadb"."""
        return "sqlite" if self.mariadb is None else "mariadb"

    @property
    def rows(self) -> Rows:
        """The database, from behind and past the proxy."""
        if self.mariadb is None:
            return Rows(self.server.database_url)
        return Rows(self.mariadb.url.set(database="postkeep"))

    def note(self, name: str) -> None:
        """Take down what is being done, just before it is done."""
        self.strikes.append(Strike(name, time.monotonic_ns()))

    def workers(self) -> list[int]:
        """Return the processes of the workers that live."""
        process = self.server.process
        if process is None or process.poll() is not None:
            return []
        if self.number == 1:
            return [process.pid]
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii").split()
        return [int(child) for child in children if _is_worker(child)]

    def worker_of(self, local_port: int) -> int | None:
        """Return the worker that holds the other end of a connection, by this end's port."""
        process = self.server.process
        assert process is not None
        ends = [line.split() for line in Path(f"/proc/{process.pid}/net/tcp").read_text("ascii").splitlines()[1:]]
        ours, theirs = f":{self.server.port:04X}", f":{local_port:04X}"
        sockets = {f"socket:[{end[9]}]" for end in ends if end[1].endswith(ours) and end[2].endswith(theirs)}
        return next((worker for worker in self.workers() if sockets & _open_files(worker)), None)

    def sign_up(self, user: User) -> None:
        """Open a user's account."""
        answer = self.server.http.post("/api/v1/signup", json=user.credentials)
        assert answer.status_code == 201, answer.text

    async def start_server(self) -> None:
        """Start the server, and wait until it is ready."""
        await asyncio.to_thread(self.server.start)

    async def stop_server(self) -> None:
        """End the server as a service manager does; it has to end by itself."""
        try:
            await asyncio.to_thread(self.server.stop)
        except subprocess.TimeoutExpired:
            self.flaws.append("the server did not end after SIGTERM")
            await self.kill_server()

    async def kill_server(self) -> None:
        """End the server and all its workers as a power cut does."""
        process = self.server.process
        assert process is not None
        os.killpg(process.pid, signal.SIGKILL)
        await asyncio.to_thread(self.server.wait)
        await until(lambda: not _group_lives(process.pid))

    async def start_database(self) -> None:
        """Start MariaDB, and wait until it answers."""
        assert self.mariadb is not None
        process = self.mariadb.start()
        await asyncio.to_thread(Server(self.mariadb.url).await_start, process)

    async def run_on_database(self, *statements: str) -> None:
        """Run statements on MariaDB as one who may do anything."""
        assert self.mariadb is not None
        await asyncio.to_thread(Server(self.mariadb.url).run, *statements)

    async def heal(self) -> None:
        """Undo whatever was done, and wait until all workers serve.

        Raises:
            TimeoutError: They do not recover.
        """
        async with asyncio.timeout(2 * _HEAL_SECONDS):
            if self.mariadb is not None and self.proxy is not None:
                await self._heal_database(self.mariadb, self.proxy)
            for worker in self.workers():
                with suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGCONT)
            if self.server.process is None or self.server.process.poll() is not None:
                await self.start_server()
            await until(lambda: len(self.workers()) >= self.number and self._is_ready())

    async def _heal_database(self, mariadb: MariaDbProcess, proxy: Proxy) -> None:
        """Have MariaDB run and take writes, and let everything pass."""
        proxy.cuts.clear()
        proxy.latency = None
        proxy.is_down = proxy.swallows = False
        proxy.end_dead()
        proxy.late.set()
        assert mariadb.process is not None
        if mariadb.process.poll() is not None:
            await self.start_database()
        mariadb.process.send_signal(signal.SIGCONT)
        await self.run_on_database("SET GLOBAL read_only = 0")

    def _is_ready(self) -> bool:
        """Whether some worker says that it can serve."""
        with suppress(httpx2.TransportError):
            return httpx2.get(f"{self.server.url}/readyz", trust_env=False, verify=False).status_code == 200
        return False


@asynccontextmanager
async def set_up(folder: Path, setting: Setting, users: Sequence[User]) -> AsyncGenerator[Stage]:
    """Start a database and a server on it, with the users' accounts; leave no process behind.

    Args:
        folder: Where everything is to lie.
        setting: What kind of stage it is to be.
        users: Whose accounts are opened.
    """
    disk = setting.disk or folder
    given = {
        "POSTKEEP_SECRET_KEY": secrets.token_urlsafe(32),
        "POSTKEEP_ACCESS_LOG": "off",
        "POSTKEEP_LOG_LEVEL": "warning",
        "POSTKEEP_LOG_FORMAT": "json",
        "POSTKEEP_DATA_DIR": str(disk / "postkeep-data"),
        # A login that a killed process had begun counts as a failure, and all users come from one network here.
        "POSTKEEP_LOGIN_FAILURES": "0",
        "POSTKEEP_LOGIN_FAILURES_PER_NETWORK": "0",
        **setting.settings,
    }
    async with AsyncExitStack() as stack:
        mariadb = proxy = None
        if setting.database == "mariadb":
            mariadb = MariaDbProcess(disk, tuple(setting.options))
            await asyncio.to_thread(mariadb.install)
            stack.callback(_end_database, mariadb)
            await asyncio.to_thread(Server(mariadb.url).await_start, mariadb.start())
            url = await asyncio.to_thread(_make_database, mariadb)
            proxy = await stack.enter_async_context(Proxy(url).running())
            given["POSTKEEP_DATABASE_URL"] = proxy.url.render_as_string(hide_password=False)
            await asyncio.to_thread(migrate, folder, given)
        options = ("--workers", str(setting.workers))
        server = PostkeepServer(folder, given, options=options, start_seconds=_HEAL_SECONDS)
        stage = Stage(server, mariadb, proxy, folder, disk, setting.workers)
        stack.callback(_end_server, stage)
        await stage.start_server()
        for user in users:
            await asyncio.to_thread(stage.sign_up, user)
        await stage.heal()
        yield stage


def migrate(folder: Path, settings: dict[str, str]) -> None:
    """Run `postkeep migrate upgrade`."""
    command = [str(PROGRAM), "migrate", "upgrade"]
    subprocess.run(command, check=True, capture_output=True, env=environment(settings), cwd=folder, timeout=120)


def _make_database(mariadb: MariaDbProcess) -> URL:
    """Make an empty database, and an account on it that may do no more than the server needs."""
    Server(mariadb.url).run(
        "CREATE DATABASE postkeep CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        "CREATE USER postkeep@'127.0.0.1' IDENTIFIED BY 'postkeep'",
        "GRANT ALL ON postkeep.* TO postkeep@'127.0.0.1'",
    )
    return mariadb.url.set(username="postkeep", password="postkeep", database="postkeep")


def _end_database(mariadb: MariaDbProcess) -> None:
    """End MariaDB, whatever state it is in."""
    if mariadb.process is not None:
        mariadb.process.kill()
        mariadb.process.wait()


def _end_server(stage: Stage) -> None:
    """End the server and its workers, whatever state they are in."""
    process = stage.server.process
    if process is not None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    stage.server.end()


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something to come true that sets no event."""
    while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - that is why
        await asyncio.sleep(_POLL_SECONDS)


def _is_worker(process: str) -> bool:
    """Whether a child of the server is a worker."""
    with suppress(OSError):
        return "spawn_main" in Path(f"/proc/{process}/cmdline").read_text("ascii")
    return False


def _open_files(process: int) -> set[str]:
    """Return what a process has open, as the kernel names it."""
    found: set[str] = set()
    with suppress(OSError):
        for link in Path(f"/proc/{process}/fd").iterdir():
            with suppress(OSError):
                found.add(str(link.readlink()))
    return found


def _group_lives(group: int) -> bool:
    """Whether any process of a group still runs."""
    with suppress(ProcessLookupError):
        os.killpg(group, 0)
        return True
    return False
