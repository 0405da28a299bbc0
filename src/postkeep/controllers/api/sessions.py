"""Sessions: login, token, refresh, logout, listSessions, endSession, endOtherSessions."""

from typing import Annotated

from fastapi import APIRouter, Form, Path, status
from starlette.responses import JSONResponse, Response

from postkeep.controllers.bodies import BodiesFull
from postkeep.controllers.dependencies import CurrentCaller, LoginOrigin, PresentedToken, Sessions
from postkeep.controllers.errors import BodyTooLarge, BodyUnreadable, MediaTypeUnsupported, RequestInvalid, documented
from postkeep.controllers.route import Route
from postkeep.domain.accounts import Password
from postkeep.domain.attempts import TooManyAttempts
from postkeep.domain.errors import Invalid, Unauthenticated
from postkeep.domain.sessions import (
    CredentialsInvalid,
    RefreshTokenInvalid,
    RefreshTokenReused,
    Session,
    SessionAbsent,
    TokenInvalid,
    TokenMissing,
    parse_session_id,
)
from postkeep.services.ports import HashingBusy, StorageUnavailable
from postkeep.services.sessions import SessionService
from postkeep.views.sessions import (
    Credentials,
    OAuthError,
    SessionView,
    TokenForm,
    TokenPair,
    UsedRefreshToken,
    email_or_nobody,
    oauth_refusal,
)

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["sessions"])

SessionIdInPath = Annotated[str, Path(alias="sessionID", json_schema_extra={"format": "uuid"})]

_READING_ERRORS = (RequestInvalid, BodyTooLarge, MediaTypeUnsupported, BodyUnreadable, BodiesFull, StorageUnavailable)
_OWN_ERRORS = (TokenMissing, TokenInvalid, StorageUnavailable)
LOGIN_ERRORS = documented(CredentialsInvalid, TooManyAttempts, *_READING_ERRORS, HashingBusy)


@router.post("/login", operation_id="login", responses=LOGIN_ERRORS)
async def login(credentials: Credentials, sessions: Sessions, origin: LoginOrigin) -> TokenPair:
    """Log in with e-mail and password."""
    session = await sessions.login(credentials.email, credentials.password, origin)
    return TokenPair.of(sessions.tokens(session))


@router.post(
    "/token",
    operation_id="token",
    response_model=TokenPair,
    openapi_extra={"requestBody": {"required": True}},
    responses={
        **documented(BodyTooLarge, MediaTypeUnsupported, TooManyAttempts, StorageUnavailable, HashingBusy),
        status.HTTP_400_BAD_REQUEST: {"model": OAuthError, "description": "As RFC 6749 5.2 has it."},
    },
)
async def token(asked: Annotated[TokenForm, Form()], sessions: Sessions, origin: LoginOrigin) -> Response:
    """Answer tokens as OAuth 2 clients ask for them, the Authorize button of the docs page among them.

    Source: RFC 6749 4.3 (password grant), 6 (refresh_token grant), 5.1 and 5.2 (answers).
    """
    try:
        match asked.grant_type, asked.username, asked.password, asked.refresh_token:
            case "password", str(username), str(password), _:
                session = await _login(sessions, username, password, origin)
            case "refresh_token", _, _, str(refresh_token):
                session = await sessions.refresh(refresh_token)
            case "password" | "refresh_token", _, _, _:
                return oauth_refusal("invalid_request", "A parameter of this grant is missing.")
            case None, _, _, _:
                return oauth_refusal("invalid_request", "grant_type is missing.")
            case _:
                return oauth_refusal("unsupported_grant_type", "grant_type is password or refresh_token.")
    except (Unauthenticated, Invalid) as error:
        return oauth_refusal("invalid_grant", error.detail)
    pair = TokenPair.of(sessions.tokens(session))
    return JSONResponse(pair.model_dump())


@router.post(
    "/refresh",
    operation_id="refresh",
    responses=documented(RefreshTokenInvalid, RefreshTokenReused, *_READING_ERRORS),
)
async def refresh(used: UsedRefreshToken, sessions: Sessions) -> TokenPair:
    """Use a refresh token up for the next pair of tokens."""
    session = await sessions.refresh(used.refresh_token)
    return TokenPair.of(sessions.tokens(session))


@router.post(
    "/logout",
    operation_id="logout",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(TokenMissing, TokenInvalid, StorageUnavailable),
)
async def logout(token: PresentedToken, sessions: Sessions) -> None:
    """End the session of the token; also with an expired one, also a second time."""
    await sessions.logout(token)


@router.get("/sessions", operation_id="listSessions", responses=documented(*_OWN_ERRORS))
async def list_sessions(caller: CurrentCaller, sessions: Sessions) -> list[SessionView]:
    """Answer where the caller's account is logged in, the newest login first."""
    return [SessionView.of(session, caller.session_id) for session in await sessions.list_live(caller.account_id)]


@router.delete(
    "/sessions",
    operation_id="endOtherSessions",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(*_OWN_ERRORS),
)
async def end_other_sessions(caller: CurrentCaller, sessions: Sessions) -> None:
    """End all sessions of the caller's account but this one."""
    await sessions.end_others(caller.account_id, caller.session_id)


@router.delete(
    "/sessions/{sessionID}",
    operation_id="endSession",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented(*_OWN_ERRORS, SessionAbsent),
)
async def end_session(session_id: SessionIdInPath, caller: CurrentCaller, sessions: Sessions) -> None:
    """End one session of the caller's account, which may be this one."""
    await sessions.end(caller.account_id, parse_session_id(session_id))


async def _login(sessions: SessionService, username: str, password: str, origin: LoginOrigin) -> Session:
    """Log in with what a form holds; an address that cannot be one is nobody's."""
    return await sessions.login(email_or_nobody(username), Password.parse_any(password), origin)
