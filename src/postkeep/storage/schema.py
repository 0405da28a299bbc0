"""The schema's revision: what this release needs, what a database has, and whether the two fit."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, column, inspect, select, table

from postkeep.services.ports import SchemaUnfit
from postkeep.storage.tables import SchemaRow

REVISION: Final = "0009"
"""The revision that this release was made for: the newest of `migrations/versions`, which a test holds it to."""

# Alembic's own table. It is read here without Alembic, which a server whose schema fits need not load.
VERSION: Final = table("alembic_version", column("version_num"))


@dataclass(frozen=True, slots=True)
class SchemaState:
    """What a database says of its schema.

    Attributes:
        revision: Its revision, or None for an empty database.
        oldest: The oldest revision whose release it still serves, or None where it does not say.
    """

    revision: str | None
    oldest: str | None


def read_state(connection: Connection) -> SchemaState:
    """Ask a database for its schema's revision."""
    tables = inspect(connection).get_table_names()
    revision = connection.scalar(select(VERSION.c.version_num)) if VERSION.name in tables else None
    oldest = connection.scalar(select(SchemaRow.oldest_revision)) if SchemaRow.__tablename__ in tables else None
    return SchemaState(revision, oldest)


def refuse_unfit(state: SchemaState) -> None:
    """See that this release can work on a schema: its own, or a newer one that still serves it.

    Raises:
        SchemaUnfit: It cannot; the message says what to do.
    """
    if state.revision is None:
        message = "The database is empty: run `postkeep migrate upgrade` first."
    elif state.revision < REVISION:
        message = f"The schema is at {state.revision}, this release needs {REVISION}: run `postkeep migrate upgrade`."
    elif state.revision > REVISION and (state.oldest is None or state.oldest > REVISION):
        message = (
            f"The schema is at {state.revision}, which no longer serves this release ({REVISION}): use a newer one."
        )
    else:
        return
    raise SchemaUnfit(message)
