"""A database server given in parts, as platforms hand it over."""

from pathlib import Path

import pytest

from tests.databases import MariaDbServer
from tests.e2e.cli.commands import postkeep
from tests.e2e.clients import Person
from tests.e2e.conftest import settings_for
from tests.e2e.servers import PostkeepServer

PASSWORDS = ["p@ss:w/rd?#[%41]&=+ \\'\"", "пароль-ÿ-密"]


@pytest.mark.parametrize("password", PASSWORDS, ids=["punctuation", "letters"])
def test_any_password_works_as_it_is(mariadb: MariaDbServer, tmp_path: Path, password: str) -> None:
    """Generated passwords hold whatever they hold; nobody should have to know which characters a URL wants escaped."""
    quoted = password.replace("\\", "\\\\").replace("'", "''").replace(":", "\\:")
    with mariadb.database() as url:
        name = str(url.database)
        account = f"'{name[-12:]}'@'%'"
        mariadb.run(f"CREATE USER {account} IDENTIFIED BY '{quoted}'", f"GRANT ALL ON {name}.* TO {account}")
        (tmp_path / "password").touch(0o600)
        (tmp_path / "password").write_text(f"{password}\n", "utf-8")
        parts = {
            "POSTKEEP_DATABASE_HOST": "127.0.0.1",
            "POSTKEEP_DATABASE_PORT": str(url.port),
            "POSTKEEP_DATABASE_USER": name[-12:],
            "POSTKEEP_DATABASE_PASSWORD_FILE": "password",
            "POSTKEEP_DATABASE_NAME": name,
        }
        server = PostkeepServer(tmp_path, {**settings_for(), **parts})
        try:
            migrated = postkeep("migrate", "upgrade", settings=server.settings, folder=tmp_path)
            assert (migrated.code, migrated.err) == (0, "")
            with server.running():
                person = Person.signs_up(server.http)
                person.add("kept")
                assert person.texts() == ["kept"]
            assert password not in server.log
        finally:
            mariadb.run(f"DROP USER {account}")
