"""How a refusal looks: a problem to programs, a page to people."""

from collections.abc import Mapping, Sequence

from starlette.responses import Response
from starlette.types import Scope

from postkeep.views.browsers import asks_for_page
from postkeep.views.pages import Pages
from postkeep.views.problems import FieldError, problem


def refused(  # noqa: PLR0913 - each is a part of the answer
    scope: Scope,
    status: int,
    code: str,
    *,
    detail: str = "",
    errors: Sequence[FieldError] = (),
    facts: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Make the answer that says what is wrong, in the form that the client reads."""
    pages: Pages | None = scope["state"].get("pages")
    if pages is not None and asks_for_page(scope):
        return pages.refuse(scope, status, code, headers=headers)
    request_id = scope["state"]["request_id"]
    return problem(status, code, request_id=request_id, detail=detail, errors=errors, facts=facts, headers=headers)
