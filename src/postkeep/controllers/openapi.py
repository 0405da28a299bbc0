"""The API's own description: what FastAPI derives, with our errors in it."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from postkeep.controllers.errors import TooManyRequests, documented
from postkeep.views.problems import Problem

_REFERENCE: Final = "#/components/schemas/{model}"


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of an application, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        schemas: dict[str, Any] = document["components"]["schemas"]
        _forget_frameworks_errors(document["paths"], schemas)
        _describe_limits(document["paths"])
        described = Problem.model_json_schema(ref_template=_REFERENCE)
        schemas.update(described.pop("$defs"))
        schemas["Problem"] = described
        app.openapi_schema = document
    return app.openapi_schema


def _forget_frameworks_errors(paths: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Take out what FastAPI says of invalid requests: we answer them otherwise, and say so where it can happen."""
    for operation in (operation for path in paths.values() for operation in path.values()):
        if "HTTPValidationError" in str(operation["responses"].get("422")):
            del operation["responses"]["422"]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)


def _describe_limits(paths: dict[str, Any]) -> None:
    """Say of every operation what the limits of requests answer, beside what it says of such answers itself."""
    ((status, described),) = documented(TooManyRequests).items()
    for operation in (operation for path in paths.values() for operation in path.values()):
        own = operation["responses"].get(str(status), {"description": ""})
        description = f"{own['description']} {described['description']}".strip()
        operation["responses"][str(status)] = {**described, "description": description}
        operation["responses"] = dict(sorted(operation["responses"].items()))
