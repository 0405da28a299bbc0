"""What stands in a backup: a line of JSON for each thing. docs/operations.md describes it for others."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self, TypeVar
from uuid import UUID

from postkeep.domain.accounts import Account, AccountId, AccountStatus, Email
from postkeep.domain.errors import Invalid
from postkeep.domain.moments import EPOCH, rfc3339
from postkeep.domain.posts import MAX_BODY_BYTES, TITLE_MAX_LENGTH, Post, PostId, Status, Text, Title
from postkeep.domain.sessions import Origin, Session, SessionId, SessionStatus
from postkeep.services.archive import Amounts, Kept

T = TypeVar("T", int, datetime)

FORMAT: Final = 1
"""Raised with every change of what is written, so that older releases refuse what they cannot read."""

_LARGEST: Final = 2**53
"""More than any number here can be; what counts further (versions, say) does so on the database's side."""

_LARGEST_COUNTER: Final = 3 * 2**29
"""Three quarters of what the columns of counters hold, since a post may be brought in with half of it: what was edited
since then comes back, and can be edited further."""

_LARGEST_POST: Final = MAX_BODY_BYTES + 4 * TITLE_MAX_LENGTH
"""More than a post may have, by the longest title: edits were not always held to both together."""

_LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""Moments have room for what is added to them, in every database."""

_write: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

# What reading a line that nobody of us wrote can raise: JSON, types, values, our own rules.
_UNREADABLE: Final = (ValueError, TypeError, AttributeError, LookupError, RecursionError, OverflowError)


class BackupDamaged(Invalid):
    """The file is not a whole and unchanged backup of Postkeep."""

    code = "backup_damaged"
    field = "backup"


@dataclass(frozen=True, slots=True)
class Header:
    """A backup's first line.

    Attributes:
        release: Which release of Postkeep made it.
        revision: The schema's revision in the database that it was made of.
        created_date: When, UTC.
        amounts: How much is to come, for who shows progress; what really came stands at the end.
    """

    release: str
    revision: str
    created_date: datetime
    amounts: Amounts

    def line(self) -> bytes:
        """Write it out."""
        return _line(
            "postkeep_backup",
            {
                "format": FORMAT,
                "release": self.release,
                "revision": self.revision,
                "created_date": rfc3339(self.created_date),
                **asdict(self.amounts),
            },
        )

    @classmethod
    def read(cls, line: bytes) -> Self:
        """Read it.

        Raises:
            BackupDamaged: It is none, or one of a newer release.
        """
        try:
            values = _Values(json.loads(line)["postkeep_backup"])
            newer = values.number("format") > FORMAT
            header = None if newer else cls._of(values)
        except _UNREADABLE:
            header, newer = None, False
        if newer:
            message = "The backup was made by a newer release of Postkeep: restore it with that."
            raise BackupDamaged(message)
        if header is None or header.line() != line:
            message = "This is not a backup of Postkeep."
            raise BackupDamaged(message)
        return header

    @classmethod
    def _of(cls, values: "_Values") -> Self:
        """Make it of its values."""
        return cls(values.text("release"), values.text("revision"), values.moment("created_date"), values.amounts())


@dataclass(frozen=True, slots=True)
class Trailer:
    """A backup's last line.

    Attributes:
        amounts: How much came.
        sha256: Of everything before this line, in hexadecimal digits.
    """

    amounts: Amounts
    sha256: str

    def line(self) -> bytes:
        """Write it out."""
        return _line("end", {**asdict(self.amounts), "sha256": self.sha256})


def line_of(kept: Kept) -> bytes:
    """Write a session, a post or an account out."""
    if isinstance(kept, Post):
        return _line("post", _post_values(kept))
    if isinstance(kept, Session):
        return _line("session", _session_values(kept))
    return _line("account", _account_values(kept))


def read_line(line: bytes) -> Kept | None:
    """Read a session, a post or an account.

    Returns:
        None where the line is none that `line_of` would have written, to the last byte.
    """
    try:
        ((kind, values),) = json.loads(line).items()
        kept = _READ[kind](_Values(values))
        return kept if line_of(kept) == line else None
    except _UNREADABLE:
        return None


class _Values:
    """A line's values, each asked for as what it must be."""

    def __init__(self, values: Mapping[str, object]) -> None:
        """Take a JSON object."""
        self._values = values

    def text(self, name: str) -> str:
        """Return a text."""
        value = self._values[name]
        if not isinstance(value, str):
            raise TypeError(name)
        return value

    def number(self, name: str, *, at_most: int = _LARGEST) -> int:
        """Return a whole number from 0 on; JSON's true and 1.0 are none."""
        value = self._values[name]
        if type(value) is not int:
            raise TypeError(name)
        return _within(value, 0, at_most)

    def id(self, name: str) -> UUID:
        """Return an id."""
        return UUID(self.text(name))

    def moment(self, name: str) -> datetime:
        """Return a moment; one of another zone is written otherwise, and so refused."""
        return _within(datetime.fromisoformat(self.text(name)).astimezone(UTC), EPOCH, _LATEST)

    def has(self, name: str) -> bool:
        """Whether there is anything but null."""
        return self._values[name] is not None

    def amounts(self) -> Amounts:
        """Return how much there is of each kind."""
        return Amounts(self.number("sessions"), self.number("posts"), self.number("accounts"))


def _within(value: T, least: T, most: T) -> T:
    """Return a value that lies between two others.

    Raises:
        ValueError: It does not.
    """
    if not least <= value <= most:
        raise ValueError(value)
    return value


def _session_of(values: _Values) -> Session:
    """Make the session of a line."""
    return Session(
        id=SessionId(values.id("id")),
        account_id=AccountId(values.id("account_id")),
        salt=bytes.fromhex(values.text("salt")),
        counter=values.number("counter", at_most=_LARGEST_COUNTER),
        status=SessionStatus(values.text("status")),
        origin=Origin(device=values.text("device"), address=values.text("address")),
        created_date=values.moment("created_date"),
        refreshed_date=values.moment("refreshed_date"),
        expires_date=values.moment("expires_date"),
        ended_date=values.moment("ended_date") if values.has("ended_date") else None,
    )


def _post_of(values: _Values) -> Post:
    """Make the post of a line."""
    post = Post(
        id=PostId(values.id("id")),
        author=AccountId(values.id("account_id")),
        text=Text(values.text("text")),
        title=Title(values.text("title")) if values.has("title") else None,
        status=Status(values.text("status")),
        version=values.number("version", at_most=_LARGEST_COUNTER),
        created_date=values.moment("created_date"),
        updated_date=values.moment("updated_date"),
    )
    _within(post.bytes, 0, _LARGEST_POST)
    return post


def _account_of(values: _Values) -> Account:
    """Make the account of a line; its versions are the restoring database's affair."""
    email = Email(address=values.text("email"), key=values.text("email_key"))
    if not (email.key.isascii() and email.key.isprintable() and email.key == email.key.lower() and "@" in email.key):
        raise ValueError(email)
    return Account(
        id=AccountId(values.id("id")),
        email=email,
        password_hash=values.text("password_hash"),
        status=AccountStatus(values.text("status")),
        posts=values.number("posts"),
        bytes=values.number("bytes"),
        created_date=values.moment("created_date"),
    )


_READ: Final[Mapping[str, Callable[[_Values], Kept]]] = {
    "session": _session_of,
    "post": _post_of,
    "account": _account_of,
}


def _session_values(session: Session) -> dict[str, Any]:
    """Return what a session's line holds."""
    return {
        "account_id": str(session.account_id),
        "id": str(session.id),
        "salt": session.salt.hex(),
        "counter": session.counter,
        "status": session.status,
        "device": session.origin.device,
        "address": session.origin.address,
        "created_date": rfc3339(session.created_date),
        "refreshed_date": rfc3339(session.refreshed_date),
        "expires_date": rfc3339(session.expires_date),
        "ended_date": None if session.ended_date is None else rfc3339(session.ended_date),
    }


def _post_values(post: Post) -> dict[str, Any]:
    """Return what a post's line holds."""
    return {
        "account_id": str(post.author),
        "id": str(post.id),
        "title": post.title,
        "text": post.text,
        "status": post.status,
        "version": post.version,
        "created_date": rfc3339(post.created_date),
        "updated_date": rfc3339(post.updated_date),
    }


def _account_values(account: Account) -> dict[str, Any]:
    """Return what an account's line holds."""
    return {
        "id": str(account.id),
        "email": account.email.address,
        "email_key": account.email.key,
        "password_hash": account.password_hash,
        "status": account.status,
        "posts": account.posts,
        "bytes": account.bytes,
        "created_date": rfc3339(account.created_date),
    }


def _line(kind: str, values: Mapping[str, object]) -> bytes:
    """Write a line: one JSON object with one member, which names its kind."""
    return f"{_write({kind: values})}\n".encode()
