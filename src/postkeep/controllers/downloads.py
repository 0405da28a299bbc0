"""Everything that somebody keeps, as a file to take along; for the API and for the pages."""

from datetime import UTC, datetime
from typing import Final

from fastapi import Request
from starlette.responses import Response

from postkeep.controllers.long_answer import LongAnswer
from postkeep.controllers.shared import shared_of
from postkeep.services.exports import ExportService
from postkeep.services.sessions import Caller
from postkeep.views.exports import FORMATS, Format

SLOWEST: Final = 256 * 1024
"""Bytes per second: who takes an export has so much more time than for other answers."""


async def download(caller: Caller, exports: ExportService, request: Request, format_asked: Format) -> Response:
    """Answer all posts of a caller as they are at this moment.

    Raises:
        StorageUnavailable: The database does not answer, or too many long lists are being read.
    """
    export = await exports.begin(caller.account_id, size=caller.stamp.list_bytes)
    written = FORMATS[format_asked]
    name = f"postkeep-{datetime.now(UTC):%Y-%m-%d}.{written.ending}"
    return LongAnswer(
        written.write(export.parts),
        seconds=shared_of(request).answer_seconds + caller.stamp.list_bytes / SLOWEST,
        recalled=export.recalled,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        media_type=written.media_type,
    )
