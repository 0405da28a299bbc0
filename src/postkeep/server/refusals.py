"""What the protocol itself refuses, and how it says so: in the same form as everything else that is refused."""

import logging
from collections.abc import Mapping
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from postkeep.server.request_id import RequestId
from postkeep.server.security_headers import SecurityHeaders
from postkeep.views.refusals import refused

log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS: Final = 1


class Refusal(Exception):
    """What a connection sent cannot be served; the connection ends with the answer that says so."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        """Say why.

        Args:
            status: The HTTP status.
            code: What is wrong, for programs.
            detail: What is wrong, for people; nothing of what was sent.
            headers: What the status asks for besides.
        """
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = {**(headers or {}), "Connection": "close"}


def malformed(detail: str) -> Refusal:
    """Refuse what is no HTTP, or not clearly one request."""
    return Refusal(400, "malformed_request", detail)


def head_too_large(detail: str) -> Refusal:
    """Refuse a head that is too much to read."""
    return Refusal(431, "head_too_large", detail)


def target_too_long(detail: str = "The request's target is too long.") -> Refusal:
    """Refuse a request line that is too much to read."""
    return Refusal(414, "target_too_long", detail)


def too_slow(detail: str) -> Refusal:
    """Refuse to wait any longer."""
    return Refusal(408, "request_too_slow", detail)


def no_room() -> Refusal:
    """Refuse one connection more than there may be."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return Refusal(503, "too_many_connections", "Too many are connected just now. Try again in a moment.", headers)


def answering(refusal: Refusal) -> ASGIApp:
    """Return an application that says one thing, through the layers that name and dress every answer."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        log.info("refused", extra={"status": refusal.status, "code": refusal.code})
        answer = refused(scope, refusal.status, refusal.code, detail=refusal.detail, headers=refusal.headers)
        await answer(scope, receive, send)

    return RequestId(SecurityHeaders(refuse))
