"""The pages: what this is, and the API's docs; all their parts come from this package."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

import postkeep.views

STATIC: Final = Path(postkeep.views.__file__).parent / "static"

HEADERS: Final = {
    "Cache-Control": "no-cache",
    # Swagger UI draws its icons from data: URLs and sets styles of its own elements.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
}


def install(app: FastAPI, *, docs: bool) -> None:
    """Add the pages to an application, with or without the docs."""
    app.mount("/static", _without_ranges(StaticFiles(directory=STATIC)), name="static")
    app.add_route("/", _page("home.html"), methods=["GET"], include_in_schema=False)
    if docs:
        app.add_route("/docs", _page("docs.html"), methods=["GET"], include_in_schema=False)


def _without_ranges(app: ASGIApp) -> ASGIApp:
    """Serve whole files only: a page's parts are small, and a range is optional (RFC 9110 14.2)."""

    async def whole(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name not in {b"range", b"if-range"}]
        await app({**scope, "headers": headers}, receive, send)

    return whole


def _page(name: str) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Make what answers with a page; it is read once."""
    content = (STATIC / name).read_bytes()

    async def answer(_request: Request) -> Response:
        return HTMLResponse(content, headers=HEADERS)

    return answer
