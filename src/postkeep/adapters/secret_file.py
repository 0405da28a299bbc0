"""Files that hold a secret: read only where nobody else on the machine can read them, too."""

import os
import stat
from pathlib import Path
from typing import Final

from postkeep.domain.errors import Misconfigured

MAX_BYTES: Final = 64 * 1024
"""More than any file of secrets or settings has."""


def read_secret(path: Path) -> str:
    """Return a file's text.

    A file of ours that others may read, or write, is refused: what was in it may be known already, so mending its
    rights in silence would keep a secret that is none. A file of somebody else's is their affair, since container
    platforms mount secrets so.

    Raises:
        Misconfigured: The file is ours, and others may read or write it.
        OSError: As of `read_small`.
        UnicodeError: It is not UTF-8.

    Source: OpenSSH, sshkey_perm_ok, which refuses private keys by the same rule.
    """
    text, is_exposed = read_small(path)
    if is_exposed:
        raise exposed(path)
    return text


def read_small(path: Path) -> tuple[str, bool]:
    """Return a small file's text, and whether the file is ours and others may read or write it.

    Raises:
        OSError: It cannot be read; it is a pipe or a device, which could be waited for or read for ever; or it is long.
        UnicodeError: It is not UTF-8.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            message = "it is no regular file"
            raise OSError(message)
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > MAX_BYTES or b"\0" in content:
        message = "it is no short text"
        raise OSError(message)
    is_exposed = about.st_uid == os.geteuid() and bool(about.st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    return content.decode(), is_exposed


def exposed(path: Path) -> Misconfigured:
    """Return what is said of a file of ours that holds a secret and is open to others."""
    return Misconfigured(
        f"{path} can be read by other users of this machine: chmod 600 it, and renew the secret if need be."
    )
