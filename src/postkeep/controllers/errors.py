"""From refusals to answers: which kind is which HTTP status, in one table."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Self, TypeAlias

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from postkeep.domain.accounts import AccountGone
from postkeep.domain.errors import (
    Absent,
    Conflict,
    Forbidden,
    Invalid,
    Outdated,
    PostkeepError,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
    Unguarded,
)
from postkeep.domain.idempotency import KeyInUse
from postkeep.domain.sessions import TokenInvalid
from postkeep.views.browsers import asks_for_page
from postkeep.views.cookies import CookieInvalid
from postkeep.views.problems import MAX_ERRORS, PROBLEM_JSON, FieldError
from postkeep.views.refusals import refused
from postkeep.views.sessions import oauth_refusal

STATUS: Final[Mapping[type[PostkeepError], int]] = {
    Invalid: 422,
    Unauthenticated: 401,
    Forbidden: 403,
    Absent: 404,
    Conflict: 409,
    Outdated: 412,
    TooLarge: 413,
    Unguarded: 428,
    TooMany: 429,
    Unavailable: 503,
}

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_NAME: Final = re.compile(r"\w{0,40}", re.ASCII)

Responses: TypeAlias = dict[int | str, dict[str, Any]]
"""What an operation answers, by status, for its OpenAPI document."""


class BodyTooLarge(TooLarge):
    """The request's body is larger than this operation takes."""

    code = "body_too_large"

    @classmethod
    def over(cls, limit: int) -> Self:
        """Say how many bytes would have been taken."""
        return cls(f"The body has more than {limit:,} bytes, which is all that this operation takes.")


class TooManyRequests(TooMany):
    """Too many requests, from this address or of this account; `Retry-After` says when to go on."""

    code = "too_many_requests"


class MediaTypeUnsupported(PostkeepError):
    """This operation takes another media type, without content coding."""

    code = "unsupported_media_type"


class BodyUnreadable(PostkeepError):
    """The body is not UTF-8."""

    code = "not_utf8"


class FormInvalid(PostkeepError):
    """The form cannot be read."""

    code = "invalid_form"


class RequestInvalid(Invalid):
    """The request does not follow the API's description."""

    code = "invalid_request"
    field = "request"


_HEADERS: Final[Mapping[int | str, dict[str, Any]]] = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"type": "string", "pattern": '^Bearer realm="postkeep"'}}},
    429: {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}},
    503: {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}},
}
"""The headers without which a status says too little, for the OpenAPI document."""

_OF_REQUESTS: Final[Mapping[type[PostkeepError], int]] = {
    MediaTypeUnsupported: 415,
    BodyUnreadable: 400,
    FormInvalid: 400,
    CookieInvalid: 400,
}


def status_of(error: type[PostkeepError]) -> int:
    """Return the HTTP status of an error by its kind."""
    return next(status for kind, status in (*_OF_REQUESTS.items(), *STATUS.items()) if issubclass(error, kind))


def documented(*errors: type[PostkeepError]) -> Responses:
    """Describe the errors of an operation for its OpenAPI document."""
    by_status: dict[int | str, list[type[PostkeepError]]] = {}
    for error in errors:
        by_status.setdefault(status_of(error), []).append(error)
    return {
        status: {
            "description": " ".join(f"`{error.code}`: {error.meaning()}" for error in together),
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            **({"headers": _HEADERS[status]} if status in _HEADERS else {}),
        }
        for status, together in sorted(by_status.items(), key=lambda item: int(item[0]))
    }


def install(app: FastAPI) -> None:
    """Have an application answer every refusal as a problem."""
    app.add_exception_handler(PostkeepError, _answer_refusal)
    app.add_exception_handler(FormInvalid, _answer_form)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)


async def _answer_refusal(request: Request, error: Exception) -> Response:
    """Answer a refusal of ours, with the headers that its kind asks for."""
    assert isinstance(error, PostkeepError)  # noqa: S101 - Starlette's handlers take any Exception
    headers: dict[str, str] = {}
    status = status_of(type(error))
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = challenge(error)
    if isinstance(error, TooMany | Unavailable | KeyInUse):
        headers["Retry-After"] = str(error.retry_after)
    errors = [_field_error_of(error)] if isinstance(error, Invalid) else []
    return refused(
        request.scope,
        status,
        error.code,
        detail=error.detail,
        errors=errors,
        facts=error.facts,
        headers=headers,
    )


async def _answer_form(request: Request, error: Exception) -> Response:
    """Answer a browser with a page, and a program in OAuth's words: its token endpoint takes a form, too.

    Source: RFC 6749 5.2.
    """
    assert isinstance(error, FormInvalid)  # noqa: S101 - Starlette's handlers take any Exception
    if asks_for_page(request.scope):
        return await _answer_refusal(request, error)
    return oauth_refusal("invalid_request", error.detail)


def _field_error_of(error: Invalid) -> FieldError:
    """Say where an error is that the domain found: in the body, unless it names another place itself."""
    path = error.field if "." in error.field else f"body.{error.field}"
    return FieldError(path=path, code=error.code, detail=error.detail)


def challenge(error: Unauthenticated) -> str:
    """Return the WWW-Authenticate header of a 401.

    Source: RFC 6750 3 (an error code only where the request carried an access token).
    """
    scheme = 'Bearer realm="postkeep"'
    return f'{scheme}, error="invalid_token"' if isinstance(error, TokenInvalid | AccountGone) else scheme


async def _answer_invalid(request: Request, error: Exception) -> Response:
    """Answer what Pydantic found, without the values that were sent."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - Starlette's handlers take any Exception
    errors = [_field_error(fault) for fault in error.errors()[:MAX_ERRORS]]
    codes = {found.code for found in errors}
    code = errors[0].code if len(codes) == 1 else RequestInvalid.code
    detail = errors[0].detail if len(errors) == 1 else RequestInvalid.meaning()
    return refused(request.scope, 422, code, detail=detail, errors=errors)


def _field_error(fault: Mapping[str, Any]) -> FieldError:
    """Say what is wrong with one field: in our words where the domain refused it, in Pydantic's otherwise."""
    cause = fault.get("ctx", {}).get("error")
    path = _path(*fault["loc"])
    if isinstance(cause, PostkeepError):
        return FieldError(path=path, code=cause.code, detail=cause.detail)
    return FieldError(path=path, code=fault["type"], detail=fault["msg"])


def _path(place: str, *parts: str | int) -> str:
    """Say where a fault is; a header's name is always one that we know."""
    return ".".join([place, *(str(part) if place == "header" else _shown(part) for part in parts)])


def _shown(part: str | int) -> str:
    """Show a member's name, also one that nobody knows, if it is short and plain; anything else is not repeated."""
    return str(part) if _NAME.fullmatch(str(part)) else "?"


async def _answer_http(request: Request, error: Exception) -> Response:
    """Answer what the framework itself refuses: no such path, no such method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette's handlers take any Exception
    codes = {404: "not_found", 405: "method_not_allowed"}
    headers = dict(error.headers or {})
    if error.status_code == 405:  # noqa: PLR2004 - HTTP's own number
        headers["Allow"] = ", ".join(_allowed(request))
    return refused(request.scope, error.status_code, codes.get(error.status_code, "refused"), headers=headers)


def _allowed(request: Request) -> Iterable[str]:
    """Return the methods that the path takes; the framework names those of its first route only."""
    taken = {
        method
        for method in METHODS
        for route in request.app.router.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    }
    # What is left are the pages' files, which have no routes of their own.
    return sorted(taken | {"HEAD"}) if "GET" in taken else sorted(taken) or ["GET", "HEAD"]
