"""Entity tags: how an answer says which version of a thing it shows, and a request which one it means."""

import re
from typing import Final

from postkeep.domain.edits import ANY_VERSION, MAX_VERSIONS, Versions
from postkeep.domain.errors import Invalid

_TAG: Final = r'(W/)?"[!#-~]*"'

IF_MATCH_PATTERN: Final = rf"^(\*|{_TAG}([ \t]*,[ \t]*{_TAG})*)$"
"""If-Match as it is sent. Source: RFC 9110 13.1.1; but for tags beyond ASCII, none of which is ours."""

_IF_MATCH: Final = re.compile(IF_MATCH_PATTERN.removesuffix("$"))
_VERSION: Final = re.compile(r'"([1-9][0-9]{0,9})"')


class IfMatchInvalid(Invalid):
    """If-Match is *, or some entity tags in their quotes, at most 16 of which are versions."""

    code = "if_match_invalid"
    field = "header.If-Match"


def tag_of(version: int) -> str:
    """Return the entity tag of a post's version: strong, because a version never changes."""
    return f'"{version}"'


def parse_versions(if_match: str) -> Versions:
    """Return the versions that a change may start from.

    A weak tag matches nothing, and neither does one that is no version of ours.

    Source: RFC 9110 13.1.1 (If-Match), 8.8.3 (entity tags).

    Raises:
        IfMatchInvalid: It is no list of tags, or too long.
    """
    if _IF_MATCH.fullmatch(if_match) is None:
        raise IfMatchInvalid
    if if_match == "*":
        return ANY_VERSION
    tags = [tag[0] for tag in re.finditer(_TAG, if_match)]
    named = frozenset(int(found[1]) for tag in tags if (found := _VERSION.fullmatch(tag)))
    if len(named) > MAX_VERSIONS:
        raise IfMatchInvalid
    return Versions(named)


def has_tag(if_none_match: bytes, etag: bytes) -> bool:
    """Whether a client that sent this If-None-Match header has what is named by a strong entity tag.

    The list is not read: in one that is well formed, the bytes of a tag in its quotes stand where the tag does, and
    nowhere else, because no tag has a quote in it, and between two there are commas, blanks and W/ only.

    Source: RFC 9110 13.1.2 (any of a list, or anything; by weak comparison), 8.8.3 (entity tags).
    """
    return etag in if_none_match or if_none_match.strip() == b"*"
