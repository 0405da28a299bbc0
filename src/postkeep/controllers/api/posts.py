"""Posts, one at a time: addPost, getPost, deletePost."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Response, status
from pydantic import BeforeValidator

from postkeep.controllers.api.lists import PRIVATE
from postkeep.controllers.bodies import BodiesFull
from postkeep.controllers.dependencies import CurrentCaller, Posts
from postkeep.controllers.errors import (
    BodyTooLarge,
    BodyUnreadable,
    MediaTypeUnsupported,
    RequestInvalid,
    Responses,
    documented,
)
from postkeep.controllers.route import Route
from postkeep.domain.idempotency import KeyInUse, KeyInvalid, KeyReused, TooManyKeys
from postkeep.domain.posts import PostAbsent, QuotaExceeded, TextInvalid, TitleInvalid, parse_post_id
from postkeep.domain.sessions import TokenInvalid, TokenMissing
from postkeep.services.ports import StorageUnavailable
from postkeep.views.fields import GivenKey
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
ONE_ERRORS = documented(*_ERRORS, PostAbsent)
QUERY_ERRORS = documented(*_ERRORS, PostAbsent, RequestInvalid)

LOCATION: Responses = {
    status.HTTP_201_CREATED: {
        "headers": {
            "Location": {"required": True, "schema": {"type": "string", "pattern": "^/api/v1/posts/[0-9a-f-]{36}$"}}
        }
    }
}
PostIdInPath = Annotated[str, Path(alias="postID", json_schema_extra={"format": "uuid"})]


Key = Annotated[
    GivenKey | None,
    # A header's value ends before the white space behind it (RFC 9112 5.1), which the parser leaves there.
    BeforeValidator(lambda given: given.strip(" \t") if isinstance(given, str) else given),
    Header(
        alias="Idempotency-Key",
        description="New for each post, the same for each repetition: within 24 hours these add nothing, and are"
        " answered as the first was.",
    ),
]


@router.post(
    "/posts", operation_id="addPost", status_code=status.HTTP_201_CREATED, responses={**ADD_ERRORS, **LOCATION}
)
async def add_post(new: NewPost, caller: CurrentCaller, posts: Posts, response: Response, key: Key = None) -> PostAdded:
    """Keep a post for the caller and answer its id."""
    post = await posts.add(caller.account_id, new.text, title=new.title, status=new.status, key=key)
    response.headers["Location"] = f"/api/v1/posts/{post.id}"
    return PostAdded.of(post)


@router.get("/posts/{postID}", operation_id="getPost", responses=ONE_ERRORS)
async def get_post(post_id: PostIdInPath, caller: CurrentCaller, posts: Posts, response: Response) -> PostView:
    """Answer one of the caller's posts."""
    post = await posts.get(caller.account_id, parse_post_id(post_id))
    response.headers.update(PRIVATE)
    return PostView.of(post)


@router.delete(
    "/posts/{postID}", operation_id="deletePost", status_code=status.HTTP_204_NO_CONTENT, responses=ONE_ERRORS
)
async def delete_post(post_id: PostIdInPath, caller: CurrentCaller, posts: Posts) -> None:
    """Delete one of the caller's posts."""
    await posts.delete(caller.account_id, parse_post_id(post_id))
