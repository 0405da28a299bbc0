"""postkeep serve: the HTTP server."""

import os
import signal
import socket
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from postkeep.cli import open_files
from postkeep.domain.errors import Misconfigured
from postkeep.settings import Settings, load_settings

if TYPE_CHECKING:
    from postkeep.app import Postkeep

_APP: Final = "postkeep.main:app"

_ALL_ADDRESSES: Final = "::"
"""Those of IPv6, and those of IPv4 where the system has it so, as Linux does."""


def serve(
    *,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.", show_default="POSTKEEP_HOST or 127.0.0.1")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", show_default="POSTKEEP_PORT or 8000")] = None,
    workers: Annotated[
        int | None, typer.Option(help="How many processes serve.", show_default="POSTKEEP_WORKERS or 1")
    ] = None,
    log_level: Annotated[
        str | None, typer.Option(help="debug, info, warning or error.", show_default="POSTKEEP_LOG_LEVEL or info")
    ] = None,
    reload: Annotated[bool, typer.Option("--reload", help="Restart when the code changes; for developing.")] = False,
) -> None:
    """Serve the API and the pages until Ctrl-C or SIGTERM.

    Examples:
        postkeep serve

        postkeep serve --host 0.0.0.0 --port 80 --workers 4
    """
    given = {"host": host, "port": port, "workers": workers, "log_level": log_level}
    # Options are settings.
    os.environ.update({f"POSTKEEP_{name}".upper(): str(value) for name, value in given.items() if value is not None})
    settings = load_settings()

    from postkeep import logs
    from postkeep.bootstrap.metrics import gathered
    from postkeep.bootstrap.tracing import refuse_unknown_propagators
    from postkeep.bootstrap.wiring import prepare

    logs.configure(settings.log_level, settings.log_format)
    settings = settings.model_copy(update={"connections": open_files.make_room(settings.connections)})
    # With --reload whatever serves reads the environment anew.
    os.environ["POSTKEEP_CONNECTIONS"] = str(settings.connections)
    _refuse_taken_port(settings)
    refuse_unknown_propagators()
    with gathered(settings):
        settings = prepare(settings)
        _welcome(settings)
        _run(settings, reload=reload)


def _refuse_taken_port(settings: Settings) -> None:
    """Say in one line that nobody can listen there, before anything is made or said."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        is_both = family is socket.AF_INET6 and socket.has_dualstack_ipv6()
        socket.create_server((settings.host, settings.port), family=family, dualstack_ipv6=is_both).close()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        message = f"Nothing can listen on {settings.host} port {settings.port}: {reason}."
        raise Misconfigured(message) from error
    except (UnicodeError, TypeError) as error:
        # Of a name that it cannot encode, a socket says TypeError.
        message = f"Nothing can listen on {settings.host!r}: that is no name of a host."
        raise Misconfigured(message) from error


def _welcome(settings: Settings) -> None:
    """Say in a few lines where everything is."""
    # Whoever listens on all addresses listens on loopback; of IPv4, too, unless the system has it otherwise.
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - compared, not listened on
    base = f"http://{f'[{shown}]' if ':' in shown else shown}:{settings.port}"
    lines = [("Postkeep", base)]
    if settings.docs:
        lines.append(("API docs", f"{base}/docs"))
    lines.append(("Posts are kept in", _place(settings)))
    # A disk that is full of logs keeps nobody from serving.
    with suppress(OSError):
        for name, value in lines:
            typer.echo(f"  {name + ':':<19}{value}", err=True)
        typer.echo("  Ctrl-C stops it.", err=True)


def _place(settings: Settings) -> str:
    """Say where everything is kept, without the password."""
    from postkeep.bootstrap.database_url import database_url, file_of, is_in_memory

    url = database_url(settings)
    if is_in_memory(url):
        return "memory, until it stops"
    file = file_of(url)
    if file is not None:
        return str(file.absolute())
    return url.set(query={}).render_as_string(hide_password=True)


def _run(settings: Settings, *, reload: bool) -> None:
    """Run uvicorn until it is told to end; what it would log or say of itself stays off, because we do that.

    All processes get these settings, also those that take a dead one's place later on, whatever .env says by then: else
    two databases would be served, or tokens of one process refused by the other.
    """
    import uvicorn
    from uvicorn.config import STARTUP_FAILURE

    options: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "workers": settings.workers,
        "http": "postkeep.server.guard:GuardedProtocol",
        "ws": "none",
        "loop": "auto",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_graceful_shutdown": settings.shutdown_seconds,
    }
    app = partial(_app_of, settings)
    if reload:
        uvicorn.run(_APP, **options, reload=True, reload_dirs=[str(Path(__file__).parent.parent)])
    elif settings.workers > 1:
        from postkeep.server.workers import Workers

        config = uvicorn.Config(app, **options, factory=True)
        Workers(config, drain_seconds=settings.drain_seconds, shutdown_seconds=settings.shutdown_seconds).run()
    elif settings.host == _ALL_ADDRESSES:
        # By itself one process would listen on those of IPv6 alone, which several do not.
        _end_in_good_order()
        config = uvicorn.Config(app, **options, factory=True)
        server = uvicorn.Server(config)
        with suppress(KeyboardInterrupt):
            server.run([config.bind_socket()])
        sys.exit(0 if server.started else STARTUP_FAILURE)
    else:
        _end_in_good_order()
        uvicorn.run(app, **options, factory=True)


def _app_of(settings: Settings) -> "Postkeep":
    """Make the application, in the process that serves: its modules are large."""
    from postkeep.app import create_app

    return create_app(settings)


def _end_in_good_order() -> None:
    """Have SIGTERM end with 0, as it does with several workers, and have a closed terminal do the same."""
    # When uvicorn has drained, it raises SIGTERM once more, for whoever heard it before.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    # What nohup has ignored stays so.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda _number, _frame: signal.raise_signal(signal.SIGTERM))
