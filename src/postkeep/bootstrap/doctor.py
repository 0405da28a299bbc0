"""The doctor: looks at everything that Postkeep stands on, changes nothing, and says what to do."""

import asyncio
import shutil
import stat
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from postkeep.adapters.jwt_tokens import name_of
from postkeep.adapters.signing_secret import checked_secret, kept_secret
from postkeep.bootstrap.database_url import database_url, file_of, folder_of, is_in_memory
from postkeep.bootstrap.doctor_database import FULL, look_at_file, look_at_server
from postkeep.bootstrap.findings import Finding, Verdict, look_at
from postkeep.bootstrap.readiness import Unasked, find_trouble
from postkeep.bootstrap.signing_secrets import SECRET_FILE, find_previous_secrets
from postkeep.bootstrap.tracing import is_tracing_wanted, refuse_unknown_propagators
from postkeep.domain.errors import Misconfigured
from postkeep.settings import Settings, load_settings
from postkeep.storage.embedded_file import beside

_LITTLE_ROOM: Final = 1024**3
_NO_ROOM: Final = 100 * 1024**2


def diagnose() -> Iterator[Finding]:
    """Look at one thing after the other. Without settings that can be read, there is nothing else to look at."""
    try:
        settings = load_settings()
        url = database_url(settings)
    except Misconfigured as error:
        yield Finding("settings", Verdict.ERROR, str(error))
        return
    changed = [name for name, field in Settings.model_fields.items() if getattr(settings, name) != field.default]
    yield Finding("settings", Verdict.OK, f"They can be read; {len(changed)} are not at their default.")
    yield look_at("secret", lambda: _look_at_secret(settings, url))
    file = file_of(url)
    if file is not None:
        yield look_at("files", lambda: _look_at_files(file))
    yield look_at("disk", lambda: _look_at_disk(folder_of(url, settings), is_used=url.get_backend_name() == "sqlite"))
    yield from _look_at_network(settings)
    yield from _look_at_tracing()
    database = list(_look_at_database(settings, url))
    yield look_at("server", lambda: _look_at_serving(settings, is_database_well=_is_well("database", database)))
    yield from database


def _look_at_secret(settings: Settings, url: URL) -> str:
    """Look at what tokens are signed with, without making it."""
    previous = len(find_previous_secrets(settings))
    behind = f"; {previous} previous ones still count" if previous else ""
    if settings.secret_key is not None:
        secret = checked_secret(settings.secret_key.get_secret_value())
        return f"It is set, and called {name_of(secret)}{behind}."
    if is_in_memory(url):
        return "A new one is made at each start, as everything else is."
    file = file_of(url)
    if file is None:
        message = "POSTKEEP_SECRET_KEY is not set, and a database server needs it: set 32 random bytes or more."
        raise Misconfigured(message)
    path = file.parent / SECRET_FILE
    if path.is_symlink() and not path.exists():
        message = f"{path} is a link to nowhere: take it away, or put the secret there."
        raise Misconfigured(message)
    if not path.exists():
        return f"It will be made at the first start, in {path}."
    called = name_of(kept_secret(path))
    return f"It is kept in {path}, and called {called}: back it up beside the database{behind}."


def _look_at_files(database: Path) -> str:
    """Look at who may read what is kept.

    Raises:
        Misconfigured: Others may.
    """
    folder = database.parent
    kept = [folder, database, folder / SECRET_FILE, *(beside(database, end) for end in ("-wal", "-shm"))]
    others = [str(path) for path in kept if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    if others:
        message = f"Other users may get at {', '.join(others)}: run chmod go= on them."
        raise Misconfigured(message)
    return "They are closed to other users."


def _look_at_disk(folder: Path, *, is_used: bool) -> str | Finding:
    """Look at how much room there is, or whether a folder can be made.

    Args:
        folder: Where everything is kept, or would be.
        is_used: Whether posts are kept there, and not on a server.

    Raises:
        Misconfigured: There is too little, or it cannot be made.
    """
    if not folder.is_dir():
        there = next(above for above in (folder, *folder.absolute().parents) if above.exists() or above.is_symlink())
        if not there.is_dir():
            message = f"{folder} cannot be made: {there} is no folder. Set another POSTKEEP_DATA_DIR."
            raise Misconfigured(message)
        return f"{folder} is not there yet."
    free = shutil.disk_usage(folder).free
    said = f"{free // 1024**2:,} MiB are free in {folder}"
    if free < FULL and is_used:
        message = f"{said}: make room, posts are refused (503)."
        raise Misconfigured(message)
    if free < _NO_ROOM:
        message = f"{said}: make room, posts are about to be refused (503)."
        raise Misconfigured(message)
    return Finding("disk", Verdict.WARNING, f"{said}: make room soon.") if free < _LITTLE_ROOM else f"{said}."


def _look_at_network(settings: Settings) -> Iterator[Finding]:
    """Look at who can reach the server, and under which names."""
    if settings.metrics_port == settings.port:
        yield Finding("metrics", Verdict.ERROR, "POSTKEEP_METRICS_PORT is the port that is served on: set another one.")
    if _is_loopback(settings.host):
        if not settings.trusted_proxies:
            said = (
                "No proxy is listed. With one in front, all its clients have one address: if strangers are refused"
                " together (429), set POSTKEEP_TRUSTED_PROXIES."
            )
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


def _look_at_serving(settings: Settings, *, is_database_well: bool) -> Finding:
    """Ask the server itself, if it runs."""
    try:
        trouble = asyncio.run(find_trouble(settings))
    except Unasked as error:
        return Finding("server", Verdict.WARNING, f"It does not run: {error} Start it with postkeep serve.")
    if trouble is None:
        return Finding("server", Verdict.OK, "It is ready.")
    said = f"It runs, but is not ready: {trouble.said}"
    if not trouble.is_silent:
        return Finding("server", Verdict.ERROR, f"{said} Its log says more.")
    hangs = "It hangs, for the database is well: restart it." if is_database_well else "The database first: see below."
    return Finding("server", Verdict.ERROR, f"{said} {hangs}")


def _look_at_database(settings: Settings, url: URL) -> Iterator[Finding]:
    """Look at whichever kind of database it is."""
    file = file_of(url)
    if is_in_memory(url):
        yield Finding("database", Verdict.WARNING, "Everything is kept in memory, and gone when the server stops.")
    elif file is not None:
        yield from look_at_file(file)
    else:
        yield from asyncio.run(look_at_server(url, settings))


def _is_well(place: str, findings: Iterable[Finding]) -> bool:
    """Whether nothing at a place must be changed."""
    return not any(finding.place == place and finding.verdict is Verdict.ERROR for finding in findings)


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


def _is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
