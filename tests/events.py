"""What the log says: docs/logs.md has a row for each event that the code can log, and a schema is made from it.

`.venv/bin/python -m tests.events` writes the schema, docs/log-events.schema.json.
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = ROOT / "src/postkeep"
DOCUMENT: Final = ROOT / "docs/logs.md"
SCHEMA: Final = ROOT / "docs/log-events.schema.json"

_LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_ROW: Final = re.compile(r"^\| `(\w+)` \| (\w+) \|([^|]*)\| ([^|]+) \|$", re.MULTILINE)
_FIELD: Final = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]+) \|$", re.MULTILINE)
_TYPES: Final = {"text": "string", "id": "string", "number": "number", "integer": "integer"}
_UUID: Final = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


@dataclass(frozen=True)
class Event:
    """One kind of line.

    Attributes:
        level: How much it matters.
        always: The fields that it always has.
        sometimes: Those that it may have.
        is_open: Whether the code names some of its fields in no literal words.
    """

    level: str
    always: frozenset[str]
    sometimes: frozenset[str] = frozenset()
    is_open: bool = False


def logged() -> dict[str, Event]:
    """Return what the code can log, by name; fields that not every line of an event has are `sometimes`."""
    found: dict[str, Event] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        for name, event in _logged_in(ast.parse(file.read_text("utf-8"))):
            known = found.get(name, event)
            assert known.level == event.level, f"{name} has two levels"
            both = known.always & event.always
            each = known.always | known.sometimes | event.always | event.sometimes
            found[name] = Event(event.level, both, each - both, known.is_open or event.is_open)
    return found


def catalogue(document: str) -> dict[str, Event]:
    """Return what the document says, by name. A field behind a question mark is not always there."""
    rows = _ROW.findall(document)
    assert len({name for name, *_ in rows}) == len(rows), "an event has two rows"
    return {name: _described(level, fields) for name, level, fields, _ in rows}


def fields(document: str) -> dict[str, str]:
    """Return the type of each field that the document describes, by its name."""
    return {name: kind for name, kind, _ in _FIELD.findall(document) if kind in _TYPES}


def schema(document: str) -> dict[str, Any]:
    """Make the JSON Schema of one line of the log. Source: https://json-schema.org/draft/2020-12."""
    kinds = fields(document)
    common: dict[str, Any] = {
        "time": {"type": "string", "format": "date-time"},
        "request_id": {"type": ["string", "null"], "pattern": "^[A-Za-z0-9-]{1,64}$"},
        "exception": {"type": "string"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "One line of Postkeep's log",
        "description": "What other packages say has their logger's name as event, and a message: anyOf's last.",
        "type": "object",
        "required": ["time", "level", "event"],
        "anyOf": [
            *(
                {
                    "properties": {
                        **common,
                        "event": {"const": name},
                        "level": {"const": event.level},
                        **{field: _typed(kinds[field]) for field in sorted(event.always | event.sometimes)},
                    },
                    "required": sorted(event.always),
                    "additionalProperties": False,
                }
                for name, event in sorted(catalogue(document).items())
            ),
            {
                "properties": {"event": {"pattern": r"^(?!postkeep)\w+(\.\w+)*$"}, "message": {"type": "string"}},
                "required": ["message"],
            },
        ],
    }


def written(document: str) -> str:
    """Return the schema as it stands in its file."""
    return json.dumps(schema(document), indent=2, ensure_ascii=False) + "\n"


def complaints(document: str, code: Mapping[str, Event]) -> list[str]:
    """Say where the document and the code differ."""
    told = catalogue(document)
    kinds = fields(document)
    found = [f"{name} is not in the table" for name in sorted(code.keys() - told.keys())]
    found += [f"nobody logs {name}" for name in sorted(told.keys() - code.keys())]
    for name in sorted(code.keys() & told.keys()):
        ours, theirs = told[name], code[name]
        if ours.level != theirs.level:
            found.append(f"{name} is a {theirs.level}")
        found += [f"{name} has {field}, too" for field in sorted((theirs.always | theirs.sometimes) - _all(ours))]
        if not theirs.is_open:
            found += [f"{name} never has {field}" for field in sorted(_all(ours) - _all(theirs))]
        found += [f"{name} does not always have {field}" for field in sorted(ours.always - theirs.always)]
        found += [f"{field} of {name} is not described" for field in sorted(_all(ours) - kinds.keys())]
    return found


def _all(event: Event) -> frozenset[str]:
    return event.always | event.sometimes


def _described(level: str, listed: str) -> Event:
    """Read a row of the table."""
    names = re.findall(r"`(\w+)`(\?)?", listed)
    sometimes = frozenset(name for name, mark in names if mark)
    return Event(level, frozenset(name for name, _ in names) - sometimes, sometimes)


def _typed(kind: str) -> dict[str, str]:
    """Say a field's type in JSON Schema's words."""
    return {"type": _TYPES[kind], **({"pattern": _UUID} if kind == "id" else {})}


def _logged_in(tree: ast.AST) -> Iterator[tuple[str, Event]]:
    """Return each line that a module can log."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "log"
        ):
            level = {"exception": "error"}.get(node.func.attr, node.func.attr)
            name = node.args[0]
            assert level in _LEVELS, f"log.{level}"
            assert isinstance(name, ast.Constant), f"line {node.lineno}: an event's name stands where it is logged"
            yield str(name.value), _event_of(level, node)


def _event_of(level: str, call: ast.Call) -> Event:
    """Read what one call logs."""
    extra = next((keyword.value for keyword in call.keywords if keyword.arg == "extra"), ast.Dict([], []))
    assert isinstance(extra, ast.Dict), f"line {call.lineno}: an event's fields stand where it is logged"
    names = [key.value for key in extra.keys if isinstance(key, ast.Constant)]
    return Event(level, frozenset(map(str, names)) - {"request_id"}, is_open=len(names) < len(extra.keys))


if __name__ == "__main__":
    SCHEMA.write_text(written(DOCUMENT.read_text("utf-8")), "utf-8")
