"""Edits as clients send them, of one post and of many."""

from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticKnownError

from postkeep.domain.edits import ANY_VERSION, MAX_AT_ONCE, Changes, EditEmpty, Versions, VersionsDisagree
from postkeep.domain.errors import Invalid
from postkeep.domain.posts import MAX_BODY_BYTES
from postkeep.views.fields import Body, without_default
from postkeep.views.posts import GivenStatus, GivenText, GivenTitle

MERGE_PATCH: Final = "application/merge-patch+json"

MAX_BULK_BYTES: Final = 64 * 1024
"""A thousand ids, and some room around them."""

_ABSENT: Final[Any] = None
"""Stands for a member that is left out, which is another thing than null."""

_NOT_TRUE: Final = "literal_error"
_MOST_VERSIONS: Final = 2**31 - 1
_CHANGING: Final = ("text", "title", "status")


def _refuse_one(given: object) -> object:
    """Refuse 1, which Python takes for True."""
    if given is not True:
        raise PydanticKnownError(_NOT_TRUE, {"expected": "true"})
    return given


class PostEdit(Body):
    """What is to be changed of a post: what is left out stays, and a title of null is no title (RFC 7396)."""

    # At least one member, and one besides the version. Said with `anyOf`, generators would take it for several types.
    model_config = ConfigDict(
        json_schema_extra={"minProperties": 1, "dependentSchemas": {"version": {"minProperties": 2}}}
    )

    max_body_bytes: ClassVar[int] = MAX_BODY_BYTES
    media_types: ClassVar[tuple[str, ...]] = ("application/json", MERGE_PATCH)

    text: GivenText = Field(default=_ABSENT, json_schema_extra=without_default)
    title: GivenTitle | None = Field(default=_ABSENT, json_schema_extra=without_default)
    status: GivenStatus = Field(default=_ABSENT, json_schema_extra=without_default)
    version: Annotated[int, Field(ge=1, le=_MOST_VERSIONS)] = Field(
        default=_ABSENT,
        json_schema_extra=without_default,
        description="The one the edit starts from, unless If-Match says it.",
        examples=[1],
    )

    @model_validator(mode="after")
    def _change_something(self) -> Self:
        """Refuse what changes nothing."""
        if self.model_fields_set.isdisjoint(_CHANGING):
            raise EditEmpty
        return self

    @property
    def changes(self) -> Changes:
        """What changes."""
        return Changes(self.text, self.title, "title" in self.model_fields_set, self.status)

    def versions(self, if_match: Versions | None) -> Versions | None:
        """Return the versions that the edit may start from, or None where none is named.

        Raises:
            VersionsDisagree: The body names another one than If-Match.
        """
        if "version" not in self.model_fields_set:
            return if_match
        if self.version not in (if_match or ANY_VERSION):
            raise VersionsDisagree
        return Versions.only(self.version)


class ChangeUnclear(Invalid):
    """Say either which status the posts get, or that they are deleted."""

    code = "change_unclear"
    field = "body"


class PostsNamedTwice(Invalid):
    """Each post is named once."""

    code = "posts_named_twice"
    field = "posts"


class PostsChange(Body):
    """One change of many posts: a status, or their deletion."""

    # The posts, and one change.
    model_config = ConfigDict(json_schema_extra={"minProperties": 2, "maxProperties": 2})

    max_body_bytes: ClassVar[int] = MAX_BULK_BYTES
    # A string and a comma for each, and some room around them.
    max_parts: ClassVar[int] = 2 * MAX_AT_ONCE + 100

    posts: list[Annotated[str, Field(json_schema_extra={"format": "uuid"})]] = Field(
        min_length=1, max_length=MAX_AT_ONCE, json_schema_extra={"uniqueItems": True}, description="Their ids."
    )
    status: GivenStatus = Field(default=_ABSENT, json_schema_extra=without_default, examples=["archived"])
    delete: Annotated[Literal[True], BeforeValidator(_refuse_one)] = Field(
        default=_ABSENT, json_schema_extra=without_default
    )

    @model_validator(mode="after")
    def _be_one_change(self) -> Self:
        """Refuse what is two changes, or none, or names a post twice."""
        if ("status" in self.model_fields_set) == ("delete" in self.model_fields_set):
            raise ChangeUnclear
        if len({post.lower() for post in self.posts}) < len(self.posts):
            raise PostsNamedTwice
        return self

    @property
    def deletes(self) -> bool:
        """Whether the posts are deleted."""
        return "delete" in self.model_fields_set


class PostsChanged(BaseModel):
    """What became of it."""

    changed: int = Field(description="How many posts were changed, or deleted; those that had the status do not count.")
