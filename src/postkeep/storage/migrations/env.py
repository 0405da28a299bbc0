"""Alembic's environment: which database, one runner at a time, and what autogenerate writes.

The database is handed in: as `target` by `postkeep migrate` and at start, or by the name of a function
(`target_source` in alembic.ini) for the plain `alembic` command.
"""

import asyncio
import pkgutil
import time
from pathlib import Path
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import MigrationScript
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from postkeep.storage.embedded_file import FileLock, create_embedded_engine
from postkeep.storage.schema import read_state, refuse_foreign
from postkeep.storage.server_pool import create_server_engine
from postkeep.storage.server_tls import refuse_unverified
from postkeep.storage.tables import Id, Row, UtcDateTime

LOCK_SECONDS = 600
"""How long a runner waits for another one on a server, and for a table that others use."""

TABLE_SECONDS = 1
"""How long one statement waits for such a table: everybody who comes to it meanwhile waits behind that. So it is tried
again and again, and whoever reads a long list slowly keeps nobody else from the table."""

PAUSE_SECONDS = 2
"""How long everybody else has it then."""

_LOCK_WAIT_TIMEOUT = 1205


def number(_context: object, _revision: object, directives: list[MigrationScript]) -> None:
    """Number new revisions in sequence, so that older and newer can be told apart."""
    for script in directives:
        newest = context.script.get_current_head()
        script.rev_id = f"{int(newest or 0) + 1:04d}"


def render(kind: str, item: Any, autogenerate: AutogenContext) -> str | Literal[False]:  # noqa: ANN401 - Alembic's signature
    """Write our own types as the plain ones they are kept as, so that a migration does not change with the code.

    Checks of lengths are SQLite's alone, which Alembic forgets.
    """
    if kind == "check" and item.name.endswith("_length"):
        return f'sa.CheckConstraint("{item.sqltext}", name=op.f("{item.name}")).ddl_if(dialect="sqlite")'
    if kind != "type" or not isinstance(item, Id | UtcDateTime):
        return False
    autogenerate.imports.add("from sqlalchemy.dialects import mysql")
    if isinstance(item, Id):
        return 'sa.LargeBinary(16).with_variant(mysql.BINARY(16), "mysql", "mariadb")'
    return 'sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")'


def take_turn(connection: Connection) -> None:
    """Take the one runner's lock of a server's database; it ends with this very connection."""
    name = text("SELECT GET_LOCK(CONCAT('postkeep.migrate.', LEFT(SHA2(DATABASE(), 256), 32)), :seconds)")
    if connection.execute(name, {"seconds": LOCK_SECONDS}).scalar() != 1:
        message = f"another one has been running for {LOCK_SECONDS} seconds."
        raise CommandError(message)


def migrate(connection: Connection) -> None:
    """Run what Alembic was asked for; each statement counts at once, on every database.

    Tables are made if they are not there and dropped by their names, so another program's must not be there.
    """
    refuse_foreign(read_state(connection))
    context.configure(
        connection=connection,
        target_metadata=Row.metadata,
        process_revision_directives=number,
        render_item=render,
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    context.config.attributes["reached"] = read_state(connection).revision


def migrate_embedded(engine: Engine) -> None:
    """Migrate a SQLite database, in turn with its writers."""
    file = engine.url.database
    with engine.connect() as connection:
        if not file:
            migrate(connection)
            return
        lock = FileLock(Path(file))
        try:
            with lock.held():
                migrate(connection)
        finally:
            lock.close()


async def migrate_server(url: URL) -> None:
    """Migrate a server's database."""
    engine = create_server_engine(url, pool_size=1, autocommit=True)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(migrate_in_turn)
    except (DBAPIError, OSError) as error:
        refuse_unverified(url, error)
        raise
    finally:
        await engine.dispose()


def migrate_in_turn(connection: Connection) -> None:
    """Migrate over a server's connection that is closed afterwards, and the lock with it."""
    take_turn(connection)
    connection.execute(text(f"SET SESSION lock_wait_timeout = {TABLE_SECONDS}"))
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return migrate(connection)
        except DBAPIError as error:
            if error.orig is None or error.orig.args[:1] != (_LOCK_WAIT_TIMEOUT,) or time.monotonic() > deadline:
                raise
        time.sleep(PAUSE_SECONDS)


def main() -> None:
    """Find the database and migrate it."""
    target = (
        context.config.attributes.get("target")
        or pkgutil.resolve_name(context.config.get_main_option("target_source", ""))()
    )
    if isinstance(target, Engine):
        migrate_embedded(target)
    elif target.get_backend_name() == "sqlite":
        migrate_embedded(create_embedded_engine(Path(target.database) if target.database else None))
    else:
        asyncio.run(migrate_server(target))


main()
