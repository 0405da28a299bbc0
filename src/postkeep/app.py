"""The application: the door, the routers, the answers to errors."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Final

from fastapi import FastAPI

from postkeep import logs
from postkeep.bootstrap import wire
from postkeep.controllers import errors, openapi
from postkeep.controllers.api import accounts, by_name, health, posts, sessions
from postkeep.controllers.web import pages
from postkeep.server.access_log import AccessLog
from postkeep.server.failures import Failures
from postkeep.server.head import Head
from postkeep.server.request_id import RequestId
from postkeep.server.unread_body import UnreadBody
from postkeep.settings import Settings, load_settings

log = logging.getLogger(__name__)

DESCRIPTION: Final = """Sign up or log in for a token, send it as `Authorization: Bearer ...`, and keep posts
that nobody else sees. Errors are `application/problem+json` (RFC 9457) with a stable `code`."""

TAGS: Final = [
    {"name": "accounts", "description": "Sign up; your own account."},
    {"name": "sessions", "description": "Log in, renew tokens, log out."},
    {"name": "posts", "description": "Add, list, read and delete your posts."},
    {"name": "by name", "description": "The same operations at short names."},
    {"name": "health", "description": "For load balancers and operators."},
]


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the application.

    Args:
        settings: Read from the environment and .env where none are given.

    Raises:
        Misconfigured: A setting does not fit.
    """
    settings = settings or load_settings()
    logs.configure(settings.log_level, settings.log_format)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with wire(settings) as wired:
            app.state.services = wired.services
            app.state.cursors = wired.cursors
            app.state.list_seconds = settings.list_seconds
            log.info("started", extra={"version": app.version})
            yield
        log.info("stopped")

    app = FastAPI(
        title="Postkeep",
        summary="Keeps people's posts.",
        description=DESCRIPTION,
        version=version("postkeep"),
        openapi_tags=TAGS,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs else None,
        redirect_slashes=False,
    )
    errors.install(app)
    # FastAPI tries included routers in their order, so the most used one comes first.
    for router in (posts.router, accounts.router, sessions.router):
        app.include_router(router, prefix="/api/v1")
    app.include_router(by_name.router)
    app.include_router(health.router)
    pages.install(app, docs=settings.docs)
    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    # The last one added stands outermost.
    for layer in (Head, UnreadBody, Failures):
        app.add_middleware(layer)
    if settings.access_log == "all":
        app.add_middleware(AccessLog)
    app.add_middleware(RequestId)
    return app
