"""Links: which operation an answer leads on to, and with what, for its OpenAPI document."""

from typing import Any, Final, NamedTuple

_ADDED: Final = "$response.body#/postID"
_NEWEST: Final = "$response.body#/0/id"
_TAG: Final = "$response.header.ETag"
_EDIT: Final[dict[str, Any]] = {"text": "Bought milk, and bread."}
_NEXT_TOKENS: Final[dict[str, Any]] = {"refresh_token": "$response.body#/refresh_token"}


class Link(NamedTuple):
    """One step from an answer to the next request. Source: OpenAPI 3.1, Link Object and Runtime Expressions.

    Attributes:
        source: The operation that answered.
        target: The operation that can be asked next.
        parameters: Its parameters, and where in the request or the answer before each is found.
        body: Its body, likewise.
    """

    source: str
    target: str
    parameters: dict[str, str] | None = None
    body: str | dict[str, Any] | None = None

    @property
    def description(self) -> dict[str, Any]:
        """Say it as OpenAPI does."""
        said = {"operationId": self.target, "parameters": self.parameters, "requestBody": self.body}
        return {name: value for name, value in said.items() if value is not None}


LINKS: Final = (
    Link("signup", "login", body="$request.body"),
    Link("signup", "refresh", body=_NEXT_TOKENS),
    Link("login", "refresh", body=_NEXT_TOKENS),
    Link("token", "refresh", body=_NEXT_TOKENS),
    Link("refresh", "refresh", body=_NEXT_TOKENS),
    Link("addPost", "getPost", {"postID": _ADDED}),
    Link("addPost", "deletePost", {"postID": _ADDED}),
    Link("addPost", "editPost", {"postID": _ADDED, "If-Match": _TAG}, _EDIT),
    Link("getPosts", "getPost", {"postID": _NEWEST}),
    Link("getPosts", "deletePost", {"postID": _NEWEST}),
    Link("getPost", "deletePost", {"postID": "$request.path.postID"}),
    Link("getPost", "editPost", {"postID": "$request.path.postID", "If-Match": _TAG}, _EDIT),
    Link("editPost", "editPost", {"postID": _ADDED, "If-Match": _TAG}, _EDIT),
    Link("editPost", "getPost", {"postID": _ADDED}),
    Link("listSessions", "endSession", {"sessionID": _NEWEST}),
    Link("signupByName", "loginByName", body="$request.body"),
    Link("addPostByName", "getPost", {"postID": _ADDED}),
    Link("addPostByName", "deletePostByName", {"postID": _ADDED}),
    Link("addPostByName", "deletePostByQuery", {"postID": _ADDED}),
    Link("getPostsByName", "deletePostByName", {"postID": _NEWEST}),
)


def add_links(operations: dict[str, dict[str, Any]]) -> None:
    """Describe in the answer of each operation that succeeded what can come next.

    Args:
        operations: The operations of an OpenAPI document, by their ids.
    """
    for link in LINKS:
        responses = operations[link.source]["responses"]
        responses[min(responses)].setdefault("links", {})[link.target] = link.description
