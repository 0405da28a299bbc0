"""An answer that is the same for everybody for as long as the process lives."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from starlette.types import Receive, Scope, Send

from postkeep.server.representations import Loaded, coding_for
from postkeep.views.entity_tags import has_tag

_VARY: Final = (b"vary", b"Accept-Encoding")


class LastingAnswer:
    """Answers with what is made at the first request: plain, compressed, or 304 for who has it."""

    def __init__(self, make: Callable[[], bytes], content_type: str) -> None:
        """Take what makes it, and of which type it is."""
        self._make = make
        self._headers = [(b"content-type", content_type.encode()), (b"cache-control", b"no-cache")]
        self._loaded: Loaded | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a GET."""
        del receive
        if self._loaded is None:
            self._loaded = Loaded(self._headers, self._make(), _VARY)
        asked = dict(scope["headers"])
        form = await self._loaded.representation(coding_for(asked.get(b"accept-encoding")))
        is_known = has_tag(asked.get(b"if-none-match", b""), form.etag)
        status, headers = (HTTPStatus.NOT_MODIFIED, form.unmodified) if is_known else (HTTPStatus.OK, form.headers)
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        await send({"type": "http.response.body", "body": b"" if is_known else form.body})
