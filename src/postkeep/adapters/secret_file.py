"""Files that hold a secret: read only where nobody else on the machine can read them, too."""

import os
import stat
from pathlib import Path

from postkeep.domain.errors import Misconfigured


def read_secret(path: Path) -> str:
    """Return a file's text.

    A file of ours that others may read, or write, is refused: what was in it may be known already, so mending its
    rights in silence would keep a secret that is none. A file of somebody else's is their affair, since container
    platforms mount secrets so.

    Raises:
        Misconfigured: The file is ours, and others may read or write it.
        OSError: It cannot be read.
        UnicodeError: It is not UTF-8.

    Source: OpenSSH, sshkey_perm_ok, which refuses private keys by the same rule.
    """
    with path.open(encoding="utf-8") as file:
        about = os.fstat(file.fileno())
        is_ours = stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid()
        if is_ours and about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            message = (
                f"{path} can be read by other users of this machine: chmod 600 it, and renew the secret if need be."
            )
            raise Misconfigured(message)
        return file.read()
