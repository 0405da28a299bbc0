"""The only wiring: from settings to engines, adapters and services."""

import asyncio
import logging
import os
import secrets
import stat
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from multiprocessing import parent_process
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from sqlalchemy import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from postkeep import logs
from postkeep.adapters.argon2_passwords import Argon2Passwords
from postkeep.adapters.common_passwords import ListedCommonPasswords
from postkeep.adapters.jwt_tokens import JwtTokens
from postkeep.adapters.signing_secret import SECRET_BYTES, checked_secret, kept_secret
from postkeep.adapters.system_clock import SystemClock
from postkeep.domain.errors import Misconfigured, PostkeepError
from postkeep.domain.posts import Quota
from postkeep.domain.unicode import is_encodable
from postkeep.services import Services
from postkeep.services.accounts import AccountService
from postkeep.services.administration import AdministrationService
from postkeep.services.attempts import AttemptLimits, AttemptService
from postkeep.services.backups import BackupService
from postkeep.services.health import HealthService
from postkeep.services.passwords import PasswordPolicy
from postkeep.services.ports import Freshness, StorageUnavailable
from postkeep.services.posts import PostService
from postkeep.services.sessions import Limits, SessionService
from postkeep.settings import Settings, load_settings
from postkeep.storage.embedded import EmbeddedStorage, InMemoryStorage, create_embedded_engine
from postkeep.storage.embedded_archive import EmbeddedArchive
from postkeep.storage.freshness import EmbeddedFreshness, SharedFreshness
from postkeep.storage.schema import REVISION, read_state
from postkeep.storage.server import ServerStorage
from postkeep.storage.server_archive import ServerArchive
from postkeep.storage.server_check import check_server
from postkeep.storage.server_tls import with_tls
from postkeep.views.cursors import Cursors

log = logging.getLogger(__name__)

DATABASE_FILE: Final = "postkeep.db"
SECRET_FILE: Final = "secret.key"  # noqa: S105 - a file's name

_URL_OPTIONS: Final = frozenset({"charset", "unix_socket"})
"""What a server's URL may have behind its `?`: others could undo what Postkeep sets, or where the other parts lead."""

_TOLD_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 5.0


class DatabaseAbsent(Misconfigured):
    """The database does not answer."""


@dataclass(frozen=True, slots=True)
class Wired:
    """Everything that the door and the controllers need."""

    services: Services
    cursors: Cursors
    freshness: Freshness


@asynccontextmanager
async def wire(settings: Settings) -> AsyncGenerator[Wired]:
    """Open the storage, put the services over it, and close everything in the end.

    Raises:
        Misconfigured: Something must be changed before this can work.
    """
    secrets_in_use = [find_secret(settings), *_previous_secrets(settings)]
    storage = await _open_storage(settings)
    freshness = freshness_of(storage, database_url(settings))
    hasher = Argon2Passwords(
        memory_kib=settings.hash_memory_kib, passes=settings.hash_passes, queue=settings.hash_queue
    )
    clock = SystemClock()
    limits = Limits(
        access=timedelta(seconds=settings.access_token_seconds),
        idle=timedelta(days=settings.session_idle_days),
        lifetime=timedelta(days=settings.session_days),
        grace=timedelta(seconds=settings.refresh_grace_seconds),
    )
    attempts = AttemptService(
        storage,
        AttemptLimits(settings.login_failures, settings.login_failures_per_network, settings.signups_per_hour),
    )
    policy = PasswordPolicy(ListedCommonPasswords(), min_length=settings.password_min_length)
    signer = JwtTokens(secrets_in_use, algorithm=settings.token_algorithm)
    try:
        yield Wired(
            Services(
                accounts=AccountService(storage, hasher, attempts, policy, clock, session_lifetime=limits.lifetime),
                sessions=SessionService(storage, hasher, attempts, signer, clock, limits=limits),
                posts=PostService(storage, clock, Quota(settings.quota_posts, settings.quota_bytes)),
                health=HealthService(storage),
                administration=AdministrationService(storage, hasher, policy, clock, idle=limits.idle),
            ),
            Cursors(secrets_in_use),
            freshness,
        )
    finally:
        await hasher.close()
        await freshness.close()
        await storage.close()


def database_url(settings: Settings) -> URL:
    """Return where everything is kept: the URL that is set, the one of its parts, or a file in the data directory.

    Raises:
        Misconfigured: It is not one of a database that Postkeep knows.
    """
    given = {"URL": settings.database_url, "PASSWORD": settings.database_password}
    for name, secret in given.items():
        if secret is not None and not is_encodable(secret.get_secret_value()):
            message = f"POSTKEEP_DATABASE_{name} is not UTF-8."
            raise Misconfigured(message)
    if settings.database_url is None and settings.database_host is None:
        return URL.create("sqlite", database=str(settings.data_dir / DATABASE_FILE))
    url = _url_of_parts(settings) if settings.database_url is None else _url_given(settings.database_url)
    return url if url.get_backend_name() == "sqlite" else with_tls(url, settings.database_tls, settings.database_ca)


def _url_given(given: SecretStr) -> URL:
    """Read the URL that is set.

    Raises:
        Misconfigured: It is not a URL of a database that Postkeep knows, or says more than it may.
    """
    try:
        url = make_url(given.get_secret_value())
    except (ArgumentError, ValueError):
        message = "POSTKEEP_DATABASE_URL is not a URL like mysql+asyncmy://user:password@host/database."
        raise Misconfigured(message) from None
    if url.drivername in {"mysql", "mariadb", "mariadb+asyncmy"}:
        url = url.set(drivername="mysql+asyncmy")
    if url.drivername not in {"sqlite", "mysql+asyncmy"}:
        message = f"POSTKEEP_DATABASE_URL begins with {url.drivername}: it can be sqlite:/// or mysql+asyncmy://."
        raise Misconfigured(message)
    if url.drivername == "mysql+asyncmy" and not url.database:
        message = "POSTKEEP_DATABASE_URL names no database: end it with /name."
        raise Misconfigured(message)
    if url.drivername == "mysql+asyncmy":
        _check_options(url)
    return url


def _check_options(url: URL) -> None:
    """Refuse what stands behind a URL's `?` and is not for it to say.

    Raises:
        Misconfigured: There is such a thing.
    """
    for name, value in url.query.items():
        if name.startswith(("ssl", "tls")):
            message = f"POSTKEEP_DATABASE_URL says {name!r}: POSTKEEP_DATABASE_TLS and POSTKEEP_DATABASE_CA say that."
            raise Misconfigured(message)
        if name not in _URL_OPTIONS or not isinstance(value, str):
            message = f"POSTKEEP_DATABASE_URL says {name!r}: behind its ? it may say charset or unix_socket, once each."
            raise Misconfigured(message)


def _url_of_parts(settings: Settings) -> URL:
    """Put together what nobody should have to: in a URL of one's own, half of a password's characters need escapes."""
    password = settings.database_password
    return URL.create(
        "mysql+asyncmy",
        username=settings.database_user,
        password=None if password is None else password.get_secret_value(),
        host=settings.database_host,
        port=settings.database_port,
        database=settings.database_name,
    )


def is_in_memory(url: URL) -> bool:
    """Whether a URL means the database that is gone with its process."""
    return url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}


def freshness_of(
    storage: EmbeddedStorage | InMemoryStorage | ServerStorage, url: URL
) -> EmbeddedFreshness | SharedFreshness:
    """Make what reads the stamps in a storage: beside it from a file, through it where that takes a while."""
    if isinstance(storage, EmbeddedStorage):
        return EmbeddedFreshness(Path(url.database or ""))
    return SharedFreshness(lambda account_ids: storage.read(lambda work: work.accounts.stamps(account_ids)))


def prepare(settings: Settings) -> None:
    """Do what must be done once before any process serves: find the secret, await the database, bring its schema up.

    Raises:
        Misconfigured: Something must be changed before this can work.
    """
    find_secret(settings)
    _previous_secrets(settings)
    if is_in_memory(database_url(settings)):
        if settings.workers > 1:
            refuse_in_memory(settings)
        return

    async def open_and_close() -> None:
        await (await _open_storage(settings)).close()

    asyncio.run(open_and_close())


def open_backups(settings: Settings, *, fills: bool) -> BackupService:
    """Put the service of backups over the database as a whole, which takes no secret.

    Args:
        settings: They name the database.
        fills: Whether it is to be filled: only then an embedded one is made, or brought up to date.

    Raises:
        Misconfigured: Something must be changed before this can work.
    """
    refuse_in_memory(settings)
    url = database_url(settings)
    is_embedded = url.get_backend_name() == "sqlite"
    path = Path(url.database or "")
    if is_embedded and not fills and not path.is_file():
        message = f"There is no database {path}."
        raise Misconfigured(message)

    async def open_and_close() -> None:
        await (await _open_storage(settings, brings_up=fills)).close()

    asyncio.run(open_and_close())
    archive = EmbeddedArchive(path) if is_embedded else ServerArchive(url)
    return BackupService(archive, SystemClock(), release=version("postkeep"))


def refuse_in_memory(settings: Settings) -> None:
    """Refuse what a second process cannot do with a database in the memory of the first.

    Raises:
        Misconfigured: The settings say that everything is kept in memory.
    """
    if is_in_memory(database_url(settings)):
        message = "The database in memory belongs to one process; set POSTKEEP_DATABASE_URL to a file or a server."
        raise Misconfigured(message)


def migration_target(*, waits: bool = False) -> URL:
    """Return the database that migrations are to work on, its file made where it has one.

    Args:
        waits: Whether to wait for a server that does not answer yet, as the start of Postkeep does.

    Raises:
        Misconfigured: Everything is kept in memory, where the server itself makes the schema; or a setting is off.
    """
    settings = load_settings()
    logs.configure("warning", settings.log_format)
    refuse_in_memory(settings)
    url = database_url(settings)
    if url.get_backend_name() == "sqlite":
        prepare_file(url)
    elif waits:
        asyncio.run(_await_server(url, settings.database_wait))
    return url


def prepare_file(url: URL) -> Path:
    """Make an embedded database's folder and file, readable by nobody else, and return the file's path.

    Raises:
        Misconfigured: They cannot be made or written.
    """
    path = Path(url.database or "")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        os.close(os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        for end in ("", ".lock", "-wal", "-shm"):
            _close_to_others(Path(f"{path}{end}"))
    except OSError as error:
        message = f"The database {path} cannot be written: {error.strerror}."
        raise Misconfigured(message) from error
    return path


def _close_to_others(path: Path) -> None:
    """Take all rights of others away from a file of ours, such as a backup that was put back."""
    try:
        about = path.stat()
    except FileNotFoundError:
        return
    if about.st_uid == os.geteuid() and about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        path.chmod(0o600)


def find_secret(settings: Settings) -> bytes:
    """Return the secret that tokens are signed with; for an embedded database it is made once and kept beside it.

    Raises:
        Misconfigured: It is missing where it must be given, or not one that protects anything.
    """
    if settings.secret_key is not None:
        return checked_secret(settings.secret_key.get_secret_value())
    url = database_url(settings)
    if is_in_memory(url):
        return secrets.token_bytes(SECRET_BYTES)
    if url.get_backend_name() != "sqlite":
        message = (
            "POSTKEEP_SECRET_KEY is not set, and several servers of one database must share it:"
            ' set it to the output of: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
        raise Misconfigured(message)
    return kept_secret(prepare_file(url).parent / SECRET_FILE)


def _previous_secrets(settings: Settings) -> list[bytes]:
    """Return the secrets that were current before, whose tokens still count.

    Raises:
        Misconfigured: One of them protects nothing.
    """
    given = settings.previous_secret_keys
    words = given.get_secret_value().split() if given is not None else []
    return [checked_secret(word, "POSTKEEP_PREVIOUS_SECRET_KEYS") for word in words]


async def _open_storage(
    settings: Settings, *, brings_up: bool = True
) -> EmbeddedStorage | InMemoryStorage | ServerStorage:
    """Open the database that the settings name; the embedded one is brought up to date on the way, unless told not."""
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
    except SQLAlchemyError as error:
        message = f"The database cannot be used: {getattr(error, 'orig', None) or error}."
        raise Misconfigured(message) from error
    return storage


async def _open_server(url: URL, settings: Settings) -> ServerStorage:
    """Open a database server that is there and fit.

    A process that was started by another one of ours serves without it, too, and answers 503: the other one has seen to
    it at the start, and would end the whole server if the successor of a dead worker refused to serve.
    """
    is_successor = parent_process() is not None
    try:
        await _await_server(url, 0 if is_successor else settings.database_wait)
        storage = ServerStorage(url, pool_size=settings.database_pool_size)
        await _check(storage)
    except DatabaseAbsent as error:
        if not is_successor:
            raise
        log.warning("database_absent", extra={"reason": str(error)})
        return ServerStorage(url, pool_size=settings.database_pool_size)
    return storage


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


async def _await_server(url: URL, seconds: float) -> None:
    """Wait for a database server that is still starting, and say so now and then.

    Raises:
        DatabaseAbsent: It did not come.
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
                message = f"The database at {url.host} did not answer within {seconds:.0f} seconds: {reason}"
                raise DatabaseAbsent(message) from error
            if now - told >= _TOLD_SECONDS:
                told = now
                log.warning("waiting_for_database", extra={"reason": str(reason), "waited_seconds": round(now - begun)})
            await asyncio.sleep(0.25)
        else:
            return
