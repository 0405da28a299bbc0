"""What an error looks like. Source: RFC 9457 (problem details for HTTP APIs)."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel, Field
from starlette.responses import Response

PROBLEM_JSON: Final = "application/problem+json"

MAX_ERRORS: Final = 20


class FieldError(BaseModel):
    """One thing that is wrong with a request."""

    path: str = Field(description="Where: body.text, query.limit, ...", examples=["body.text"])
    code: str = Field(description="What, for programs.", examples=["missing"])
    detail: str = Field(description="What, for people.", examples=["Field required"])


class Problem(BaseModel):
    """An error, as every operation answers it."""

    type: str = Field(description="Names the kind of problem.", examples=["urn:problem-type:postkeep:post_absent"])
    title: str = Field(description="The status in words.", examples=["Not Found"])
    status: int = Field(description="The HTTP status again.", examples=[404])
    code: str = Field(description="What is wrong, for programs.", examples=["post_absent"])
    detail: str = Field(description="What is wrong, for people.", examples=["There is no such post."])
    request_id: str = Field(description="What the server's log calls this request.", examples=["5f3c9a0e1b2d4c68"])
    errors: list[FieldError] | None = Field(default=None, description="With status 422: what and where, at most 20.")
    version: int | None = Field(default=None, description="With `version_conflict`: the version that the post has.")
    absent: list[str] | None = Field(default=None, description="With `posts_absent`: those that are not there.")


def problem(  # noqa: PLR0913 - each is a member of the answer
    status: int,
    code: str,
    *,
    request_id: str,
    detail: str = "",
    errors: Sequence[FieldError] = (),
    facts: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Make the answer that says what is wrong, and no value that was sent, but for ids among the facts."""
    phrase = HTTPStatus(status).phrase
    body: dict[str, Any] = {
        "type": f"urn:problem-type:postkeep:{code}",
        "title": phrase,
        "status": status,
        "code": code,
        "detail": detail or HTTPStatus(status).description or phrase,
        "request_id": request_id,
        **(facts or {}),
    }
    if errors:
        body["errors"] = [error.model_dump() for error in errors[:MAX_ERRORS]]
    return Response(json.dumps(body), status, {"Cache-Control": "no-store", **(headers or {})}, media_type=PROBLEM_JSON)
