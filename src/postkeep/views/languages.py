"""The languages of the pages: which one a browser gets, and what is said in it."""

import gettext
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

Language: TypeAlias = Literal["en", "ru"]

LANGUAGES: Final[Mapping[Language, str]] = {"en": "English", "ru": "Русский"}
"""By code, each by its own name."""

COOKIE: Final = "postkeep-language"
LOCALE: Final = Path(__file__).parent / "locale"
DOMAIN: Final = "pages"
"""What the catalogues of messages are called, as gettext has it."""

_LONGEST: Final = 200


def parse_language(given: str) -> Language | None:
    """Return the language of a code, if there is one."""
    return next((language for language in get_args(Language) if language == given), None)


def choose_language(chosen: str, accept_language: str, default: Language) -> Language:
    """Choose the language of a page: what was chosen before, else what the browser likes most, else the server's own.

    Args:
        chosen: What the cookie says.
        accept_language: What the browser says.
        default: The server's own.
    """
    return parse_language(chosen) or _preferred(accept_language[:_LONGEST]) or default


@lru_cache(maxsize=2)
def translations(language: Language) -> gettext.NullTranslations:
    """Return what is said in a language; what the programs say themselves is English."""
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, LOCALE, [language])


@lru_cache(maxsize=256)
def _preferred(accept_language: str) -> Language | None:
    """Return the first of our languages that a browser lists with the highest weight. Source: RFC 9110 12.5.4."""
    best: tuple[float, Language | None] = (0.0, None)
    for part in accept_language.lower().split(","):
        tag, _, weight = part.replace(" ", "").partition(";q=")
        language = parse_language(tag.partition("-")[0])
        if language is not None and _weight(weight) > best[0]:
            best = (_weight(weight), language)
    return best[1]


def _weight(given: str) -> float:
    """Read a weight; none is the highest, and nonsense is nothing."""
    try:
        return float(given or 1)
    except ValueError:
        return 0.0
