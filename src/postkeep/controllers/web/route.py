"""The one class of the pages' routes: where a request comes from, then who visits, then the page."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from postkeep.controllers.dependencies import admit
from postkeep.controllers.web.origins import SAFE_METHODS, check_origin
from postkeep.domain.sessions import SignedOut
from postkeep.services.sessions import Caller
from postkeep.views.cookies import read_cookie, session_cookie_name


class PageRoute(APIRoute):
    """A route of pages. Nobody who adds one can forget what stands before it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler with ours in front."""
        handle = super().get_route_handler()

        async def handle_in_order(request: Request) -> Response:
            request.state.route = self.path_format
            request.state.query = request.query_params
            if request.method not in SAFE_METHODS:
                check_origin(request.scope)
            request.state.visitor = visitor = await _find_visitor(request)
            if visitor is not None:
                admit(request, visitor)
            return await handle(request)

        return handle_in_order


async def _find_visitor(request: Request) -> Caller | None:
    """Return who visits: by the cookie, and by nothing else that was sent.

    Raises:
        CookieInvalid: The cookie came twice, or is none that we gave out.
        StorageUnavailable: The database does not answer.
    """
    known: Caller | None = request.scope["state"].get("visitor")
    if known is not None:
        # The door has looked already.
        return known
    cookie = read_cookie(request.scope, session_cookie_name(request.scope))
    try:
        return await request.state.callers.identify(cookie) if cookie else None
    except SignedOut:
        return None
