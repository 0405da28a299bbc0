"""Accounts: signing up, one's own account, its password, its end."""

from fastapi import APIRouter
from starlette.responses import Response

from postkeep.controllers.dependencies import Accounts, LoginOrigin, Sessions
from postkeep.controllers.web.dependencies import CurrentVisit, SignedIn, SmallForm, Visits
from postkeep.controllers.web.origins import check_encryption
from postkeep.controllers.web.route import PageRoute
from postkeep.controllers.web.sessions import end_former
from postkeep.domain.errors import PostkeepError
from postkeep.views.forms import Entered, check_account, read_changed_password, read_new_account, read_proof
from postkeep.views.pages import see_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/sign-up")
async def show_sign_up(visit: CurrentVisit) -> Response:
    """Show the form for an account."""
    return visit.show("sign_up", entered=Entered()) if visit.caller is None else see_other("/")


@router.post("/sign-up")
async def sign_up(  # noqa: PLR0913 - what is asked, of whom, and what answers
    *,
    visit: CurrentVisit,
    entered: SmallForm,
    accounts: Accounts,
    sessions: Sessions,
    visits: Visits,
    origin: LoginOrigin,
) -> Response:
    """Open an account, and let its owner in."""
    try:
        check_encryption(visit.request.scope)
        session = await accounts.signup(*read_new_account(entered), origin)
    except PostkeepError as error:
        return visit.show_again("sign_up", entered, error)
    await end_former(visit, sessions)
    return visit.let_in(session, visits, "/")


@router.get("/account")
async def show_account(caller: SignedIn, visit: CurrentVisit, accounts: Accounts, sessions: Sessions) -> Response:
    """Show one's account, and where it is logged in."""
    account = await accounts.get(caller.account_id)
    live = await sessions.list_live(caller.account_id)
    return visit.show("account", account=account, sessions=live, current=caller.session_id)


@router.get("/account/password")
async def show_password(caller: SignedIn, visit: CurrentVisit, accounts: Accounts) -> Response:
    """Show the form for another password."""
    return visit.show("password", entered=Entered(), account=await accounts.get(caller.account_id))


@router.post("/account/password")
async def change_password(
    caller: SignedIn, visit: CurrentVisit, entered: SmallForm, accounts: Accounts, origin: LoginOrigin
) -> Response:
    """Give one's account another password; its other sessions end."""
    try:
        check_account(entered, caller.account_id)
        current, new = read_changed_password(entered)
        await accounts.change_password(caller.account_id, caller.session_id, current, new, origin)
    except PostkeepError as error:
        return visit.show_again("password", entered, error, account=await accounts.get(caller.account_id))
    return see_other("/account?done=password")


@router.get("/account/delete")
async def show_deletion(caller: SignedIn, visit: CurrentVisit, accounts: Accounts) -> Response:
    """Ask whether one's account is really to be deleted."""
    return visit.show("delete_account", entered=Entered(), account=await accounts.get(caller.account_id))


@router.post("/account/delete")
async def delete_account(
    caller: SignedIn, visit: CurrentVisit, entered: SmallForm, accounts: Accounts, origin: LoginOrigin
) -> Response:
    """Delete one's account with everything in it. There is no way back."""
    try:
        check_account(entered, caller.account_id)
        await accounts.leave(caller.account_id, read_proof(entered), origin)
    except PostkeepError as error:
        return visit.show_again("delete_account", entered, error, account=await accounts.get(caller.account_id))
    return visit.say_farewell("/?done=account")
