"""The secrets that tokens are signed with, by the settings."""

import secrets
from typing import Final

from postkeep.adapters.signing_secret import SECRET_BYTES, checked_secret, kept_secret
from postkeep.bootstrap.database import prepare_file
from postkeep.bootstrap.database_url import database_url, file_of, is_in_memory
from postkeep.domain.errors import Misconfigured
from postkeep.settings import Settings

SECRET_FILE: Final = "secret.key"  # noqa: S105 - a file's name


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
    if file_of(url) is None:
        message = (
            "POSTKEEP_SECRET_KEY is not set, and several servers of one database must share it:"
            ' set it to the output of: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
        raise Misconfigured(message)
    return kept_secret(prepare_file(url).parent / SECRET_FILE)


def find_previous_secrets(settings: Settings) -> list[bytes]:
    """Return the secrets that were current before, whose tokens still count.

    Raises:
        Misconfigured: One of them protects nothing.
    """
    given = settings.previous_secret_keys
    words = given.get_secret_value().split() if given is not None else []
    return [checked_secret(word, "POSTKEEP_PREVIOUS_SECRET_KEYS") for word in words]
