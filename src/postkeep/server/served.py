"""What is known of a request once it has been served: for the log, and for metrics."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from postkeep.domain.accounts import AccountId


@dataclass(frozen=True, slots=True)
class Served:
    """A request and its answer, without anything that somebody wrote.

    Attributes:
        method: As sent.
        path: As sent, without the query.
        route: The path's pattern, None where no operation has it.
        status: The answer's, 0 where there was none.
        seconds: From the request's head to the answer's last byte handed over.
        size: Of the answer's body, in bytes.
        cache: What the response cache did ("hit", "miss", "collapsed" or "bypass"), None where it had nothing to do.
        account: Who asked, None where nobody knows.
    """

    method: str
    path: str
    route: str | None
    status: int
    seconds: float
    size: int
    cache: str | None
    account: AccountId | None


def unless_remembered(tell: Callable[[Served], None]) -> Callable[[Served], None]:
    """Tell only of what was not answered from memory, wherever that stands: of the rest there are numbers."""

    def tell_of_misses(served: Served) -> None:
        if served.cache != "hit":
            tell(served)

    return tell_of_misses


class Witness:
    """Tells of each request when it has been served."""

    def __init__(self, app: ASGIApp, *, tell: Callable[[Served], None]) -> None:
        """Stand in front of an application, and tell somebody."""
        self._app = app
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = size = 0

        async def answer(message: Message) -> None:
            nonlocal status, size
            if "status" in message:
                status = message["status"]
            size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            state = scope["state"]
            # The API knows who calls, the pages who visits.
            known = state.get("caller") or state.get("visitor")
            self._tell(
                Served(
                    method=scope["method"],
                    path=scope["path"],
                    route=state.get("route"),
                    status=status,
                    seconds=time.perf_counter() - begun,
                    size=size,
                    cache=state.get("cache"),
                    account=getattr(known, "account_id", None),
                )
            )
