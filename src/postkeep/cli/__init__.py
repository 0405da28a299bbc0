"""The command line. Heavy things are imported by the commands that need them, so that help comes at once."""

import os
import sys
from contextlib import suppress
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated, NoReturn

import typer

from postkeep.cli import account, backup, doctor, healthcheck, migrate, openapi, posts, serve
from postkeep.cli.endings import CANNOT_START, REFUSED
from postkeep.domain.errors import Misconfigured, PostkeepError

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
    _open_closed_streams()
    _write_any_letter()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except Misconfigured as error:
        _end(str(error), CANNOT_START)
    except PostkeepError as error:
        _end(error.detail, REFUSED)
    except UnicodeDecodeError as error:
        _end(f"What was read is not {error.encoding.upper()}: {error.reason}.", REFUSED)
    except OSError as error:
        # A full disk behind standard output, a file that a command may not open.
        reason = error.strerror or str(error)
        _end(f"{reason}." if error.filename is None else f"{error.filename}: {reason}.", REFUSED)


def _open_closed_streams() -> None:
    """Have files behind all three standard streams, so that nothing else that is opened is taken for one.

    To read from standard input then fails, and to write to standard output, as it would have: a backup must not vanish.

    Source: gnulib, stdopen, which does the same for the GNU tools.
    """
    for number, mode in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, mode), True)  # noqa: FBT003 - for worker processes, too
    # Python has None for a stream that was closed; these three stay open as long as the process.
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _write_any_letter() -> None:
    """Have standard output write what its encoding lacks by its number, as standard error does."""
    if type(sys.stdout) is TextIOWrapper and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def _end(said: str, code: int) -> NoReturn:
    """Say why in one line, if there is anywhere to say it, and end."""
    with suppress(OSError):
        typer.echo(f"postkeep: {said}", err=True)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            # What cannot be written is dropped; otherwise Python tries again at its end, and complains.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)
