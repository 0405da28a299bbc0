"""The list of common passwords: English and Russian, as they are typed."""

import pytest

from postkeep.adapters.common_passwords import ListedCommonPasswords
from postkeep.domain.accounts import Password


@pytest.fixture(scope="module")
def common() -> ListedCommonPasswords:
    """Return the list."""
    return ListedCommonPasswords()


@pytest.mark.parametrize(
    "typed", ["12345678", "password", "Password1", "qwertyuiop", "iloveyou", "1q2w3e4r", "superman", "football1"]
)
def test_pw_08_what_everybody_tries_is_listed(common: ListedCommonPasswords, typed: str) -> None:
    """The first thousand of every leak."""
    assert Password.parse(typed) in common


@pytest.mark.parametrize("typed", ["пароль123", "ПАРОЛЬ123", "йцукенгш", "привет123", "gfhjkm123", "ghbdtn123"])
def test_pw_08_russian_ones_are_listed(common: ListedCommonPasswords, typed: str) -> None:
    """In Cyrillic, and as they come out with the keyboard left on Latin."""
    assert Password.parse(typed) in common


@pytest.mark.parametrize(
    "typed",
    ["пять лиловых уток", "correct horse battery staple no. 9", "тринадцатый бегемот", "пароль и ключ"],
)
def test_others_are_not(common: ListedCommonPasswords, typed: str) -> None:
    """Phrases are what we want people to choose."""
    assert Password.parse(typed) not in common
