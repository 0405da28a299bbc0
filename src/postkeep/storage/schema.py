"""The schema's revision: what this release needs, what a database has, and whether the two fit."""

import re
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, column, inspect, select, table

from postkeep.domain.errors import Misconfigured
from postkeep.services.ports import SchemaUnfit
from postkeep.storage.tables import AccountRow, Row, SchemaRow

REVISION: Final = "0009"
"""The revision that this release was made for: the newest of `migrations/versions`, which a test holds it to."""

# Alembic's own table. It is read here without Alembic, which a server whose schema fits need not load.
VERSION: Final = table("alembic_version", column("version_num"))

_MARKS: Final = frozenset({"email_key", "access_version", "posts_version"})
"""What tells our accounts from another program's. The first migration makes them, so whatever was killed has them."""

_OF_OURS: Final = re.compile(r"\d{4}")
"""Our revisions, which `migrations/env.py` numbers."""


@dataclass(frozen=True, slots=True)
class SchemaState:
    """What a database says of its schema.

    Attributes:
        revision: Its revision, or None for an empty database.
        oldest: The oldest revision whose release it still serves, or None where it does not say.
        is_foreign: Whether it holds tables, and they are another program's.
        missing: Which of this release's tables are not there.
    """

    revision: str | None
    oldest: str | None
    is_foreign: bool = False
    missing: frozenset[str] = frozenset()


def read_state(connection: Connection) -> SchemaState:
    """Ask a database for its schema's revision."""
    inspector = inspect(connection)
    tables = set(inspector.get_table_names())
    accounts = AccountRow.__tablename__
    if tables - {VERSION.name} and not (
        accounts in tables and {column["name"] for column in inspector.get_columns(accounts)} >= _MARKS
    ):
        return SchemaState(None, None, is_foreign=True)
    noted = connection.scalars(select(VERSION.c.version_num)).all() if VERSION.name in tables else ()
    revision = ", ".join(map(str, noted)) if noted else None
    oldest = connection.scalar(select(SchemaRow.oldest_revision)) if SchemaRow.__tablename__ in tables else None
    missing = frozenset(Row.metadata.tables) - tables
    return SchemaState(revision, oldest, missing=missing)


def refuse_foreign(state: SchemaState) -> None:
    """See that a database is empty or ours, before anything is made or changed in it.

    Raises:
        Misconfigured: It is not; the message says what to do.
    """
    if message := _what_is_foreign(state):
        raise Misconfigured(message)


def refuse_unfit(state: SchemaState) -> None:
    """See that this release can work on a schema: its own, or a newer one that still serves it.

    Raises:
        SchemaUnfit: It cannot; the message says what to do.
    """
    if foreign := _what_is_foreign(state):
        message = foreign
    elif state.revision is None:
        message = "The database is empty: run `postkeep migrate upgrade` first."
    elif state.revision < REVISION:
        message = f"The schema is at {state.revision}, this release needs {REVISION}: run `postkeep migrate upgrade`."
    elif state.revision > REVISION and (state.oldest is None or state.oldest > REVISION):
        message = (
            f"The schema is at {state.revision}, which no longer serves this release ({REVISION}): use a newer one."
        )
    elif state.missing:
        message = f"The database lacks {', '.join(sorted(state.missing))}: restore a backup into an empty one."
    else:
        return
    raise SchemaUnfit(message)


def _what_is_foreign(state: SchemaState) -> str | None:
    """Say why a database is neither empty nor ours, if so."""
    if state.is_foreign:
        return "The database holds another program's tables, and is left as it is: name an empty one for Postkeep."
    if state.revision is None or _OF_OURS.fullmatch(state.revision):
        return None
    return (
        f"The database's alembic_version says {state.revision!r}, which is no revision of Postkeep's: is it another"
        " program's? If not, restore a backup into an empty one."
    )
