"""The doctor: looks at everything that Postkeep stands on, changes nothing, and says what to do."""

import asyncio
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from sqlalchemy import URL, text
from sqlalchemy.exc import SQLAlchemyError

from postkeep.adapters.jwt_tokens import name_of
from postkeep.adapters.signing_secret import checked_secret, kept_secret
from postkeep.bootstrap.database_url import database_url, is_in_memory
from postkeep.bootstrap.readiness import Unasked, find_trouble
from postkeep.bootstrap.signing_secrets import SECRET_FILE, find_previous_secrets
from postkeep.bootstrap.tracing import is_tracing_wanted, refuse_unknown_propagators
from postkeep.domain.errors import Misconfigured, PostkeepError
from postkeep.settings import Settings, load_settings
from postkeep.storage.embedded_file import create_embedded_engine
from postkeep.storage.limits import SEARCHES, STREAMS
from postkeep.storage.schema import REVISION, read_state, refuse_unfit
from postkeep.storage.server_check import check_server
from postkeep.storage.server_pool import create_server_engine

_PATIENCE_SECONDS: Final = 5.0
_CLOCKS_APART_SECONDS: Final = 5.0
"""Tokens count up to 30 seconds later or earlier (RFC 7519 4.1.4); clocks so far apart will be further tomorrow."""

_LITTLE_ROOM: Final = 1024**3
_NO_ROOM: Final = 100 * 1024**2

_ADVICE: Final = {
    1040: "Raise max_connections, or lower POSTKEEP_DATABASE_POOL_SIZE.",
    1044: "Grant the user rights on the database.",
    1045: "Is the user's password right?",
    1049: "Make the database, or set its right name.",
}
"""What to do about some of the server's refusals. Source: MySQL's and MariaDB's error references."""

_OTHER_CONNECTIONS: Final = STREAMS + SEARCHES + 1
"""What a process opens beside those for units and for queries; the last is to look whether it is ready."""

_FLUSHES: Final = 1
_ABOUT_SERVER: Final = text(
    "SELECT VERSION() AS version, UTC_TIMESTAMP(6) AS now, @@GLOBAL.innodb_flush_log_at_trx_commit AS flushes,"
    " @@GLOBAL.max_connections AS connections"
)


class Verdict(StrEnum):
    """How bad it is: nothing, something to know, or something that must be changed."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found at one place.

    Attributes:
        place: What was looked at.
        verdict: How bad it is.
        said: What is the case, and what to do about it where that is something.
    """

    place: str
    verdict: Verdict
    said: str


def diagnose() -> Iterator[Finding]:
    """Look at one thing after the other. Without settings that can be read, there is nothing else to look at."""
    try:
        settings = load_settings()
        url = database_url(settings)
    except Misconfigured as error:
        yield Finding("settings", Verdict.ERROR, str(error))
        return
    yield Finding(
        "settings", Verdict.OK, f"They can be read; {len(settings.model_fields_set)} are not at their default."
    )
    yield _look("secret", lambda: _look_at_secret(settings, url))
    yield from _look_at_files(settings, url)
    yield from _look_at_network(settings)
    yield from _look_at_tracing()
    yield _look_at_serving(settings)
    if is_in_memory(url):
        yield Finding("database", Verdict.WARNING, "Everything is kept in memory, and gone when the server stops.")
    elif url.get_backend_name() == "sqlite":
        yield _look("database", lambda: _look_at_file(Path(url.database or "")))
    else:
        yield from asyncio.run(_look_at_server(url, settings))


def _look(place: str, look: Callable[[], str]) -> Finding:
    """Look at one place; what is raised there is what is the matter."""
    try:
        return Finding(place, Verdict.OK, look())
    except Misconfigured as error:
        return Finding(place, Verdict.ERROR, str(error))
    except PostkeepError as error:
        return Finding(place, Verdict.ERROR, error.detail)
    except (SQLAlchemyError, OSError) as error:
        return Finding(place, Verdict.ERROR, _reason(error))


def _look_at_secret(settings: Settings, url: URL) -> str:
    """Look at what tokens are signed with, without making it."""
    previous = len(find_previous_secrets(settings))
    behind = f"; {previous} previous ones still count" if previous else ""
    if settings.secret_key is not None:
        secret = checked_secret(settings.secret_key.get_secret_value())
        return f"It is set, and called {name_of(secret)}{behind}."
    if is_in_memory(url):
        return "A new one is made at each start, as everything else is."
    path = Path(url.database or "").parent / SECRET_FILE
    if url.get_backend_name() != "sqlite":
        message = "POSTKEEP_SECRET_KEY is not set, and a database server needs it: set 32 random bytes or more."
        raise Misconfigured(message)
    if not path.exists():
        return f"It will be made at the first start, in {path}."
    called = name_of(kept_secret(path))
    return f"It is kept in {path}, and called {called}: back it up beside the database{behind}."


def _look_at_files(settings: Settings, url: URL) -> Iterator[Finding]:
    """Look at who may read what is kept, and how much room there is."""
    folder = settings.data_dir
    if url.get_backend_name() == "sqlite" and not is_in_memory(url):
        database = Path(url.database or "")
        folder = database.parent
        kept = [folder, database, folder / SECRET_FILE, *(Path(f"{database}{end}") for end in ("-wal", "-shm"))]
        others = [str(path) for path in kept if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
        if others:
            yield Finding("files", Verdict.ERROR, f"Other users may get at {', '.join(others)}: run chmod go= on them.")
        else:
            yield Finding("files", Verdict.OK, "They are closed to other users.")
    if not folder.is_dir():
        yield Finding("disk", Verdict.OK, f"{folder} is not there yet.")
        return
    free = shutil.disk_usage(folder).free
    said = f"{free // 1024**2:,} MiB are free in {folder}"
    if free < _NO_ROOM:
        yield Finding("disk", Verdict.ERROR, f"{said}: make room, posts are about to be refused (503).")
    elif free < _LITTLE_ROOM:
        yield Finding("disk", Verdict.WARNING, f"{said}: make room soon.")
    else:
        yield Finding("disk", Verdict.OK, f"{said}.")


def _look_at_network(settings: Settings) -> Iterator[Finding]:
    """Look at who can reach the server, and under which names."""
    if settings.metrics_port == settings.port:
        yield Finding("metrics", Verdict.ERROR, "POSTKEEP_METRICS_PORT is the port that is served on: set another one.")
    if _is_loopback(settings.host):
        if not settings.trusted_proxies:
            said = "A proxy on this machine is one client, whoever comes through it: POSTKEEP_TRUSTED_PROXIES names it."
            yield Finding("proxies", Verdict.OK, said)
        return
    if not settings.trusted_hosts:
        said = "Clients that come by a name get 400: list it in POSTKEEP_TRUSTED_HOSTS."
        yield Finding("names", Verdict.WARNING, said)
    if not settings.trusted_proxies:
        said = (
            "Postkeep speaks no TLS. Where a proxy in front does, list it in POSTKEEP_TRUSTED_PROXIES; without one,"
            " passwords travel readably."
        )
        yield Finding("proxies", Verdict.WARNING, said)


def _look_at_serving(settings: Settings) -> Finding:
    """Ask the server itself, if it runs."""
    try:
        trouble = asyncio.run(find_trouble(settings))
    except Unasked as error:
        return Finding("server", Verdict.WARNING, f"It does not run: {error} Start it with postkeep serve.")
    if trouble is not None:
        return Finding("server", Verdict.ERROR, f"It runs, but is not ready: {trouble} Its log says more.")
    return Finding("server", Verdict.OK, "It is ready.")


def _look_at_tracing() -> Iterator[Finding]:
    """Look at whether spans can go where the environment wants them, if it does."""
    try:
        refuse_unknown_propagators()
    except Misconfigured as error:
        yield Finding("tracing", Verdict.ERROR, str(error))
        return
    try:
        if is_tracing_wanted():
            yield Finding("tracing", Verdict.OK, "Spans are sent as the variables OTEL_* say.")
    except Misconfigured as error:
        yield Finding("tracing", Verdict.WARNING, f"{error} Until then nothing is traced.")


def _look_at_file(path: Path) -> str:
    """Look at an embedded database, without making it."""
    if not path.is_file():
        return f"{path} is not there yet: the first start makes it."
    engine = create_embedded_engine(path)
    try:
        with engine.connect() as connection:
            state = read_state(connection)
            if state.revision is not None and state.revision < REVISION:
                return f"{path} is at schema {state.revision}: the next start brings it to {REVISION}."
            refuse_unfit(state)
    finally:
        engine.dispose()
    return f"{path} has schema {state.revision}."


async def _look_at_server(url: URL, settings: Settings) -> list[Finding]:
    """Look at a database server: whether it is there and fit, its schema, its clock, and what it does at a COMMIT."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await check_server(url)
            return await _asked(url, settings)
    except Misconfigured as error:
        return [Finding("database", Verdict.ERROR, str(error))]
    except TimeoutError:
        said = f"The server at {url.host} does not answer within {_PATIENCE_SECONDS:.0f} seconds: is it running?"
        return [Finding("database", Verdict.ERROR, said)]
    except (SQLAlchemyError, OSError) as error:
        said = f"The server at {url.host} cannot be used: {_reason(error)}. {_advice(error)}"
        return [Finding("database", Verdict.ERROR, said)]


async def _asked(url: URL, settings: Settings) -> list[Finding]:
    """Ask a server that is fit about itself."""
    engine = create_server_engine(url, pool_size=1, autocommit=True)
    try:
        async with engine.connect() as connection:
            state = await connection.run_sync(read_state)
            begun = datetime.now(UTC)
            said = (await connection.execute(_ABOUT_SERVER)).one()
            apart = abs((said.now.replace(tzinfo=UTC) - begun).total_seconds())
    finally:
        await engine.dispose()

    def schema() -> str:
        refuse_unfit(state)
        return f"It has schema {state.revision}."

    found = [
        Finding("database", Verdict.OK, f"{said.version} answers, and is set as it must be."),
        _look("schema", schema),
    ]
    if apart > _CLOCKS_APART_SECONDS:
        both = f"This machine's clock and the database's are {apart:.0f} seconds apart: set both by NTP."
        found.append(Finding("clock", Verdict.ERROR, both))
    else:
        found.append(Finding("clock", Verdict.OK, "It agrees with the database's."))
    wanted = settings.workers * (2 * settings.database_pool_size + _OTHER_CONNECTIONS)
    if wanted > said.connections:
        few = (
            f"max_connections is {said.connections}, and {settings.workers} processes may open {wanted}: raise it, or"
            " lower POSTKEEP_DATABASE_POOL_SIZE."
        )
        found.append(Finding("connections", Verdict.WARNING, few))
    else:
        found.append(Finding("connections", Verdict.OK, f"Up to {wanted} of {said.connections} are ours."))
    if said.flushes != _FLUSHES:
        lost = "A power cut loses posts that were acknowledged: set innodb_flush_log_at_trx_commit = 1."
        found.append(Finding("durability", Verdict.WARNING, lost))
    return found


def _advice(error: Exception) -> str:
    """Say what to do about a database server that cannot be used."""
    code, *_ = getattr(getattr(error, "orig", None), "args", ()) or (0,)
    return _ADVICE.get(code, "Is it running?")


def _is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reason(error: Exception) -> str:
    """Say what went wrong in the words of whoever said it."""
    return str(getattr(error, "orig", None) or getattr(error, "strerror", None) or error)
