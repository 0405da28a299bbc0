"""How single values are read and shown: the rules stand in the domain, once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, ClassVar, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from postkeep.domain.accounts import PASSWORD_MAX_LENGTH, PASSWORD_MIN_LENGTH, Password
from postkeep.domain.edits import Versions
from postkeep.domain.idempotency import KEY_PATTERN, IdempotencyKey, parse_key
from postkeep.domain.moments import rfc3339
from postkeep.views.bodies import MAX_SMALL_BODY_BYTES
from postkeep.views.entity_tags import IF_MATCH_PATTERN, parse_versions


@dataclass(frozen=True, slots=True)
class Parsed:
    """Says that a field is sent as a string, and which function of the domain reads it.

    Attributes:
        parse: Returns the value, or raises a `domain.errors.Invalid`.
        schema: What the API's description says of the string.
    """

    parse: Callable[[str], object]
    schema: dict[str, object] = field(default_factory=dict[str, object], hash=False)

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Tell Pydantic: a string and nothing that could be turned into one, then our function."""
        return core_schema.no_info_after_validator_function(self.parse, core_schema.str_schema(strict=True))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe the string."""
        return {**handler(schema), **self.schema}


class Body(BaseModel):
    """A request's JSON body: strictly typed, no members that nobody knows."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, arbitrary_types_allowed=True)

    max_body_bytes: ClassVar[int] = MAX_SMALL_BODY_BYTES
    media_types: ClassVar[tuple[str, ...]] = ("application/json",)


def without_default(schema: dict[str, Any]) -> None:
    """Describe a member that can be left out, and has no value then."""
    schema.pop("default", None)


GivenPassword: TypeAlias = Annotated[
    Password,
    Parsed(
        Password.parse_any,
        {"format": "password", "maxLength": PASSWORD_MAX_LENGTH, "examples": ["five purple ducks"]},
    ),
]
"""A password that is compared with the one that is kept."""

ChosenPassword: TypeAlias = Annotated[
    Password,
    Parsed(
        Password.parse,
        {
            "format": "password",
            "minLength": PASSWORD_MIN_LENGTH,
            "maxLength": PASSWORD_MAX_LENGTH,
            "examples": ["five purple ducks"],
        },
    ),
]
"""A password that is to be kept."""


GivenKey: TypeAlias = Annotated[
    IdempotencyKey,
    # Without an example: the docs page would send it with every post.
    Parsed(parse_key, {"pattern": KEY_PATTERN}),
]
"""An idempotency key."""


GivenVersions: TypeAlias = Annotated[Versions, Parsed(parse_versions, {"pattern": IF_MATCH_PATTERN})]
"""The versions that a change may start from."""


Moment: TypeAlias = Annotated[
    datetime,
    PlainSerializer(rfc3339, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment as RFC 3339 in UTC, always with microseconds."""
