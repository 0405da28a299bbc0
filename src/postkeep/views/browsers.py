"""Whether it is a browser that asks, and for a page."""

from typing import Final

from starlette.types import Scope

_NO_PAGES: Final = frozenset(
    {"signup", "login", "addPost", "getPosts", "deletePost", "api", "livez", "readyz", "metrics", "openapi.json"}
)
"""How the paths begin that are answered in JSON, whoever asks."""


def asks_for_page(scope: Scope) -> bool:
    """Whether a refusal is to be a page: a browser says that it takes HTML, and the path is none of the API's.

    Source: Fetch Standard, 2.2.2 (every navigation sends `Accept: text/html,...`).
    """
    if scope["path"].split("/", 2)[1:2] and scope["path"].split("/", 2)[1] in _NO_PAGES:
        return False
    return any(name == b"accept" and b"text/html" in value.lower() for name, value in scope["headers"])
