"""The secret that tokens are signed with: given by the operator, or made once and kept in a file."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from postkeep.adapters.secret_file import read_secret
from postkeep.domain.errors import Misconfigured
from postkeep.domain.unicode import is_encodable

SECRET_BYTES: Final = 32

_EXAMPLES: Final = ("change", "secret", "example", "password", "default", "postkeep", "your")


def checked_secret(given: str, name: str = "POSTKEEP_SECRET_KEY") -> bytes:
    """Refuse a secret that is too short, an example, or not meant for signing.

    Args:
        given: The secret, as it was set.
        name: Which setting it comes from.

    Raises:
        Misconfigured: It is one of these.

    Source: RFC 7518 3.2 (an HMAC key has at least as many bits as its hash); CVE-2022-29217 (public keys as secrets).
    """
    folded = given.casefold()
    if not is_encodable(given):
        message = f"{name} is not UTF-8."
    elif len(given.encode()) < SECRET_BYTES:
        message = f"{name} is shorter than {SECRET_BYTES} bytes."
    elif "-----BEGIN" in given or folded.startswith("ssh-"):
        message = f"{name} is a key file of another kind: it is a random string."
    elif given.split() != [given]:
        message = f"{name} has white space in it: a random string has none."
    elif len(set(given)) < 8 or any(folded.startswith(word) for word in _EXAMPLES):  # noqa: PLR2004 - few different characters
        message = f"{name} looks like an example or a pattern: it is a random string."
    else:
        return given.encode()
    raise Misconfigured(message)


def kept_secret(path: Path) -> bytes:
    """Read the secret kept in a file, or make it; of two processes that make it at once, one wins and both read it.

    Raises:
        Misconfigured: It cannot be made, read, is damaged, or is open to others.
    """
    try:
        if not path.exists():
            fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(descriptor, "w") as file:
                    # In hexadecimal digits nothing looks like a word.
                    file.write(secrets.token_hex(SECRET_BYTES))
                    file.flush()
                    os.fsync(file.fileno())
                with suppress(FileExistsError):
                    os.link(fresh, path)
            finally:
                fresh.unlink()
        kept = read_secret(path).strip()
    except (OSError, UnicodeError) as error:
        message = f"The secret in {path} cannot be kept: {error}."
        raise Misconfigured(message) from error
    try:
        return checked_secret(kept, f"The secret in {path}")
    except Misconfigured as error:
        message = f"{error} Remove the file, and everybody logs in again."
        raise Misconfigured(message) from None
