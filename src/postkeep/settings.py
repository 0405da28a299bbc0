"""Settings: POSTKEEP_* from the environment and .env. docs/settings.md describes each."""

import difflib
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from dotenv.parser import parse_stream
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from postkeep.adapters.secret_file import exposed, read_secret, read_small
from postkeep.domain.errors import Misconfigured
from postkeep.server.hosts import parse_names
from postkeep.server.networks import Network, parse_networks
from postkeep.server.origins import parse_origins
from postkeep.views.languages import Language

PREFIX: Final = "POSTKEEP_"
ENV_FILE: Final = Path(".env")

# Kubernetes and Docker links describe services called "postkeep" and "postkeep-database" to every container.
_INJECTED: Final = re.compile(r"POSTKEEP_(?:DATABASE_)?(?:SERVICE_.*|PORT_.*)|POSTKEEP_TEST_.*")
_WORD: Final = re.compile(r"[!-~]*")
_INJECTED_PORT: Final = re.compile(r"[a-z]+://")


def _list_by(parse: Callable[[str], tuple[object, ...]]) -> BeforeValidator:
    """Read a list with its own parser; the default is one already."""
    return BeforeValidator(lambda given: parse(given) if isinstance(given, str) else given)


def _one_word(given: SecretStr | None) -> SecretStr | None:
    """Refuse a token that no header can carry."""
    if given is not None and not _WORD.fullmatch(given.get_secret_value()):
        message = "Has white space or letters beyond ASCII in it"
        raise ValueError(message)
    return given


class _Said(PydanticBaseSettingsSource):
    """Reads NAME from the environment, or from .env."""

    def __init__(self, settings_cls: type[BaseSettings], said: Mapping[str, str]) -> None:
        """Take what is said, by names in upper case."""
        super().__init__(settings_cls)
        self._said = said

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ANN401, ARG002 - pydantic's
        """Return a value as it stands there."""
        return self._said.get(_variable(field_name)) or None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return all that were given."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class _SecretFiles(_Said):
    """Reads NAME from the file that NAME_FILE names, for the settings that are secret."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ANN401, ARG002 - pydantic's
        """Return the file's content without the line end that editors add."""
        name = f"{_variable(field_name)}_FILE"
        path = self._said.get(name)
        return (_read(name, Path(path)) if path and field_name in SECRETS else None), field_name, False


class Settings(BaseSettings):
    """Everything that can be set. Read once at start; never changed after."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    drain_seconds: Annotated[int, Field(ge=0, le=300)] = 2
    shutdown_seconds: Annotated[int, Field(ge=0, le=300)] = 5
    docs: bool = True
    language: Language = "en"

    connections: Annotated[int, Field(ge=1, le=100_000)] = 2000
    head_seconds: Annotated[int, Field(ge=1, le=300)] = 10
    body_seconds: Annotated[int, Field(ge=1, le=3600)] = 30
    answer_seconds: Annotated[int, Field(ge=1, le=3600)] = 120
    keep_alive_seconds: Annotated[int, Field(ge=1, le=3600)] = 75
    import_bytes: Annotated[int, Field(ge=1024 * 1024, le=64 * 1024**3)] = 256 * 1024 * 1024
    bodies_bytes: Annotated[int, Field(ge=1024 * 1024, le=64 * 1024**3)] = 128 * 1024 * 1024

    trusted_hosts: Annotated[tuple[str, ...], NoDecode, _list_by(parse_names)] = ()
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, _list_by(parse_networks)] = ()
    cors_origins: Annotated[tuple[str, ...], NoDecode, _list_by(parse_origins)] = ()
    address_rate: Annotated[int, Field(ge=0, le=100_000)] = 1000
    account_rate: Annotated[int, Field(ge=0, le=100_000)] = 300

    database_url: SecretStr | None = None
    database_host: str | None = None
    database_port: Annotated[int, Field(ge=1, le=65535)] = 3306
    database_user: str | None = None
    database_password: SecretStr | None = None
    database_name: str | None = None
    database_tls: Literal["auto", "verify", "off"] = "auto"
    database_ca: Path | None = None
    data_dir: Path = Path("postkeep-data")
    database_pool_size: Annotated[int, Field(ge=1, le=200)] = 10
    database_wait: Annotated[int, Field(ge=0, le=3600)] = 30

    cache_ttl: Annotated[int, Field(ge=0, le=300)] = 300
    cache_bytes: Annotated[int, Field(ge=1024 * 1024, le=64 * 1024**3)] = 64 * 1024 * 1024

    quota_posts: Annotated[int, Field(ge=1, le=10**9)] = 100_000
    quota_bytes: Annotated[int, Field(ge=1024, le=2**50)] = 1024**3

    secret_key: SecretStr | None = None
    previous_secret_keys: SecretStr | None = None
    token_algorithm: Literal["HS256", "HS384", "HS512"] = "HS256"  # noqa: S105 - an algorithm's name
    access_token_seconds: Annotated[int, Field(ge=30, le=900)] = 900
    refresh_grace_seconds: Annotated[int, Field(ge=0, le=300)] = 30
    session_idle_days: Annotated[int, Field(ge=1, le=365)] = 14
    session_days: Annotated[int, Field(ge=1, le=365)] = 30

    password_min_length: Annotated[int, Field(ge=8, le=128)] = 8
    hash_memory_kib: Annotated[int, Field(ge=19 * 1024, le=1024 * 1024)] = 19 * 1024
    hash_passes: Annotated[int, Field(ge=2, le=16)] = 2
    hash_queue: Annotated[int, Field(ge=0, le=10_000)] = 64

    login_failures: Annotated[int, Field(ge=0, le=10**6)] = 10
    login_failures_per_network: Annotated[int, Field(ge=0, le=10**6)] = 100
    signups_per_hour: Annotated[int, Field(ge=0, le=10**6)] = 1000

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "text"] = "auto"
    access_log: Literal["all", "misses", "off"] = "misses"

    metrics_token: Annotated[SecretStr | None, Field(min_length=16), AfterValidator(_one_word)] = None
    metrics_port: Annotated[int | None, Field(ge=1, le=65535)] = None

    @model_validator(mode="before")
    @classmethod
    def _heed_platforms(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Take a platform's PORT for want of ours, and the name that it gives beside ours."""
        name = os.environ.get("RENDER_EXTERNAL_HOSTNAME")
        named = {"trusted_hosts": f"{given.get('trusted_hosts', '')} {name}"} if name else {}
        port = os.environ.get("PORT")
        return ({"port": port} if port else {}) | given | named

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Look in this order: arguments, environment, .env, files of secrets."""
        del env_settings, dotenv_settings, file_secret_settings
        environment, env_file = _by_upper(_environment()), _by_upper(_env_file())
        return (
            init_settings,
            _Said(settings_cls, environment),
            _Said(settings_cls, env_file),
            _SecretFiles(settings_cls, env_file | environment),
        )


SECRETS: Final = frozenset({"database_url", "database_password", "secret_key", "previous_secret_keys", "metrics_token"})

_DATABASE: Final = ("database_host", "database_user", "database_name")
_DATABASE_PARTS: Final = (*_DATABASE, "database_port", "database_password")


def load_settings() -> Settings:
    """Read the settings.

    Raises:
        Misconfigured: A name nobody knows, a value that does not fit, or a database given by half; no value is shown.
    """
    known = {_variable(name) for name in Settings.model_fields} | {f"{_variable(name)}_FILE" for name in SECRETS}
    for name in _given():
        if name.upper().startswith(PREFIX) and name.upper() not in known and not _INJECTED.fullmatch(name.upper()):
            message = f"{name} is not a setting: {_hint(name.upper(), known)}"
            raise Misconfigured(message)
    try:
        settings = Settings()
    except ValidationError as error:
        raise Misconfigured("; ".join(_complaints(error))) from None
    _check_database(settings)
    return settings


def _environment() -> dict[str, str]:
    """Return the environment without the addresses that a platform puts where a port's number would be ours."""
    return {name: value for name, value in os.environ.items() if not _is_injected_port(name.upper(), value)}


def _is_injected_port(name: str, value: str) -> bool:
    """Whether this is such an address."""
    ports = {_variable("port"), _variable("database_port")}
    return name in ports and bool(_INJECTED_PORT.match(value))


def _check_database(settings: Settings) -> None:
    """Refuse a database that is named twice, or by half."""
    given = [_variable(name) for name in _DATABASE_PARTS if name in settings.model_fields_set]
    missing = [_variable(name) for name in _DATABASE if name not in settings.model_fields_set]
    if given and settings.database_url is not None:
        message = f"POSTKEEP_DATABASE_URL names the database, and so does {given[0]}: unset it, or the URL."
        raise Misconfigured(message)
    if given and missing:
        message = f"{given[0]} is set, which means nothing without {' and '.join(missing)}: set them together."
        raise Misconfigured(message)


def _hint(name: str, known: Collection[str]) -> str:
    """Name the setting that was probably meant; the prefix, which all share, says nothing."""
    near = difflib.get_close_matches(name.removeprefix(PREFIX), [each.removeprefix(PREFIX) for each in known], n=1)
    return f"did you mean {PREFIX}{near[0]}?" if near else "docs/settings.md lists the settings."


def _complaints(error: ValidationError) -> Iterator[str]:
    """Say what is wrong with which setting, never what was set."""
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        name = _variable(str(fault["loc"][0]))
        is_platforms = name == "POSTKEEP_PORT" and not _by_upper(_given()).get(name)
        yield f"{'PORT' if is_platforms else name}: {fault['msg']}"


def _variable(name: str) -> str:
    """Return the variable that sets a setting."""
    return f"{PREFIX}{name}".upper()


def _by_upper(given: Mapping[str, str]) -> dict[str, str]:
    """Return what is given by names in upper case: case counts for nothing."""
    return {name.upper(): value for name, value in given.items()}


def _given() -> dict[str, str]:
    """Return the environment, and what .env adds to it."""
    return {**_env_file(), **_environment()}


def _env_file() -> dict[str, str]:
    """Return what .env says.

    Raises:
        Misconfigured: It cannot be read or understood, or it is open to others and sets a secret.
    """
    try:
        if not ENV_FILE.exists() or ENV_FILE.is_dir():
            return {}
        text, is_exposed = read_small(ENV_FILE)
    except (OSError, UnicodeError) as error:
        message = f"{ENV_FILE} cannot be read: {error}"
        raise Misconfigured(message) from error
    # Some editors begin a file so. It would be a part of the first name, which nobody knew then.
    said = dict(_lines(text.removeprefix("\ufeff")))
    if is_exposed and any(_is_secret(name.upper(), value) for name, value in said.items()):
        raise exposed(ENV_FILE)
    return said


def _is_secret(name: str, value: str) -> bool:
    """Whether a setting gives a secret away; the address of a database does where it has a password."""
    has_password = name != _variable("database_url") or "@" in value
    return name in map(_variable, SECRETS) and bool(value) and has_password


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Yield the names and values in .env, each value as it stands there: a $ in a secret is a letter like any other.

    Raises:
        Misconfigured: A line cannot be understood. To pass over it would be to run without what somebody asked for.
    """
    for binding in parse_stream(StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            said = binding.original.string
            line = binding.original.line + said[: len(said) - len(said.lstrip())].count("\n")
            message = f"{ENV_FILE} cannot be understood from line {line} on: is there a quote, or a = missing?"
            raise Misconfigured(message)
        if binding.key is not None and binding.value is not None:
            yield binding.key, binding.value


def _read(name: str, path: Path) -> str:
    """Read the file that a setting names.

    Raises:
        Misconfigured: It cannot be read, is empty, or is open to others.
    """
    try:
        content = read_secret(path).rstrip("\r\n")
    except (OSError, UnicodeError) as error:
        message = f"{name}: {path} cannot be read: {error}"
        raise Misconfigured(message) from error
    if not content:
        message = f"{name}: {path} is empty."
        raise Misconfigured(message)
    return content
