"""Posts: addPost, getPosts, getPost, deletePost."""

from typing import Annotated, Final

from fastapi import APIRouter, Header, Path, Query, Request, Response, status
from pydantic import BeforeValidator
from pydantic_core import PydanticKnownError

from postkeep.controllers.api.post_path import ONE_POST
from postkeep.controllers.bodies import BodiesFull
from postkeep.controllers.dependencies import CurrentCaller, Cursors, Posts
from postkeep.controllers.errors import (
    BodyTooLarge,
    BodyUnreadable,
    MediaTypeUnsupported,
    RequestInvalid,
    Responses,
    documented,
)
from postkeep.controllers.long_answer import LongAnswer
from postkeep.controllers.route import Route
from postkeep.domain.edits import ANY_VERSION, VersionConflict
from postkeep.domain.idempotency import KeyInUse, KeyInvalid, KeyReused, TooManyKeys
from postkeep.domain.posts import PostAbsent, QuotaExceeded, TextInvalid, TitleInvalid, parse_post_id
from postkeep.domain.sessions import TokenInvalid, TokenMissing
from postkeep.services.ports import StorageUnavailable
from postkeep.services.posts import LongPage
from postkeep.views.cursors import CURSOR_SCHEMA, CursorInvalid
from postkeep.views.entity_tags import IfMatchInvalid, has_tag, tag_of
from postkeep.views.fields import GivenKey, GivenVersions
from postkeep.views.posts import NewPost, PostAdded, PostView, long_post_list, post_list

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["posts"])

_ERRORS = (TokenMissing, TokenInvalid, StorageUnavailable)
ADD_ERRORS = documented(
    *_ERRORS,
    QuotaExceeded,
    RequestInvalid,
    TextInvalid,
    TitleInvalid,
    KeyInvalid,
    KeyReused,
    KeyInUse,
    TooManyKeys,
    BodyTooLarge,
    MediaTypeUnsupported,
    BodyUnreadable,
    BodiesFull,
)
LIST_ERRORS = documented(*_ERRORS, RequestInvalid, CursorInvalid)
ONE_ERRORS = documented(*_ERRORS, PostAbsent, RequestInvalid)
DELETE_ERRORS = documented(*_ERRORS, PostAbsent, RequestInvalid, IfMatchInvalid, VersionConflict)

_ETAG: Final = {"ETag": {"required": True, "schema": {"type": "string", "pattern": '^"[1-9][0-9]*"$'}}}
LOCATION: Responses = {
    status.HTTP_201_CREATED: {
        "headers": {
            "Location": {"required": True, "schema": {"type": "string", "pattern": "^/api/v1/posts/[0-9a-f-]{36}$"}},
            **_ETAG,
        }
    }
}
ETAG: Responses = {status.HTTP_200_OK: {"headers": _ETAG}}
UNMODIFIED: Responses = {
    status.HTTP_304_NOT_MODIFIED: {"description": "It is still the version of If-None-Match.", "headers": _ETAG}
}
LINK: Responses = {
    status.HTTP_200_OK: {
        "headers": {"Link": {"description": 'rel="next": the next page (RFC 8288).', "schema": {"type": "string"}}}
    }
}

LIST_PATHS: Final = ("/api/v1/posts", "/getPosts")
"""Where getPosts answers."""

PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
"""The headers of answers with posts: nobody else may keep them, and a browser asks again each time."""

PostIdInPath = Annotated[str, Path(alias="postID", json_schema_extra={"format": "uuid"})]


_NO_NUMBER: Final = "int_parsing"


def _in_digits(given: object) -> object:
    """Refuse what only Python takes for a number: 1_0, 1.0, blanks around it."""
    if isinstance(given, str) and not (given.isascii() and given.isdigit()):
        raise PydanticKnownError(_NO_NUMBER)
    return given


Limit = Annotated[
    int | None,
    Query(ge=1, le=1000, description="At most so many; the next page is in Link."),
    BeforeValidator(_in_digits),
]
Cursor = Annotated[
    str | None,
    Query(max_length=100, description="Where the page begins, as Link had it.", json_schema_extra=CURSOR_SCHEMA),
]


def _without_end(given: object) -> object:
    """Take off the white space behind a header's value (RFC 9112 5.1), which the parser leaves there."""
    return given.strip(" \t") if isinstance(given, str) else given


Key = Annotated[
    GivenKey | None,
    BeforeValidator(_without_end),
    Header(
        alias="Idempotency-Key",
        description="New for each post, the same for each repetition: within 24 hours these add nothing, and are"
        " answered as the first was.",
    ),
]
IfMatch = Annotated[
    GivenVersions | None,
    BeforeValidator(_without_end),
    Header(alias="If-Match", description="The version it starts from, as ETag has it; * is any."),
]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", description="The version at hand, as ETag has it.")]


@router.post(
    "/posts", operation_id="addPost", status_code=status.HTTP_201_CREATED, responses={**ADD_ERRORS, **LOCATION}
)
async def add_post(new: NewPost, caller: CurrentCaller, posts: Posts, response: Response, key: Key = None) -> PostAdded:
    """Keep a post for the caller and answer its id."""
    post = await posts.add(caller.account_id, new.text, title=new.title, status=new.status, key=key)
    response.headers["Location"] = f"/api/v1/posts/{post.id}"
    response.headers["ETag"] = tag_of(post.version)
    return PostAdded.of(post)


@router.get("/posts", operation_id="getPosts", response_model=list[PostView], responses={**LIST_ERRORS, **LINK})
async def get_posts(  # noqa: PLR0913 - a page, its owner, and what the next page's address is made of
    *,
    caller: CurrentCaller,
    posts: Posts,
    cursors: Cursors,
    request: Request,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """Answer the caller's posts, newest first: all of them, or a page."""
    before = None if cursor is None else cursors.read(caller.account_id, cursor)
    page = await posts.page(caller.account_id, limit=limit, before=before, size=caller.stamp.list_bytes)
    response: Response
    if isinstance(page, LongPage):
        response = LongAnswer(
            long_post_list(page.parts),
            seconds=request.app.state.answer_seconds,
            recalled=page.recalled,
            headers=PRIVATE,
        )
    else:
        response = Response(post_list(page.posts), headers=PRIVATE, media_type="application/json")
    if page.last is not None:
        following = cursors.write(caller.account_id, page.last)
        response.headers["Link"] = f'<{request.url.path}?limit={limit}&cursor={following}>; rel="next"'
    return response


@router.get(
    ONE_POST,
    operation_id="getPost",
    response_model=PostView,
    responses={**ONE_ERRORS, **ETAG, **UNMODIFIED},
)
async def get_post(
    post_id: PostIdInPath, caller: CurrentCaller, posts: Posts, if_none_match: IfNoneMatch = None
) -> Response:
    """Answer one of the caller's posts."""
    post = await posts.get(caller.account_id, parse_post_id(post_id))
    headers = {**PRIVATE, "ETag": tag_of(post.version)}
    if if_none_match is not None and has_tag(if_none_match.encode("latin-1"), headers["ETag"].encode()):
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(PostView.of(post).model_dump_json(), headers=headers, media_type="application/json")


@router.delete(ONE_POST, operation_id="deletePost", status_code=status.HTTP_204_NO_CONTENT, responses=DELETE_ERRORS)
async def delete_post(post_id: PostIdInPath, caller: CurrentCaller, posts: Posts, if_match: IfMatch = None) -> None:
    """Delete one of the caller's posts; with If-Match, only if it still has that version."""
    await posts.delete(caller.account_id, parse_post_id(post_id), if_match or ANY_VERSION)
