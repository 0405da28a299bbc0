"""The passwords that everybody tries first, English and Russian."""

from collections.abc import Iterator
from functools import cached_property
from importlib import resources
from typing import Final

from postkeep.domain.accounts import Password

_LATIN: Final = "`qwertyuiop[]asdfghjkl;'zxcvbnm,."
_CYRILLIC: Final = "ёйцукенгшщзхъфывапролджэячсмитьбю"
_OTHER_KEYBOARD: Final = str.maketrans(_CYRILLIC, _LATIN)
_ENDINGS: Final = (
    "",
    "1",
    "12",
    "123",
    "1234",
    "12345",
    "123456",
    "1234567",
    "12345678",
    "123456789",
    "!",
    "1!",
    "123!",
)
_YEARS: Final = tuple(str(year) for year in range(1950, 2031))


class ListedCommonPasswords:
    """zxcvbn's list of 30,000, and Russian words as they are typed. See `services.ports.CommonPasswords`."""

    def __contains__(self, password: Password) -> bool:
        """Whether this is one of them, however its letters are cased."""
        return password.secret.casefold() in self._listed

    @cached_property
    def _listed(self) -> frozenset[str]:
        """All of them; read at the first use, since a server that signs nobody up does not need them."""
        from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 - 14 MB

        return frozenset(FREQUENCY_LISTS["passwords"]) | frozenset(_russian())


def _russian() -> Iterator[str]:
    """Yield the Russian words with their usual endings: in Cyrillic, and as typed with the keyboard left on Latin."""
    words = resources.files("postkeep.adapters").joinpath("common_passwords_ru.txt").read_text("utf-8").split()
    for word in words:
        for typed in {word, word.translate(_OTHER_KEYBOARD)}:
            for ending in (*_ENDINGS, *_YEARS):
                yield typed + ending
