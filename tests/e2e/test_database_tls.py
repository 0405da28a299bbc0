"""Postkeep over TLS to its database: the real server, the real certificates (CASES.md, OP-18)."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from tests.certificates import Authority
from tests.databases import MariaDbServer
from tests.e2e.cli.commands import postkeep, refusal
from tests.e2e.clients import Person
from tests.e2e.conftest import settings_for
from tests.e2e.servers import PostkeepServer


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make who signs the server's certificate."""
    return Authority.made(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def secured_url(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[URL]:
    """Start a server with a certificate, and return a database whose account must come over TLS."""
    folder = tmp_path_factory.mktemp("secured")
    with (
        MariaDbServer.started(folder, *authority.options_for(folder, "localhost", "127.0.0.1")) as server,
        server.database() as url,
    ):
        password = secrets.token_urlsafe(16)
        server.run(
            f"CREATE USER careful IDENTIFIED BY '{password}' REQUIRE SSL",
            f"GRANT ALL ON {url.database}.* TO careful",
        )
        yield url.set(username="careful", password=password)


def settings_over_tls(url: URL, ca: Path) -> dict[str, str]:
    """Return settings that name the authority."""
    given = settings_for(url.render_as_string(hide_password=False))
    return {**given, "POSTKEEP_DATABASE_TLS": "verify", "POSTKEEP_DATABASE_CA": str(ca)}


def test_op_18_everything_works_over_tls(secured_url: URL, authority: Authority, tmp_path: Path) -> None:
    """Migrating, serving, a list of megabytes, the command line beside it; the account could not come otherwise."""
    server = PostkeepServer(tmp_path, settings_over_tls(secured_url, authority.file))
    migrated = postkeep("migrate", "upgrade", settings=server.settings, folder=tmp_path)
    assert (migrated.code, migrated.err) == (0, "")
    with server.running():
        person = Person.signs_up(server.http)
        texts = [f"{number} {'long ' * 100_000}" for number in range(6)]
        for text in texts:
            person.add(text)
        assert person.texts() == texts[::-1]
        listed = postkeep("account", "list", settings=server.settings, folder=tmp_path)
        assert (listed.code, person.email in listed.out) == (0, True)
    assert str(secured_url.password) not in server.log
    assert str(authority.file) not in server.log


@pytest.mark.parametrize("command", [("serve",), ("migrate", "upgrade"), ("migrate", "current"), ("account", "list")])
def test_op_18_no_command_talks_to_a_server_that_cannot_be_verified(
    command: tuple[str, ...], secured_url: URL, tmp_path: Path
) -> None:
    """At once, without waiting for another certificate; the line names the setting."""
    stranger = Authority.made(tmp_path, "stranger")
    outcome = postkeep(*command, settings=settings_over_tls(secured_url, stranger.file), folder=tmp_path)
    assert outcome.code == 3
    said = refusal(outcome)
    assert "cannot be verified" in said
    assert "POSTKEEP_DATABASE_CA" in said
    assert str(secured_url.password) not in said


def test_op_18_a_trusted_network_can_be_stated(mariadb: MariaDbServer, tmp_path: Path) -> None:
    """Off loopback, a server without TLS is taken once somebody says so; tests/e2e/cli/test_refusals.py is without."""
    with mariadb.database() as url:
        elsewhere = url.set(host="0.0.0.0").render_as_string(hide_password=False)  # noqa: S104 - connected to
        settings = {**settings_for(elsewhere), "POSTKEEP_DATABASE_TLS": "off"}
        assert postkeep("migrate", "upgrade", settings=settings, folder=tmp_path).code == 0
