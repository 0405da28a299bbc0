"""postkeep account: what an operator does with accounts."""

import asyncio
import getpass
import json
import sys
import warnings
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from postkeep.cli.endings import interruptible, refuse

if TYPE_CHECKING:
    from postkeep.services.administration import AdministrationService

app = typer.Typer(help="Create, list and change accounts, also while the server runs.", no_args_is_help=True)

Address = Annotated[str, typer.Argument(metavar="EMAIL", help="The account's e-mail address.", show_default=False)]
Stdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


_LONGEST: Final = 4096
"""More than any password has: of what sends no end of a line, no more is read."""


def _run(use: Callable[["AdministrationService"], Coroutine[Any, Any, None]], *, makes: bool = False) -> None:
    """Do something with the accounts of the configured database.

    Args:
        use: What to do.
        makes: Whether an embedded database is made where there is none.
    """
    from postkeep.bootstrap.database_url import refuse_in_memory
    from postkeep.bootstrap.wiring import load_quietly, refuse_absent, wire

    settings = load_quietly()
    (refuse_in_memory if makes else refuse_absent)(settings)

    async def open_and_use() -> None:
        async with wire(settings) as wired:
            await use(wired.services.administration)

    with interruptible("what was asked for may be done all the same."):
        asyncio.run(open_and_use())


def _password(*, from_stdin: bool) -> str:
    """Ask for a password; it is never an argument, which other users of the machine can see."""
    if from_stdin:
        return sys.stdin.readline(_LONGEST).rstrip("\r\n")
    try:
        with warnings.catch_warnings(action="error", category=getpass.GetPassWarning):
            first, second = getpass.getpass("Password: "), getpass.getpass("Again: ")
    except getpass.GetPassWarning:
        refuse("There is no terminal to ask at: send the password with --password-stdin.")
    if second != first:
        refuse("The passwords differ.")
    return first


@app.command()
def create(email: Address, *, password_stdin: Stdin = False) -> None:
    """Open an account for somebody.

    Examples:
        postkeep account create ann@example.com

        pwgen 20 1 | postkeep account create ann@example.com --password-stdin
    """
    from postkeep.domain.accounts import Email, Password

    address = Email.parse(email)
    password = Password.parse(_password(from_stdin=password_stdin))

    async def use(accounts: "AdministrationService") -> None:
        account = await accounts.create(address, password)
        typer.echo(account.id)

    _run(use, makes=True)


@app.command("list")
def list_(*, as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False) -> None:
    """List all accounts, in the order of their addresses.

    Example:
        postkeep account list --json
    """

    async def use(accounts: "AdministrationService") -> None:
        async for account in accounts.list_all():
            shown = {
                "id": str(account.id),
                "email": account.email.address,
                "status": account.status.value,
                "posts": account.posts,
                "bytes": account.bytes,
                "created_date": account.created_date.isoformat(timespec="seconds"),
            }
            if as_json:
                typer.echo(json.dumps(shown))
            else:
                typer.echo(
                    "{id}  {created_date}  {status:<8}  {posts:>7} posts  {bytes:>11} bytes  {email}".format(**shown)
                )

    _run(use)


@app.command("reset-password")
def reset_password(email: Address, *, password_stdin: Stdin = False) -> None:
    """Give an account a new password and end its sessions."""
    from postkeep.domain.accounts import Email, Password

    address = Email.parse(email)
    password = Password.parse(_password(from_stdin=password_stdin))
    _run(lambda accounts: accounts.reset_password(address, password))


@app.command()
def sessions(
    email: Address, *, as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False
) -> None:
    """List where somebody is logged in, the newest login first.

    Example:
        postkeep account sessions ann@example.com
    """
    from postkeep.domain.accounts import Email

    address = Email.parse(email)

    async def use(accounts: "AdministrationService") -> None:
        for session in await accounts.list_sessions(address):
            shown = {
                "id": str(session.id),
                "created_date": session.created_date.isoformat(timespec="seconds"),
                "last_used_date": session.refreshed_date.isoformat(timespec="seconds"),
                "expires_date": session.expires_date.isoformat(timespec="seconds"),
                "address": session.origin.address,
                "device": session.origin.device,
            }
            if as_json:
                typer.echo(json.dumps(shown))
            else:
                typer.echo("{id}  {created_date}  {last_used_date}  {address:<15}  {device}".format(**shown))

    _run(use)


@app.command("end-sessions")
def end_sessions(email: Address) -> None:
    """End all sessions of an account; its owner logs in again."""
    from postkeep.domain.accounts import Email

    address = Email.parse(email)
    _run(lambda accounts: accounts.end_sessions(address))


@app.command()
def disable(email: Address) -> None:
    """Let nobody in to an account; its posts stay."""
    from postkeep.domain.accounts import Email

    address = Email.parse(email)
    _run(lambda accounts: accounts.disable(address))


@app.command()
def enable(email: Address) -> None:
    """Let the owner of a disabled account in again."""
    from postkeep.domain.accounts import Email

    address = Email.parse(email)
    _run(lambda accounts: accounts.enable(address))


@app.command()
def delete(email: Address, *, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Remove an account with all its posts. There is no way back."""
    from postkeep.domain.accounts import Email

    address = Email.parse(email)
    # Typer's own question takes Ctrl-C for a no.
    if not yes and input(f"Remove {email} and all its posts? [y/N]: ").strip().lower() not in {"y", "yes"}:
        typer.echo("postkeep: Nothing was removed.", err=True)
        raise typer.Exit(1)
    _run(lambda accounts: accounts.delete(address))
