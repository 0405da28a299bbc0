"""Make the secrets of compose.yaml, once: compose_secrets.py HOST[:PORT], where the database will be.

It runs as root in a container that has a volume for each kind of reader.
"""

import os
import secrets
import sys
from pathlib import Path

FOLDER = Path("/secrets")
READERS = {"app": 10001, "tools": 10001, "database": 999}
"""The volumes, and who reads them: the user of Dockerfile, and the one of MySQL's image."""

ACCOUNTS = {
    "postkeep": ("app/database_url", "SELECT, INSERT, UPDATE, DELETE ON postkeep.*"),
    "postkeep_migrate": (
        "tools/migrate_database_url",
        "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES ON postkeep.*",
    ),
    "postkeep_test": ("tools/test_database_url", r"ALL ON `postkeep\_test\_%`.*"),
}
"""The database's accounts: the file with the address of each, and what it may do."""


def main(database: str) -> None:
    """Make everything, unless it is there.

    Args:
        database: The database server's host, with its port if that is not the usual one.
    """
    # Written last: where it is, all the others are, too.
    if (FOLDER / "database/accounts.sql").exists():
        return
    statements = ["CREATE DATABASE postkeep CHARACTER SET utf8mb4;"]
    for account, (file, rights) in ACCOUNTS.items():
        password = secrets.token_urlsafe(32)
        _write(file, f"mysql+asyncmy://{account}:{password}@{database}/postkeep")
        statements += [f"CREATE USER {account}@'%' IDENTIFIED BY '{password}';", f"GRANT {rights} TO {account}@'%';"]
    _write("app/secret_key", secrets.token_urlsafe(48))
    _write("database/root_password", secrets.token_urlsafe(32))
    _write("database/accounts.sql", "\n".join(statements))


def _write(name: str, text: str) -> None:
    """Write a file that nobody but its reader can read; it is there as a whole or not at all."""
    file = FOLDER / name
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.touch(0o600)
    new.write_text(f"{text}\n")
    new.chmod(0o400)
    reader = READERS[file.parent.name]
    os.chown(new, reader, reader)
    new.replace(file)


if __name__ == "__main__":
    main(sys.argv[1])
