"""What became of posts that were brought in: a line of JSON for each, and one for all of them."""

import json
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from postkeep.domain.errors import PostkeepError
from postkeep.domain.incoming import MAX_ID_LENGTH, MAX_VERSION
from postkeep.domain.posts import TITLE_MAX_LENGTH, Status
from postkeep.services.entries import Kind, Outcome
from postkeep.views.posts import NOT_BLANK

_write: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_DATE: Final = {"type": ["string", "null"], "format": "date-time"}

INCOMING_POST: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["text"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": ["string", "null"], "minLength": 1, "maxLength": MAX_ID_LENGTH},
        "title": {"type": ["string", "null"], "maxLength": TITLE_MAX_LENGTH, **NOT_BLANK},
        "text": {"type": "string", "examples": ["Bought milk."], **NOT_BLANK},
        "status": {"type": "string", "enum": [each.value for each in Status]},
        "version": {"type": "integer", "minimum": 1, "maximum": MAX_VERSION},
        "created_date": _DATE,
        "updated_date": _DATE,
    },
}
"""What a line may hold, as the API's description says it."""

REPORT_LINE: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "entry": {"type": ["integer", "string"], "description": "The line's number, or the file's name."},
        "outcome": {"type": "string", "enum": [each.value for each in Kind]},
        "postID": {"type": ["string", "null"], "format": "uuid"},
        "code": {
            "type": ["string", "null"],
            "description": "Why it was refused; or `differs`: what is there is another one.",
        },
        "detail": {"type": ["string", "null"]},
        "added": {"type": "integer", "description": "From here on: of the last line only."},
        "existing": {"type": "integer"},
        "refused": {"type": "integer"},
        "dry_run": {"type": "boolean"},
        "complete": {
            "type": "boolean",
            "description": "Whether all was looked at; if not, `code` says why.",
        },
    },
}
"""What a report's line holds, likewise."""


MOST_SHOWN: Final = 100
"""A page says of so many entries why they were not added."""


@dataclass
class Report:
    """What became of what was brought in, as a page shows it.

    Attributes:
        counts: How many entries of each kind there were.
        remarks: Those of which there is something to say, the first ones.
        unsaid: How many more of those there are.
    """

    counts: Counter[Kind] = field(default_factory=Counter[Kind])
    remarks: list[Outcome] = field(default_factory=list[Outcome])
    unsaid: int = 0

    @property
    def total(self) -> int:
        """How many entries there were."""
        return self.counts.total()

    async def take_all(self, outcomes: AsyncGenerator[Sequence[Outcome]]) -> None:
        """Note what becomes of all entries, or of those until something is in the way of the rest."""
        async with aclosing(outcomes):
            async for some in outcomes:
                self.counts.update(outcome.kind for outcome in some)
                told = [outcome for outcome in some if outcome.code is not None]
                shown = told[: MOST_SHOWN - len(self.remarks)]
                self.remarks += shown
                self.unsaid += len(told) - len(shown)


async def report_lines(outcomes: AsyncGenerator[Sequence[Outcome]], *, dry_run: bool) -> AsyncGenerator[bytes]:
    """Write what became of each entry as it is known, and in the end how many there were of each kind.

    What is in the way of the rest stands in the last line: what was added until then stays.
    """
    found: Counter[Kind] = Counter()
    trouble: PostkeepError | None = None
    async with aclosing(outcomes):
        try:
            async for some in outcomes:
                found.update(outcome.kind for outcome in some)
                yield "".join([f"{_write(_line(outcome))}\n" for outcome in some]).encode()
        except PostkeepError as error:
            trouble = error
    counts = {kind.value: found[kind] for kind in Kind}
    last: dict[str, Any] = {**counts, "dry_run": dry_run, "complete": trouble is None}
    if trouble is not None:
        last |= {"code": trouble.code, "detail": trouble.detail}
    yield f"{_write(last)}\n".encode()


def _line(outcome: Outcome) -> dict[str, Any]:
    """Return what a line says."""
    return {
        "entry": outcome.entry,
        "outcome": outcome.kind.value,
        "postID": None if outcome.post_id is None else str(outcome.post_id),
        "code": outcome.code,
        "detail": outcome.detail,
    }
