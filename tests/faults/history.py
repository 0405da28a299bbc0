"""Histories: what clients asked for and what they were told, one line when asked and one when told."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO

NEVER: Final = 2**63 - 1
"""When something happened that was not seen to happen."""


class Kind(StrEnum):
    """What is asked for."""

    ADD = "add"
    DELETE = "delete"
    EDIT = "edit"
    MANY = "many"
    LIST = "list"
    LOGIN = "login"
    REFRESH = "refresh"
    LOGOUT = "logout"
    END_OTHERS = "end-others"


DELETION: Final = "deletion"
"""What happens to many posts, unless they get a status."""


class Outcome(StrEnum):
    """What is known of an operation's effect."""

    OK = "ok"
    """A 2xx (or a 304), read to its end: it took effect before it was answered."""
    FAIL = "fail"
    """A 4xx, or nobody listened: it never takes effect."""
    INFO = "info"
    """Anything else: it may have taken effect, may yet, or never will."""


class Item(NamedTuple):
    """A post as a list showed it.

    Attributes:
        post: Its id.
        uid: The first word of its text, which no two adds share.
        digest: Of title and text, and the status; see `text_in`.
        version: Of the post; 1 until it is edited.
    """

    post: str
    uid: str
    digest: str
    version: int = 1


@dataclass(slots=True)
class Operation:
    """One thing that a client asked for. An add is one however often it is sent with its key.

    Attributes:
        name: No other operation of the history has it.
        client: Who asked.
        user: On whose behalf.
        kind: What for.
        invoked: When, by the machine's monotonic clock, in nanoseconds.
        completed: When the answer, or what came instead, was there.
        outcome: What is known of its effect.
        status: Of the answer; 0 without one.
        code: The problem's code, where the answer was one.
        session: Whose access or refresh token was sent, or was got by logging in.
        key: The Idempotency-Key of an add.
        uid: Of the post to add.
        digest: Of the post to add, or of what an edit makes of it.
        post: The id of the post that was added, or is to be edited or deleted.
        base: The version that an edit starts from.
        version: The one that the answer to an edit tells, whether it was made or refused.
        posts: The ids of the posts that are to be changed together, all or none.
        change: What happens to these: DELETION, or the status that they get.
        absent: Those of them that are not there, as the answer says.
        token: The refresh token that was sent, by its digest.
        successor: The refresh token that was got, by its digest.
        shown: What a list showed.
        pages: In how many answers it came; in one it is as everything was at one moment.
        foreign: Marks of other users that were found in what was received.
        problem: What is wrong with the answer itself.
        waited: For how long its client waited for an answer, at most, in nanoseconds.
    """

    name: str
    client: str
    user: str
    kind: Kind
    invoked: int
    completed: int = NEVER
    outcome: Outcome = Outcome.INFO
    status: int = 0
    code: str = ""
    session: str = ""
    key: str = ""
    uid: str = ""
    digest: str = ""
    post: str = ""
    base: int = 0
    version: int = 0
    posts: list[str] = field(default_factory=list[str])
    change: str = ""
    absent: list[str] = field(default_factory=list[str])
    token: str = ""
    successor: str = ""
    shown: list[Item] = field(default_factory=list[Item])
    pages: int = 1
    foreign: list[str] = field(default_factory=list[str])
    problem: str = ""
    waited: int = 0

    @property
    def is_ok(self) -> bool:
        """Whether it took effect and its client knows."""
        return self.outcome is Outcome.OK

    @property
    def changed(self) -> Sequence[str]:
        """The ids of the posts that are to be changed or deleted."""
        return [self.post] if self.kind in {Kind.DELETE, Kind.EDIT} else self.posts

    @property
    def is_deletion(self) -> bool:
        """Whether posts are to be deleted."""
        return self.kind is Kind.DELETE or self.change == DELETION

    @property
    def acknowledged(self) -> int:
        """When its client knew that it took effect; never, where it does not know."""
        return self.completed if self.is_ok else NEVER

    def __str__(self) -> str:
        """Say in a few words what it was."""
        about = {
            Kind.ADD: self.uid,
            Kind.DELETE: self.post,
            Kind.EDIT: f"{self.post} from {self.base}, told {self.version}",
            Kind.MANY: f"{self.change} of {', '.join(self.posts)}",
            Kind.REFRESH: f"{self.token[:8]} to {self.successor[:8]}",
            Kind.LIST: f"{len(self.shown)} posts",
        }.get(self.kind, self.session)
        until = "" if self.completed == NEVER else f"{self.completed}"
        return (
            f"{self.name} {self.user}/{self.client} {self.kind} {about} -> {self.outcome} {self.status or ''}"
            f" [{self.invoked}..{until}]"
        )


_FIELDS: Final = tuple(each.name for each in fields(Operation))
_ASKED: Final = (
    *("client", "user", "kind", "invoked", "key", "uid", "posts", "change"),
    *("session", "digest", "post", "base", "token"),
)
_TOLD: Final = tuple(name for name in _FIELDS if name not in {"name", *_ASKED[:8]})


def text_in(digest: str) -> str:
    """Return the part of a digest that is of title and text."""
    return digest.partition("/")[0]


def status_in(digest: str) -> str:
    """Return the status that stands in a digest."""
    return digest.partition("/")[2]


class Recorder:
    """Writes a history down: lines are only ever added, and each is in the system's hands before what it tells of."""

    def __init__(self, file: TextIO, prefix: str) -> None:
        """Take a file that is open for appending, and what the names of its operations begin with."""
        self._file = file
        self._prefix = prefix
        self._count = 0

    def invoke(self, client: str, user: str, kind: Kind, **about: Any) -> Operation:
        """Note that something is about to be asked for."""
        self._count += 1
        operation = Operation(f"{self._prefix}{self._count}", client, user, kind, time.monotonic_ns(), **about)
        self._write(operation, _ASKED)
        return operation

    def complete(self, operation: Operation, outcome: Outcome) -> None:
        """Note what came of it, just now."""
        operation.completed = time.monotonic_ns()
        operation.outcome = outcome
        self._write(operation, _TOLD)

    def _write(self, operation: Operation, names: Iterable[str]) -> None:
        """Write what there is to say under these names."""
        said = {name: value for name in names if (value := getattr(operation, name)) not in ("", 0, [])}
        self._file.write(json.dumps({"name": operation.name, **said}, separators=(",", ":")) + "\n")
        self._file.flush()


def read_history(paths: Iterable[Path]) -> list[Operation]:
    """Return all operations of some files, in the order in which they were asked for.

    A client that was killed may leave half a line at the end of its file; anywhere else that is an error.
    """
    operations: dict[str, Operation] = {}
    for path in paths:
        for line in _lines(path):
            known = operations.get(line["name"])
            if known is None:
                line["kind"] = Kind(line["kind"])
                operations[line["name"]] = Operation(**line)
                continue
            for name, value in line.items():
                setattr(known, name, value)
            known.outcome = Outcome(line["outcome"])
            known.shown = [Item._make(item) for item in line.get("shown", [])]
    return sorted(operations.values(), key=lambda operation: operation.invoked)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Read a file's lines, without the half of one at its end."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if not line.endswith("\n"):
                return
            yield json.loads(line)
