"""Lists of posts: getPosts, with all that it can be asked for, and getSummary."""

from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response, status
from pydantic import BeforeValidator
from pydantic_core import PydanticKnownError

from postkeep.controllers.dependencies import CurrentCaller, Cursors, Large, Posts, Search, read_query
from postkeep.controllers.errors import RequestInvalid, Responses, documented
from postkeep.controllers.large_texts import size_of
from postkeep.controllers.long_answer import LongAnswer
from postkeep.controllers.route import Route
from postkeep.controllers.shared import shared_of
from postkeep.domain.accounts import AccountGone
from postkeep.domain.lists import Listing, Sort
from postkeep.domain.posts import Status
from postkeep.domain.search import QUERY_MAX_LENGTH, QueryInvalid
from postkeep.domain.search import Query as SearchQuery
from postkeep.domain.sessions import TokenInvalid, TokenMissing
from postkeep.services.ports import SearchUnavailable, StorageUnavailable
from postkeep.services.posts import LongPage, Page
from postkeep.views.cursors import CURSOR_SCHEMA, CursorInvalid
from postkeep.views.posts import NOT_BLANK, ListedPostView, SummaryView, found_list, long_post_list, post_list

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["posts"])

_ERRORS = (TokenMissing, TokenInvalid, StorageUnavailable)
_LINK: Final = {"description": 'rel="next": the next page (RFC 8288).', "schema": {"type": "string"}}
_ETAG: Final = {"schema": {"type": "string", "pattern": '^"[0-9a-f]{32}"$'}}
_MAY_BE_KEPT: Final = {"ETag": {**_ETAG, "description": "For If-None-Match, where the answer may be kept."}}
_UNMODIFIED: Responses = {
    status.HTTP_304_NOT_MODIFIED: {
        "description": "Nothing has changed since the answer of If-None-Match.",
        "headers": {"ETag": {**_ETAG, "required": True}},
    }
}
_IF_NONE_MATCH: Final = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The answer at hand, as its ETag has it.",
    "schema": {"type": "string"},
}
_CONDITIONAL: Final[dict[str, Any]] = {"parameters": [_IF_NONE_MATCH]}
"""The door answers it (`server.response_cache`), so no route has such a parameter."""

LISTED: Final[dict[str, Any]] = {
    "response_model": list[ListedPostView],
    "responses": {
        **documented(*_ERRORS, RequestInvalid, CursorInvalid, QueryInvalid, SearchUnavailable),
        **_UNMODIFIED,
        status.HTTP_200_OK: {"headers": {"Link": _LINK, **_MAY_BE_KEPT}},
    },
    "openapi_extra": _CONDITIONAL,
}
"""What getPosts answers, by either name."""

_SUMMARISED: Final[Responses] = {
    **documented(*_ERRORS, AccountGone),
    **_UNMODIFIED,
    status.HTTP_200_OK: {"headers": _MAY_BE_KEPT},
}

REMEMBERED: Final = {"/api/v1/posts": "", "/getPosts": "", "/api/v1/posts/summary": "summary"}
"""Where answers depend on the caller's posts only, and what each is called that was asked for without a query."""

PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
"""The headers of answers with posts: nobody else may keep them, and a browser asks again each time."""

_NO_NUMBER: Final = "int_parsing"


def _in_digits(given: object) -> object:
    """Refuse what only Python takes for a number: 1_0, 1.0, blanks around it."""
    if isinstance(given, str) and not (given.isascii() and given.isdigit()):
        raise PydanticKnownError(_NO_NUMBER)
    return given


Limit = Annotated[
    int | None,
    Query(ge=1, le=1000, description="At most so many; the next page is in Link. 50 where `q` is given."),
    BeforeValidator(_in_digits),
]
Cursor = Annotated[
    str | None,
    Query(max_length=100, description="Where the page begins, as Link had it.", json_schema_extra=CURSOR_SCHEMA),
]
OfStatus = Annotated[Status | None, Query(alias="status", description="Only posts of this status.")]
Sorted = Annotated[
    Sort, Query(description="By the moment of creation or of the last change; `-` is for the latest first.")
]
Words = Annotated[
    str | None,
    Query(
        alias="q",
        description="Only posts with each of these words (1 to 16) somewhere in the title or in the text, whatever the"
        " case of their letters. Each comes with a `snippet`.",
        json_schema_extra={**NOT_BLANK, "maxLength": QUERY_MAX_LENGTH},
    ),
]


async def _listing(sort: Sorted = Sort.NEWEST_FIRST, of_status: OfStatus = None) -> Listing:
    """Say which posts are meant, and in what order."""
    return Listing(sort, of_status)


async def _query(request: Request, words: Words = None) -> SearchQuery | None:
    """Say what is searched for, if anything."""
    return None if words is None else read_query(request, words)


AskedListing = Annotated[Listing, Depends(_listing)]
AskedQuery = Annotated[SearchQuery | None, Depends(_query)]


@router.get("/posts", operation_id="getPosts", **LISTED)
async def get_posts(  # noqa: PLR0913 - a page, its owner, and what the next page's address is made of
    *,
    caller: CurrentCaller,
    posts: Posts,
    search: Search,
    cursors: Cursors,
    large: Large,
    request: Request,
    listing: AskedListing,
    query: AskedQuery,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Answer the caller's posts, newest first: all of them, or those that are asked for."""
    author, sought = caller.account_id, "" if query is None else query.given
    before = None if cursor is None else cursors.read(author, cursor, listing, sought)
    if query is not None:
        page: Page | LongPage = await search.find(author, query, listing, limit=limit, before=before)
    else:
        page = await posts.page(author, listing, limit=limit, before=before, size=caller.stamp.list_bytes)
    if isinstance(page, LongPage):
        response: Response = _long_answer(page, request)
    else:
        size = size_of(page.posts, query)
        async with large.turn(author, size):
            response = await large.make(size, lambda: _answer(page, query))
    if page.last is not None:
        response.headers["Link"] = _next(request, cursors.write(author, page.last, listing, sought))
    return response


@router.get("/posts/summary", operation_id="getSummary", responses=_SUMMARISED, openapi_extra=_CONDITIONAL)
async def get_summary(caller: CurrentCaller, posts: Posts, response: Response) -> SummaryView:
    """Answer how many posts the caller has, by status, and how much of the quota they use."""
    summary = await posts.summarise(caller.account_id, size=caller.stamp.list_bytes)
    response.headers.update(PRIVATE)
    return SummaryView.of(summary, posts.quota)


def _long_answer(page: LongPage, request: Request) -> Response:
    """Answer a page as it is read."""
    return LongAnswer(
        long_post_list(page.parts),
        seconds=shared_of(request).answer_seconds,
        recalled=page.recalled,
        headers=PRIVATE,
    )


def _answer(page: Page, query: SearchQuery | None) -> Response:
    """Answer a page as a whole."""
    written = post_list(page.posts) if query is None else found_list(page.posts, query)
    return Response(written, headers=PRIVATE, media_type="application/json")


def _next(request: Request, cursor: str) -> str:
    """Return the Link header to the next page: the same list, behind a cursor."""
    asked = ("limit", "sort", "status", "q")
    query = {name: request.query_params[name] for name in asked if name in request.query_params} | {"cursor": cursor}
    return f'<{request.url.path}?{urlencode(query)}>; rel="next"'
