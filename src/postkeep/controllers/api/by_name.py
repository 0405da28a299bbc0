"""The five operations at the specification's literal names: the same functions, the same answers."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, status

from postkeep.controllers.api import accounts, lists, posts, sessions
from postkeep.controllers.dependencies import CurrentCaller, Posts
from postkeep.controllers.route import Route
from postkeep.domain.edits import ANY_VERSION
from postkeep.domain.posts import parse_post_id

router = APIRouter(route_class=Route, tags=["by name"])

_CREATED: dict[str, Any] = {"status_code": status.HTTP_201_CREATED}
_GONE: dict[str, Any] = {"status_code": status.HTTP_204_NO_CONTENT}

router.post("/signup", operation_id="signupByName", responses=accounts.SIGNUP_ERRORS, **_CREATED)(accounts.signup)
router.post("/login", operation_id="loginByName", responses=sessions.LOGIN_ERRORS)(sessions.login)
router.post("/addPost", operation_id="addPostByName", responses={**posts.ADD_ERRORS, **posts.LOCATION}, **_CREATED)(
    posts.add_post
)
router.get("/getPosts", operation_id="getPostsByName", **lists.LISTED)(lists.get_posts)
router.delete("/deletePost/{postID}", operation_id="deletePostByName", responses=posts.DELETE_ERRORS, **_GONE)(
    posts.delete_post
)


@router.delete("/deletePost", operation_id="deletePostByQuery", responses=posts.DELETE_ERRORS, **_GONE)
async def delete_post_by_query(
    post_id: Annotated[str, Query(alias="postID", json_schema_extra={"format": "uuid"})],
    caller: CurrentCaller,
    service: Posts,
    if_match: posts.IfMatch = None,
) -> None:
    """Delete one of the caller's posts, named in the query; with If-Match, only if it still has that version."""
    await service.delete(caller.account_id, parse_post_id(post_id), if_match or ANY_VERSION)
