"""The application: the door, the routers, the answers to errors."""

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from importlib.metadata import version
from typing import Any, Final

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from postkeep import logs
from postkeep.bootstrap.metrics import Metrics, metrics_of
from postkeep.bootstrap.process_memory import give_back_large_blocks, kept_out_of_collections
from postkeep.bootstrap.tracing import OFF, Tracing, tracing_of
from postkeep.bootstrap.wiring import Wired, wire
from postkeep.controllers import errors, openapi
from postkeep.controllers.api import accounts, by_name, edits, health, lists, posts, sessions, transfer
from postkeep.controllers.api import metrics as metrics_page
from postkeep.controllers.bodies import Bodies
from postkeep.controllers.large_texts import LargeTexts
from postkeep.controllers.shared import Shared
from postkeep.controllers.spools import Spools
from postkeep.controllers.web import accounts as account_pages
from postkeep.controllers.web import edits as edit_pages
from postkeep.controllers.web import exports as export_pages
from postkeep.controllers.web import imports as import_pages
from postkeep.controllers.web import language as language_pages
from postkeep.controllers.web import lists as list_pages
from postkeep.controllers.web import pages
from postkeep.controllers.web import posts as post_pages
from postkeep.controllers.web import sessions as session_pages
from postkeep.server.access_log import log_request
from postkeep.server.address_limit import AddressLimit
from postkeep.server.callers import Callers
from postkeep.server.client_address import ClientAddress
from postkeep.server.connections import MOST_UNSENT_BYTES, Connections, Deadlines
from postkeep.server.cors import Cors
from postkeep.server.draining import sigterm_after_parent, sigterm_delayed
from postkeep.server.failures import Failures
from postkeep.server.head import Head
from postkeep.server.hosts import ANY
from postkeep.server.lasting_answer import LastingAnswer
from postkeep.server.memory import Memory
from postkeep.server.page_memory import PageMemory
from postkeep.server.request_id import RequestId
from postkeep.server.request_limit import RequestLimit
from postkeep.server.response_cache import ResponseCache
from postkeep.server.security_headers import SecurityHeaders, StrictTransport
from postkeep.server.served import Witness, unless_remembered
from postkeep.server.trusted_hosts import TrustedHosts
from postkeep.server.unread_body import UnreadBody
from postkeep.services.threads import Threads
from postkeep.settings import Settings, load_settings
from postkeep.views.pages import Pages

log = logging.getLogger(__name__)

DESCRIPTION: Final = """Sign up or log in for a token, send it as `Authorization: Bearer ...`, and keep posts
that nobody else sees. Errors are `application/problem+json` (RFC 9457) with a stable `code`."""

TAGS: Final = [
    {"name": "accounts", "description": "Sign up; your own account."},
    {"name": "sessions", "description": "Log in, renew tokens, log out."},
    {"name": "posts", "description": "Add, list, read, edit and delete your posts."},
    {"name": "by name", "description": "The same operations at short names."},
    {"name": "health", "description": "For load balancers and operators."},
]

_API: Final = (lists, posts, edits, by_name, accounts, sessions, transfer, health)
_PAGES: Final = (
    list_pages,
    post_pages,
    edit_pages,
    session_pages,
    account_pages,
    export_pages,
    import_pages,
    language_pages,
)


class Postkeep(FastAPI):
    """FastAPI with a door in front of everything that it does by itself.

    Attributes:
        door: What servers call.
    """

    def __init__(self, **described: Any) -> None:  # noqa: ANN401 - FastAPI's own parameters
        """Make an application whose door stands open."""
        super().__init__(**described)
        self.door: ASGIApp = super().__call__

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        await self.door(scope, receive, send)


def create_app(settings: Settings | None = None) -> Postkeep:
    """Make the application.

    Args:
        settings: Read from the environment and .env where none are given.

    Raises:
        Misconfigured: A setting does not fit.
    """
    settings = settings or load_settings()
    logs.configure(settings.log_level, settings.log_format)
    memory = Memory(settings.cache_bytes)
    metrics, tracing = metrics_of(settings), tracing_of()
    app = Postkeep(
        title="Postkeep",
        summary="Keeps people's posts.",
        description=DESCRIPTION,
        version=version("postkeep"),
        openapi_tags=TAGS,
        lifespan=_lifespan(settings, memory, metrics, tracing),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry=OFF if tracing is None else tracing.telemetry,
        # The most used come first. `include_router` would have each request find its way twice.
        routes=[route for module in (*_API, *_PAGES) for route in module.router.routes],
    )
    errors.install(app)
    pages.install(app, docs=settings.docs)
    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    if settings.docs:
        # FastAPI's own route would serialise it for each request.
        described = LastingAnswer(lambda: openapi.serialise(app), "application/json")
        app.add_route("/openapi.json", described, methods=["GET"], include_in_schema=False)  # type: ignore[arg-type]  # Starlette takes an ASGI application, too
    if metrics is not None and settings.metrics_token is not None:
        metrics_page.install(app, metrics.render, settings.metrics_token.get_secret_value())
    _put_in_front(app, settings, memory, metrics)
    return app


def _lifespan(
    settings: Settings, memory: Memory, metrics: Metrics | None, tracing: Tracing | None
) -> Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, object]]]:
    """Make what goes on for as long as the application serves; its state is the requests'."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[Mapping[str, object]]:
        give_back_large_blocks()
        asyncio.get_running_loop().set_default_executor(Threads())
        async with AsyncExitStack() as going_on:
            if metrics is not None:
                going_on.enter_context(metrics.events_counted())
            if tracing is not None:
                going_on.push_async_callback(tracing.close)
            wired = await going_on.enter_async_context(wire(settings, tracing))
            services = wired.services
            connections = await going_on.enter_async_context(_watched_connections(settings))
            state = {"connections": connections, **_state_of_requests(settings, memory, wired)}
            await going_on.enter_async_context(_running(services.housekeeping.go_on()))
            if metrics is not None:
                sampling = metrics.go_on(lambda: _sampled(memory, connections, wired.usage()))
                await going_on.enter_async_context(_running(sampling))
                await going_on.enter_async_context(_running(metrics.look_whether_ready(services.health.check)))

            def drain() -> None:
                log.info("draining", extra={"seconds": settings.drain_seconds})
                services.health.drain()
                connections.drain()

            with (
                kept_out_of_collections(),
                sigterm_delayed(settings.drain_seconds, drain),
                sigterm_after_parent(),
            ):
                log.info("started", extra={"version": app.version, "key": wired.key})
                yield state
        log.info("stopped")

    return lifespan


def _state_of_requests(settings: Settings, memory: Memory, wired: Wired) -> Mapping[str, object]:
    """Return what requests find in their state: who calls, what pages are made of, and what all of them share."""
    services = wired.services
    folder = settings.data_dir if settings.data_dir.is_dir() else None
    return {
        "callers": Callers(
            services.sessions, services.visits, wired.freshness, memory, remembers=settings.cache_ttl > 0
        ),
        "pages": Pages(
            language=settings.language, password_min_length=settings.password_min_length, has_docs=settings.docs
        ),
        "shared": Shared(
            services=services,
            cursors=wired.cursors,
            account_limit=RequestLimit("account", settings.account_rate),
            bodies=Bodies(settings.bodies_bytes),
            large_texts=LargeTexts(),
            spools=Spools(folder, settings.import_bytes),
            answer_seconds=settings.answer_seconds,
        ),
    }


def _sampled(
    memory: Memory, connections: Connections, usage: Mapping[str, int]
) -> tuple[Mapping[str, float], Mapping[str, int]]:
    """Return what is so at the moment and what was counted since the start, by the names of the metrics."""
    gauges = {
        "connections": len(connections),
        "cache_bytes": memory.currsize,
        "cache_limit_bytes": memory.maxsize,
        **usage,
    }
    return gauges, {f"cache_{name}": count for name, count in asdict(memory.counts).items()}


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Have something go on beside everything else."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        # What it is at comes to its end before the storage does.
        await asyncio.wait([task])


@asynccontextmanager
async def _watched_connections(settings: Settings) -> AsyncGenerator[Connections]:
    """Have the connections of our own protocol watched; other servers have none here."""
    deadlines = Deadlines(
        head=settings.head_seconds,
        body=settings.body_seconds,
        answer=settings.answer_seconds,
        idle=settings.keep_alive_seconds,
    )
    # A list from memory leaves in one piece, and may have a sixteenth of that: some of those must be able to wait.
    most_unsent = max(MOST_UNSENT_BYTES, settings.cache_bytes // 4)
    connections = Connections(deadlines, settings.connections, most_unsent)
    async with _running(connections.watch()):
        yield connections


def _put_in_front(app: Postkeep, settings: Settings, memory: Memory, metrics: Metrics | None) -> None:
    """Put the door in front of the application, from the inside out."""
    # What the application's own framework would answer by itself must come out as ours, so these stand within it.
    app.add_middleware(AddressLimit, limit=RequestLimit("address", settings.address_rate))
    app.add_middleware(PageMemory, memory=memory, ttl=settings.cache_ttl)
    for layer in (Head, UnreadBody, Failures, SecurityHeaders):
        app.add_middleware(layer)
    if metrics is not None:
        app.add_middleware(Witness, tell=unless_remembered(metrics.count))
    if settings.access_log == "misses":
        app.add_middleware(Witness, tell=unless_remembered(log_request))
    if not settings.trusted_proxies:
        # There is no proxy to believe, only somebody to warn, which can wait for what is not answered from memory.
        app.add_middleware(ClientAddress, trusted=())
    # What is answered from memory costs no step of the framework, so these stand before it.
    app.door = ResponseCache(app.door, paths=lists.REMEMBERED, memory=memory, ttl=settings.cache_ttl)
    _look_who_comes(app, settings)
    if settings.access_log == "all":
        app.door = Witness(app.door, tell=log_request)
    app.door = RequestId(app.door)


def _look_who_comes(app: Postkeep, settings: Settings) -> None:
    """Put in front what looks at where requests come from, and whom they are for, from the inside out."""
    if ANY not in settings.trusted_hosts:
        names = (*settings.trusted_hosts, settings.host, socket.gethostname())
        app.door = TrustedHosts(app.door, names=names)
    if settings.cors_origins:
        app.door = Cors(app.door, origins=settings.cors_origins)
    app.door = StrictTransport(app.door)
    if settings.trusted_proxies:
        app.door = ClientAddress(app.door, trusted=settings.trusted_proxies)
