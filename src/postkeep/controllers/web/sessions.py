"""Sessions: logging in and out, and ending those elsewhere."""

from contextlib import suppress

from fastapi import APIRouter
from starlette.responses import Response

from postkeep.controllers.dependencies import LoginOrigin, Sessions
from postkeep.controllers.web.dependencies import CurrentVisit, SignedIn, SmallForm, Visit, Visits
from postkeep.controllers.web.origins import check_encryption
from postkeep.controllers.web.paths import own_path
from postkeep.controllers.web.route import PageRoute
from postkeep.domain.errors import PostkeepError
from postkeep.domain.sessions import SessionAbsent, parse_session_id
from postkeep.services.sessions import SessionService
from postkeep.views.forms import Entered, check_account, read_credentials
from postkeep.views.pages import LOG_IN, see_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get(LOG_IN)
async def show_log_in(visit: CurrentVisit) -> Response:
    """Show the form to log in with; of the query, only where to go then is heeded (PW-26)."""
    following = own_path(visit.request.query_params.get("next", ""))
    if visit.caller is not None:
        return see_other(following)
    return visit.show("log_in", entered=Entered(), following=following)


@router.post(LOG_IN)
async def log_in(
    visit: CurrentVisit, entered: SmallForm, sessions: Sessions, visits: Visits, origin: LoginOrigin
) -> Response:
    """Let somebody in who knows the password."""
    following = own_path(entered["next"])
    try:
        check_encryption(visit.request.scope)
        session = await sessions.login(*read_credentials(entered), origin)
    except PostkeepError as error:
        return visit.show_again("log_in", entered, error, following=following)
    await end_former(visit, sessions)
    return visit.let_in(session, visits, following)


@router.post("/log-out")
async def log_out(visit: CurrentVisit, sessions: Sessions) -> Response:
    """End the session of this browser; also a second time."""
    await end_former(visit, sessions)
    return visit.let_out("/?done=log-out")


@router.post("/account/sessions/end-others")
async def end_others(caller: SignedIn, entered: SmallForm, sessions: Sessions) -> Response:
    """End all sessions of one's account but this one."""
    check_account(entered, caller.account_id)
    await sessions.end_others(caller.account_id, caller.session_id)
    return see_other("/account?done=sessions#sessions")


@router.post("/account/sessions/{session_id}/end")
async def end_session(session_id: str, caller: SignedIn, visit: CurrentVisit, sessions: Sessions) -> Response:
    """End one session of one's account; whoever ends this very one has logged out."""
    ended = parse_session_id(session_id)
    await sessions.end(caller.account_id, ended)
    return (
        visit.let_out("/?done=log-out") if ended == caller.session_id else see_other("/account?done=session#sessions")
    )


async def end_former(visit: Visit, sessions: SessionService) -> None:
    """End the session that the browser has come with, if it did: a new one takes its place, or none (PW-25)."""
    if visit.caller is not None:
        # Somebody else may have ended it at this moment.
        with suppress(SessionAbsent):
            await sessions.end(visit.caller.account_id, visit.caller.session_id)
