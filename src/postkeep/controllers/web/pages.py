"""What pages are drawn with, and the page of the API's docs; all of it comes from this package."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from postkeep.views.assets import PREFIX, STATIC
from postkeep.views.pages import Pages

IMMUTABLE: Final = "public, max-age=31536000, immutable"
"""For what has its hash in its address. Source: RFC 8246."""

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
    """Add the files of pages to an application, with or without the docs."""
    app.mount("/static", _hashed_first(_without_ranges(StaticFiles(directory=STATIC))), name="static")
    if docs:
        app.add_route("/docs", _page("docs.html"), methods=["GET"], include_in_schema=False)


def _hashed_first(app: ASGIApp) -> ASGIApp:
    """Serve from memory what has its hash in its address, and everything else by another application."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        pages: Pages = scope["state"]["pages"]
        asset = pages.assets.find(scope["path"].removeprefix(PREFIX))
        if asset is None or scope["method"] != "GET":
            await app(scope, receive, send)
            return
        headers = {"Cache-Control": IMMUTABLE, "Vary": "Accept-Encoding"}
        await Response(asset.body, headers=headers, media_type=asset.content_type)(scope, receive, send)

    return serve


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
