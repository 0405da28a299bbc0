"""What the doctor finds."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

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


def look_at(place: str, look: Callable[[], str]) -> Finding:
    """Look at one place; what is raised there is what is the matter."""
    try:
        return Finding(place, Verdict.OK, look())
    except Misconfigured as error:
        return Finding(place, Verdict.ERROR, str(error))
    except PostkeepError as error:
        return Finding(place, Verdict.ERROR, error.detail)
    except (SQLAlchemyError, OSError) as error:
        return Finding(place, Verdict.ERROR, reason_of(error))


def reason_of(error: Exception) -> str:
    """Say what went wrong in the words of whoever said it."""
    return str(getattr(error, "orig", None) or getattr(error, "strerror", None) or error)
