"""What operations ask for, by name: who calls, and the services."""

from typing import Annotated, TypeAlias

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer
from starlette.requests import HTTPConnection

from postkeep.domain.accounts import Account
from postkeep.domain.sessions import Origin, TokenInvalid, TokenMissing
from postkeep.services import Services
from postkeep.services.accounts import AccountService
from postkeep.services.health import HealthService
from postkeep.services.posts import PostService
from postkeep.services.sessions import Caller, SessionService
from postkeep.views.cursors import Cursors as CursorWriter


class _Bearer(OAuth2PasswordBearer):
    """How a token is sent, for the API's description and its Authorize button."""

    def __init__(self) -> None:
        super().__init__(
            tokenUrl="/api/v1/token",
            refreshUrl="/api/v1/token",
            scheme_name="Postkeep",
            description="Log in with e-mail (as username) and password; client id and secret stay empty.",
            auto_error=False,
        )


class CallersAccount(_Bearer):
    """The account of who calls, as `Route` found out before it looked at anything else."""

    async def __call__(self, request: HTTPConnection) -> Account:  # type: ignore[override]  # any dependency may
        """Return it."""
        caller: Caller = request.state.caller
        return caller.account


class _PresentedToken(_Bearer):
    """The access token as it was sent."""

    async def __call__(self, request: HTTPConnection) -> str:
        """Return it."""
        return bearer_token(request)


def services_of(request: Request) -> Services:
    """Return the services that this application was wired with."""
    services: Services = request.app.state.services
    return services


def bearer_token(request: HTTPConnection) -> str:
    """Return the access token that a request carries.

    Raises:
        TokenMissing: None, or another scheme.
        TokenInvalid: The scheme without one token, or more than one Authorization header.

    Source: RFC 9110 11.6.2, RFC 6750 2.1.
    """
    given = request.headers.getlist("authorization")
    if not given:
        raise TokenMissing
    scheme, _, token = given[0].partition(" ")
    if scheme.lower() != "bearer":
        raise TokenMissing
    if len(given) > 1 or not token or not token.isascii() or not token.isprintable() or " " in token:
        raise TokenInvalid
    return token


async def authenticate(request: Request) -> Caller:
    """Find out who calls, before anything else of the request is looked at. Called by `Route`.

    Raises:
        TokenMissing: The request carries no token.
        TokenInvalid: It is not a good one.
    """
    return await services_of(request).sessions.authenticate(bearer_token(request))


async def _origin(request: Request) -> Origin:
    return Origin.of(request.headers.get("user-agent", ""), request.client.host if request.client else "")


async def _accounts(request: Request) -> AccountService:
    return services_of(request).accounts


async def _sessions(request: Request) -> SessionService:
    return services_of(request).sessions


async def _posts(request: Request) -> PostService:
    return services_of(request).posts


async def _health(request: Request) -> HealthService:
    return services_of(request).health


async def _cursors(request: Request) -> CursorWriter:
    cursors: CursorWriter = request.app.state.cursors
    return cursors


CurrentAccount: TypeAlias = Annotated[Account, Depends(CallersAccount())]
"""The caller's account. Without a good token the answer is 401, before the body is asked for."""

PresentedToken: TypeAlias = Annotated[str, Depends(_PresentedToken())]
"""The access token as it was sent, not yet looked at."""

LoginOrigin: TypeAlias = Annotated[Origin, Depends(_origin)]
Accounts: TypeAlias = Annotated[AccountService, Depends(_accounts)]
Sessions: TypeAlias = Annotated[SessionService, Depends(_sessions)]
Posts: TypeAlias = Annotated[PostService, Depends(_posts)]
Health: TypeAlias = Annotated[HealthService, Depends(_health)]
Cursors: TypeAlias = Annotated[CursorWriter, Depends(_cursors)]
