"""Users: who clients act for, and what they write."""

import hashlib
import json
import random
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from tests.faults.history import Item

MARK: Final = re.compile(rb"mark-([0-9a-f]{32})")
"""The canary: 128 bits that only their user's own answers may hold."""

BIG_BYTES: Final = 1024 * 1024 - 4096
"""As long as a text may be, with all that stands around it."""

STATUSES: Final = ("published", "draft", "archived")


class Known(NamedTuple):
    """What a client knows of a post.

    Attributes:
        uid: The first word of its text, in every version.
        version: The newest that it was told of.
    """

    uid: str
    version: int


@dataclass
class User:
    """Somebody whose account exists, as the clients of one process know them.

    Attributes:
        name: Stands first in the uid of each post: u and a number.
        email: What they log in with.
        password: The same.
        mark: Their canary.
        posts: The ids of posts that may be there, and what is known of them.
        long: Those of them that are as long as a post may be.
    """

    name: str
    email: str
    password: str
    mark: str
    posts: dict[str, Known] = field(default_factory=dict[str, Known])
    long: dict[str, None] = field(default_factory=dict[str, None])

    @classmethod
    def anew(cls, name: str) -> "User":
        """Make somebody up."""
        own = secrets.token_hex(4)
        return cls(name, f"{name}-{own}@example.com", f"pass phrase {secrets.token_hex(8)}", secrets.token_hex(16))

    @property
    def is_jealous(self) -> bool:
        """Whether clients end the sessions of the user's other clients now and then."""
        return int(self.name.removeprefix("u")) % 4 == 0

    @property
    def credentials(self) -> dict[str, str]:
        """What they log in with, as the API takes it."""
        return {"email": self.email, "password": self.password}

    def foreign_in(self, received: bytes) -> list[str]:
        """Return the marks of others that were received."""
        return sorted({mark.decode() for mark in MARK.findall(received)} - {self.mark})

    def write(self, uid: str, choose: random.Random, *, big: bool = False, edition: str = "") -> dict[str, str | None]:
        """Make up a post, or another edition of one."""
        length = BIG_BYTES if big else choose.choice([0, 20, 100, 100, 100, 400, 5_000])
        begin = f"{uid} mark-{self.mark} {edition} "
        padding = choose.choice(["x", "y", "\u0436"]) * length
        return {
            "text": begin + padding.encode()[: max(length - len(begin), 0)].decode(errors="ignore"),
            "title": choose.choice([None, f"about {uid}"]),
            "status": choose.choice(STATUSES),
        }


def digest_of(post: dict[str, Any]) -> str:
    """Return the digest of all that a user decides of a post; its status can be read in it."""
    what = json.dumps([post["title"], post["text"]])
    return f"{hashlib.blake2b(what.encode(), digest_size=8).hexdigest()}/{post['status']}"


def items_of(posts: Iterable[dict[str, Any]]) -> Sequence[Item]:
    """Return posts as histories have them."""
    return [Item(post["id"], str(post["text"]).partition(" ")[0], digest_of(post), post["version"]) for post in posts]
