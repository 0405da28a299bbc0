"""Bringing posts in, by a form with a file."""

from fastapi import APIRouter
from starlette.responses import Response

from postkeep.controllers.dependencies import Imports
from postkeep.controllers.incoming_kinds import begun
from postkeep.controllers.shared import shared_of
from postkeep.controllers.web.dependencies import CurrentVisit, SignedIn, Visit
from postkeep.controllers.web.file_forms import FileForm
from postkeep.controllers.web.route import PageRoute
from postkeep.domain.errors import PostkeepError
from postkeep.services.imports import ImportService
from postkeep.services.sessions import Caller
from postkeep.views.bodies import LONG_BODY, declared_length
from postkeep.views.forms import Entered, check_account
from postkeep.views.imports import Report

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/account/import")
async def show_import(_caller: SignedIn, visit: CurrentVisit) -> Response:
    """Show the form for a file with posts."""
    return visit.show("import", entered=Entered(), report=None, most=_most(visit))


@router.post("/account/import")
async def bring_in(caller: SignedIn, visit: CurrentVisit, imports: Imports) -> Response:
    """Add the posts of a file that are not there yet, and say what became of the others.

    No other page is led to: whoever loads this one again sends the file again, which adds nothing twice.
    """
    report = Report()
    try:
        await _bring_in(caller, visit, imports, report)
    except PostkeepError as error:
        return visit.show_again("import", Entered(), error, report=report, most=_most(visit))
    return visit.show("import", entered=Entered(), report=report, most=_most(visit))


async def _bring_in(caller: Caller, visit: Visit, imports: ImportService, report: Report) -> None:
    """Bring in what a form holds."""
    request, spools = visit.request, shared_of(visit.request).spools
    with spools.opened(caller.account_id) as file:
        form = FileForm(request)
        # Only now: who is refused before has no more time than anybody else.
        setattr(request.state, LONG_BODY, True)
        await spools.fill(file, form.content(), declared_length(request.headers))
        check_account(Entered(form.fields), caller.account_id)
        parts = await begun(file, None, spools.turns)
        await report.take_all(await imports.begin(caller.account_id, parts))


def _most(visit: Visit) -> int:
    """Return how many bytes a file may have."""
    return shared_of(visit.request).spools.limit
