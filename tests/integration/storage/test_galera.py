"""A Galera cluster: reads wait for what other nodes have committed, and nodes may say no (CASES.md: CA-20, DB-08).

One node is enough to see that it is asked to wait; that it then does is Galera's own promise.
"""

from collections.abc import Generator
from pathlib import Path

import pytest
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from postkeep.services.ports import StorageUnavailable
from postkeep.services.repositories import UnitOfWork
from postkeep.storage.migrate import upgrade
from tests.builders import a_post
from tests.contracts.kept import assert_counted, find_account, keep_account, keep_posts
from tests.databases import MariaDbServer, free_port
from tests.integration.storage.opened import Opened, ask, open_server

PROVIDER = Path("/usr/lib/galera/libgalera_smm.so")
"""Where Debian's galera-4 puts it."""


class GaleraNode(MariaDbServer):
    """One node, which answers as soon as it is ready for statements."""

    def run(self, *statements: str) -> None:
        """Run statements, each by itself."""
        try:
            super().run(*statements)
        except DBAPIError as error:
            # Whoever waits for its start takes this for a server that is not there yet, and tries again.
            raise ConnectionError from error


@pytest.fixture(scope="module")
def galera_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[URL]:
    """Start a cluster of one, with our schema in a database."""
    group, transfer = free_port(), free_port()
    options = (
        "--wsrep-on=ON",
        f"--wsrep-provider={PROVIDER}",
        f"--wsrep-cluster-address=gcomm://127.0.0.1:{group}",
        "--wsrep-new-cluster",
        f"--wsrep-node-address=127.0.0.1:{group}",
        f"--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:{group};ist.recv_addr=127.0.0.1:{transfer}",
        "--binlog-format=ROW",
        "--innodb-autoinc-lock-mode=2",
    )
    folder: Path = tmp_path_factory.mktemp("galera")
    with GaleraNode.started(folder, *options) as node, node.database() as url:
        upgrade(url)
        yield url


async def sync_wait(opened: Opened) -> list[object]:
    """Return what units and queries wait for."""
    account, seen = await keep_account(opened.storage), list[object]()

    async def look(work: UnitOfWork) -> None:
        ((_, value),) = await ask(work, "SHOW VARIABLES LIKE 'wsrep_sync_wait'")
        seen.append(value)

    async def unit(work: UnitOfWork) -> None:
        await work.accounts.claim_access(account.id)
        await look(work)

    await opened.storage.transact(account.id, unit)
    await opened.storage.read(look)
    return seen


@pytest.mark.skipif(not PROVIDER.exists(), reason="no Galera, and no root")  # bin/test installs it wherever it may
async def test_ca_20_every_read_waits_for_the_other_nodes(galera_url: URL) -> None:
    """Of units and of queries, and thus of stamps; and everything works as it does elsewhere."""
    async with open_server("mariadb", galera_url) as opened:
        assert await sync_wait(opened) == ["1", "1"]
        account = await keep_account(opened.storage)
        await keep_posts(opened.storage, *(posts := [a_post(author=account.id) for _ in range(3)]))
        await assert_counted(opened.storage, account, *posts)


@pytest.mark.skipif(not PROVIDER.exists(), reason="no Galera, and no root")  # bin/test installs it wherever it may
async def test_db_08_a_node_that_is_not_ready_is_unavailable(galera_url: URL) -> None:
    """1047, as from one without a majority: each connection that says so is dropped, and the answer is 503."""
    async with open_server("mariadb", galera_url, pool_size=3) as opened:
        account = await keep_account(opened.storage)
        await opened.rows("SET GLOBAL wsrep_reject_queries = ALL")
        try:
            for ask_it in (find_account(opened.storage, account.id), keep_posts(opened.storage, a_post())):
                with pytest.raises(StorageUnavailable):
                    await ask_it
            with pytest.raises(StorageUnavailable):
                await opened.storage.check()
        finally:
            await opened.rows("SET GLOBAL wsrep_reject_queries = NONE")
        await opened.storage.check()
        await keep_posts(opened.storage, post := a_post(author=account.id))
        await assert_counted(opened.storage, account, post)


async def test_a_server_by_itself_waits_for_nobody(mariadb_opened: Opened) -> None:
    """The variable is there, and would cost."""
    assert await sync_wait(mariadb_opened) == ["0", "0"]
