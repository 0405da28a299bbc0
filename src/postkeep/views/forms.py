"""Forms: what somebody typed, what it means, and what is wrong with it."""

import re
from collections.abc import Callable, Mapping
from typing import Final, Self, TypeVar

from postkeep.domain.accounts import AccountId, Email, Password
from postkeep.domain.errors import Conflict, Invalid, PostkeepError, TooLarge
from postkeep.domain.posts import (
    MAX_BODY_BYTES,
    Post,
    Status,
    Text,
    Title,
    VersionInvalid,
    parse_status,
    parse_text,
    parse_title,
)
from postkeep.views.bodies import MAX_SMALL_BODY_BYTES
from postkeep.views.markdown import MAX_BYTES
from postkeep.views.sessions import email_or_nobody

T = TypeVar("T")

MAX_WRITING_BYTES: Final = 6 * MAX_BODY_BYTES + 16 * 1024
"""How many bytes a form with a post may have, so that every text fits which the API takes.

A byte of a text travels as three (%D0), and a line feed as six: browsers make two characters of it (%0D%0A).
"""

MAX_DECODED_BYTES: Final = MAX_BODY_BYTES + MAX_SMALL_BODY_BYTES
"""How many bytes all that a form says may have: a post, and what else stands in it. More is not shown again."""

MAX_PREVIEW_BYTES: Final = 3 * MAX_BYTES + 1024
"""Likewise for a text that is to be rendered, which a script sends with its line feeds as they are."""

_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)

_FIELDS: Final = {
    "body_too_large": "file",
    "email_taken": "email",
    "line_invalid": "file",
    "text_too_long": "text",
    "wrong_password": "password",
    "zip_bomb": "file",
    "zip_invalid": "file",
}
"""Which field a refusal is about that does not say so itself."""


class EntriesRefused(Invalid):
    """Something that was typed does not follow the rules; the form says what."""

    code = "entries_refused"
    field = "form"


class TextTooLong(TooLarge):
    """Title and text have more than 1,048,576 bytes together."""

    code = "text_too_long"


class AccountChanged(Conflict):
    """The form was made for another account than the one that is logged in now."""

    code = "account_changed"


class Entered:
    """What was typed into a form. A form that is shown for the first time has nothing in it.

    Attributes:
        errors: The code of what is wrong, by field; under "form" what is wrong with no field of its own.
    """

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        """Take the fields as they were sent.

        Browsers end the lines of what they send with CR LF, whatever was typed: here they end with LF, as in the
        text field. Source: HTML Standard, 4.10.22.4 (constructing the entry list), 4.10.11 (API value).
        """
        self._given = {name: value.replace("\r\n", "\n") for name, value in (given or {}).items()}
        self.errors: dict[str, str] = {}

    @classmethod
    def of(cls, post: Post) -> Self:
        """Take a post as it is, to be written anew."""
        given = {"title": post.title or "", "text": post.text, "status": post.status.value}
        return cls({**given, "version": str(post.version)})

    @property
    def size(self) -> int:
        """How many characters it has."""
        return sum(map(len, self._given.values()))

    def start_from(self, version: int) -> None:
        """Have the form start from another version, which whoever sends it has seen by then."""
        self._given["version"] = str(version)

    def __getitem__(self, field: str) -> str:
        """Return what was typed into a field."""
        return self._given.get(field, "")

    def read(self, field: str, parse: Callable[[str], T]) -> T | None:
        """Return what a field means; None where it is refused, which is noted."""
        try:
            return parse(self[field])
        except PostkeepError as error:
            self.errors[field] = error.code
            return None

    def refuse(self, error: PostkeepError) -> None:
        """Note a refusal where it belongs; one that only sums up what is noted says nothing more."""
        own = error.field if isinstance(error, Invalid) else "form"
        if own == "password" and "new_password" in self._given:
            # What is refused of a password is that it should be kept; the one so far is only wrong.
            own = "new_password"
        if not isinstance(error, EntriesRefused):
            self.errors[_FIELDS.get(error.code, own)] = error.code


def read_new_account(entered: Entered) -> tuple[Email, Password]:
    """Read the address and the password of a new account.

    Raises:
        EntriesRefused: Something is wrong with them.
    """
    email, password = entered.read("email", Email.parse), entered.read("password", Password.parse)
    if email is None or password is None:
        raise EntriesRefused
    return email, password


def read_credentials(entered: Entered) -> tuple[Email | None, Password]:
    """Read whom somebody wants to be; what cannot be an address belongs to nobody.

    Raises:
        EntriesRefused: No password can be like that.
    """
    return email_or_nobody(entered["email"]), read_proof(entered)


def read_changed_password(entered: Entered) -> tuple[Password, Password]:
    """Read the password so far, and the one from now on.

    Raises:
        EntriesRefused: Something is wrong with them.
    """
    current, new = entered.read("password", Password.parse_any), entered.read("new_password", Password.parse)
    if current is None or new is None:
        raise EntriesRefused
    return current, new


def read_proof(entered: Entered) -> Password:
    """Read the password that shows who is at the keyboard.

    Raises:
        EntriesRefused: No password can be like that.
    """
    password = entered.read("password", Password.parse_any)
    if password is None:
        raise EntriesRefused
    return password


def check_account(entered: Entered, account_id: AccountId) -> None:
    """Refuse what was meant for another account: in another tab somebody else may have logged in meanwhile.

    Raises:
        AccountChanged: The form names another one; a form that names none is anybody's.
    """
    if entered["account"] not in {"", str(account_id)}:
        raise AccountChanged


def read_post(entered: Entered) -> tuple[Text, Title | None, Status]:
    """Read a post: its text, its title if it has one, its status.

    Raises:
        EntriesRefused: Something is wrong with them.
        TextTooLong: They are longer than a post may be.
    """
    text = entered.read("text", parse_text)
    title = entered.read("title", parse_title) if entered["title"] else None
    status = entered.read("status", _parse_status)
    if text is None or status is None or "title" in entered.errors:
        raise EntriesRefused
    if len(text.encode()) + len((title or "").encode()) > MAX_BODY_BYTES:
        raise TextTooLong
    return text, title, status


def read_version(entered: Entered) -> int:
    """Read the version that an edit starts from.

    Raises:
        VersionInvalid: It is none.
    """
    if _VERSION.fullmatch(entered["version"]) is None:
        raise VersionInvalid
    return int(entered["version"])


def _parse_status(given: str) -> Status:
    """Read a status; a form without one is a published post, as with the API."""
    return parse_status(given) if given else Status.PUBLISHED
