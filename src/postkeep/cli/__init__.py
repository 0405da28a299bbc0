"""The command line. Heavy things are imported by the commands that need them, so that help comes at once."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from postkeep.cli import account, backup, doctor, healthcheck, migrate, openapi, posts, serve
from postkeep.domain.errors import Misconfigured, PostkeepError

REFUSED = 1
CANNOT_START = 3

HELP = """Keep people's posts.

Settings come from the environment (POSTKEEP_*) and .env; docs/settings.md describes them.

Exit codes: 0 done; 1 refused, with the reason; 2 wrong usage; 3 cannot start (a setting, the database, its schema);
130 interrupted.
"""

app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command("serve")(serve.serve)
app.command("healthcheck")(healthcheck.healthcheck)
app.command("doctor")(doctor.doctor)
app.add_typer(migrate.app, name="migrate")
app.add_typer(account.app, name="account")
app.add_typer(posts.app, name="posts")
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("openapi")(openapi.openapi)


def _show_version(asked: bool) -> None:  # noqa: FBT001 - Typer hands it over like this
    """Show the version and end, if that was asked for."""
    if asked:
        typer.echo(f"postkeep {version('postkeep')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Take the options that stand before a command."""


def main() -> None:
    """Run the command line; refusals are one line each."""
    try:
        app()
    except Misconfigured as error:
        typer.echo(f"postkeep: {error}", err=True)
        sys.exit(CANNOT_START)
    except PostkeepError as error:
        typer.echo(f"postkeep: {error.detail}", err=True)
        sys.exit(REFUSED)
