"""A post that is brought in: its members, each as what it must be, whatever it is written in."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from postkeep.domain.errors import Invalid, PostkeepError
from postkeep.domain.incoming import MAX_ID_LENGTH, MAX_VERSION, DateInvalid, IdInvalid, IncomingPost
from postkeep.domain.posts import (
    Status,
    StatusInvalid,
    TextInvalid,
    TitleInvalid,
    VersionInvalid,
    parse_status,
    parse_text,
    parse_title,
)

# Python itself takes much else for a date. Source: RFC 3339 5.6.
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_MEMBERS: Final = {"id", "title", "text", "status", "version", "created_date", "updated_date"}


class MemberUnknown(Invalid):
    """A post has the members id, title, text, status, version, created_date and updated_date, and no others."""

    code = "extra_forbidden"
    field = "line"


def read_post(values: Mapping[str, object]) -> IncomingPost | PostkeepError:
    """Read a post's members, or say why they make none."""
    if not values.keys() <= _MEMBERS:
        return MemberUnknown()
    try:
        return IncomingPost(
            text=parse_text(_text(values.get("text"), TextInvalid)),
            title=None if values.get("title") is None else parse_title(_text(values["title"], TitleInvalid)),
            status=parse_status(_text(values.get("status", Status.PUBLISHED), StatusInvalid)),
            version=_version(values.get("version", 1)),
            id=_id(values.get("id")),
            created_date=_moment(values.get("created_date")),
            updated_date=_moment(values.get("updated_date")),
        )
    except PostkeepError as error:
        return error


def _text(given: object, error: type[Invalid]) -> str:
    """Take a string for what it is, and nothing else."""
    if not isinstance(given, str):
        raise error
    return given


def _version(given: object) -> int:
    """Read a version; JSON's true and 1.0 are none."""
    if type(given) is not int or not 1 <= given <= MAX_VERSION:
        raise VersionInvalid
    return given


def _id(given: object) -> str | None:
    """Read the name that a post had where it comes from."""
    if given is None:
        return None
    if not 1 <= len(_text(given, IdInvalid)) <= MAX_ID_LENGTH:
        raise IdInvalid
    return str(given)


def _moment(given: object) -> datetime | None:
    """Read a date as RFC 3339 has it."""
    if given is None:
        return None
    written = _text(given, DateInvalid).upper()
    if not _DATE.fullmatch(written):
        raise DateInvalid
    try:
        return datetime.fromisoformat(written).astimezone(UTC)
    except (ValueError, OverflowError):
        raise DateInvalid from None
