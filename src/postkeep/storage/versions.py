"""Which versions of a post a statement is for."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import ColumnElement, bindparam

from postkeep.domain.edits import MAX_VERSIONS, Versions
from postkeep.storage.tables import PostRow

_NO_VERSION: Final = 0

# Of a few sizes, as for accounts: one version as a rule, and padding where there are some.
GUARDS: Final[Mapping[int, Sequence[ColumnElement[bool]]]] = {
    0: (),
    **{
        size: (PostRow.version.in_([bindparam(f"from_{number}") for number in range(size)]),)
        for size in (1, MAX_VERSIONS)
    },
}
"""The condition on a post's version, by how many of them it names; none for whichever there is."""


def guard_of(versions: Versions) -> tuple[int, dict[str, object]]:
    """Return which guard is meant, and its values."""
    if versions.named is None:
        return 0, {}
    size = 1 if len(versions.named) <= 1 else MAX_VERSIONS
    padded = [*versions.named, *[_NO_VERSION] * size][:size]
    return size, {f"from_{number}": version for number, version in enumerate(padded)}
