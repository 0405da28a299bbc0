"""Servers that are set up otherwise: what must be so is set for each connection, or seen to at start."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, nullcontext

import pytest
from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from postkeep.domain.errors import Misconfigured
from postkeep.domain.posts import MAX_BODY_BYTES, Text
from postkeep.services.ports import StorageUnavailable
from postkeep.services.repositories import UnitOfWork
from postkeep.storage import server_check
from postkeep.storage.migrate import upgrade
from postkeep.storage.server_archive import ServerArchive
from postkeep.storage.server_check import check_server
from postkeep.storage.server_pool import create_server_engine
from tests.builders import a_post, a_session, an_account
from tests.contracts.idempotency import a_use, find_use, keep_use
from tests.contracts.kept import assert_counted, find_account, find_session, keep_account, keep_posts, keep_sessions
from tests.contracts.sessions import advance, found_with_age
from tests.databases import MariaDbServer, Server, free_port
from tests.integration.storage.opened import Opened, ask, open_server
from tests.integration.storage.test_mapping import account_columns, kept_row

# What most advice on character sets leaves in a configuration. It is run for whoever is no administrator.
INIT_CONNECT = "SET NAMES utf8mb3, collation_connection = utf8mb3_unicode_ci"

HOSTILE = (
    "--default-time-zone=+05:30",
    "--sql-mode=",
    "--max-allowed-packet=1M",
    "--character-set-server=latin1",
    "--collation-server=latin1_swedish_ci",
    "--transaction-isolation=SERIALIZABLE",
    f"--init-connect={INIT_CONNECT}",
)

SET_LATER = {
    "sql_select_limit": 2,
    "max_join_size": 1,
    "foreign_key_checks": 0,
    "completion_type": "'RELEASE'",
    "tx_read_only": 1,
}
"""What somebody sets while it runs, for something else, and forgets."""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDbServer]:
    """Start a MariaDB whose defaults are all wrong for us."""
    with MariaDbServer.started(tmp_path_factory.mktemp("hostile"), *HOSTILE) as server:
        server.run("CREATE USER plain@'127.0.0.1' IDENTIFIED BY 'plain'")
        yield server


@pytest.fixture(scope="module")
def hostile_url(hostile: MariaDbServer) -> Iterator[URL]:
    """Return a database there, with our schema, for an account that is no administrator's."""
    with hostile.database() as url:
        upgrade(url)
        hostile.run(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {url.database}.* TO plain@'127.0.0.1'")
        yield url.set(username="plain", password="plain")


@pytest.fixture
async def administrator(hostile: MariaDbServer) -> AsyncGenerator[AsyncConnection]:
    """Return a connection that may change everybody's settings there."""
    engine = create_server_engine(hostile.url, pool_size=1, autocommit=True)
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


@pytest.fixture
async def opened(hostile_url: URL) -> AsyncGenerator[Opened]:
    """Return a storage there."""
    async with open_server("mariadb", hostile_url, pool_size=2) as opened:
        yield opened


async def test_db_19_moments_are_kept_in_utc_whatever_the_zone_is(
    opened: Opened, administrator: AsyncConnection
) -> None:
    """Written, read back and looked at raw: the same. The zone may change at any time, at night included."""
    account = await keep_account(opened.storage)
    await administrator.execute(text("SET GLOBAL time_zone = '-03:30'"))
    try:
        assert await find_account(opened.storage, account.id) == account
        async with open_server("mariadb", opened.url) as later:
            assert await find_account(later.storage, account.id) == account
            second = await keep_account(later.storage)
            assert await kept_row(later, "accounts", second.id.bytes) == account_columns(
                Opened("mariadb", later.storage, later.engine), second
            )
    finally:
        await administrator.execute(text("SET GLOBAL time_zone = '+05:30'"))


async def test_db_19_ages_do_not_depend_on_the_zone(opened: Opened) -> None:
    """A session that was renewed just now is not five hours old."""
    account = await keep_account(opened.storage)
    session = a_session(account_id=account.id)
    await keep_sessions(opened.storage, session)
    assert await advance(opened.storage, session)
    kept, age = await found_with_age(opened.storage, session)
    assert 0 <= age.total_seconds() < 3600
    assert kept.expires_date == session.expires_date


async def test_iv_21_nothing_is_cut_and_no_character_lost(opened: Opened) -> None:
    """Our connections are strict and speak utf8mb4, whatever the server's defaults are."""
    account = await keep_account(opened.storage)
    post = a_post(author=account.id, text=Text("é😀" * 20_000))
    await keep_posts(opened.storage, post)
    await assert_counted(opened.storage, account, post)
    with pytest.raises(DBAPIError, match="1406"):
        await opened.rows("UPDATE posts SET title = :t WHERE id = :id", t="t" * 201, id=post.id.bytes)


@pytest.mark.parametrize("name", SET_LATER)
async def test_what_somebody_sets_for_everybody_is_not_for_us(
    hostile_url: URL, administrator: AsyncConnection, name: str
) -> None:
    """Lists and backups have their ends, what belongs to an account goes with it, and whoever may write can."""
    await administrator.execute(text(f"SET GLOBAL {name} = {SET_LATER[name]}"))
    try:
        async with open_server("mariadb", hostile_url) as opened:
            account = await keep_account(opened.storage)
            posts = [a_post(author=account.id) for _ in range(3)]
            await keep_posts(opened.storage, *posts)
            await assert_counted(opened.storage, account, *posts)
            async with ServerArchive(hostile_url).snapshot() as snapshot:
                kept = [thing async for part in snapshot.parts() for thing in part]
            assert {post.id for post in posts} <= {thing.id for thing in kept}
            await keep_use(opened.storage, use := a_use(account.id))
            await opened.storage.transact(account.id, lambda work: work.accounts.remove(account.id))
            assert await find_use(opened.storage, use) is None
            await opened.storage.check()
    finally:
        await administrator.execute(text(f"SET GLOBAL {name} = DEFAULT"))


@pytest.mark.parametrize(
    ("shut", "opened_again"),
    [
        ("ALTER USER plain@'127.0.0.1' ACCOUNT LOCK", "ALTER USER plain@'127.0.0.1' ACCOUNT UNLOCK"),
        ("ALTER USER plain@'127.0.0.1' PASSWORD EXPIRE", "SET PASSWORD FOR plain@'127.0.0.1' = PASSWORD('plain')"),
        ("SET GLOBAL init_connect = 'nonsense'", f"SET GLOBAL init_connect = '{INIT_CONNECT}'"),
    ],
    ids=["locked", "expired", "init-connect"],
)
async def test_a_server_that_lets_nobody_in_is_unavailable(
    hostile_url: URL, administrator: AsyncConnection, shut: str, opened_again: str
) -> None:
    """Whatever it says to whoever connects is not a statement's fault, which would be 500."""
    await administrator.execute(text(shut))
    try:
        async with open_server("mariadb", hostile_url) as opened:
            with pytest.raises(StorageUnavailable):
                await keep_account(opened.storage)
            with pytest.raises(StorageUnavailable):
                await find_account(opened.storage, an_account().id)
    finally:
        await administrator.execute(text(opened_again))


async def test_every_connection_is_set(hostile_url: URL, administrator: AsyncConnection) -> None:
    """Those of units and those of queries: zone, mode, character sets, isolation, patience, what is unique."""
    names = (
        "time_zone",
        "character_set_client",
        "character_set_connection",
        "character_set_results",
        "unique_checks",
        "lock_wait_timeout",
        "tx_isolation",
        "sql_mode",
    )
    answers: list[list[object]] = []

    async def look(work: UnitOfWork) -> None:
        answers.append(list((await ask(work, f"SELECT {', '.join(f'@@SESSION.{name}' for name in names)}"))[0]))

    async def unit(work: UnitOfWork) -> None:
        await work.accounts.claim_access(account.id)
        await look(work)

    await administrator.execute(text("SET GLOBAL unique_checks = 0"))
    try:
        async with open_server("mariadb", hostile_url) as opened:
            account = await keep_account(opened.storage)
            await opened.storage.transact(account.id, unit)
            await opened.storage.read(look)
    finally:
        await administrator.execute(text("SET GLOBAL unique_checks = 1"))
    assert [answer[:6] for answer in answers] == [["+00:00", "utf8mb4", "utf8mb4", "utf8mb4", 1, 1]] * 2
    assert all("STRICT_TRANS_TABLES" in str(answer[7]) for answer in answers)
    assert answers[0][6] == "READ-COMMITTED"


async def test_db_18_a_packet_too_small_is_refused_at_start(hostile_url: URL) -> None:
    """A large post would look like a lost connection, again and again."""
    with pytest.raises(Misconfigured, match=r"max_allowed_packet is 1,048,576.*8,388,608"):
        await check_server(hostile_url)


async def test_db_18_a_packet_large_enough_is_taken(hostile: MariaDbServer, hostile_url: URL) -> None:
    """Exactly 8 MiB, and then everything else about that server is good enough."""
    await asyncio.to_thread(hostile.run, f"SET GLOBAL max_allowed_packet = {8 * MAX_BODY_BYTES}")
    try:
        await check_server(hostile_url)
        await asyncio.to_thread(hostile.run, f"SET GLOBAL max_allowed_packet = {8 * MAX_BODY_BYTES - 1024}")
        with pytest.raises(Misconfigured):
            await check_server(hostile_url)
    finally:
        await asyncio.to_thread(hostile.run, f"SET GLOBAL max_allowed_packet = {MAX_BODY_BYTES}")


async def test_a_log_of_statements_is_refused_at_start(server: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every write would be refused: what READ COMMITTED does cannot be done again by its statements."""
    for is_kept, is_refused in (("ON", True), ("OFF", False)):
        said = f"SELECT 'log_bin', '{is_kept}' UNION SELECT 'binlog_format', 'STATEMENT'"
        monkeypatch.setattr(server_check, "_BINARY_LOG", text(said))
        with pytest.raises(Misconfigured, match="binlog_format is STATEMENT") if is_refused else nullcontext():
            await check_server(server.url)


async def test_a_good_server_is_taken(server: Opened) -> None:
    """The ones that all other tests run on."""
    await check_server(server.url)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("'10.5.29-MariaDB'", "MariaDB 10.5.29-MariaDB is too old: use 10.6"),
        ("'5.5.5-10.5.29-MariaDB-log'", "too old"),
        ("'8.0.15'", r"MySQL 8.0.15 is too old: use 8.0.16"),
        ("'5.7.44-log'", "too old"),
    ],
)
async def test_an_old_server_is_refused(server: Opened, said: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes CHECK constraints for comments."""
    pretend(monkeypatch, "VERSION()", said)
    with pytest.raises(Misconfigured, match=told):
        await check_server(server.url)


@pytest.mark.parametrize(
    "said", ["'10.6.0-MariaDB'", "'10.11.19-MariaDB-log'", "'11.8.9-MariaDB'", "'8.0.16'", "'9.7.4'"]
)
async def test_a_server_of_today_is_taken(server: Opened, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they call themselves."""
    pretend(monkeypatch, "VERSION()", said)
    await check_server(server.url)


@pytest.mark.parametrize(
    ("asked", "said", "told"),
    [
        ("@@SESSION.sql_mode", "'ANSI'", "sql_mode"),
        ("@@SESSION.sql_mode", "''", "sql_mode"),
        ("@@SESSION.time_zone", "'SYSTEM'", "time zone"),
        ("@@SESSION.character_set_client", "'utf8mb3'", "charset"),
    ],
)
async def test_a_server_that_does_not_keep_our_settings_is_refused(
    server: Opened, asked: str, said: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy in between may reset or share sessions."""
    pretend(monkeypatch, asked, said)
    with pytest.raises(Misconfigured, match=told):
        await check_server(server.url)


def pretend(monkeypatch: pytest.MonkeyPatch, asked: str, said: str) -> None:
    """Have a server say something else of itself."""
    asks = str(server_check._SETTINGS)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - what is asked is replaced
    assert asked in asks
    monkeypatch.setattr(server_check, "_SETTINGS", text(asks.replace(asked, said)))


async def test_an_absent_server_is_no_misconfiguration(server: Opened) -> None:
    """It may come yet; whoever starts decides how long to wait."""
    with pytest.raises((DBAPIError, OSError)):
        await check_server(server.url.set(host="127.0.0.1", port=free_port()))


async def test_a_wrong_password_is_no_misconfiguration_either(server: Opened) -> None:
    """The account may be made yet; and the password is not in the error."""
    with pytest.raises(DBAPIError) as caught:
        await check_server(server.url.set(username="nobody", password="a secret"))
    assert "a secret" not in str(caught.value)


def test_the_url_s_own_charset_does_not_count(database_server: Server) -> None:
    """Whatever it says, we speak utf8mb4."""
    with database_server.database() as url:
        asyncio.run(check_server(url.update_query_dict({"charset": "latin1"})))


async def test_a_session_comes_back_from_there(opened: Opened) -> None:
    """Salts are bytes, which no character set may touch."""
    account = await keep_account(opened.storage)
    session = a_session(account_id=account.id, salt=bytes(range(128, 160)))
    await keep_sessions(opened.storage, session)
    assert await find_session(opened.storage, session.id) == session


async def test_a_long_list_takes_longer_than_the_server_gives_others(
    hostile_url: URL, administrator: AsyncConnection
) -> None:
    """Neither its limit of a statement nor its patience with readers ends it: its reader has a deadline elsewhere."""
    limits = ("max_statement_time", "net_write_timeout")
    for limit in limits:
        await administrator.execute(text(f"SET GLOBAL {limit} = 1"))
    try:
        async with open_server("mariadb", hostile_url) as opened:
            account = await keep_account(opened.storage)
            # More than all buffers on the way hold.
            posts = [a_post(author=account.id, text=Text("x" * 500_000)) for _ in range(30)]
            await keep_posts(opened.storage, *posts)
            async with aclosing(opened.storage.stream(account.id)) as parts:
                count = len(await anext(parts))
                await asyncio.sleep(2.5)
                assert count + sum([len(part) async for part in parts]) == len(posts)
    finally:
        for limit in limits:
            await administrator.execute(text(f"SET GLOBAL {limit} = DEFAULT"))
