"""What Postkeep is measured beside: bare ASGI functions, and another implementation where one is given."""

import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from bench.databases import Database
from bench.fixed import record
from bench.people import Answer, Api
from bench.processes import Server, started
from tests.databases import free_port

# The server's options are those of `postkeep serve`.
_UVICORN: Final = ("--http", "httptools", "--loop", "uvloop", "--log-level", "warning", "--no-access-log")
_HEADERS: Final = ("--no-server-header", "--no-proxy-headers")

_CHECKOUT: Final = Path(__file__).resolve().parents[1]


def serve_fixed(folder: Path, answers: Mapping[str, Answer]) -> AbstractContextManager[Server]:
    """Start the function that answers recorded answers, by their methods."""
    recorded = folder / "answers.json"
    record(recorded, answers)
    return _serve_bare(folder, "bench.fixed", str(recorded), ready="/")


def serve_on_driver(folder: Path, database: Database, account: bytes) -> AbstractContextManager[Server]:
    """Start the function that runs the statements of addPost and getPosts and does nothing else."""
    url = database.url.render_as_string(hide_password=False)
    return _serve_bare(folder, "bench.on_driver", url, ready=f"/{account.hex()}")


def serve_literal(folder: Path, program: Path, database: Database) -> AbstractContextManager[Server]:
    """Start another implementation of the same exercise: a module with `app`, told its database by DB_URL."""
    port = free_port()
    where = ("--host", "127.0.0.1", "--port", str(port), "--app-dir", str(program.resolve().parent))
    command = [sys.executable, "-m", "uvicorn", f"{program.stem}:app", *where, *_UVICORN, *_HEADERS]
    url = database.url.update_query_dict({"charset": "utf8mb4"}).render_as_string(hide_password=False)
    return started(command, port, folder, ready="/openapi.json", settings={"DB_URL": url})


def literal_api(server: Server) -> Api:
    """Say where that implementation has its operations."""
    return Api(server.port, "/signup", "/getPosts", "/addPost", refresh=None, newest_first=False)


def _serve_bare(folder: Path, module: str, source: str, *, ready: str) -> AbstractContextManager[Server]:
    port = free_port()
    command = [sys.executable, "-m", module, source, str(port)]
    return started(command, port, folder, ready=ready, run_in=_CHECKOUT)
