"""Final reads: what every worker says after healing, and what the table holds."""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from tests.faults.clients import MIXED, Client
from tests.faults.history import Item, Kind, Outcome, Recorder
from tests.faults.stage import Stage
from tests.faults.users import User, digest_of
from tests.faults.wire import Connection, CutError, NotSentError

_ANSWER_SECONDS: Final = 30
_SECONDS: Final = 30
_AT_ONCE: Final = 6

_POSTS: Final = """
    SELECT accounts.email AS email, posts.id AS id, title, text, posts.status AS status, version
    FROM posts JOIN accounts ON accounts.id = account_id ORDER BY posts.id DESC
"""
_MISCOUNTED: Final = """
    SELECT email FROM accounts
    LEFT JOIN (SELECT account_id, COUNT(*) AS number, SUM(bytes) AS size FROM posts GROUP BY account_id) AS held
    ON held.account_id = accounts.id
    WHERE accounts.posts <> COALESCE(number, 0) OR accounts.bytes <> COALESCE(size, 0)
"""


async def read_everywhere(stage: Stage, users: Sequence[User], recorder: Recorder) -> None:
    """Have each user list all posts on every worker, and then log out, which every worker must know, too."""
    workers = await connect_everywhere(stage)
    try:
        for user in users:
            client = Client(
                "final",
                user,
                (),
                connections=workers,
                recorder=recorder,
                habits=MIXED,
                seconds=_ANSWER_SECONDS,
                choose=random.Random(0),
            )
            await client.log_in()
            for worker in workers:
                client.connections = [worker]
                await client.read_all()
            client.connections = workers
            await client.leave()
    finally:
        for worker in workers:
            worker.close()


async def read_table(stage: Stage, users: Sequence[User], recorder: Recorder) -> None:
    """Take down what the table holds as one list per user, and see that it was counted right."""
    lists = {user.email: recorder.invoke("table", user.name, Kind.LIST) for user in users}
    posts = await asyncio.to_thread(stage.rows.ask, _POSTS)
    for post in posts:
        lists[post["email"]].shown.append(_item_of(post))
    for row in await asyncio.to_thread(stage.rows.ask, _MISCOUNTED):
        lists[row["email"]].problem = "the account's row counts its posts or their bytes wrong"
    for operation in lists.values():
        recorder.complete(operation, Outcome.OK)


async def check_files(stage: Stage) -> None:
    """Have SQLite look through its file."""
    if stage.database == "sqlite":
        found = await asyncio.to_thread(stage.rows.ask, "PRAGMA integrity_check")
        if found != [{"integrity_check": "ok"}]:
            stage.flaws.append(f"the database file is broken: {found}")


async def connect_everywhere(stage: Stage) -> Sequence[Connection]:
    """Return a connection to each worker.

    Which worker takes a connection is left to chance; which one took it is known from the kernel's tables.

    Raises:
        TimeoutError: Some worker takes none.
    """
    found: dict[int, Connection] = {}
    deadline = time.monotonic() + _SECONDS
    while not (alive := set(stage.workers())) or alive - set(found):
        if time.monotonic() > deadline:
            message = f"workers {alive - set(found)} take no connection"
            raise TimeoutError(message)
        some = [Connection(stage.server.port) for _ in range(_AT_ONCE)]
        await asyncio.gather(*(_greet(connection) for connection in some))
        for connection in some:
            worker = stage.worker_of(connection.local_port) if connection.is_open else None
            if worker is None or found.setdefault(worker, connection) is not connection:
                connection.close()
    for worker in set(found) - alive:
        found.pop(worker).close()
    return list(found.values())


async def _greet(connection: Connection) -> None:
    """Have some worker take a connection."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await connection.ask("GET", "/livez", {})
    except (NotSentError, CutError, TimeoutError):
        connection.close()


def _item_of(row: dict[str, Any]) -> Item:
    """Return a row of the table as a list would show it."""
    return Item(str(UUID(bytes=bytes(row["id"]))), str(row["text"]).partition(" ")[0], digest_of(row), row["version"])
