"""What the history checker found and no other test had asked: a fault while another one is not over."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.faults.final_reads import connect_everywhere
from tests.faults.run import Plan
from tests.faults.stage import set_up, until
from tests.faults.users import User


@pytest.mark.timeout(300)
async def test_sv_04_a_worker_that_dies_while_the_database_is_away_is_replaced(tmp_path: Path) -> None:
    """Its successor cannot ask the database anything, and serves; refusing to start, it would end the whole server."""
    user = User.anew("u0")
    async with set_up(tmp_path, Plan("mariadb", (), workers=2), [user]) as stage:
        assert stage.mariadb is not None
        assert stage.mariadb.process is not None
        stage.mariadb.process.kill()
        await asyncio.to_thread(stage.mariadb.process.wait)
        (dead, other) = stage.workers()
        os.kill(dead, signal.SIGKILL)
        await until(lambda: len({*stage.workers()} - {dead}) == 2)
        for connection in await connect_everywhere(stage):
            answer = await connection.ask("GET", "/readyz", {})
            assert answer.status == 503
            connection.close()
        assert other in stage.workers()
        await stage.start_database()
        for connection in await connect_everywhere(stage):
            assert (await connection.ask("GET", "/readyz", {})).status == 200
            connection.close()
