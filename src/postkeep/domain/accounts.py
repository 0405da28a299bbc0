"""Accounts: who keeps posts here, under which address, with which password."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType, Self
from uuid import UUID

from email_validator import EmailNotValidError, validate_email

from postkeep.domain.errors import Conflict, Invalid, Unauthenticated
from postkeep.domain.ids import new_id
from postkeep.domain.unicode import is_encodable

AccountId = NewType("AccountId", UUID)

PASSWORD_MIN_LENGTH: Final = 8
PASSWORD_MAX_LENGTH: Final = 128
EMAIL_MAX_LENGTH: Final = 254
LABEL_MAX_LENGTH: Final = 63
"""Of what stands between two dots of a domain. In ASCII it has no fewer characters.

Source: RFC 1035 2.3.4, RFC 3492 6.
"""


class EmailInvalid(Invalid):
    """An address like ann@example.com is needed: ASCII before the @, without quotes, comments or IP addresses."""

    code = "email_invalid"
    field = "email"


class AccountGone(Unauthenticated):
    """The account is not there any more, or it is disabled."""

    code = "token_invalid"


class EmailTaken(Conflict):
    """Another account already uses this e-mail address."""

    code = "email_taken"


class PasswordTooShort(Invalid):
    """The password is too short."""

    code = "password_too_short"
    field = "password"


class PasswordTooLong(Invalid):
    """The password is longer than 128 characters."""

    code = "password_too_long"
    field = "password"


class PasswordInvalid(Invalid):
    """The password holds something that is not a character."""

    code = "password_invalid"
    field = "password"


class PasswordCompromised(Invalid):
    """The password is one that others would guess."""

    code = "password_compromised"
    field = "password"


@dataclass(frozen=True, slots=True)
class Email:
    """An e-mail address, as typed and as compared.

    Attributes:
        address: As typed, in Unicode's NFC form, without white space around it.
        key: What makes two addresses the same account: ASCII, both parts in lower case, the domain in its IDNA form.
    """

    address: str
    key: str

    @classmethod
    def parse(cls, given: str) -> Self:
        """Read an address that somebody typed. No name server is asked.

        The local part must be ASCII: outside it, letters that look alike would be different accounts, and letters
        that differ would be folded into one (CVE-2019-19844).

        Raises:
            EmailInvalid: Not an address, a quoted local part, an address literal, or too long.

        Source: RFC 5321 4.1.2 and 4.5.3.1 (64 octets before the @, 254 in all); RFC 5891 (IDNA).
        """
        # As with passwords. The library puts marks in order before it looks at the length: 50 milliseconds for 16 KiB.
        if len(given) > 4 * EMAIL_MAX_LENGTH:
            raise EmailInvalid
        # It goes through a label again for each of its letters, too, before it looks at how many they are.
        domain = unicodedata.normalize("NFC", given.rpartition("@")[2])
        if max(map(len, domain.split("."))) > LABEL_MAX_LENGTH:
            raise EmailInvalid
        try:
            valid = validate_email(given, strict=True, allow_smtputf8=False, check_deliverability=False)
        except (EmailNotValidError, UnicodeError) as error:
            raise EmailInvalid from error
        if valid.ascii_email is None or len(valid.ascii_email) > EMAIL_MAX_LENGTH:
            raise EmailInvalid
        return cls(address=unicodedata.normalize("NFC", valid.normalized), key=valid.ascii_email.lower())

    @property
    def local_part(self) -> str:
        """What stands before the @, in lower case."""
        return self.key.rpartition("@")[0]


@dataclass(frozen=True, slots=True)
class Password:
    """A password as somebody typed it, in Unicode's NFC form. It never shows itself.

    Source: NIST SP 800-63B-4 3.1.1.2 (normalise before hashing; count code points; any character).
    """

    secret: str

    @classmethod
    def parse(cls, given: str) -> Self:
        """Read a password that is to be kept.

        Raises:
            PasswordTooShort: Fewer than 8 code points.
            PasswordTooLong: More than 128 code points.
            PasswordInvalid: A lone surrogate, which no encoding can carry.
        """
        password = cls.parse_any(given)
        password.check_length(PASSWORD_MIN_LENGTH)
        return password

    @classmethod
    def parse_any(cls, given: str) -> Self:
        """Read a password that is only to be compared with a kept one: a short one is wrong, not malformed.

        Raises:
            PasswordTooLong: More than 128 code points.
            PasswordInvalid: A lone surrogate, which no encoding can carry.
        """
        # Normalising can shorten a text to a quarter at most, so what is longer than that is refused unread.
        if len(given) > 4 * PASSWORD_MAX_LENGTH:
            raise PasswordTooLong
        secret = unicodedata.normalize("NFC", given)
        if len(secret) > PASSWORD_MAX_LENGTH:
            raise PasswordTooLong
        if not is_encodable(secret):
            raise PasswordInvalid
        return cls(secret)

    def check_length(self, least: int) -> None:
        """Refuse a password with fewer than `least` code points.

        Raises:
            PasswordTooShort: It has fewer.
        """
        if len(self.secret) < least:
            message = f"A password has at least {least} characters."
            raise PasswordTooShort(message)

    def __repr__(self) -> str:
        """Hide the secret from logs and tracebacks."""
        return "Password(...)"


class AccountStatus(StrEnum):
    """Whether an account may be used."""

    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who keeps posts here.

    Attributes:
        id: Minted from the time of signing up, so ids ascend with it.
        email: Where the account is known by.
        password_hash: A PHC string; never leaves the services.
        status: Only an active account logs in, reads and writes.
        access_version: Raised by every change of who may get in: sessions, password, status.
        posts_version: Raised by every change of a post.
        posts: How many posts are kept.
        bytes: The octets of all titles and texts in UTF-8.
        created_date: When it signed up, UTC.
    """

    id: AccountId
    email: Email
    password_hash: str
    created_date: datetime
    status: AccountStatus = AccountStatus.ACTIVE
    access_version: int = 1
    posts_version: int = 1
    posts: int = 0
    bytes: int = 0

    def __post_init__(self) -> None:
        """Hold what must be true of every account, wherever it comes from."""
        if min(self.access_version, self.posts_version, self.posts, self.bytes) < 0:
            message = "an account's numbers are never negative"
            raise ValueError(message)
        if self.created_date.tzinfo is None:
            message = "a time without its zone"
            raise ValueError(message)

    @classmethod
    def open(cls, email: Email, password_hash: str, *, now: datetime) -> Self:
        """Make a new, active, empty account."""
        return cls(id=AccountId(new_id(now)), email=email, password_hash=password_hash, created_date=now)

    @property
    def is_active(self) -> bool:
        """Whether this account may be used."""
        return self.status is AccountStatus.ACTIVE
