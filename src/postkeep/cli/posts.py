"""postkeep posts: all posts of one account, out into a file and in from one."""

import shutil
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from postkeep.cli.endings import NOTHING_LEFT, REFUSED, interruptible, refuse, run_whole
from postkeep.cli.progress import shown

if TYPE_CHECKING:
    from postkeep.adapters.backup_files import PlainFile
    from postkeep.domain.accounts import Account
    from postkeep.services import Services
    from postkeep.services.backups import Progress
    from postkeep.services.entries import Outcome

app = typer.Typer(help="Take all posts of an account out, or bring posts in.", no_args_is_help=True)

Address = Annotated[str, typer.Option("--email", metavar="EMAIL", help="Whose.", show_default=False)]


class Form(StrEnum):
    """As `views.exports.Format`, which takes a moment to import."""

    JSON = "json"
    MARKDOWN = "markdown"


@app.command("export")
def export(
    email: Address,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to write it; - for standard output.", show_default=False)
    ],
    *,
    form: Annotated[Form, typer.Option("--format", help="JSON Lines, or a ZIP of Markdown files.")] = Form.JSON,
) -> None:
    """Write all posts of an account into a file, as they are at this moment, also while servers run.

    Examples:
        postkeep posts export --email ann@example.com posts.jsonl

        postkeep posts export --email ann@example.com --format markdown posts.zip
    """
    from postkeep.adapters.backup_files import STANDARD, PlainFile, written

    if file == STANDARD and sys.stdout.isatty():
        refuse("Name a file, or send it through a pipe.")

    async def use(services: "Services", account: "Account") -> None:
        with shown("Taking out") as progress, written(file, PlainFile) as sink:
            await _take_out(services, account, form, sink, progress)

    _use(email, use, target=file)


@app.command("import")
def import_(
    email: Address,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON Lines, or a ZIP of Markdown files.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
) -> None:
    """Add the posts in a file to an account, but those that are there, and name what is refused, and why.

    It may be repeated: nothing is added twice, and nothing that is there is changed.

    Examples:
        postkeep posts import --email ann@example.com --dry-run notes.zip

        postkeep posts import --email ann@example.com notes.zip
    """
    refused = 0

    async def use(services: "Services", account: "Account") -> None:
        nonlocal refused
        try:
            opened = _repeatable(file.open("rb"))
        except OSError as error:
            refuse(f"{file}: {error.strerror}.")
        with opened, shown("Bringing in") as progress:
            refused = await _bring_in(services, account, opened, progress, dry_run=dry_run)

    _use(email, use)
    if refused:
        raise typer.Exit(REFUSED)


def _repeatable(file: BinaryIO) -> BinaryIO:
    """Return a file that can be read more than once: what comes through a pipe is put on the disk first."""
    if file.seekable():
        return file
    kept = TemporaryFile()  # noqa: SIM115 - whoever asks for it closes it
    with file:
        shutil.copyfileobj(file, kept)
    kept.seek(0)
    return kept


async def _take_out(
    services: "Services", account: "Account", form: Form, sink: "PlainFile", progress: "Progress"
) -> None:
    """Write an export."""
    from postkeep.views.exports import FORMATS, Format, Parts

    done = 0

    async def counted(parts: Parts) -> Parts:
        nonlocal done
        async with aclosing(parts):
            async for part in parts:
                yield part
                done += len(part)
                progress(done, account.posts)

    exported = await services.exports.begin(account.id, size=account.bytes)
    async with aclosing(FORMATS[Format(form)].write(counted(exported.parts))) as pieces:
        async for piece in pieces:
            sink.write(piece)
    # Standard output may be the file.
    typer.echo(f"Took out {done:,} posts.", err=True)


async def _bring_in(
    services: "Services", account: "Account", file: BinaryIO, progress: "Progress", *, dry_run: bool
) -> int:
    """Bring a file in, and return how much of it was refused."""
    from collections import Counter

    from postkeep.controllers.incoming import slices
    from postkeep.controllers.incoming_files import IncomingFiles
    from postkeep.controllers.incoming_kinds import kind_of
    from postkeep.controllers.incoming_lines import IncomingLines
    from postkeep.services.entries import Kind
    from postkeep.views.exports import ZIP

    # An operator's own file may have as many as there are.
    incoming = (IncomingFiles if kind_of(file) == ZIP else IncomingLines)(file, most=sys.maxsize)
    outcomes = await services.imports.begin(account.id, slices(incoming.parts()), dry_run=dry_run)
    found: Counter[Kind] = Counter()
    async with aclosing(outcomes):
        async for some in outcomes:
            found.update(outcome.kind for outcome in some)
            _tell(some)
            progress(incoming.done, incoming.total)
    said = "Would add" if dry_run else "Added"
    typer.echo(
        f"{said} {found[Kind.ADDED]:,}, {found[Kind.EXISTING]:,} there already, {found[Kind.REFUSED]:,} refused."
    )
    return found[Kind.REFUSED]


def _tell(outcomes: "Sequence[Outcome]") -> None:
    """Say what was not done as the file has it."""
    for outcome in outcomes:
        if outcome.code is not None:
            where = f"line {outcome.entry}" if isinstance(outcome.entry, int) else _printable(outcome.entry)
            typer.echo(f"{where}: {outcome.kind.value}: {outcome.detail}", err=True)


def _printable(name: str) -> str:
    """Show a file's name, whatever is in it."""
    return "".join(each if each.isprintable() else "?" for each in name)


def _use(
    email: str, use: Callable[["Services", "Account"], Coroutine[Any, Any, None]], *, target: Path | None = None
) -> None:
    """Do something with somebody's posts in the configured database, whose own files are no target."""
    from postkeep.adapters.backup_files import refuse_to_replace
    from postkeep.bootstrap.wiring import kept_files, load_quietly, refuse_absent, wire
    from postkeep.domain.accounts import Email

    address = Email.parse(email)
    settings = load_quietly()
    refuse_absent(settings)
    if target is not None:
        refuse_to_replace(target, kept_files(settings))

    async def open_and_use() -> None:
        async with wire(settings) as wired:
            await use(wired.services, await wired.services.administration.find(address))

    added = "what was added stays, and the same command goes on from there."
    with interruptible(added if target is None else NOTHING_LEFT):
        run_whole(open_and_use())
