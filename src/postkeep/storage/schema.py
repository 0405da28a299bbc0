"""The schema: bringing it to a revision, and saying whether this release can work on it."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, inspect, select

from postkeep.services.ports import SchemaUnfit
from postkeep.storage.tables import SchemaRow

SCRIPTS: Final = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class SchemaState:
    """What a database says of its schema.

    Attributes:
        revision: Its revision, or None for an empty database.
        oldest: The oldest revision whose release it still serves, or None where it does not say.
    """

    revision: str | None
    oldest: str | None


def alembic_config(target: URL | Engine) -> Config:
    """Make Alembic's configuration for a database; the migrations are part of the package."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["target"] = target
    return config


@cache
def head() -> str:
    """Return the revision that this release was made for."""
    newest = ScriptDirectory(str(SCRIPTS)).get_current_head()
    if newest is None:
        message = "the package has lost its migrations"
        raise RuntimeError(message)
    return newest


def upgrade(target: URL | Engine) -> None:
    """Bring a database to this release's revision; nothing happens where it is there."""
    command.upgrade(alembic_config(target), "head")


def read_state(connection: Connection) -> SchemaState:
    """Ask a database for its schema's revision."""
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None or not inspect(connection).has_table(SchemaRow.__tablename__):
        return SchemaState(revision, None)
    return SchemaState(revision, connection.execute(select(SchemaRow.oldest_revision)).scalar())


def refuse_unfit(state: SchemaState) -> None:
    """See that this release can work on a schema: its own, or a newer one that still serves it.

    Raises:
        SchemaUnfit: It cannot; the message says what to do.
    """
    wanted = head()
    if state.revision is None:
        message = "The database is empty: run `postkeep migrate upgrade` first."
    elif state.revision < wanted:
        message = f"The schema is at {state.revision}, this release needs {wanted}: run `postkeep migrate upgrade`."
    elif state.revision > wanted and (state.oldest is None or state.oldest > wanted):
        message = f"The schema is at {state.revision}, which no longer serves this release ({wanted}): use a newer one."
    else:
        return
    raise SchemaUnfit(message)
