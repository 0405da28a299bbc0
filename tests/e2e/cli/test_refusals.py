"""What keeps the server from starting: one clear line, exit code 3, no trace (CASES.md, SV-08, TK-05, TK-34, DB-25)."""

import os
import secrets
import socket
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.databases import MariaDbServer, free_port
from tests.e2e.cli.commands import Outcome, postkeep, refusal

SECRET = secrets.token_urlsafe(32)

PEM = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
"""


PARTS = {
    "POSTKEEP_DATABASE_HOST": "127.0.0.1",
    "POSTKEEP_DATABASE_PORT": "{free}",
    "POSTKEEP_DATABASE_USER": "u",
    "POSTKEEP_DATABASE_NAME": "x",
    "POSTKEEP_DATABASE_WAIT": "0",
}


@dataclass(frozen=True)
class Case:
    """A start that must be refused.

    Attributes:
        says: Words of the refusal, in lower case.
        settings: POSTKEEP_*; {folder} is the folder it runs in.
        options: What stands behind `postkeep serve`.
        prepare: What is done in the folder before.
        hides: What the refusal must not show.
        leaves: What it makes nevertheless.
    """

    says: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    options: tuple[str, ...] = ()
    prepare: Callable[[Path], object] = lambda _: None
    hides: str = "\0"
    leaves: frozenset[str] = frozenset()


def setting(name: str, value: str, *says: str, hides: str = "\0") -> Case:
    """Return the case of one setting."""
    return Case((name.lower(), *says), {name: value}, hides=hides)


def secret(value: str, *says: str) -> Case:
    """Return the case of a secret that protects nothing; it is not shown."""
    return Case(("postkeep_secret_key", *says), {"POSTKEEP_SECRET_KEY": value}, hides=value.strip()[-6:] or "\0")


def leave_secret(folder: Path, content: bytes, rights: int) -> None:
    """Leave a secret behind in the data directory."""
    (folder / "data").mkdir()
    (folder / "data/secret.key").write_bytes(content)
    (folder / "data/secret.key").chmod(rights)


def other_schema(folder: Path) -> None:
    """Leave a database behind that a later release has changed for good."""
    with sqlite3.connect(folder / "later.db") as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")
    connection.close()


# Whoever is first starts the server a hundred times, which takes minutes where others use the processors, too.
pytestmark = pytest.mark.timeout(600)

CASES: dict[str, Case] = {
    "unknown": setting(
        "POSTKEEP_DATABASE_URI", "sqlite://x", "did you mean postkeep_database_url?", hides="sqlite://x"
    ),
    "unlike-any": setting("POSTKEEP_ZZZZZZ", "1", "not a setting"),
    "env-file": Case(
        ("postkeep_secrt_key", "did you mean"),
        prepare=lambda folder: (folder / ".env").write_text("POSTKEEP_SECRT_KEY=1\n"),
    ),
    "env-file-value": Case(
        ("postkeep_workers",), prepare=lambda folder: (folder / ".env").write_text("POSTKEEP_WORKERS=many\n")
    ),
    "env-file-not-utf-8": Case(
        (".env",), prepare=lambda folder: (folder / ".env").write_bytes(b"POSTKEEP_HOST=\xff\n")
    ),
    "port-large": setting("POSTKEEP_PORT", "65536"),
    "port-taken": Case(("port", "in use"), options=("--port", "{taken}")),
    "host-elsewhere": Case(("192.0.2.1",), {"POSTKEEP_HOST": "192.0.2.1"}),
    "log-level": Case(("postkeep_log_level",), options=("--log-level", "loud")),
    "two-at-once": Case(
        ("postkeep_log_format", "postkeep_docs"), {"POSTKEEP_LOG_FORMAT": "xml", "POSTKEEP_DOCS": "perhaps"}
    ),
    "passwords-shorter": setting("POSTKEEP_PASSWORD_MIN_LENGTH", "7"),
    "access-longer": setting("POSTKEEP_ACCESS_TOKEN_SECONDS", "901"),
    "algorithm-none": setting("POSTKEEP_TOKEN_ALGORITHM", "none"),
    "secret-31-bytes": secret(SECRET[:31], "shorter than 32"),
    "previous-secret-31-bytes": Case(
        ("postkeep_previous_secret_keys", "shorter than 32"),
        {"POSTKEEP_SECRET_KEY": SECRET, "POSTKEEP_PREVIOUS_SECRET_KEYS": f"{SECRET} {SECRET[:31]}"},
        hides=SECRET[:31],
    ),
    "database-host-no-name": Case(
        ("db..internal", "name of a host"),
        {**PARTS, "POSTKEEP_DATABASE_HOST": "db..internal", "POSTKEEP_SECRET_KEY": SECRET},
    ),
    "secret-white-space": secret(SECRET + "\n", "white space"),
    "secret-words": secret(f"{SECRET} {SECRET}", "white space"),
    "secret-pattern": secret("a" * 64, "pattern"),
    "secret-example": secret("change-me-to-something-random-please-xyz", "example"),
    "secret-pem": secret(PEM, "key file"),
    "secret-ssh": secret("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbL", "key file"),
    "secret-not-utf-8": secret(os.fsdecode(b"\xff\xfe" + SECRET.encode())),
    "port-of-a-platform": Case(("port: ",), {"PORT": "http"}),
    "secret-file-missing": Case(
        ("postkeep_secret_key_file: missing cannot be read",), {"POSTKEEP_SECRET_KEY_FILE": "missing"}
    ),
    "secret-file-empty": Case(
        ("postkeep_secret_key_file: empty is empty",),
        {"POSTKEEP_SECRET_KEY_FILE": "empty"},
        prepare=lambda folder: (folder / "empty").touch(0o600),
    ),
    "kept-secret-binary": Case(
        ("secret",),
        {"POSTKEEP_DATA_DIR": "data"},
        prepare=lambda folder: leave_secret(folder, b"\xff" * 64, 0o600),
        leaves=frozenset({"data/postkeep.db", "data/postkeep.db.lock"}),
    ),
    "kept-secret-open-to-others": Case(
        ("data/secret.key can be read by other users", "chmod 600"),
        {"POSTKEEP_DATA_DIR": "data"},
        prepare=lambda folder: leave_secret(folder, SECRET.encode(), 0o644),
        hides=SECRET,
        leaves=frozenset({"data/postkeep.db", "data/postkeep.db.lock"}),
    ),
    "url-nonsense": setting("POSTKEEP_DATABASE_URL", "nonsense-hunter2", hides="hunter2"),
    "url-port": setting("POSTKEEP_DATABASE_URL", "mysql://u:hunter2@h:port/x", hides="hunter2"),
    "url-other": setting("POSTKEEP_DATABASE_URL", "postgresql://u:hunter2@h/x", "postgresql", hides="hunter2"),
    "database-by-half": Case(
        ("postkeep_database_host is set", "without postkeep_database_user and postkeep_database_name"),
        {"POSTKEEP_DATABASE_HOST": "127.0.0.1", "POSTKEEP_DATABASE_PASSWORD": "hunter2"},
        hides="hunter2",
    ),
    "database-twice": Case(
        ("postkeep_database_url names the database", "postkeep_database_password"),
        {"POSTKEEP_DATABASE_URL": "sqlite:///posts.db", "POSTKEEP_DATABASE_PASSWORD": "hunter2"},
        hides="hunter2",
    ),
    "database-password-file-missing": Case(
        ("postkeep_database_password_file: missing cannot be read",),
        {**PARTS, "POSTKEEP_DATABASE_PASSWORD_FILE": "missing"},
    ),
    "database-in-parts-no-secret": Case(("postkeep_secret_key is not set",), {**PARTS, "POSTKEEP_SECRET_KEY": ""}),
    "database-in-parts-absent": Case(
        ("127.0.0.1", "did not answer"),
        {**PARTS, "POSTKEEP_DATABASE_PASSWORD": "hunter2:/@", "POSTKEEP_SECRET_KEY": SECRET},
        hides="hunter2",
    ),
    "mysql-no-secret": Case(
        ("postkeep_secret_key is not set",),
        {"POSTKEEP_DATABASE_URL": "mysql://root@127.0.0.1:{free}/x", "POSTKEEP_SECRET_KEY": ""},
    ),
    "mysql-absent": Case(
        ("127.0.0.1", "did not answer"),
        {
            "POSTKEEP_DATABASE_URL": "mysql://u:hunter2@127.0.0.1:{free}/x",
            "POSTKEEP_DATABASE_WAIT": "1",
            "POSTKEEP_SECRET_KEY": SECRET,
        },
        hides="hunter2",
    ),
    "mysql-unknown-option": Case(
        ("postkeep_database_url says 'nonsense'", "unix_socket"),
        {
            "POSTKEEP_DATABASE_URL": "mysql://u:hunter2@127.0.0.1:{free}/x?nonsense=1",
            "POSTKEEP_DATABASE_WAIT": "0",
            "POSTKEEP_SECRET_KEY": SECRET,
        },
        hides="hunter2",
    ),
    "mysql-elsewhere-without-tls": Case(
        # An address that this machine answers, and that is not known to be its own.
        ("0.0.0.0 does not speak tls", "postkeep_database_tls=off"),
        {"POSTKEEP_DATABASE_URL": "{mariadb-elsewhere}", "POSTKEEP_SECRET_KEY": SECRET},
    ),
    "mysql-unmigrated": Case(
        ("postkeep migrate upgrade",), {"POSTKEEP_DATABASE_URL": "{mariadb}", "POSTKEEP_SECRET_KEY": SECRET}
    ),
    "mysql-no-such-database": Case(
        ("answers and refuses", "unknown database"),
        {"POSTKEEP_DATABASE_URL": "{mariadb}x", "POSTKEEP_SECRET_KEY": SECRET, "POSTKEEP_DATABASE_WAIT": "0"},
    ),
    "mysql-that-never-answers": Case(
        ("did not answer",),
        {
            "POSTKEEP_DATABASE_URL": "mysql://u@127.0.0.1:{taken}/x",
            "POSTKEEP_SECRET_KEY": SECRET,
            "POSTKEEP_DATABASE_WAIT": "0",
        },
    ),
    "data-unwritable": Case(("/proc/data", "cannot be written"), {"POSTKEEP_DATA_DIR": "/proc/data"}),
    "data-below-a-file": Case(
        ("cannot be written",), {"POSTKEEP_DATA_DIR": "file/data"}, prepare=lambda folder: (folder / "file").touch()
    ),
    "database-is-something-else": Case(
        ("photo", "something else than a sqlite file"),
        {"POSTKEEP_DATABASE_URL": "sqlite:///photo"},
        prepare=lambda folder: (folder / "photo").write_bytes(b"\xff\xd8" * 9000),
    ),
    "database-is-of-later": Case(
        ("9999", "newer"),
        {"POSTKEEP_DATABASE_URL": "sqlite:///later.db"},
        prepare=other_schema,
        leaves=frozenset({"later.db.lock", "secret.key"}),
    ),
    "memory-and-workers": Case(
        ("memory", "one process"), {"POSTKEEP_DATABASE_URL": "sqlite://"}, options=("--workers", "2")
    ),
}


@dataclass(frozen=True)
class Start:
    """A start as it went.

    Attributes:
        outcome: What it said, and how it ended.
        left: The files and folders that it made.
    """

    outcome: Outcome
    left: set[str]


def files(folder: Path) -> set[str]:
    """Return everything below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory, mariadb: MariaDbServer) -> dict[str, Start]:
    """Run all starts, some at a time: one after another they would take a minute."""
    with socket.create_server(("127.0.0.1", 0)) as taken, mariadb.database() as empty:
        known = {
            "{taken}": str(taken.getsockname()[1]),
            "{free}": str(free_port()),
            "{mariadb}": empty.render_as_string(hide_password=False),
        }
        known["{mariadb}x"] = f"{known['{mariadb}']}x"
        known["{mariadb-elsewhere}"] = known["{mariadb}"].replace("127.0.0.1", "0.0.0.0")  # noqa: S104 - connected to

        def start(name: str) -> Start:
            case, folder = CASES[name], tmp_path_factory.mktemp(name)
            case.prepare(folder)
            before = files(folder)
            settings = dict(case.settings)
            options: list[str] = list(case.options)
            for placeholder, value in known.items():
                settings = {key: given.replace(placeholder, value) for key, given in settings.items()}
                options = [option.replace(placeholder, value) for option in options]
            if not {"POSTKEEP_PORT", "PORT"} & settings.keys() and "--port" not in options:
                options += ["--port", str(free_port())]
            outcome = postkeep("serve", *options, settings=settings, folder=folder)
            return Start(outcome, files(folder) - before)

        with ThreadPoolExecutor(3) as threads:
            return dict(zip(CASES, threads.map(start, CASES), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_sv_08_tk_05_tk_34_db_25_a_start_that_cannot_succeed_says_why_in_one_line(
    starts: dict[str, Start], name: str
) -> None:
    """Somebody reads this at three in the morning: what is wrong, what to change; secrets stay secret."""
    outcome = starts[name].outcome
    said = refusal(outcome)
    assert outcome.code == 3
    assert [words for words in CASES[name].says if words not in said.lower()] == []
    assert CASES[name].hides not in said


@pytest.mark.parametrize("name", CASES)
def test_a_start_that_cannot_succeed_leaves_nothing_half_behind(starts: dict[str, Start], name: str) -> None:
    """The next start, with the mistake mended, finds things as they were; where the database itself is the mistake, a
    lock and a secret may stay, which that start would make.
    """
    assert starts[name].left == CASES[name].leaves


def test_variables_that_platforms_inject_are_no_settings(tmp_path: Path) -> None:
    """Kubernetes describes a service called "postkeep" to every container beside it; a start must survive that."""
    settings = {
        "POSTKEEP_SERVICE_HOST": "10.0.0.1",
        "POSTKEEP_SERVICE_PORT": "8000",
        "POSTKEEP_PORT": "tcp://10.0.0.1:8000",
        "POSTKEEP_PORT_8000_TCP": "tcp://10.0.0.1:8000",
        "POSTKEEP_PORT_8000_TCP_ADDR": "10.0.0.1",
        "POSTKEEP_TEST_ANYTHING": "1",
    }
    assert postkeep("migrate", "upgrade", settings=settings, folder=tmp_path).code == 0
