"""postkeep backup and restore: everything in one file, and out of it again."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postkeep.cli.endings import interruptible, refuse, run_whole
from postkeep.cli.progress import shown

if TYPE_CHECKING:
    from postkeep.services.archive import Amounts

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
    from postkeep.bootstrap.wiring import kept_files, load_quietly, open_backups

    if file == STANDARD and sys.stdout.isatty():
        refuse("A backup is nothing to look at: name a file, or send it through a pipe.")
    settings = load_quietly()
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
    from postkeep.bootstrap.wiring import load_quietly, open_backups
    from postkeep.services.backups import verify

    settings = load_quietly()
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


def _in_words(amounts: "Amounts") -> str:
    """Say how much it is."""
    return f"{amounts.accounts:,} accounts, {amounts.sessions:,} sessions and {amounts.posts:,} posts"
