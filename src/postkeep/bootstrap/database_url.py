"""Where everything is kept, by the settings."""

from pathlib import Path
from typing import Final

from pydantic import SecretStr
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from postkeep.domain.errors import Misconfigured
from postkeep.domain.unicode import is_encodable
from postkeep.settings import Settings
from postkeep.storage.server_tls import with_tls

DATABASE_FILE: Final = "postkeep.db"

_URL_OPTIONS: Final = frozenset({"charset", "unix_socket"})
"""What a server's URL may have behind its `?`: others could undo what Postkeep sets, or where the other parts lead."""

_MAX_PORT: Final = 65535
_MAX_NAME: Final = 253
"""How long a host's name is at most. Source: RFC 1035 2.3.4, as text without the last dot."""


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
    if url.get_backend_name() == "sqlite":
        return url
    _check_host(url)
    return with_tls(url, settings.database_tls, settings.database_ca)


def is_in_memory(url: URL) -> bool:
    """Whether a URL means the database that is gone with its process."""
    return url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}


def file_of(url: URL) -> Path | None:
    """Return the file of an embedded database; None where a URL means a server, or this process's memory."""
    is_file = url.get_backend_name() == "sqlite" and not is_in_memory(url)
    return Path(url.database or "") if is_file else None


def folder_of(url: URL, settings: Settings) -> Path:
    """Return the folder whose disk fills up: that of an embedded database's file, or else the data directory."""
    file = file_of(url)
    return settings.data_dir if file is None else file.parent


def refuse_in_memory(settings: Settings) -> None:
    """Refuse what a second process cannot do with a database in the memory of the first.

    Raises:
        Misconfigured: The settings say that everything is kept in memory.
    """
    if is_in_memory(database_url(settings)):
        message = "The database in memory belongs to one process; set POSTKEEP_DATABASE_URL to a file or a server."
        raise Misconfigured(message)


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
    if url.drivername == "sqlite":
        _check_file(url)
    else:
        _check_server(url)
    return url


def _check_file(url: URL) -> None:
    """Refuse what a file has no use for, rather than leave it out.

    Raises:
        Misconfigured: There is such a thing, or the file's name cannot be one.
    """
    if url != URL.create("sqlite", database=url.database):
        message = "POSTKEEP_DATABASE_URL says more than a file: write sqlite:///file, or sqlite:////folder/file."
        raise Misconfigured(message)
    if "\0" in (url.database or ""):
        message = "POSTKEEP_DATABASE_URL has a NUL in it, which no file's name has."
        raise Misconfigured(message)


def _check_server(url: URL) -> None:
    """Refuse what leads to no server, or may be something else than it seems.

    Raises:
        Misconfigured: It does, or may be.
    """
    # A password's @ makes everything behind it a host, which logs and name servers hear of: it is not shown.
    if "@" in f"{url.host}{url.database}{url.query}":
        message = "POSTKEEP_DATABASE_URL has an @ behind its host: write @ in the password as %40."
        raise Misconfigured(message)
    if not url.database:
        message = "POSTKEEP_DATABASE_URL names no database: end it with /name."
        raise Misconfigured(message)
    _check_options(url)
    if not url.host and "unix_socket" not in url.query:
        message = "POSTKEEP_DATABASE_URL names no host: write mysql://user:password@host/database."
        raise Misconfigured(message)
    if url.port is not None and not 1 <= url.port <= _MAX_PORT:
        message = f"POSTKEEP_DATABASE_URL has a port that is none: it can be 1 to {_MAX_PORT}."
        raise Misconfigured(message)


def _check_host(url: URL) -> None:
    """Refuse a host that no name server can be asked for.

    Raises:
        Misconfigured: It is one.
    """
    host = url.host or "localhost"
    try:
        is_name = len(host.encode("idna")) <= _MAX_NAME and host.isprintable()
    except UnicodeError:
        is_name = False
    if not is_name:
        message = f"The database cannot be at {host!r}: that is no name of a host."
        raise Misconfigured(message)


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
