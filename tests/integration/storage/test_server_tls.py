"""TLS to a real server: every connection has it where it is asked for, and no other will do (CASES.md, OP-18)."""

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import URL, text

from postkeep.domain.errors import Misconfigured
from postkeep.domain.posts import Text
from postkeep.services.repositories import UnitOfWork
from postkeep.storage.migrate import upgrade
from postkeep.storage.server_check import check_server
from postkeep.storage.server_pool import create_server_engine
from postkeep.storage.server_tls import with_tls
from tests.builders import a_post
from tests.certificates import Authority
from tests.contracts.kept import keep_account, keep_posts
from tests.databases import MariaDbServer
from tests.integration.storage.opened import ask, open_server

CIPHER = "SHOW SESSION STATUS LIKE 'Ssl_cipher'"


@dataclass(frozen=True)
class Secured:
    """A server that has a certificate for 127.0.0.1, and an account that it lets in over TLS alone.

    Attributes:
        authority: Who signed the certificate.
        url: A database there, without a word about TLS.
    """

    authority: Authority
    url: URL


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Start it."""
    folder = tmp_path_factory.mktemp("secured")
    authority = Authority.made(folder)
    with (
        MariaDbServer.started(folder, *authority.options_for(folder, "127.0.0.1")) as server,
        server.database() as url,
    ):
        password = secrets.token_urlsafe(16)
        server.run(
            f"CREATE USER careful IDENTIFIED BY '{password}' REQUIRE SSL",
            f"GRANT ALL ON {url.database}.* TO careful",
        )
        yield Secured(authority, url.set(username="careful", password=password))


async def test_op_18_every_connection_is_encrypted(secured: Secured) -> None:
    """Those of units, of queries, of long lists, of checks and of migrations: the account has no other way in."""
    url = with_tls(secured.url, "verify", secured.authority.file)
    await check_server(url)
    # It begins an event loop of its own.
    await asyncio.to_thread(upgrade, url)
    ciphers: list[str] = []

    async def look(work: UnitOfWork) -> None:
        ciphers.extend(str(cipher) for _, cipher in await ask(work, CIPHER))

    async with open_server("mariadb", url) as opened:
        await opened.storage.check()
        account = await keep_account(opened.storage)

        async def unit(work: UnitOfWork) -> None:
            await work.accounts.claim_access(account.id)
            await look(work)

        await opened.storage.transact(account.id, unit)
        await opened.storage.read(look)
        posts = [a_post(author=account.id, text=Text("long " * 100_000)) for _ in range(4)]
        await keep_posts(opened.storage, *posts)
        read = [post async for part in opened.storage.stream(account.id) for post in part]
        assert sorted(str(post.id) for post in read) == sorted(str(post.id) for post in posts)
    assert len(ciphers) == 2
    assert all(ciphers)


async def test_without_being_asked_there_is_none_and_the_account_stays_out(secured: Secured) -> None:
    """Else the test above would prove nothing."""
    engine = create_server_engine(secured.url, pool_size=1)
    with pytest.raises(Exception, match="Access denied"):
        async with engine.connect() as connection:
            await connection.execute(text(CIPHER))
    await engine.dispose()


async def test_op_18_a_certificate_of_somebody_else_s_authority_is_refused(secured: Secured, tmp_path: Path) -> None:
    """Anybody can make one in any name."""
    other = Authority.made(tmp_path, "other")
    with pytest.raises(Misconfigured, match=r"127\.0\.0\.1 cannot be verified .*POSTKEEP_DATABASE_CA"):
        await check_server(with_tls(secured.url, "verify", other.file))
    with pytest.raises(Misconfigured, match="cannot be verified"):
        await check_server(with_tls(secured.url, "verify", None))


async def test_op_18_a_certificate_for_another_name_is_refused(secured: Secured) -> None:
    """The right authority signs for many."""
    with pytest.raises(Misconfigured, match="certificate is not for the name localhost"):
        await check_server(with_tls(secured.url.set(host="localhost"), "verify", secured.authority.file))


async def test_op_18_a_server_without_tls_is_refused(mariadb_url: URL, secured: Secured) -> None:
    """Whoever stands in between could say that it has none."""
    with pytest.raises(Misconfigured, match=r"does not speak TLS .*POSTKEEP_DATABASE_TLS=off"):
        await check_server(with_tls(mariadb_url, "verify", secured.authority.file))
