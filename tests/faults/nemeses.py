"""Nemeses: what can happen to a server and its database, each done for some time and then undone."""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from tests.faults.stage import Stage, migrate
from tests.integration.storage.proxy import Cut

BOTH: Final = frozenset({"sqlite", "mariadb"})
MARIADB: Final = frozenset({"mariadb"})
SQLITE: Final = frozenset({"sqlite"})

SMALL_POOL: Final = "2"
SILENT_SECONDS: Final = 30


@dataclass(frozen=True)
class Nemesis:
    """Something that happens now and then.

    Attributes:
        name: What it is called in logs and on the command line.
        strike: Does it once, and undoes what does not undo itself.
        every: Seconds from one strike's end to the next one, on average.
        databases: Where it can happen.
        is_kill: Whether it ends a process with kill -9.
        least: How often it strikes at least, however long that takes.
    """

    name: str
    strike: Callable[[Stage, random.Random], Awaitable[None]]
    every: float
    databases: frozenset[str] = BOTH
    is_kill: bool = False
    least: int = 0


async def _kill_worker(stage: Stage, choose: random.Random) -> None:
    """Kill a worker; the server starts another one."""
    await _signal_worker(stage, choose, signal.SIGKILL)


async def _end_worker(stage: Stage, choose: random.Random) -> None:
    """Ask a worker to end; the server starts another one."""
    await _signal_worker(stage, choose, signal.SIGTERM)


async def _freeze_worker(stage: Stage, choose: random.Random) -> None:
    """Freeze a worker with all that it has begun; after five seconds the server would take it for dead."""
    worker = await _signal_worker(stage, choose, signal.SIGSTOP)
    await asyncio.sleep(choose.uniform(0.2, 3))
    if worker is not None:
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGCONT)


async def _signal_worker(stage: Stage, choose: random.Random, number: signal.Signals) -> int | None:
    """Send a worker a signal; None if there is none at the moment."""
    workers = stage.workers()
    if not workers:
        return None
    worker = choose.choice(workers)
    with suppress(ProcessLookupError):
        os.kill(worker, number)
    return worker


async def _kill_server(stage: Stage, _: random.Random) -> None:
    """Kill the server with all its workers, and start it again."""
    await stage.kill_server()
    await stage.start_server()


async def _restart_server(stage: Stage, _: random.Random) -> None:
    """End the server in an orderly way, and start it again."""
    await stage.stop_server()
    await stage.start_server()


async def _shrink_pool(stage: Stage, _: random.Random) -> None:
    """Restart the server with hardly any connections to its database, or with as many as usual."""
    settings = stage.server.settings
    if settings.pop("POSTKEEP_DATABASE_POOL_SIZE", None) is None:
        settings["POSTKEEP_DATABASE_POOL_SIZE"] = SMALL_POOL
    await stage.stop_server()
    await stage.start_server()


async def _migrate(stage: Stage, _: random.Random) -> None:
    """Bring the schema up to date, which it is, while everything goes on."""
    await asyncio.to_thread(migrate, stage.folder, stage.server.settings)


async def _kill_database(stage: Stage, _: random.Random) -> None:
    """Kill MariaDB, and start it again."""
    assert stage.mariadb is not None
    assert stage.mariadb.process is not None
    stage.mariadb.process.kill()
    await asyncio.to_thread(stage.mariadb.process.wait)
    await stage.start_database()


async def _restart_database(stage: Stage, _: random.Random) -> None:
    """End MariaDB in an orderly way, and start it again."""
    assert stage.mariadb is not None
    await asyncio.to_thread(stage.mariadb.stop)
    await stage.start_database()


async def _freeze_database(stage: Stage, choose: random.Random) -> None:
    """Have MariaDB say nothing for a while."""
    assert stage.mariadb is not None
    assert stage.mariadb.process is not None
    stage.mariadb.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(choose.uniform(0.2, 3))
    stage.mariadb.process.send_signal(signal.SIGCONT)


async def _silence_database(stage: Stage, _: random.Random) -> None:
    """Have MariaDB say nothing for longer than anybody waits."""
    assert stage.mariadb is not None
    assert stage.mariadb.process is not None
    stage.mariadb.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(SILENT_SECONDS)
    stage.mariadb.process.send_signal(signal.SIGCONT)


async def _swallow(stage: Stage, choose: random.Random) -> None:
    """Have whatever is sent between server and database get lost on the way for a while, and nobody be told."""
    assert stage.proxy is not None
    stage.proxy.swallows = True
    await asyncio.sleep(choose.uniform(0.2, 3))
    stage.proxy.swallows = False


async def _cut_commits(stage: Stage, choose: random.Random) -> None:
    """Cut the wire at the next few COMMITs: before they arrive, before they are answered, or so that they come late."""
    assert stage.proxy is not None
    stage.proxy.late.clear()
    stage.proxy.cuts += choose.choices(list(Cut), k=choose.randint(1, 6))
    await asyncio.sleep(choose.uniform(0.1, 1))
    stage.proxy.late.set()


async def _cut_everything(stage: Stage, choose: random.Random) -> None:
    """Cut all connections to the database, and let nobody through for a while."""
    assert stage.proxy is not None
    stage.proxy.is_down = choose.random() < 0.5
    stage.proxy.drop_all()
    await asyncio.sleep(choose.uniform(0, 1))
    stage.proxy.is_down = False


async def _half_close(stage: Stage, choose: random.Random) -> None:
    """Close all connections to the database in one direction."""
    assert stage.proxy is not None
    stage.proxy.half_close(towards_server=choose.random() < 0.5)


async def _be_slow(stage: Stage, choose: random.Random) -> None:
    """Have whatever passes between server and database take up to half a second."""
    assert stage.proxy is not None
    most = choose.choice([0.005, 0.05, 0.5])
    stage.proxy.latency = lambda: choose.uniform(0, most)
    await asyncio.sleep(choose.uniform(0.5, 2))
    stage.proxy.latency = None


async def _kill_connections(stage: Stage, choose: random.Random) -> None:
    """Have MariaDB end some of its connections, in the middle of whatever they do."""
    found = await asyncio.to_thread(
        stage.rows.ask, "SELECT id FROM information_schema.processlist WHERE user = 'postkeep'"
    )
    for connection in choose.sample(found, len(found) // 2):
        # Another one may have ended it meanwhile; KILL says so, and the rest must be ended all the same.
        with suppress(Exception):
            await stage.run_on_database(f"KILL {choose.choice(['', 'QUERY '])}{connection['id']}")


async def _read_only(stage: Stage, choose: random.Random) -> None:
    """Have MariaDB take no writes for a while, as a primary that was replaced does."""
    await stage.run_on_database("SET GLOBAL read_only = 1")
    await asyncio.sleep(choose.uniform(0.2, 1.5))
    await stage.run_on_database("SET GLOBAL read_only = 0")


async def _fill_disk(stage: Stage, choose: random.Random) -> None:
    """Leave no room where the database lies for a while; for one on a small file system of its own."""
    ballast = stage.disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(64 * 1024))
    await asyncio.sleep(choose.uniform(0.5, 3))
    ballast.unlink()


NEMESES: Final = {
    nemesis.name: nemesis
    for nemesis in (
        Nemesis("kill-worker", _kill_worker, 2, is_kill=True),
        Nemesis("end-worker", _end_worker, 2),
        Nemesis("freeze-worker", _freeze_worker, 1),
        Nemesis("kill-server", _kill_server, 2, is_kill=True),
        Nemesis("restart-server", _restart_server, 2),
        Nemesis("migrate", _migrate, 1),
        Nemesis("kill-database", _kill_database, 2, MARIADB, is_kill=True),
        Nemesis("restart-database", _restart_database, 2, MARIADB),
        Nemesis("freeze-database", _freeze_database, 2, MARIADB),
        Nemesis("swallow", _swallow, 2, MARIADB),
        Nemesis("cut-commits", _cut_commits, 0.3, MARIADB),
        Nemesis("cut-everything", _cut_everything, 1, MARIADB),
        Nemesis("half-close", _half_close, 1, MARIADB),
        Nemesis("latency", _be_slow, 1, MARIADB),
        Nemesis("kill-connections", _kill_connections, 0.5, MARIADB),
        Nemesis("read-only", _read_only, 1.5, MARIADB),
        Nemesis("small-pool", _shrink_pool, 3, MARIADB),
    )
}
"""All of them by their names."""

BY_NAME: Final = {
    nemesis.name: nemesis
    for nemesis in (
        # Needs a database on a small file system, and the right to mount one.
        Nemesis("full-disk", _fill_disk, 2),
        # Takes half a minute.
        Nemesis("silence-database", _silence_database, 10, MARIADB),
    )
}
"""Those that have to be asked for."""
