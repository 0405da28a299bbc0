"""Posts, one at a time: addPost, getPost, deletePost."""

from typing import Annotated, Final

from fastapi import APIRouter, Header, Path, Response, status
from pydantic import BeforeValidator

from postkeep.controllers.api.lists import PRIVATE
from postkeep.controllers.api.post_path import ONE_POST
from postkeep.controllers.bodies import BodiesFull
from postkeep.controllers.dependencies import CurrentCaller, Large, Posts
from postkeep.controllers.errors import (
    BodyTooLarge,
    BodyUnreadable,
    MediaTypeUnsupported,
    RequestInvalid,
    Responses,
    documented,
)
from postkeep.controllers.route import Route
from postkeep.domain.edits import ANY_VERSION, VersionConflict
from postkeep.domain.idempotency import KeyInUse, KeyInvalid, KeyReused, TooManyKeys
from postkeep.domain.posts import PostAbsent, QuotaExceeded, TextInvalid, TitleInvalid, parse_post_id
from postkeep.domain.sessions import TokenInvalid, TokenMissing
from postkeep.services.ports import StorageUnavailable
from postkeep.views.entity_tags import IfMatchInvalid, has_tag, tag_of
from postkeep.views.fields import GivenKey, GivenVersions
from postkeep.views.posts import NewPost, PostAdded, PostView

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

PostIdInPath = Annotated[str, Path(alias="postID", json_schema_extra={"format": "uuid"})]


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


@router.get(
    ONE_POST,
    operation_id="getPost",
    response_model=PostView,
    responses={**ONE_ERRORS, **ETAG, **UNMODIFIED},
)
async def get_post(
    post_id: PostIdInPath, caller: CurrentCaller, posts: Posts, large: Large, if_none_match: IfNoneMatch = None
) -> Response:
    """Answer one of the caller's posts."""
    async with large.post(posts, caller, parse_post_id(post_id)) as post:
        headers = {**PRIVATE, "ETag": tag_of(post.version)}
        if if_none_match is not None and has_tag(if_none_match.encode("latin-1"), headers["ETag"].encode()):
            return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
        written = await large.make(post.bytes, lambda: PostView.of(post).model_dump_json().encode())
    return Response(written, headers=headers, media_type="application/json")


@router.delete(ONE_POST, operation_id="deletePost", status_code=status.HTTP_204_NO_CONTENT, responses=DELETE_ERRORS)
async def delete_post(post_id: PostIdInPath, caller: CurrentCaller, posts: Posts, if_match: IfMatch = None) -> None:
    """Delete one of the caller's posts; with If-Match, only if it still has that version."""
    await posts.delete(caller.account_id, parse_post_id(post_id), if_match or ANY_VERSION)
