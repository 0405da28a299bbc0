"""postkeep migrate: the database's schema."""

import re
import sys
from collections.abc import Generator
from contextlib import contextmanager, redirect_stdout
from io import BytesIO, TextIOWrapper
from typing import TYPE_CHECKING, Annotated, Final

import typer

from postkeep.cli.endings import refuse
from postkeep.domain.errors import Misconfigured

if TYPE_CHECKING:
    from alembic.config import Config

HELP = """Bring the database's schema to a revision, or write the next one.

An embedded database is brought up to date by itself when the server starts; a server database by this command.
"""

_FORWARD: Final = re.compile(r"head|\+\d+|\d+")
_BACK: Final = re.compile(r"base|-\d+|\d+")

# "-1" is a revision here, not an option.
_SIGNED = {"ignore_unknown_options": True}

app = typer.Typer(help=HELP, no_args_is_help=True)


@contextmanager
def _alembic(*, waits: bool = False, looks: bool = False, needs_database: bool = True) -> Generator["Config"]:
    """Hand Alembic's configuration to a command, say what Alembic says, and in one line what goes wrong."""
    from alembic.util import CommandError
    from sqlalchemy.exc import SQLAlchemyError

    from postkeep.bootstrap.wiring import migration_target
    from postkeep.storage.migrate import alembic_config

    # Alembic passes over what it cannot write, so it is written here.
    said = TextIOWrapper(BytesIO(), sys.stdout.encoding)
    try:
        config = alembic_config(migration_target(waits=waits, looks=looks) if needs_database else None)
        config.stdout = said
        with redirect_stdout(said):
            yield config
    except (CommandError, SQLAlchemyError, OSError) as error:
        message = f"The migration failed: {getattr(error, 'orig', None) or error}"
        raise Misconfigured(message) from error
    said.seek(0)
    typer.echo(said.read(), nl=False)


@app.command(context_settings=_SIGNED)
def upgrade(revision: Annotated[str, typer.Argument(help="A revision, +1 or head.")] = "head") -> None:
    """Go forward to a revision.

    Examples:
        postkeep migrate upgrade

        postkeep migrate upgrade +1
    """
    from alembic import command

    _refuse_unlike(_FORWARD, revision, "+1, head or one of those that `postkeep migrate history` shows")
    # A deployment runs this before anything else, often while the server is still coming up.
    with _alembic(waits=True) as config:
        command.upgrade(config, revision)
    reached = config.attributes["reached"]
    typer.echo("The schema is up to date." if revision == "head" else f"The schema is at {reached}.")


@app.command(context_settings=_SIGNED)
def downgrade(revision: Annotated[str, typer.Argument(help="A revision, -1 or base.")] = "-1") -> None:
    """Go back to a revision; what only the newer schema can hold is lost.

    Example:
        postkeep migrate downgrade -1
    """
    from alembic import command

    _refuse_unlike(_BACK, revision, "-1, base or one of those that `postkeep migrate history` shows")
    with _alembic() as config:
        command.downgrade(config, revision)
    typer.echo(f"The schema is at {config.attributes['reached'] or 'base'}.")


@app.command()
def revision(
    message: Annotated[str, typer.Option("--message", "-m", help="What it does, in a few words.")],
    *,
    autogenerate: Annotated[
        bool, typer.Option("--autogenerate/--empty", help="Write what the tables need, or nothing.")
    ] = True,
) -> None:
    """Write the next revision, to be read and completed by a person.

    Example:
        postkeep migrate revision -m "add tags to posts"
    """
    from alembic import command

    with _alembic() as config:
        command.revision(config, message, autogenerate=autogenerate)


@app.command()
def check() -> None:
    """See that the schema and the tables in the code are the same."""
    from alembic import command
    from alembic.util import CommandError

    with _alembic(looks=True) as config:
        try:
            command.check(config)
        except CommandError as error:
            refuse(str(error))
    typer.echo("The schema is in step with the tables.")


@app.command()
def current() -> None:
    """Show the revision that the database is at."""
    from alembic import command

    with _alembic(looks=True) as config:
        command.current(config, verbose=False)


@app.command()
def history() -> None:
    """Show all revisions, newest first; needs no database."""
    from alembic import command

    with _alembic(needs_database=False) as config:
        command.history(config)


def _refuse_unlike(form: re.Pattern[str], revision: str, known: str) -> None:
    """Refuse what leads nowhere, or the other way: Alembic does nothing then, or fails in words for its developers.

    Raises:
        Misconfigured: It is not of that form.
    """
    if not form.fullmatch(revision):
        message = f"{revision!r} is no revision to go to: it can be {known}."
        raise Misconfigured(message)
