"""Metrics: what Prometheus asks, if it has the token for it."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from postkeep.controllers.route import Route
from postkeep.domain.errors import Unauthenticated

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Source: https://prometheus.io/docs/instrumenting/exposition_formats/."""


class MetricsTokenInvalid(Unauthenticated):
    """The metrics want `Authorization: Bearer` with the token that POSTKEEP_METRICS_TOKEN sets."""

    code = "metrics_token_invalid"


def install(app: FastAPI, render: Callable[[], Awaitable[bytes]], token: str) -> None:
    """Serve the metrics to whoever has the token.

    Args:
        app: Where.
        render: Returns them.
        token: What must be sent for them.
    """
    router = APIRouter(route_class=Route)
    expected = f"Bearer {token}".encode()

    @router.get("/metrics", operation_id="metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        """Answer all metrics of this server, in the form that Prometheus reads."""
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode("latin-1"), expected):
            raise MetricsTokenInvalid
        return Response(await render(), headers={"Content-Type": CONTENT_TYPE})

    app.router.routes.extend(router.routes)
