"""docs/logs.md: whoever reads the log can look every line up."""

import json

import pytest

from postkeep.adapters.alarms import ALARMS
from tests.events import DOCUMENT, SCHEMA, Event, catalogue, complaints, logged, written

TABLE = """
| `post_added` | info | `account`, `bytes`? | A post is kept. |
| `account` | id | An account. |
| `bytes` | integer | Its size. |
"""


def test_every_event_of_the_code_is_described() -> None:
    """An operator finds each event with its level and its fields, and none that nobody logs."""
    assert complaints(DOCUMENT.read_text("utf-8"), logged()) == []
    assert len(logged()) > 40


def test_every_event_that_may_wake_somebody_is_an_alarm() -> None:
    """A warning that is missing from the list has no series before it happens, and its first time wakes nobody."""
    told = {name: event.level for name, event in logged().items() if event.level not in {"debug", "info"}}
    assert {name: level for level, names in ALARMS.items() for name in names} == told


def test_the_schema_is_that_of_the_tables() -> None:
    """`.venv/bin/python -m tests.events` writes it."""
    assert SCHEMA.read_text("utf-8") == written(DOCUMENT.read_text("utf-8"))
    assert json.loads(SCHEMA.read_text("utf-8"))["required"] == ["time", "level", "event"]


def test_a_question_mark_stands_behind_what_is_not_always_there() -> None:
    """Programs that read the log must know what they can rely on."""
    assert catalogue(TABLE) == {"post_added": Event("info", frozenset({"account"}), frozenset({"bytes"}))}


@pytest.mark.parametrize(
    ("event", "complaint"),
    [
        (Event("warning", frozenset({"account"}), frozenset({"bytes"})), "post_added is a warning"),
        (Event("info", frozenset({"account", "post"}), frozenset({"bytes"})), "post_added has post, too"),
        (Event("info", frozenset({"account"})), "post_added never has bytes"),
        (Event("info", frozenset(), frozenset({"account", "bytes"})), "post_added does not always have account"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_difference_is_told(event: Event, complaint: str) -> None:
    """Each kind of difference is one complaint."""
    assert complaint in complaints(TABLE, {"post_added": event})
    assert complaints(TABLE, {}) == ["nobody logs post_added"]
    assert complaints(TABLE, catalogue(TABLE)) == []
