"""Accounts: signup, me, changePassword, deleteAccount."""

from fastapi import APIRouter, status

from postkeep.controllers.bodies import BodiesFull
from postkeep.controllers.dependencies import Accounts, CurrentCaller, LoginOrigin, Sessions
from postkeep.controllers.errors import BodyTooLarge, BodyUnreadable, MediaTypeUnsupported, RequestInvalid, documented
from postkeep.controllers.route import Route
from postkeep.domain.accounts import EmailInvalid, EmailTaken, PasswordCompromised, PasswordTooShort
from postkeep.domain.attempts import TooManyAttempts
from postkeep.domain.sessions import PasswordWrong, TokenInvalid, TokenMissing
from postkeep.services.ports import HashingBusy, StorageUnavailable
from postkeep.views.accounts import ChangedPassword, Leaving, Me, NewAccount
from postkeep.views.sessions import TokenPair

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["accounts"])

_READING_ERRORS = (
    RequestInvalid,
    BodyTooLarge,
    MediaTypeUnsupported,
    BodyUnreadable,
    TooManyAttempts,
    BodiesFull,
    StorageUnavailable,
    HashingBusy,
)
SIGNUP_ERRORS = documented(EmailTaken, EmailInvalid, PasswordTooShort, PasswordCompromised, *_READING_ERRORS)
_OWN_ERRORS = (TokenMissing, TokenInvalid, PasswordWrong, *_READING_ERRORS)


@router.post("/signup", operation_id="signup", status_code=status.HTTP_201_CREATED, responses=SIGNUP_ERRORS)
async def signup(new: NewAccount, accounts: Accounts, sessions: Sessions, origin: LoginOrigin) -> TokenPair:
    """Open an account and answer its first tokens."""
    session = await accounts.signup(new.email, new.password, origin)
    return TokenPair.of(sessions.tokens(session))


@router.get("/me", operation_id="me", responses=documented(TokenMissing, TokenInvalid, StorageUnavailable))
async def me(caller: CurrentCaller, accounts: Accounts) -> Me:
    """Answer the caller's own account."""
    return Me.of(await accounts.get(caller.account_id))


@router.post(
    "/me/password",
    operation_id="changePassword",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(PasswordTooShort, PasswordCompromised, *_OWN_ERRORS),
)
async def change_password(
    changed: ChangedPassword, caller: CurrentCaller, accounts: Accounts, origin: LoginOrigin
) -> None:
    """Give the caller's account a new password; its other sessions end."""
    await accounts.change_password(
        caller.account_id, caller.session_id, changed.current_password, changed.new_password, origin
    )


@router.post(
    "/me/deletion",
    operation_id="deleteAccount",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(*_OWN_ERRORS),
)
async def delete_account(leaving: Leaving, caller: CurrentCaller, accounts: Accounts, origin: LoginOrigin) -> None:
    """Remove the caller's account with all its posts. There is no way back."""
    await accounts.leave(caller.account_id, leaving.password, origin)
