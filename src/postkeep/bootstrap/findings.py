"""What the doctor finds."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from postkeep.domain.errors import Misconfigured, PostkeepError


class Verdict(StrEnum):
    """How bad it is: nothing, something to know, or something that must be changed."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found at one place.

    Attributes:
        place: What was looked at.
        verdict: How bad it is.
        said: What is the case, and what to do about it where that is something.
    """

    place: str
    verdict: Verdict
    said: str


KIND: Final = 0xFF
"""The part of SQLite's extended codes that says the kind. Source: sqlite.org/rescode.html."""

TROUBLE: Final = (SQLAlchemyError, sqlite3.Error, OSError, ValueError, OverflowError)
"""What drivers and the system raise where something is the matter; the last two of a port or a name that cannot be."""


def look_at(place: str, look: Callable[[], str | Finding]) -> Finding:
    """Look at one place; what is raised there is what is the matter."""
    try:
        found = look()
    except Misconfigured as error:
        return Finding(place, Verdict.ERROR, str(error))
    except PostkeepError as error:
        return Finding(place, Verdict.ERROR, error.detail)
    except TROUBLE as error:
        return Finding(place, Verdict.ERROR, reason_of(error))
    return found if isinstance(found, Finding) else Finding(place, Verdict.OK, found)


def reason_of(error: Exception) -> str:
    """Say what went wrong in the words of whoever said it; of a damaged file, SQLite may quote what is no text."""
    if isinstance(error, UnicodeDecodeError):
        return "it is damaged: restore a backup into a new one"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    said = getattr(error, "orig", None) or error
    if getattr(said, "sqlite_errorcode", 0) & KIND == sqlite3.SQLITE_IOERR:
        # What SQLite says where it finds no room for its -shm, too.
        return f"{said} (its disk may be full, or broken)"
    return str(getattr(said, "strerror", None) or said)
