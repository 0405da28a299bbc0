"""How commands end that do not do what they were asked for: refused, or interrupted."""

import asyncio
import signal
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import Any, Final, NoReturn, TypeVar

import typer

T = TypeVar("T")

REFUSED: Final = 1
CANNOT_START: Final = 3

NOTHING_LEFT: Final = "nothing was left behind."


def refuse(why: str) -> NoReturn:
    """Say in one line why it is not done, and end the command."""
    typer.echo(f"postkeep: {why}", err=True)
    raise typer.Exit(REFUSED)


@contextmanager
def interruptible(left: str = NOTHING_LEFT) -> Generator[None]:
    """Say in one line that somebody ended it, and what is left of it; Typer has the exit code for that."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"postkeep: Interrupted: {left}", err=True)
        raise


def run_whole(work: Coroutine[Any, Any, T]) -> T:
    """Do something that takes back what it began when it is told to end."""

    async def work_until_told() -> T:
        # As Ctrl-C does; otherwise it would leave half a file. What nohup has ignored stays so.
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.getsignal(signal.SIGINT))
        return await work

    return asyncio.run(work_until_told())
