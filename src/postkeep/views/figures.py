"""Dates, numbers and sizes, as people write them."""

import gettext
from datetime import UTC, datetime
from typing import Final

from postkeep.views.messages import mark

_MONTHS: Final = (
    mark("January"),
    mark("February"),
    mark("March"),
    mark("April"),
    mark("May"),
    mark("June"),
    mark("July"),
    mark("August"),
    mark("September"),
    mark("October"),
    mark("November"),
    mark("December"),
)
"""As they stand in a date behind the day: some languages have another form there."""

_KIB: Final = 1024


class Figures:
    """Writes figures in a language."""

    def __init__(self, translations: gettext.NullTranslations) -> None:
        """Take what is said in the language."""
        self._say = translations.gettext
        self._say_many = translations.ngettext

    def date(self, moment: datetime | str) -> str:
        """Write a moment, or one in the spelling of RFC 3339, by the clock that everybody shares (UTC)."""
        when = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        when = when.astimezone(UTC)
        month = self._say(_MONTHS[when.month - 1])
        return f"{when.day}\N{NO-BREAK SPACE}{month} {when.year}, {when:%H:%M}"

    def number(self, number: int) -> str:
        """Write a number, its thousands apart."""
        # Translators: what stands between thousands.
        return f"{number:,}".replace(",", self._say(mark(",")))

    def size(self, size: int) -> str:
        """Write how many bytes something has: exactly as long as they are few."""
        if size < _KIB:
            return self._say_many("%(number)s byte", "%(number)s bytes", size) % {"number": size}
        unit, of = (mark("KB"), _KIB) if size < _KIB * _KIB else (mark("MB"), _KIB * _KIB)
        # Translators: what stands before tenths.
        amount = f"{size / of:.1f}".removesuffix(".0").replace(".", self._say(mark(".")))
        return f"{amount}\N{NO-BREAK SPACE}{self._say(unit)}"
