"""Questions about text that more than one noun asks."""

import unicodedata
from typing import Final

_UNSEEN: Final = frozenset({"Cc", "Cf", "Mn", "Zl", "Zp", "Zs"})
"""Categories of characters of which nothing is seen by themselves: controls, joiners, marks on others, space."""


def is_encodable(text: str) -> bool:
    """Whether a text is free of lone surrogates, so that UTF-8 can carry it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_visible(text: str) -> bool:
    """Whether a text has a character that can be seen; a zero-width space is none, though it is no white space."""
    return any(unicodedata.category(character) not in _UNSEEN for character in text)
