"""Which versions of a post a statement is for."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import ColumnElement, bindparam

from postkeep.domain.edits import MAX_VERSIONS, Versions
from postkeep.storage.statements import numbered, padded
from postkeep.storage.tables import PostRow

_NO_VERSION: Final = 0

# Of two sizes, see `padded`: one version as a rule, and as many as may be named.
GUARDS: Final[Mapping[int, Sequence[ColumnElement[bool]]]] = {
    0: (),
    **{
        size: (PostRow.version.in_([bindparam(name) for name in numbered("from", size)]),) for size in (1, MAX_VERSIONS)
    },
}
"""The condition on a post's version, by how many of them it names; none for whichever there is."""


def guard_of(versions: Versions) -> tuple[int, dict[str, object]]:
    """Return which guard is meant, and its values."""
    if versions.named is None:
        return 0, {}
    size = 1 if len(versions.named) <= 1 else MAX_VERSIONS
    return size, padded(numbered("from", size), [*versions.named] or [_NO_VERSION])
