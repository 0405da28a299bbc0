"""Accounts: signup, me."""

from fastapi import APIRouter, status

from postkeep.controllers.dependencies import Accounts, CurrentCaller, LoginOrigin, Sessions
from postkeep.controllers.errors import BodyTooLarge, BodyUnreadable, MediaTypeUnsupported, RequestInvalid, documented
from postkeep.controllers.route import Route
from postkeep.domain.accounts import EmailInvalid, EmailTaken, PasswordCompromised, PasswordTooShort
from postkeep.domain.sessions import TokenInvalid, TokenMissing
from postkeep.services.ports import HashingBusy, StorageUnavailable
from postkeep.views.accounts import Me, NewAccount
from postkeep.views.sessions import TokenPair

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["accounts"])

SIGNUP_ERRORS = documented(
    EmailTaken,
    RequestInvalid,
    EmailInvalid,
    PasswordTooShort,
    PasswordCompromised,
    BodyTooLarge,
    MediaTypeUnsupported,
    BodyUnreadable,
    StorageUnavailable,
    HashingBusy,
)


@router.post("/signup", operation_id="signup", status_code=status.HTTP_201_CREATED, responses=SIGNUP_ERRORS)
async def signup(new: NewAccount, accounts: Accounts, sessions: Sessions, origin: LoginOrigin) -> TokenPair:
    """Open an account and answer its first tokens."""
    session = await accounts.signup(new.email, new.password, origin)
    return TokenPair.of(sessions.tokens(session))


@router.get("/me", operation_id="me", responses=documented(TokenMissing, TokenInvalid, StorageUnavailable))
async def me(caller: CurrentCaller, accounts: Accounts) -> Me:
    """Answer the caller's own account."""
    return Me.of(await accounts.get(caller.account_id))
