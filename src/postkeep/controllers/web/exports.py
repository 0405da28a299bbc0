"""Taking everything out, by a link."""

from fastapi import APIRouter
from starlette.responses import Response

from postkeep.controllers.dependencies import Exports
from postkeep.controllers.downloads import download
from postkeep.controllers.web.dependencies import CurrentVisit, SignedIn
from postkeep.controllers.web.route import PageRoute
from postkeep.views.exports import Format

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/account/posts.jsonl")
async def take_lines(caller: SignedIn, visit: CurrentVisit, exports: Exports) -> Response:
    """Answer all posts as lines of JSON."""
    return await download(caller, exports, visit.request, Format.JSON)


@router.get("/account/posts.zip")
async def take_files(caller: SignedIn, visit: CurrentVisit, exports: Exports) -> Response:
    """Answer all posts as files of Markdown."""
    return await download(caller, exports, visit.request, Format.MARKDOWN)
