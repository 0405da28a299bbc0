"""What operations ask for, by name: who calls, and the services."""

from typing import Annotated, Final, Protocol, TypeAlias
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer
from starlette.requests import HTTPConnection

from postkeep.controllers.errors import TooManyRequests
from postkeep.controllers.large_texts import LargeTexts
from postkeep.controllers.shared import shared_of
from postkeep.domain.search import Query, QueryInvalid, parse_query
from postkeep.domain.sessions import Origin, TokenMissing
from postkeep.domain.unicode import is_encodable
from postkeep.services.accounts import AccountService
from postkeep.services.bulk import BulkService
from postkeep.services.exports import ExportService
from postkeep.services.health import HealthService
from postkeep.services.imports import ImportService
from postkeep.services.posts import PostService
from postkeep.services.search import SearchService
from postkeep.services.sessions import Caller, SessionService
from postkeep.views.authorization import bearer_token
from postkeep.views.cursors import Cursors as CursorWriter

_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


class _Bearer(OAuth2PasswordBearer):
    """How a token is sent, for the API's description and its Authorize button."""

    def __init__(self) -> None:
        """Describe the scheme; refusals are ours, so FastAPI makes none."""
        super().__init__(
            tokenUrl="/api/v1/token",
            refreshUrl="/api/v1/token",
            scheme_name="Postkeep",
            description="Log in with e-mail (as username) and password; client id and secret stay empty.",
            auto_error=False,
        )


class WhoCalls(_Bearer):
    """Who calls, as `Route` found out before it looked at anything else."""

    async def __call__(self, request: HTTPConnection) -> Caller:  # type: ignore[override]  # any dependency may
        """Return it."""
        caller: Caller = request.state.caller
        return caller


class _PresentedToken(_Bearer):
    """The access token as it was sent."""

    async def __call__(self, request: HTTPConnection) -> str:
        """Return it."""
        return bearer_token(_authorization(request))


def read_query(request: Request, given: str) -> Query:
    """Read what a request searches for, of which the framework has made text: U+FFFD of what is not UTF-8.

    Args:
        request: The request.
        given: Its `q`, as text.

    Raises:
        QueryInvalid: It is no query, or its bytes are not UTF-8.
    """
    if _REPLACEMENT in given:
        query = request.scope["query_string"].decode("latin-1")
        sent = dict(parse_qsl(query, keep_blank_values=True, errors="surrogateescape"))
        if not is_encodable(sent["q"]):
            raise QueryInvalid
    return parse_query(given)


class Callers(Protocol):
    """Finds out who calls; the door does, and tells it to the response cache, too."""

    async def identify(self, authorization: bytes) -> Caller:
        """Return who sent this Authorization header.

        Raises:
            TokenMissing: It carries no token.
            TokenInvalid: It is not a good one.
            StorageUnavailable: The database does not answer.
        """
        ...


def admit(request: Request, caller: Caller) -> None:
    """Count a request of a caller. Called by `Route`.

    Raises:
        TooManyRequests: The account sends more of them than it may.
    """
    seconds = shared_of(request).account_limit.hit(caller.account_id)
    if seconds:
        raise TooManyRequests(retry_after=seconds)


async def authenticate(request: Request) -> Caller:
    """Find out who calls, before anything else of the request is looked at. Called by `Route`.

    Raises:
        TokenMissing: The request carries no token.
        TokenInvalid: It is not a good one.
        StorageUnavailable: The database does not answer.
    """
    found: Caller | Exception | None = request.scope["state"].get("caller")
    if isinstance(found, Exception):
        raise found
    if found is not None:
        return found
    callers: Callers = request.state.callers
    return await callers.identify(_authorization(request))


def _authorization(request: HTTPConnection) -> bytes:
    """Return the Authorization header; several as the one list that they are together. Source: RFC 9110 5.3.

    Raises:
        TokenMissing: There is none.
    """
    given = [value for name, value in request.scope["headers"] if name == b"authorization"]
    if not given:
        raise TokenMissing
    return b", ".join(given)


async def _origin(request: Request) -> Origin:
    """Say where a login comes from."""
    return Origin.of(request.headers.get("user-agent", ""), request.client.host if request.client else "")


async def _accounts(request: Request) -> AccountService:
    """Hand over the service for accounts."""
    return shared_of(request).services.accounts


async def _sessions(request: Request) -> SessionService:
    """Hand over the service for sessions."""
    return shared_of(request).services.sessions


async def _posts(request: Request) -> PostService:
    """Hand over the service for posts."""
    return shared_of(request).services.posts


async def _large_texts(request: Request) -> LargeTexts:
    """Hand over what says whose turn it is to have something made of a large text."""
    return shared_of(request).large_texts


async def _bulk(request: Request) -> BulkService:
    """Hand over the service for many posts at once."""
    return shared_of(request).services.bulk


async def _search(request: Request) -> SearchService:
    """Hand over the service for searching."""
    return shared_of(request).services.search


async def _exports(request: Request) -> ExportService:
    """Hand over the service for taking out."""
    return shared_of(request).services.exports


async def _imports(request: Request) -> ImportService:
    """Hand over the service for bringing in."""
    return shared_of(request).services.imports


async def _health(request: Request) -> HealthService:
    """Hand over the service for health."""
    return shared_of(request).services.health


async def _cursors(request: Request) -> CursorWriter:
    """Hand over what writes and reads cursors."""
    return shared_of(request).cursors


CurrentCaller: TypeAlias = Annotated[Caller, Depends(WhoCalls())]
"""Who calls. Without a good token the answer is 401, before the body is asked for."""

PresentedToken: TypeAlias = Annotated[str, Depends(_PresentedToken())]
"""The access token as it was sent, not yet looked at."""

LoginOrigin: TypeAlias = Annotated[Origin, Depends(_origin)]
Accounts: TypeAlias = Annotated[AccountService, Depends(_accounts)]
Sessions: TypeAlias = Annotated[SessionService, Depends(_sessions)]
Posts: TypeAlias = Annotated[PostService, Depends(_posts)]
Large: TypeAlias = Annotated[LargeTexts, Depends(_large_texts)]
Bulk: TypeAlias = Annotated[BulkService, Depends(_bulk)]
Search: TypeAlias = Annotated[SearchService, Depends(_search)]
Exports: TypeAlias = Annotated[ExportService, Depends(_exports)]
Imports: TypeAlias = Annotated[ImportService, Depends(_imports)]
Health: TypeAlias = Annotated[HealthService, Depends(_health)]
Cursors: TypeAlias = Annotated[CursorWriter, Depends(_cursors)]
