"""The pages: what this is, and the API's docs; all their parts come from this package."""

from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

import postkeep.views

STATIC: Final = Path(postkeep.views.__file__).parent / "static"

HEADERS: Final = {
    "Cache-Control": "no-cache",
    # Swagger UI draws its icons from data: URLs and sets styles of its own elements.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def install(app: FastAPI, *, docs: bool) -> None:
    """Add the pages to an application, with or without the docs."""
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_route("/", _home, methods=["GET"], include_in_schema=False)
    if docs:
        app.add_route("/docs", _docs, methods=["GET"], include_in_schema=False)


async def _home(_request: Request) -> Response:
    """Say what this is."""
    return FileResponse(STATIC / "home.html", headers=HEADERS)


async def _docs(_request: Request) -> Response:
    """Show the API and let people try it."""
    return FileResponse(STATIC / "docs.html", headers=HEADERS)
