"""Putting services over adapters."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import URL

from postkeep import logs
from postkeep.adapters.argon2_passwords import Argon2Passwords
from postkeep.adapters.common_passwords import ListedCommonPasswords
from postkeep.adapters.hmac_cookies import HmacCookies
from postkeep.adapters.jwt_tokens import JwtTokens, name_of
from postkeep.adapters.system_clock import SystemClock
from postkeep.bootstrap.database import await_server, open_storage, prepare_file, refuse_foreign_file
from postkeep.bootstrap.database_url import database_url, file_of, is_in_memory, refuse_in_memory
from postkeep.bootstrap.signing_secrets import SECRET_FILE, find_previous_secrets, find_secret
from postkeep.bootstrap.tracing import Tracing
from postkeep.domain.errors import Misconfigured
from postkeep.domain.posts import Quota
from postkeep.services import Services
from postkeep.services.accounts import AccountService
from postkeep.services.administration import AdministrationService
from postkeep.services.attempt_rules import AttemptLimits
from postkeep.services.attempts import AttemptService
from postkeep.services.backups import BackupService
from postkeep.services.bulk import BulkService
from postkeep.services.exports import ExportService
from postkeep.services.health import HealthService
from postkeep.services.housekeeping import HousekeepingService
from postkeep.services.imports import ImportService
from postkeep.services.passwords import PasswordPolicy
from postkeep.services.ports import Freshness
from postkeep.services.posts import PostService
from postkeep.services.search import SearchService
from postkeep.services.sessions import SessionLimits, SessionService
from postkeep.services.visits import VisitService
from postkeep.settings import Settings, load_settings
from postkeep.storage.embedded import EmbeddedStorage
from postkeep.storage.embedded_archive import EmbeddedArchive
from postkeep.storage.embedded_file import beside
from postkeep.storage.freshness import EmbeddedFreshness, SharedFreshness
from postkeep.storage.in_memory import InMemoryStorage
from postkeep.storage.server import ServerStorage
from postkeep.storage.server_archive import ServerArchive
from postkeep.views.cursors import Cursors


@dataclass(frozen=True, slots=True)
class Wired:
    """Everything that the door and the controllers need.

    Attributes:
        key: The public name of the secret that tokens are signed with.
        usage: How busy the adapters are, by the names of the metrics.
    """

    services: Services
    cursors: Cursors
    freshness: Freshness
    key: str
    usage: Callable[[], Mapping[str, int]]


@asynccontextmanager
async def wire(settings: Settings, tracing: Tracing | None = None) -> AsyncGenerator[Wired]:
    """Open the storage, put the services over it, and close everything in the end.

    Args:
        settings: They say which.
        tracing: What makes spans of units of work, if they are wanted.

    Raises:
        Misconfigured: Something must be changed before this can work.
    """
    url = database_url(settings)
    await asyncio.to_thread(refuse_foreign_file, url)
    secrets_in_use = [find_secret(settings), *find_previous_secrets(settings)]
    opened = await open_storage(settings)
    freshness = freshness_of(opened, url)
    storage = opened if tracing is None else tracing.over(opened, url.get_backend_name())
    hasher = Argon2Passwords(
        memory_kib=settings.hash_memory_kib, passes=settings.hash_passes, queue=settings.hash_queue
    )
    clock = SystemClock()
    limits = SessionLimits(
        access=timedelta(seconds=settings.access_token_seconds),
        idle=timedelta(days=settings.session_idle_days),
        lifetime=timedelta(days=settings.session_days),
        grace=timedelta(seconds=settings.refresh_grace_seconds),
    )
    attempts = AttemptService(
        storage,
        AttemptLimits(settings.login_failures, settings.login_failures_per_network, settings.signups_per_hour),
    )
    quota = Quota(settings.quota_posts, settings.quota_bytes)
    policy = PasswordPolicy(ListedCommonPasswords(), min_length=settings.password_min_length)
    signer = JwtTokens(secrets_in_use, algorithm=settings.token_algorithm)
    try:
        yield Wired(
            Services(
                accounts=AccountService(storage, hasher, attempts, policy, clock, session_lifetime=limits.lifetime),
                sessions=SessionService(storage, hasher, attempts, signer, clock, limits=limits),
                visits=VisitService(storage, HmacCookies(secrets_in_use), clock, idle=limits.idle),
                posts=PostService(storage, clock, quota),
                bulk=BulkService(storage, clock),
                search=SearchService(storage),
                exports=ExportService(storage),
                imports=ImportService(storage, clock, quota),
                health=HealthService(storage),
                housekeeping=HousekeepingService(storage, clock),
                administration=AdministrationService(storage, hasher, policy, clock, idle=limits.idle),
            ),
            Cursors(secrets_in_use),
            freshness,
            name_of(secrets_in_use[0]),
            lambda: {**hasher.usage(), **opened.usage()},
        )
    finally:
        await hasher.close()
        await freshness.close()
        await opened.close()


def prepare(settings: Settings) -> Settings:
    """Do what must be done once before any process serves: find the secret, await the database, bring its schema up.

    Returns:
        The settings for all of them, with the secret that was found: a file of it may be gone when a later one starts.

    Raises:
        Misconfigured: Something must be changed before this can work.
    """
    refuse_foreign_file(database_url(settings))
    secret = find_secret(settings)
    find_previous_secrets(settings)
    if is_in_memory(database_url(settings)):
        if settings.workers > 1:
            refuse_in_memory(settings)
        return settings

    async def open_and_close() -> None:
        await (await open_storage(settings)).close()

    asyncio.run(open_and_close())
    return settings.model_copy(update={"secret_key": SecretStr(secret.decode())})


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
    if not fills:
        _refuse_absent_file(url)
    refuse_foreign_file(url)

    async def open_and_close() -> None:
        await (await open_storage(settings, brings_up=fills)).close()

    asyncio.run(open_and_close())
    file = file_of(url)
    archive = ServerArchive(url) if file is None else EmbeddedArchive(file)
    return BackupService(archive, SystemClock(), release=version("postkeep"))


def refuse_absent(settings: Settings) -> None:
    """See that there is a database to work on: in a wrong folder a command would make one, and find nobody in it.

    Raises:
        Misconfigured: There is none, or it is in the memory of another process.
    """
    refuse_in_memory(settings)
    _refuse_absent_file(database_url(settings))


def kept_files(settings: Settings) -> list[Path]:
    """Return the files of an embedded database, and of its secret, whether they are there or not.

    Raises:
        Misconfigured: The settings name no database that Postkeep knows.
    """
    path = file_of(database_url(settings))
    if path is None:
        return []
    others = [beside(path, end) for end in ("-wal", "-shm", "-journal", ".lock")]
    return [path, *others, path.with_name(SECRET_FILE)]


def load_quietly() -> Settings:
    """Read the settings for a command, and have logs tell of trouble only: what it does it says itself.

    Raises:
        Misconfigured: A setting is off.
    """
    settings = load_settings()
    logs.configure("warning", settings.log_format)
    return settings


def migration_target(*, waits: bool = False, looks: bool = False) -> URL:
    """Return the database that migrations are to work on, its file made where it has one.

    Args:
        waits: Whether to wait for a server that does not answer yet, as the start of Postkeep does.
        looks: Whether it is only to be looked at, and no file made.

    Raises:
        Misconfigured: Everything is kept in memory, where the server itself makes the schema; there is none to look at;
            or a setting is off.
    """
    settings = load_quietly()
    refuse_in_memory(settings)
    url = database_url(settings)
    if looks:
        _refuse_absent_file(url)
    refuse_foreign_file(url)
    if file_of(url) is not None:
        prepare_file(url)
    elif waits:
        asyncio.run(await_server(url, settings.database_wait))
    return url


def freshness_of(
    storage: EmbeddedStorage | InMemoryStorage | ServerStorage, url: URL
) -> EmbeddedFreshness | SharedFreshness:
    """Make what reads the stamps in a storage: beside it from a file, through it where that takes a while."""
    if isinstance(storage, EmbeddedStorage):
        return EmbeddedFreshness(Path(url.database or ""))
    return SharedFreshness(lambda account_ids: storage.read(lambda work: work.accounts.stamps(account_ids)))


def _refuse_absent_file(url: URL) -> None:
    """See that an embedded database is there, before it is only read.

    Raises:
        Misconfigured: It is not.
    """
    path = file_of(url)
    if path is not None and not path.is_file():
        message = f"There is no database {path}: run this where the server runs, with its settings."
        raise Misconfigured(message)
