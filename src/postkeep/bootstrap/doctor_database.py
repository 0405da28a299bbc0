"""The doctor's look at the database."""

import os
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, text

from postkeep.bootstrap.database import refuse_what_is_no_database
from postkeep.bootstrap.database_port import find_silence
from postkeep.bootstrap.findings import KIND, TROUBLE, Finding, Verdict, look_at, reason_of
from postkeep.domain.errors import Misconfigured
from postkeep.settings import Settings
from postkeep.storage.deadlines import within
from postkeep.storage.embedded_file import FileLock, beside, create_looking_engine
from postkeep.storage.limits import SEARCHES, STREAMS
from postkeep.storage.schema import REVISION, read_state, refuse_foreign, refuse_unfit
from postkeep.storage.server_check import check_server
from postkeep.storage.server_pool import create_server_engine

_PATIENCE_SECONDS: Final = 5.0
_LOCK_SECONDS: Final = 2.0
"""Much longer than any unit of ours, of which the slowest give way after a second or two."""

FULL: Final = 4 * 1024**2
"""With fewer bytes free, nothing is sure to be added: a post may have 1 MB, and is written more than once."""

_SLOW_SECONDS: Final = 0.01
"""A request waits for several answers, one after the other."""

_CLOCKS_APART_SECONDS: Final = 5.0
"""Tokens count up to 30 seconds later or earlier (RFC 7519 4.1.4); clocks so far apart will be further tomorrow."""

_ADVICE: Final = {
    1040: "Raise max_connections, or lower POSTKEEP_DATABASE_POOL_SIZE.",
    1044: "Grant the user rights on the database.",
    1045: "Is the user's password right?",
    1049: "Make the database, or set its right name.",
    1203: "Its account has as many connections as any may have: raise max_user_connections, or see who else uses it.",
    1226: "Raise what the account may use (ALTER USER ... WITH), or see who else uses it.",
}
"""What to do about some of the server's refusals. Source: MySQL's and MariaDB's error references."""

_LIMIT: Final = re.compile(r"'(\w+)' resource \(current value: (\d+)\)")
"""How 1226 names what an account may use."""

_OTHER_CONNECTIONS: Final = STREAMS + SEARCHES + 1
"""What a process opens beside those for units and for queries; the last is to look whether it is ready."""

_LOSSES: Final = {
    0: (Verdict.ERROR, "Whatever kills the database server loses posts of its last second that were acknowledged"),
    2: (Verdict.WARNING, "A power cut loses posts that were acknowledged"),
}
"""What is lost under a value of innodb_flush_log_at_trx_commit. Source: MySQL's and MariaDB's manuals."""

_WRITABLE: Final = frozenset({"0", "OFF"})
_ABOUT_SERVER: Final = text(
    "SELECT VERSION() AS version, UTC_TIMESTAMP(6) AS now, @@GLOBAL.innodb_flush_log_at_trx_commit AS flushes,"
    " LEAST(@@GLOBAL.max_connections, COALESCE(NULLIF(@@SESSION.max_user_connections, 0), 999999999)) AS connections,"
    " CAST(@@GLOBAL.read_only AS CHAR) AS read_only, CAST(@@GLOBAL.innodb_read_only AS CHAR) AS innodb_read_only"
)


def look_at_file(path: Path) -> Iterator[Finding]:
    """Look at an embedded database, without making it: its schema, and whether anything can be added."""
    yield (database := look_at("database", lambda: _schema_of(path)))
    # What is not ours, or damaged, is not tried out.
    if database.verdict is Verdict.OK and path.exists():
        yield look_at("writing", lambda: _take_lock(path))


def _schema_of(path: Path) -> str:
    """Look at an embedded database's schema.

    Raises:
        Misconfigured: It is one that this release cannot work on.
    """
    if not path.exists() and not path.is_symlink():
        return f"{path} is not there yet: the first start makes it."
    if not path.is_file():
        message = f"{path} is no file{', but a link to nowhere' if path.is_symlink() else ''}: take it away."
        raise Misconfigured(message)
    refuse_what_is_no_database(path)
    engine = create_looking_engine(path)
    try:
        with engine.connect() as connection:
            _refuse_cut_short(path, connection)
            state = read_state(connection)
            refuse_foreign(state)
            if state.revision is None or state.revision < REVISION:
                now = "empty" if state.revision is None else f"at schema {state.revision}"
                return f"{path} is {now}: the next start brings it to {REVISION}."
            refuse_unfit(state)
    finally:
        engine.dispose()
    return f"{path} has schema {state.revision}."


def _refuse_cut_short(path: Path, connection: Connection) -> None:
    """See that a database file ends where a page of it does, which SQLite itself does not look at.

    Raises:
        Misconfigured: It does not.
    """
    if path.stat().st_size % connection.execute(text("PRAGMA page_size")).scalar_one():
        message = f"{path} was cut short: restore a backup into a new one."
        raise Misconfigured(message)


def _take_lock(path: Path) -> str:
    """Take the locks that whoever writes must have, and give them back.

    Raises:
        Misconfigured: Somebody keeps it, nobody may write, or there is no room for what they write.
        OSError: The file may not be written. SQLite opens it to read then, and says nothing.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    if shutil.disk_usage(path.parent).free < FULL:
        message = f"Nothing can be added to {path}: its disk is full. Make room."
        raise Misconfigured(message)
    address = path.absolute().as_uri()
    try:
        with ExitStack() as opened:
            if beside(path, "-wal").exists():
                # Whoever writes and is the last to close copies the log into the file; who only reads leaves both.
                last = opened.enter_context(closing(sqlite3.connect(f"{address}?mode=ro", uri=True)))
                last.execute("SELECT count(*) FROM sqlite_master").fetchone()
            connection = opened.enter_context(
                closing(sqlite3.connect(f"{address}?mode=rw", uri=True, timeout=_LOCK_SECONDS, isolation_level=None))
            )
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        held = (
            f"somebody has held its lock for {_LOCK_SECONDS:.0f} seconds: end the transaction that does (fuser {path})"
        )
        busy = getattr(error, "sqlite_errorcode", 0) & KIND == sqlite3.SQLITE_BUSY
        message = f"Nothing can be added to {path}: {held if busy else error}."
        raise Misconfigured(message) from error
    # Only now: a server that waits for that lock has the turn.
    _await_turn(path)
    return "Whoever wants to can write."


def _await_turn(path: Path) -> None:
    """Wait for the turn to write, in a thread, which is left behind if it does not come.

    Raises:
        Misconfigured: It did not come in time.
    """
    place = beside(path, ".lock")
    if not place.exists():
        return
    lock = FileLock(path)

    def wait() -> None:
        with closing(lock), lock.held():
            pass

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    waiting.join(_LOCK_SECONDS)
    if waiting.is_alive():
        message = (
            f"Nothing can be added to {path}: somebody has held {place} for {_LOCK_SECONDS:.0f} seconds: let the"
            " process that does go on, or end it (lslocks)."
        )
        raise Misconfigured(message)


async def look_at_server(url: URL, settings: Settings) -> list[Finding]:
    """Look at a database server: whether it is there and fit, its schema, its clock, and what it does at a COMMIT."""
    try:
        async with within(_PATIENCE_SECONDS):
            await check_server(url)
            return await _asked(url, settings)
    except Misconfigured as error:
        return [Finding("database", Verdict.ERROR, str(error))]
    except TimeoutError:
        said = f"The server at {url.host} does not answer within {_PATIENCE_SECONDS:.0f} seconds."
        return [Finding("database", Verdict.ERROR, f"{said} {await find_silence(url)}")]
    except TROUBLE as error:
        # ValueError and OverflowError: no such host or port can be.
        is_said = isinstance(error, ValueError | OverflowError)
        advice = "Is that its right address?" if is_said else _advice(error) or await find_silence(url)
        said = f"The server at {url.host} cannot be used: {reason_of(error)}. {advice}"
        return [Finding("database", Verdict.ERROR, said)]


async def _asked(url: URL, settings: Settings) -> list[Finding]:
    """Ask a server that is fit about itself."""
    engine = create_server_engine(url, pool_size=1, autocommit=True)
    try:
        async with engine.connect() as connection:
            state = await connection.run_sync(read_state)
            begun, from_then = datetime.now(UTC), time.perf_counter()
            said = (await connection.execute(_ABOUT_SERVER)).one()
            took = time.perf_counter() - from_then
            apart = abs((said.now.replace(tzinfo=UTC) - begun).total_seconds())
    finally:
        await engine.dispose()

    def schema() -> str:
        refuse_unfit(state)
        return f"It has schema {state.revision}."

    found = [
        Finding("database", Verdict.OK, f"{said.version} answers, and is set as it must be."),
        look_at("schema", schema),
    ]
    if took > _SLOW_SECONDS:
        far = f"It takes {took * 1000:.0f} ms for an answer, and a request waits for several: is it far away, or busy?"
        found.append(Finding("speed", Verdict.WARNING, far))
    for name in ("read_only", "innodb_read_only"):
        if getattr(said, name) not in _WRITABLE:
            kept = f"It takes no writes ({name} is on), which are 503: is it a replica, or did somebody set that?"
            found.append(Finding("writing", Verdict.ERROR, kept))
    if apart > _CLOCKS_APART_SECONDS:
        both = f"This machine's clock and the database's are {apart:.0f} seconds apart: set both by NTP."
        found.append(Finding("clock", Verdict.ERROR, both))
    else:
        found.append(Finding("clock", Verdict.OK, "It agrees with the database's."))
    wanted = settings.workers * (2 * settings.database_pool_size + _OTHER_CONNECTIONS)
    if wanted > said.connections:
        few = (
            f"The server allows {said.connections}, and {settings.workers} processes may open {wanted}: raise"
            " max_connections or the account's own limit, or lower POSTKEEP_DATABASE_POOL_SIZE."
        )
        found.append(Finding("connections", Verdict.WARNING, few))
    else:
        found.append(Finding("connections", Verdict.OK, f"Up to {wanted} of {said.connections} are ours."))
    if loss := _LOSSES.get(said.flushes):
        verdict, lost = loss
        found.append(Finding("durability", verdict, f"{lost}: set innodb_flush_log_at_trx_commit = 1."))
    return found


def _advice(error: Exception) -> str | None:
    """Say what to do about a database server that refuses, None where it said nothing."""
    code, words = (*(getattr(getattr(error, "orig", None), "args", ()) or (0,)), "")[:2]
    if not isinstance(code, int) or code < 1000 or 2000 <= code < 3000:  # noqa: PLR2004 - the driver's own
        return None
    if limit := _LIMIT.search(str(words)):
        return f"Its account may have {limit[2]} by {limit[1].upper()}, and has that many. {_ADVICE[1226]}"
    return _ADVICE.get(code, "It answers, and its own log may say more.")
