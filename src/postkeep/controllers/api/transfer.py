"""Taking posts out and bringing them in: exportPosts, importPosts."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response, status
from pydantic import BeforeValidator
from pydantic_core import PydanticKnownError
from starlette.types import Message, Receive, Scope, Send

from postkeep.controllers.dependencies import CurrentCaller, Exports, Imports
from postkeep.controllers.downloads import SLOWEST, download
from postkeep.controllers.errors import BodyTooLarge, MediaTypeUnsupported, RequestInvalid, Responses, documented
from postkeep.controllers.incoming_kinds import begun
from postkeep.controllers.incoming_lines import LineInvalid
from postkeep.controllers.long_answer import LongAnswer
from postkeep.controllers.route import Route, plain_media_type
from postkeep.controllers.shared import shared_of
from postkeep.controllers.spools import ImportUnderWay, NoRoom, TooManyImports
from postkeep.controllers.zip_reading import ZipBomb, ZipInvalid
from postkeep.domain.sessions import TokenInvalid, TokenMissing
from postkeep.services.ports import StorageUnavailable
from postkeep.views.bodies import LONG_BODY, declared_length
from postkeep.views.exports import JSON_LINES, ZIP, Format
from postkeep.views.imports import report_lines

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["posts"])

_LINES: Final = (JSON_LINES, "application/x-ndjson")

_LONGEST_SECONDS: Final = 3600.0
"""An import ends when all of it was looked at; this is for what nobody thought of."""

_ERRORS: Final = (TokenMissing, TokenInvalid, StorageUnavailable)
_POSTS: Final[dict[str, Any]] = {"type": "array", "items": {"$ref": "#/components/schemas/PostView"}}
_FILE: Final[dict[str, Any]] = {"type": "string", "format": "binary"}

EXPORT: Final[Responses] = {
    **documented(*_ERRORS, RequestInvalid),
    status.HTTP_200_OK: {
        "description": "A line of JSON for each post, newest first; or a ZIP with a Markdown file for each.",
        "content": {JSON_LINES: {"schema": _POSTS}, ZIP: {"schema": _FILE}},
        "headers": {"Content-Disposition": {"schema": {"type": "string"}}},
    },
}
IMPORT: Final[Responses] = {
    **documented(
        *_ERRORS,
        BodyTooLarge,
        MediaTypeUnsupported,
        RequestInvalid,
        LineInvalid,
        ZipInvalid,
        ZipBomb,
        ImportUnderWay,
        TooManyImports,
        NoRoom,
    ),
    status.HTTP_200_OK: {
        "description": "What became of each line or file, a line of JSON for each; the last one counts them.",
        "content": {JSON_LINES: {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/ImportReport"}}}},
    },
}
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            JSON_LINES: {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/IncomingPost"}}},
            ZIP: {"schema": _FILE},
        },
    }
}


def _in_words(given: object) -> object:
    """Refuse what only Python takes for a truth: 1, on, yes."""
    if isinstance(given, str) and given not in {"true", "false"}:
        raise PydanticKnownError("bool_parsing")  # noqa: EM101 - Pydantic's name for it
    return given


DryRun = Annotated[bool, Query(description="Only say what would be done."), BeforeValidator(_in_words)]
FormatAsked = Annotated[Format, Query(alias="format", description="json: JSON Lines. markdown: a ZIP of files.")]


@router.get("/export", operation_id="exportPosts", response_class=Response, responses=EXPORT)
async def export_posts(
    caller: CurrentCaller, exports: Exports, request: Request, format_asked: FormatAsked = Format.JSON
) -> Response:
    """Answer all posts of the caller as they are at this moment, as a file to keep."""
    return await download(caller, exports, request, format_asked)


@router.post("/import", operation_id="importPosts", response_class=Response, responses=IMPORT, openapi_extra=_BODY)
async def import_posts(caller: CurrentCaller, imports: Imports, request: Request, dry_run: DryRun = False) -> Response:  # noqa: FBT002 - a query
    """Add the posts that are brought and not there yet, and say line by line what became of each."""
    media_type = _media_type(request)
    spools = shared_of(request).spools
    with ExitStack() as held:
        file = held.enter_context(spools.opened(caller.account_id))
        # Only now: who is refused before has no more time than anybody else.
        setattr(request.state, LONG_BODY, True)
        await spools.fill(file, request.stream(), declared_length(request.headers))
        parts = await begun(file, media_type, spools.turns)
        outcomes = await imports.begin(caller.account_id, parts, dry_run=dry_run)
        patience = shared_of(request).answer_seconds
        return _Report(report_lines(outcomes, dry_run=dry_run), held.pop_all(), patience=patience)


class _Report(LongAnswer):
    """A report that is made as it is sent, with what it is made of; its making takes none of its client's time."""

    def __init__(self, lines: AsyncGenerator[bytes], held: ExitStack, *, patience: float) -> None:
        """Take its lines, and what to close behind them.

        Args:
            lines: What to send.
            held: What to close.
            patience: For how many seconds it may wait for its client in all, besides one for so many bytes.
        """
        recalled = asyncio.get_running_loop().create_future()
        headers = {"Cache-Control": "no-store"}
        parts = _ending(lines, held)
        super().__init__(parts, seconds=_LONGEST_SECONDS, recalled=recalled, headers=headers, media_type=JSON_LINES)
        self._held = held
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. What it is made of is closed also where not even its first line was asked for."""
        loop = asyncio.get_running_loop()

        async def send_in_time(message: Message) -> None:
            self._patience += len(message.get("body", b"")) / SLOWEST
            begun = loop.time()
            timer = loop.call_later(self._patience, self._recall)
            try:
                await send(message)
            finally:
                timer.cancel()
                self._patience -= loop.time() - begun

        with self._held:
            await super().__call__(scope, receive, send_in_time)

    def _recall(self) -> None:
        """Have the answer be cut: what it is made of keeps others out."""
        if not self._recalled.done():
            self._recalled.set_result(None)


async def _ending(lines: AsyncGenerator[bytes], held: ExitStack) -> AsyncGenerator[bytes]:
    """Give out the lines; the import is over before their client sees the end, and may begin the next one."""
    with held:
        async with aclosing(lines):
            async for line in lines:
                yield line


def _media_type(request: Request) -> str:
    """Return of which kind a body is.

    Raises:
        MediaTypeUnsupported: Of none that is brought in here.
    """
    kind = plain_media_type(request)
    if kind is None or kind not in {*_LINES, ZIP}:
        message = f"This operation takes {', '.join(_LINES)} in UTF-8 and {ZIP}, uncompressed."
        raise MediaTypeUnsupported(message)
    return kind
