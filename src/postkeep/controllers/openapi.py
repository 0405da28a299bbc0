"""The API's own description: what FastAPI derives, with our errors in it."""

from collections.abc import Iterable
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse

from postkeep.controllers.errors import TooManyRequests, documented
from postkeep.controllers.links import add_links
from postkeep.views.imports import INCOMING_POST, REPORT_LINE
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
        operations = [operation for path in document["paths"].values() for operation in path.values()]
        _forget_frameworks_errors(operations, schemas)
        _forget_null([parameter["schema"] for operation in operations for parameter in operation.get("parameters", [])])
        _forget_null(schemas["TokenForm"]["properties"].values())
        _describe_limits(operations)
        add_links({operation["operationId"]: operation for operation in operations})
        described = Problem.model_json_schema(ref_template=_REFERENCE)
        schemas.update(described.pop("$defs"))
        schemas.update({"Problem": described, "IncomingPost": INCOMING_POST, "ImportReport": REPORT_LINE})
        app.openapi_schema = document
    return app.openapi_schema


def serialise(app: FastAPI) -> bytes:
    """Return the document as it is sent."""
    return bytes(JSONResponse(describe(app)).body)


def _forget_frameworks_errors(operations: list[dict[str, Any]], schemas: dict[str, Any]) -> None:
    """Take out what FastAPI says of invalid requests: we answer them otherwise, and say so where it can happen."""
    for operation in operations:
        if "HTTPValidationError" in str(operation["responses"].get("422")):
            del operation["responses"]["422"]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)


def _forget_null(described: Iterable[dict[str, Any]]) -> None:
    """Take out of queries and forms that null may be sent: what can be left out there cannot be null."""
    for schema in described:
        given, *_ = schema.pop("anyOf", [{}])
        schema.update({**given, **schema})


def _describe_limits(operations: list[dict[str, Any]]) -> None:
    """Say of every operation what the limits of requests answer, beside what it says of such answers itself."""
    ((status, described),) = documented(TooManyRequests).items()
    for operation in operations:
        own = operation["responses"].get(str(status), {"description": ""})
        description = f"{own['description']} {described['description']}".strip()
        operation["responses"][str(status)] = {**described, "description": description}
        operation["responses"] = dict(sorted(operation["responses"].items()))
