"""The language of the pages, as somebody chooses it."""

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from postkeep.controllers.web.dependencies import CurrentVisit, SmallForm
from postkeep.controllers.web.paths import own_path
from postkeep.controllers.web.route import PageRoute
from postkeep.views.cookies import set_cookie
from postkeep.views.languages import COOKIE, parse_language
from postkeep.views.pages import see_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_YEAR_SECONDS: Final = 365 * 24 * 3600


@router.post("/language")
async def choose(visit: CurrentVisit, entered: SmallForm) -> Response:
    """Remember a language in this browser, and lead back; one that there is not is the server's own choice again."""
    language = parse_language(entered["language"])
    seconds = _YEAR_SECONDS if language else 0
    cookie = set_cookie(visit.request.scope, COOKIE, language or "", seconds=seconds)
    return see_other(own_path(entered["back"]), {"Set-Cookie": cookie})
