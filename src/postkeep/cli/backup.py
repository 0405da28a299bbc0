"""postkeep backup and restore: everything in one file, and out of it again."""

import asyncio
import signal
import sys
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

if TYPE_CHECKING:
    from postkeep.services.archive import Amounts
    from postkeep.services.backups import Progress
    from postkeep.settings import Settings

T = TypeVar("T")

NOTHING_LEFT: Final = "nothing was left behind."

_INTERRUPTED: Final = 130
"""As shells say of what Ctrl-C ended."""

_TARGET = typer.Argument(metavar="FILE", help="Where to write it; - for standard output.", show_default=False)
_SOURCE = typer.Argument(metavar="FILE", help="What to read; - for standard input.", show_default=False)


def backup(file: Annotated[Path, _TARGET]) -> None:
    """Write everything that is kept into one file, as it is at this moment, also while servers run.

    The file holds people's posts and the hashes of their passwords, but not the secret that tokens are signed with.

    Examples:
        postkeep backup postkeep.jsonl.gz

        postkeep backup - | ssh elsewhere 'cat > postkeep.jsonl.gz'
    """
    from postkeep.adapters.backup_files import STANDARD, refuse_to_replace, written
    from postkeep.bootstrap.wiring import kept_files, open_backups

    if file == STANDARD and sys.stdout.isatty():
        typer.echo("postkeep: A backup is nothing to look at: name a file, or send it through a pipe.", err=True)
        raise typer.Exit(1)
    settings = _settings()
    refuse_to_replace(file, kept_files(settings))

    async def write() -> "Amounts":
        # From here on whoever ends it ends it at an await, so there is never a file that nobody takes away.
        with shown("Backing up") as progress, written(file) as sink:
            return await backups.backup(sink, progress)

    with interruptible():
        backups = open_backups(settings, fills=False)
        amounts = run_whole(write())
    # Standard output may be the backup.
    typer.echo(f"The backup holds {_in_words(amounts)}.", err=True)
    typer.echo("The secret that tokens are signed with is not in it: keep that, too.", err=True)


def restore(
    file: Annotated[Path, _SOURCE],
    *,
    without_sessions: Annotated[
        bool, typer.Option("--without-sessions", help="Let no token of that time count: everybody logs in again.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only see that the file is whole and unchanged; needs no database.")
    ] = False,
) -> None:
    """Fill an empty database from a backup, of whichever kind either is: all of it, or nothing.

    Examples:
        postkeep restore postkeep.jsonl.gz

        POSTKEEP_DATABASE_URL=mysql://... postkeep restore postkeep.jsonl.gz
    """
    from postkeep.adapters.backup_files import opened
    from postkeep.bootstrap.wiring import open_backups
    from postkeep.services.backups import verify

    settings = _settings()
    with interruptible(), opened(file) as source:
        # A file is read to its end before anything is written; what comes through a pipe can be read only once.
        if check or source.is_repeatable:
            with shown("Verifying") as progress:
                amounts = verify(source.lines(), progress)
            if check:
                typer.echo(f"The backup is whole and unchanged. It holds {_in_words(amounts)}.")
                return
        backups = open_backups(settings, fills=True)
        with shown("Restoring") as progress:
            amounts = run_whole(backups.restore(source.lines(), progress, with_sessions=not without_sessions))
    typer.echo(f"The database holds {_in_words(amounts)}.")


def _settings() -> "Settings":
    """Read the settings, and have logs tell of trouble only."""
    from postkeep import logs
    from postkeep.settings import load_settings

    settings = load_settings()
    logs.configure("warning", settings.log_format)
    return settings


def run_whole(work: Coroutine[Any, Any, T]) -> T:
    """Do something that takes back what it began when it is told to end."""

    async def work_until_told() -> T:
        # As Ctrl-C does; otherwise it would leave half a file. What nohup has ignored stays so.
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.getsignal(signal.SIGINT))
        return await work

    return asyncio.run(work_until_told())


@contextmanager
def interruptible(left: str = NOTHING_LEFT) -> Generator[None]:
    """Say in one line that somebody ended it, and what is left of it."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"postkeep: Interrupted: {left}", err=True)
        raise typer.Exit(_INTERRUPTED) from None


@contextmanager
def shown(what: str) -> "Generator[Progress]":
    """Show how far it is, to people who look."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return

    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _in_words(amounts: "Amounts") -> str:
    """Say how much it is."""
    return f"{amounts.accounts:,} accounts, {amounts.sessions:,} sessions and {amounts.posts:,} posts"
