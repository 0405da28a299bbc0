"""HEAD: GET without the body (RFC 9110 9.3.2)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from postkeep.views.bodies import IS_HEAD


class Head:
    """Serves HEAD wherever GET is served, with the same headers."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand in front of an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
        else:
            await self._app(as_get(scope), receive, without_bodies(send))


def as_get(scope: Scope) -> Scope:
    """Return the GET whose headers a HEAD asks for. Its answer must come in two messages: one is left out."""
    return {**scope, "method": "GET", "extensions": {}, IS_HEAD: True}


def without_bodies(send: Send) -> Send:
    """Send everything of an answer but its body."""

    async def answer(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return answer
