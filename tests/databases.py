"""Real databases for tests: started here, on loopback, in a folder of their own, stopped by their own handle."""

import asyncio
import atexit
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from sqlalchemy import URL, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

START_SECONDS = 60

# Nothing here must survive a power cut, so nothing waits for the disk.
FAST = (
    "--innodb-flush-log-at-trx-commit=2",
    "--sync-binlog=0",
    "--skip-log-bin",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=64M",
    "--max-connections=200",
    "--max-allowed-packet=16M",
)


# Below those that the system gives to whoever connects somewhere, of which other tests use thousands at any moment.
_PORTS = range(10_000, 32_000)


def free_port() -> int:
    """Return a port of loopback that nobody has at this moment, and that no other worker of this run is given."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    mine = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        # Not by `random`, whose seed all workers share.
        port = secrets.choice(_PORTS[mine::workers])
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


@dataclass(frozen=True)
class Server:
    """A running MySQL or MariaDB server.

    Attributes:
        url: Of an account that may make databases; without a database.
    """

    url: URL

    @contextmanager
    def database(self) -> Generator[URL]:
        """Make an empty database, and drop it in the end."""
        name = f"postkeep_test_{secrets.token_hex(6)}"
        self.run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        try:
            yield self.url.set(database=name)
        finally:
            self.run(f"DROP DATABASE {name}")

    def await_start(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until the server answers.

        Raises:
            RuntimeError: It ended, or did not answer in time.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.url.port or 0), 1):
                self.run("SELECT 1")
                return
            time.sleep(0.05)
        message = "the database server did not start"
        raise RuntimeError(message)

    def run(self, *statements: str) -> None:
        """Run statements, each by itself."""
        asyncio.run(self._run(statements))

    async def _run(self, statements: tuple[str, ...]) -> None:
        engine = create_async_engine(self.url, isolation_level="AUTOCOMMIT")
        try:
            async with engine.connect() as connection:
                for statement in statements:
                    await connection.execute(text(statement))
        finally:
            await engine.dispose()


@dataclass
class MariaDbProcess:
    """A private MariaDB as a process, running or not; what it keeps stays when it ends.

    Attributes:
        folder: Where everything of it lies.
        options: What it is started with besides what it needs.
        port: Where it listens on loopback.
        process: It, since its last start.
    """

    folder: Path
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> URL:
        """Its address, with the account that may do anything."""
        return make_url(f"mysql+asyncmy://root@127.0.0.1:{self.port}/")

    @property
    def _temporary(self) -> Path:
        """Where its temporary tables lie."""
        return self.folder / "tmp"

    @property
    def _common(self) -> tuple[str, ...]:
        """What both of its programs must be told."""
        user = pwd.getpwuid(os.getuid()).pw_name
        return "--no-defaults", f"--user={user}", f"--datadir={self.folder / 'data'}", "--innodb-log-file-size=8M"

    def install(self) -> None:
        """Make its files."""
        self._temporary.mkdir()
        alone = ("--auth-root-authentication-method=normal", "--skip-test-db")
        subprocess.run([_installed("mariadb-install-db"), *self._common, *alone], check=True, capture_output=True)

    def start(self) -> subprocess.Popen[bytes]:
        """Start it, without waiting for it."""
        folder = self.folder
        where = (f"--socket={folder}/s", f"--pid-file={folder}/pid", f"--log-error={folder}/errors.log")
        listen = (f"--port={self.port}", "--bind-address=127.0.0.1", "--skip-name-resolve")
        # A server that starts removes what others keep in a folder that they share.
        own = (f"--tmpdir={self._temporary}",)
        command = [_installed("mariadbd"), *self._common, *where, *own, *listen, *FAST, *self.options]
        self.process = subprocess.Popen(command)
        return self.process

    def stop(self) -> None:
        """End it in an orderly way, if it runs."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(START_SECONDS)


class MariaDbServer(Server):
    """A private MariaDB."""

    @classmethod
    @contextmanager
    def started(cls, folder: Path, *options: str) -> Generator[Self]:
        """Start a server whose data lie in a folder, and stop it in the end."""
        mariadb = MariaDbProcess(folder, options)
        mariadb.install()
        try:
            server = cls(mariadb.url)
            server.await_start(mariadb.start())
            yield server
        finally:
            mariadb.stop()


class MySqlServer(Server):
    """A private MySQL."""

    @classmethod
    @contextmanager
    def started(cls, folder: Path) -> Generator[Self, None, None]:
        """Start a server whose data lie in a folder, and stop it in the end."""
        program = find_mysqld()
        if program is None:
            message = "MySQL is not installed"
            raise RuntimeError(message)
        data, port = folder / "data", free_port()
        common = ("--no-defaults", f"--user={pwd.getpwuid(os.getuid()).pw_name}", f"--datadir={data}")
        where = (f"--socket={folder}/s", f"--pid-file={folder}/pid", f"--log-error={folder}/errors.log")
        listen = (f"--port={port}", "--bind-address=127.0.0.1", "--mysqlx=OFF")
        # Its root may come from localhost only, which it must then be able to look up.
        subprocess.run([program, *common, "--initialize-insecure"], check=True, capture_output=True)
        process = subprocess.Popen([program, *common, *where, *listen, *FAST, "--performance-schema=OFF"])
        try:
            server = cls(make_url(f"mysql+asyncmy://root@127.0.0.1:{port}/"))
            server.await_start(process)
            yield server
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def start_mysql() -> None:
    """Start MySQL where it is on PATH and none was named: the tests run on it as on one that somebody else started."""
    if os.environ.get("POSTKEEP_TEST_MYSQL_URL") or find_mysqld() is None:
        return
    stack = ExitStack()
    atexit.register(stack.close)
    server = stack.enter_context(MySqlServer.started(Path(stack.enter_context(TemporaryDirectory()))))
    os.environ["POSTKEEP_TEST_MYSQL_URL"] = server.url.render_as_string(hide_password=False)


class OutsideServer(Server):
    """A server that somebody else started; only databases of our own are touched."""


def find_outside_server() -> OutsideServer | None:
    """Return the server that POSTKEEP_TEST_MYSQL_URL names, if it is set."""
    given = os.environ.get("POSTKEEP_TEST_MYSQL_URL")
    return OutsideServer(make_url(given).set(database="")) if given else None


def find_mysqld() -> str | None:
    """Find MySQL's server on PATH; MariaDB's may go by the same name."""
    program = _program("mysqld")
    if program is None:
        return None
    said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    return None if "MariaDB" in said else program


def _installed(name: str) -> str:
    """Find a program of MariaDB.

    Raises:
        RuntimeError: It is not there.
    """
    program = _program(name)
    if program is None:
        message = "MariaDB is not installed: bin/test installs it where apt-get may be used"
        raise RuntimeError(message)
    return program


def _program(name: str) -> str | None:
    """Find a server's program; Debian keeps some where only root's PATH looks."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
