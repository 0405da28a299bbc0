"""The kinds of refusal. Each noun's own errors stand beside it; what a client sees of them is decided elsewhere."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar


class PostkeepError(Exception):
    """A refusal that the caller is meant to see: a stable code and one sentence for people."""

    code: ClassVar[str]

    facts: Mapping[str, object] = MappingProxyType({})
    """What else a program may want to know of it, by names that stay."""

    @property
    def detail(self) -> str:
        """One sentence for people: the message given, or else the class's own."""
        given = str(self.args[0]) if self.args else ""
        return given or self.meaning()

    @classmethod
    def meaning(cls) -> str:
        """Return the one sentence that says what such an error means: the first line of its docstring."""
        return (cls.__doc__ or "").strip().splitlines()[0]


class Invalid(PostkeepError, ValueError):
    """Something given does not follow the rules; `field` names which."""

    field: ClassVar[str]


class Unauthenticated(PostkeepError):
    """Nobody we know is calling."""


class Forbidden(PostkeepError):
    """The caller is known and may not do this."""


class Absent(PostkeepError):
    """There is no such thing, or not for this caller."""


class Conflict(PostkeepError):
    """It collides with something that exists."""


class Outdated(PostkeepError):
    """It was meant for what is not there any more: somebody else's change came first."""


class Unguarded(PostkeepError):
    """It does not say what it was meant for, so it could undo what the caller has not seen."""


class TooLarge(PostkeepError):
    """It is larger than may be kept."""


class TooMany(PostkeepError):
    """Too many attempts; `retry_after` says in how many seconds to try again."""

    def __init__(self, detail: str = "", *, retry_after: int = 1) -> None:
        """Remember after how many whole seconds (at least 1) trying again makes sense."""
        super().__init__(*([detail] if detail else []))
        self.retry_after = retry_after


class Unavailable(PostkeepError):
    """It cannot be done just now, and may be tried again."""

    retry_after = 1


class Misconfigured(Exception):
    """Postkeep cannot start like this; the message is one line that tells the operator what to change."""
