"""Opening the database: its file made, its server awaited, its schema looked at."""

import asyncio
import logging
import os
import sqlite3
import stat
import time
from contextlib import suppress
from multiprocessing import parent_process
from pathlib import Path
from typing import Final

from asyncmy.errors import MySQLError
from sqlalchemy import URL, Engine
from sqlalchemy.exc import SQLAlchemyError

from postkeep.bootstrap.database_url import database_url, file_of, is_in_memory
from postkeep.bootstrap.findings import reason_of
from postkeep.domain.errors import Misconfigured, PostkeepError
from postkeep.services.ports import StorageUnavailable
from postkeep.settings import Settings
from postkeep.storage.embedded import EmbeddedStorage
from postkeep.storage.embedded_file import beside, create_embedded_engine, create_looking_engine
from postkeep.storage.in_memory import InMemoryStorage
from postkeep.storage.schema import REVISION, read_state, refuse_foreign
from postkeep.storage.server import ServerStorage
from postkeep.storage.server_check import check_server
from postkeep.storage.server_faults import Fault

log = logging.getLogger(__name__)

_TOLD_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 5.0

_MAGIC: Final = b"SQLite format 3\0"
"""How a database file begins. Source: sqlite.org/fileformat.html, 1.3."""


class DatabaseAbsent(Misconfigured):
    """The database does not answer."""


async def open_storage(
    settings: Settings, *, brings_up: bool = True
) -> EmbeddedStorage | InMemoryStorage | ServerStorage:
    """Open the database that the settings name.

    Args:
        settings: They name it.
        brings_up: Whether an embedded one is brought up to date on the way.

    Raises:
        Misconfigured: It is not there, or not fit.
    """
    url = database_url(settings)
    try:
        if is_in_memory(url):
            engine = create_embedded_engine(None)
            await asyncio.to_thread(_bring_up, engine)
            return InMemoryStorage(engine)
        if url.get_backend_name() == "sqlite":
            path = prepare_file(url)
            if brings_up:
                await asyncio.to_thread(_bring_up, create_embedded_engine(path))
            storage = EmbeddedStorage(path)
        else:
            return await _open_server(url, settings)
        await _check(storage)
    except (SQLAlchemyError, sqlite3.Error, UnicodeDecodeError) as error:
        raise _unusable(error) from error
    return storage


async def await_server(url: URL, seconds: float) -> None:
    """Wait for a database server that is still starting, and say so now and then.

    One that refuses is waited for as well: where both are set up together, its accounts and databases come last.

    Raises:
        DatabaseAbsent: It did not come, or refused.
        Misconfigured: It is not fit.
    """
    begun = told = time.monotonic()
    while True:
        try:
            # The driver's own deadline ends with the TCP connection; a server may take that and then say nothing.
            async with asyncio.timeout(_ANSWER_SECONDS):
                await check_server(url)
        except UnicodeError as error:
            message = f"The database cannot be at {url.host}: that is no name of a host."
            raise Misconfigured(message) from error
        except (OSError, SQLAlchemyError) as error:
            now = time.monotonic()
            reason = getattr(error, "orig", None) or str(error) or "no answer"
            if now - begun >= seconds:
                did = "answers and refuses, also after" if _is_refusal(reason) else "did not answer within"
                message = f"The database at {url.host} {did} {seconds:.0f} seconds: {reason}"
                raise DatabaseAbsent(message) from error
            if now - told >= _TOLD_SECONDS:
                told = now
                log.warning("waiting_for_database", extra={"reason": str(reason), "waited_seconds": round(now - begun)})
            await asyncio.sleep(0.25)
        else:
            return


def refuse_foreign_file(url: URL) -> None:
    """See that an embedded database is not another program's, before anything is made or changed beside or in it.

    Raises:
        Misconfigured: It is.
    """
    path = file_of(url)
    # Of what is no file, or out of reach, whoever opens it says so.
    if path is None or not os.path.isfile(path):  # noqa: PTH113 - as said
        return
    with suppress(OSError):
        refuse_what_is_no_database(path)
    engine = create_looking_engine(path)
    try:
        with engine.connect() as connection:
            refuse_foreign(read_state(connection))
    except (SQLAlchemyError, UnicodeDecodeError) as error:
        # What a kill left half written is taken back by whoever opens it to write, and looks again then.
        if getattr(getattr(error, "orig", None), "sqlite_errorcode", None) != sqlite3.SQLITE_READONLY_ROLLBACK:
            raise _unusable(error) from error
    finally:
        engine.dispose()


def refuse_what_is_no_database(path: Path) -> None:
    """See that there is nothing yet, an empty file, or a SQLite database, before anything is made or changed.

    Raises:
        Misconfigured: It is something else.
        OSError: It cannot be read.
    """
    try:
        # Looked at before it is opened, which a pipe would answer never, and a device in ways of its own.
        is_file = stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return
    if is_file:
        with path.open("rb") as file:
            is_file = file.read(len(_MAGIC)) in {b"", _MAGIC}
    if not is_file:
        message = f"The database {path} is something else than a SQLite file: name another one. It was not changed."
        raise Misconfigured(message)


def prepare_file(url: URL) -> Path:
    """Make an embedded database's folder and file, readable by nobody else, and return the file's path.

    Raises:
        Misconfigured: They cannot be made or written, or there is something else, which stays as it is.
    """
    path = Path(url.database or "")
    try:
        refuse_what_is_no_database(path)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        os.close(os.open(beside(path, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        for kept in (path, *(beside(path, end) for end in (".lock", "-wal", "-shm"))):
            _close_to_others(kept)
    except OSError as error:
        message = f"The database {path} cannot be written: {error.strerror}."
        raise Misconfigured(message) from error
    return path


async def _open_server(url: URL, settings: Settings) -> ServerStorage:
    """Open a database server that is there and fit.

    A process that was started by another one of ours serves without it, too, and answers 503: the other one has seen to
    it at the start, and would end the whole server if the successor of a dead worker refused to serve.
    """
    is_successor = parent_process() is not None
    try:
        await await_server(url, 0 if is_successor else settings.database_wait)
        storage = ServerStorage(url, pool_size=settings.database_pool_size)
        await _check(storage)
    except DatabaseAbsent as error:
        if not is_successor:
            raise
        log.warning("database_absent", extra={"reason": str(error)})
        return ServerStorage(url, pool_size=settings.database_pool_size)
    return storage


def _is_refusal(reason: object) -> bool:
    """Whether a server said itself why it cannot be used: a wrong password, no right, no such database."""
    return isinstance(reason, MySQLError) and Fault.of(reason) is Fault.REFUSED


def _unusable(error: Exception) -> Misconfigured:
    """Say why a database cannot be used."""
    return Misconfigured(f"The database cannot be used: {reason_of(error)}.")


def _bring_up(engine: Engine) -> None:
    """Bring an embedded database's schema up to this release, unless it is there or beyond."""
    with engine.connect() as connection:
        revision = read_state(connection).revision
    if revision is None or revision < REVISION:
        from postkeep.storage.migrate import upgrade  # noqa: PLC0415 - Alembic is large, and seldom needed

        upgrade(engine)


async def _check(storage: EmbeddedStorage | ServerStorage) -> None:
    """Look whether the database can be served from, and close it again if not."""
    try:
        await storage.check()
    except PostkeepError as error:
        await storage.close()
        kind = DatabaseAbsent if isinstance(error, StorageUnavailable) else Misconfigured
        raise kind(error.detail) from error


def _close_to_others(path: Path) -> None:
    """Take all rights of others away from a file of ours, such as a backup that was put back."""
    try:
        about = path.stat()
    except FileNotFoundError:
        return
    if about.st_uid == os.geteuid() and about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        path.chmod(0o600)
