"""JSON read strictly: nothing is repaired, guessed or lost. Source: RFC 8259; RFC 7493 (I-JSON)."""

import json
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeAlias

from postkeep.domain.unicode import is_encodable

MAX_DEPTH: Final = 32
MAX_DIGITS: Final = 100
MAX_PARTS: Final = 1000
"""More strings, commas, colons and brackets than most bodies have: each takes time, a megabyte has room for many."""

_MARKS: Final = ",:[{"

# Where a string ends, from behind its first quote; typeshed leaves it out.
_scan_string: Final[Callable[[str, int], tuple[str, int]]] = vars(json.decoder)["scanstring"]

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


class JsonInvalid(ValueError):
    """The text is not JSON as this server takes it; the message says why in a few words."""


def parse(text: str, *, max_parts: int = MAX_PARTS) -> Json:
    """Read a JSON text.

    Raises:
        JsonInvalid: Malformed; or a name twice in one object, a number that is none (NaN, Infinity, 1e999) or has over
            100 digits, a lone surrogate, more than 32 levels, or more than so many parts.
    """
    try:
        _count_parts(text, max_parts)
        value: Json = _DECODER.decode(text)
        _check(value, MAX_DEPTH)
    except json.JSONDecodeError as error:
        message = f"{error.msg} at character {error.pos}"
        raise JsonInvalid(message) from None
    except RecursionError:
        message = f"more than {MAX_DEPTH} levels"
        raise JsonInvalid(message) from None
    return value


def _count_parts(text: str, most: int) -> None:
    """Refuse more parts than a body has, before anything is made of them."""
    parts = position = 0
    while position < len(text):
        quote = text.find('"', position)
        end = len(text) if quote < 0 else quote
        parts += 1 + sum(text.count(mark, position, end) for mark in _MARKS)
        if parts > most:
            message = f"more than {most} parts"
            raise JsonInvalid(message)
        position = end if quote < 0 else _scan_string(text, quote + 1)[1]


def _check(value: Json, levels: int) -> None:
    """Refuse what no JSON text may hold, and nesting of more levels than these, at any depth."""
    if isinstance(value, str):
        if not is_encodable(value):
            message = "a lone surrogate"
            raise JsonInvalid(message)
    elif isinstance(value, dict | list):
        if levels == 0:
            message = f"more than {MAX_DEPTH} levels"
            raise JsonInvalid(message)
        for item in (*value.keys(), *value.values()) if isinstance(value, dict) else value:
            _check(item, levels - 1)


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object; a name twice in it would lose a value."""
    found = dict(members)
    if len(found) != len(members):
        message = "a name twice in one object"
        raise JsonInvalid(message)
    return found


def _integer(digits: str) -> int:
    """Read an integer; reading takes time that grows with the square of its digits."""
    if len(digits) > MAX_DIGITS:
        message = f"a number of more than {MAX_DIGITS} digits"
        raise JsonInvalid(message)
    return int(digits)


def _float(digits: str) -> float:
    """Read a number; one beyond what a double holds would become infinity."""
    value = float(digits)
    if len(digits) > MAX_DIGITS or value in {float("inf"), float("-inf")}:
        message = "a number that is too large or too long"
        raise JsonInvalid(message)
    return value


def _constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python would take."""
    message = f"{name} is not JSON"
    raise JsonInvalid(message)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
