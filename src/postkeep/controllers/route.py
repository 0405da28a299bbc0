"""The one class of API routes: who calls comes first, then the body, read with a limit and strictly."""

import codecs
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Iterator, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from fastapi import params
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import Response

from postkeep.controllers import strict_json
from postkeep.controllers.bodies import Room
from postkeep.controllers.dependencies import WhoCalls, admit, authenticate
from postkeep.controllers.errors import BodyTooLarge, BodyUnreadable, FormInvalid, MediaTypeUnsupported
from postkeep.controllers.shared import shared_of
from postkeep.views.bodies import MAX_SMALL_BODY_BYTES, declared_length

JSON: Final = "application/json"
MAX_FORM_FIELDS: Final = 20
FORM: Final = "application/x-www-form-urlencoded"


class Route(APIRoute):
    """A route that looks at a request in this order: token, query, body.

    FastAPI itself reads the body before anything else; this is its documented way to come before that
    (https://fastapi.tiangolo.com/how-to/custom-request-and-route/).
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler with ours in front."""
        handle = super().get_route_handler()
        asks_who = _asks_who(self.dependant)
        names = list(_query_names(self.dependant))
        headers = [parameter.alias for parameter in self.dependant.header_params]
        expected = _expected_body(self)

        async def handle_in_order(request: Request) -> Response:
            request.state.route = self.path_format
            whose = None
            if asks_who:
                request.state.caller = await authenticate(request)
                admit(request, request.state.caller)
                whose = request.state.caller.account_id
            _refuse_repeated("query", request.query_params, names)
            _refuse_repeated("header", request.headers, headers)
            if expected is None:
                response = await handle(request)
            else:
                with shared_of(request).bodies.room(whose) as room:
                    response = await handle(await _read(request, expected, room))
            response.headers.setdefault("Cache-Control", "no-store")
            return response

        return handle_in_order


class _Expected(NamedTuple):
    """What an operation takes as its body.

    Attributes:
        media_types: One of these.
        max_bytes: No more bytes.
        max_parts: If it is JSON, no more parts.
    """

    media_types: Sequence[str]
    max_bytes: int
    max_parts: int = strict_json.MAX_PARTS


class _ReadRequest(Request):
    """A request whose body has been read and, if it is JSON, parsed."""

    def __init__(self, request: Request, body: bytes, value: object) -> None:
        """Take a request and what its body was found to be."""
        super().__init__(request.scope, request.receive)
        self._read_body = body
        self._value = value

    async def body(self) -> bytes:
        """Return the body as it was sent."""
        return self._read_body

    async def json(self) -> Any:  # noqa: ANN401 - JSON is anything
        """Return the body as it was read."""
        return self._value

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Give the body out again, for whoever reads it piece by piece."""
        yield self._read_body
        yield b""


def _asks_who(dependant: Dependant) -> bool:
    """Whether an operation depends on who calls, however indirectly."""
    return any(isinstance(child.call, WhoCalls) or _asks_who(child) for child in dependant.dependencies)


def _query_names(dependant: Dependant) -> Iterator[str]:
    """Return the names of all that an operation takes from the query, however indirectly."""
    yield from (parameter.alias for parameter in dependant.query_params)
    for child in dependant.dependencies:
        yield from _query_names(child)


def _expected_body(route: APIRoute) -> _Expected | None:
    """Return what an operation takes as its body, or None where it takes none."""
    if route.body_field is None:
        return None
    if isinstance(route.body_field.field_info, params.Form):
        return _Expected((FORM,), MAX_SMALL_BODY_BYTES)
    body = route.body_field.field_info.annotation
    return _Expected(
        getattr(body, "media_types", (JSON,)),
        getattr(body, "max_body_bytes", MAX_SMALL_BODY_BYTES),
        getattr(body, "max_parts", strict_json.MAX_PARTS),
    )


def _refuse_repeated(place: str, given: QueryParams | Headers, names: Collection[str]) -> None:
    """Refuse a query or a head that gives a parameter twice: taking either would be a guess.

    Raises:
        RequestValidationError: It does.
    """
    for name in names:
        if len(given.getlist(name)) > 1:
            raise RequestValidationError([{"type": "repeated", "loc": (place, name), "msg": "Given more than once"}])


async def _read(request: Request, expected: _Expected, room: Room) -> Request:
    """Read a body of an expected media type.

    Raises:
        MediaTypeUnsupported: It is of another one, or compressed.
        BodyTooLarge: It has more bytes.
        BodiesFull: There is no room for it just now.
        BodyUnreadable: It is not UTF-8.
        FormInvalid: It is not a form, where a form is expected.
        RequestValidationError: It is not JSON, where JSON is expected.
    """
    check_media_type(request, expected.media_types)
    body = await read_at_most(request, expected.max_bytes, room)
    if FORM in expected.media_types:
        _check_form(body)
        return _ReadRequest(request, body, None)
    if b"\x00" in body[:4] or body.startswith(codecs.BOM_UTF8):
        # How JSON in any other encoding begins, and JSON in UTF-8 never. Source: RFC 8259 8.1, RFC 4627 3.
        raise BodyUnreadable
    try:
        return _ReadRequest(request, body, strict_json.parse(body.decode("utf-8"), max_parts=expected.max_parts))
    except UnicodeDecodeError:
        raise BodyUnreadable from None
    except strict_json.JsonInvalid as error:
        fault = {"type": "json_invalid", "loc": ("body",), "msg": f"Not JSON: {error}"}
        raise RequestValidationError([fault]) from None


def _check_form(body: bytes) -> None:
    """Refuse a form that says one thing twice, or that is not UTF-8, or is none. Source: RFC 6749 3.2, appendix B."""
    try:
        fields = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FORM_FIELDS
        )
    except ValueError:
        raise FormInvalid from None
    if len({name for name, _ in fields}) < len(fields):
        message = "A parameter is given more than once."
        raise FormInvalid(message)


def check_media_type(request: Request, media_types: Sequence[str]) -> None:
    """Refuse a body of another type, in another charset, or compressed.

    Raises:
        MediaTypeUnsupported: It is one.
    """
    if plain_media_type(request) not in media_types:
        message = f"This operation takes {' or '.join(media_types)} in UTF-8, uncompressed."
        raise MediaTypeUnsupported(message)


def plain_media_type(request: Request) -> str | None:
    """Return the media type of a body in UTF-8, uncompressed; None where it is anything else."""
    given, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.replace(" ", "").replace('"', "").lower()
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    is_plain = charset in {"", "charset=utf-8"} and coding == "identity"
    return given.strip().lower() if is_plain else None


async def read_at_most(request: Request, limit: int, room: Room) -> bytes:
    """Read a body, and no more of it than may be kept, whatever its declared length claims."""
    if declared_length(request.headers) > limit:
        raise BodyTooLarge.over(limit)
    body = bytearray()
    async for chunk in request.stream():
        if len(body) + len(chunk) > limit:
            raise BodyTooLarge.over(limit)
        room.take(len(chunk))
        body += chunk
    return bytes(body)
