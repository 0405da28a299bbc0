"""Edits: editPost, changePosts."""

from typing import Any, Final

from fastapi import APIRouter, Response

from postkeep.controllers.api.post_path import ONE_POST
from postkeep.controllers.api.posts import ETAG, IfMatch, PostIdInPath
from postkeep.controllers.bodies import BodiesFull
from postkeep.controllers.dependencies import Bulk, CurrentCaller, Posts
from postkeep.controllers.errors import BodyTooLarge, BodyUnreadable, MediaTypeUnsupported, RequestInvalid, documented
from postkeep.controllers.route import Route
from postkeep.domain.edits import (
    EditEmpty,
    PostsAbsent,
    TooMuchAtOnce,
    VersionConflict,
    VersionRequired,
    VersionsDisagree,
)
from postkeep.domain.posts import PostAbsent, PostTooLarge, QuotaExceeded, TextInvalid, TitleInvalid, parse_post_id
from postkeep.domain.sessions import TokenInvalid, TokenMissing
from postkeep.services.ports import StorageUnavailable
from postkeep.views.edits import MERGE_PATCH, ChangeUnclear, PostEdit, PostsChange, PostsChanged, PostsNamedTwice
from postkeep.views.entity_tags import IfMatchInvalid, tag_of
from postkeep.views.posts import PostAdded

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["posts"])

_ERRORS: Final = (
    TokenMissing,
    TokenInvalid,
    StorageUnavailable,
    RequestInvalid,
    BodyTooLarge,
    MediaTypeUnsupported,
    BodyUnreadable,
    BodiesFull,
)
_EDIT_ERRORS: Final = documented(
    *_ERRORS,
    PostAbsent,
    VersionRequired,
    VersionConflict,
    VersionsDisagree,
    IfMatchInvalid,
    EditEmpty,
    TextInvalid,
    TitleInvalid,
    PostTooLarge,
    QuotaExceeded,
)
_BULK_ERRORS: Final = documented(*_ERRORS, PostsAbsent, ChangeUnclear, PostsNamedTwice, TooMuchAtOnce)

_PATCH: Final[dict[str, Any]] = {
    "requestBody": {"content": {MERGE_PATCH: {"schema": {"$ref": "#/components/schemas/PostEdit"}}}}
}
"""The other media type that an edit may have; FastAPI describes one."""


@router.patch(ONE_POST, operation_id="editPost", responses={**_EDIT_ERRORS, **ETAG}, openapi_extra=_PATCH)
async def edit_post(  # noqa: PLR0913 - what is edited, by whom, from where
    *,
    post_id: PostIdInPath,
    edit: PostEdit,
    caller: CurrentCaller,
    posts: Posts,
    response: Response,
    if_match: IfMatch = None,
) -> PostAdded:
    """Change one of the caller's posts, if it still has the version that the caller has seen."""
    versions = edit.versions(if_match)
    revision = await posts.edit(caller.account_id, parse_post_id(post_id), edit.changes, versions)
    response.headers["ETag"] = tag_of(revision.version)
    return PostAdded.of(revision)


@router.post("/posts/bulk", operation_id="changePosts", responses=_BULK_ERRORS)
async def change_posts(change: PostsChange, caller: CurrentCaller, bulk: Bulk) -> PostsChanged:
    """Give up to 1,000 of the caller's posts a status, or delete them: all of them or none."""
    size = caller.stamp.list_bytes
    if change.deletes:
        return PostsChanged(changed=await bulk.delete(caller.account_id, change.posts, size=size))
    return PostsChanged(changed=await bulk.set_status(caller.account_id, change.posts, change.status, size=size))
