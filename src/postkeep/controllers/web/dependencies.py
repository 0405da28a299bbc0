"""What pages ask for, by name: who visits, what was typed, and what answers."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final, TypeAlias

from fastapi import Depends, Request
from starlette.responses import Response

from postkeep.controllers.errors import status_of
from postkeep.controllers.large_texts import LargeTexts
from postkeep.controllers.route import FORM, check_media_type, read_at_most
from postkeep.controllers.shared import shared_of
from postkeep.controllers.web.form_reading import parse_form
from postkeep.domain.accounts import AccountId
from postkeep.domain.errors import PostkeepError, TooMany, Unauthenticated, Unavailable
from postkeep.domain.sessions import Session, SignedOut
from postkeep.services.sessions import Caller
from postkeep.services.visits import VisitService
from postkeep.views.bodies import MAX_SMALL_BODY_BYTES
from postkeep.views.cookies import read_cookie, session_cookie_name, set_cookie
from postkeep.views.forms import MAX_PREVIEW_BYTES, MAX_WRITING_BYTES, Entered, check_account
from postkeep.views.pages import Pages, see_other

LEFT: Final = "postkeep-left"
"""The cookie of a browser in which an account has just been deleted."""

_LEFT_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Visit:
    """A request for a page, and all that an answer needs.

    Attributes:
        request: The request.
        pages: Makes pages.
        caller: Who visits, or None.
    """

    request: Request
    pages: Pages
    caller: Caller | None

    def show(self, name: str, *, status: int = 200, **context: object) -> Response:
        """Answer with a page."""
        return self.pages.show(self.request.scope, name, context, status=status)

    def show_again(self, name: str, entered: Entered, error: PostkeepError, **context: object) -> Response:
        """Answer with a form once more: with what was typed into it, and what is wrong with that."""
        entered.refuse(error)
        # A 401 would have to name a scheme of HTTP to log in by; a form is none.
        status = HTTPStatus.FORBIDDEN if isinstance(error, Unauthenticated) else status_of(type(error))
        headers = {"Retry-After": str(error.retry_after)} if isinstance(error, TooMany | Unavailable) else {}
        return self.pages.show(
            self.request.scope, name, {**context, "entered": entered}, status=status, headers=headers
        )

    async def give_back(self, name: str, entered: Entered, error: PostkeepError, **context: object) -> Response:
        """Answer with a form once more that has a post in it, which may be a large one."""
        async with self.large.turn(self.whose, entered.size):
            return await self.large.make(entered.size, lambda: self.show_again(name, entered, error, **context))

    def author(self, entered: Entered) -> Caller:
        """Return whose post a form holds.

        Raises:
            SignedOut: Nobody is logged in any more.
            AccountChanged: Somebody else is.
        """
        if self.caller is None:
            raise SignedOut
        check_account(entered, self.caller.account_id)
        return self.caller

    def let_in(self, session: Session, visits: VisitService, path: str) -> Response:
        """Lead to a page, with the cookie of a session that has just begun."""
        seconds = int((session.expires_date - session.created_date).total_seconds())
        name = session_cookie_name(self.request.scope)
        cookie = set_cookie(self.request.scope, name, visits.cookie(session), seconds=seconds)
        return see_other(path, {"Set-Cookie": cookie})

    def let_out(self, path: str) -> Response:
        """Lead to a page, without anything that the browser kept of the session. Source: W3C Clear Site Data 3.1."""
        gone = {"Set-Cookie": self.pages.forget_session(self.request.scope)}
        return see_other(path, {**gone, "Clear-Site-Data": '"cache", "storage"'})

    def say_farewell(self, path: str) -> Response:
        """Let somebody out whose account is no more: for a minute the browser knows so, by more than an address."""
        answer = self.let_out(path)
        answer.headers.append("Set-Cookie", set_cookie(self.request.scope, LEFT, "1", seconds=_LEFT_SECONDS))
        return answer

    @property
    def whose(self) -> AccountId | None:
        """The account that visits, if any."""
        return None if self.caller is None else self.caller.account_id

    @property
    def large(self) -> LargeTexts:
        """What says whose turn it is to have something made of a large text."""
        return shared_of(self.request).large_texts

    @property
    def has_left(self) -> bool:
        """Whether an account has just been deleted in this browser."""
        return read_cookie(self.request.scope, LEFT) != ""


async def _visit(request: Request) -> Visit:
    """Say who visits, as `PageRoute` found out before it looked at anything else."""
    return Visit(request, request.state.pages, request.state.visitor)


async def _signed_in(request: Request) -> Caller:
    """Return who visits.

    Raises:
        SignedOut: Nobody whom we know.
    """
    visitor: Caller | None = request.state.visitor
    if visitor is None:
        raise SignedOut
    return visitor


async def _small_form(request: Request) -> AsyncGenerator[Entered]:
    """Read a form without a post."""
    async for entered in _read_form(request, MAX_SMALL_BODY_BYTES):
        yield entered


async def _writing_form(request: Request) -> AsyncGenerator[Entered]:
    """Read a form with a post."""
    async for entered in _read_form(request, MAX_WRITING_BYTES):
        yield entered


async def _preview_form(request: Request) -> AsyncGenerator[Entered]:
    """Read a form with a text that is to be rendered."""
    async for entered in _read_form(request, MAX_PREVIEW_BYTES):
        yield entered


async def _read_form(request: Request, limit: int) -> AsyncGenerator[Entered]:
    """Read a form; its room is its own until the request is answered.

    Raises:
        MediaTypeUnsupported: It is of another kind.
        BodyTooLarge: It has more bytes than that.
        BodiesFull: There is no room for it just now.
        FormInvalid: It is no form.
        StorageUnavailable: Too many others are large, too.
        TextTooLong: What it says is much longer than a post may be.
    """
    visitor: Caller | None = request.state.visitor
    whose, large = visitor and visitor.account_id, shared_of(request).large_texts
    check_media_type(request, [FORM])
    with shared_of(request).bodies.room(whose) as room:
        body = await read_at_most(request, limit, room)
        async with large.turn(whose, len(body)):
            entered = await large.read(len(body), lambda: parse_form(body))
        yield entered


async def _visits(request: Request) -> VisitService:
    """Hand over the service for the cookies of sessions."""
    return shared_of(request).services.visits


CurrentVisit: TypeAlias = Annotated[Visit, Depends(_visit)]
"""What answers, and who visits if anybody does."""

SignedIn: TypeAlias = Annotated[Caller, Depends(_signed_in)]
"""Who visits. It comes before a form among a page's parameters: nobody's form is read before that."""

SmallForm: TypeAlias = Annotated[Entered, Depends(_small_form)]
PreviewForm: TypeAlias = Annotated[Entered, Depends(_preview_form)]
WritingForm: TypeAlias = Annotated[Entered, Depends(_writing_form)]
Visits: TypeAlias = Annotated[VisitService, Depends(_visits)]
