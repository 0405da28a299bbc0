"""Keys that clients send with a request, so that repeating it does nothing twice.

Source: draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NewType, Self

from postkeep.domain.accounts import AccountId
from postkeep.domain.errors import Conflict, Invalid, TooMany
from postkeep.domain.posts import Post, PostId

IdempotencyKey = NewType("IdempotencyKey", str)

HASH_BYTES: Final = 32
"""How many bytes are kept of a key, and of what it came with."""

KEY_LIFETIME: Final = timedelta(hours=24)
"""For how long a key stands for the request that it first came with."""

MOST_KEYS: Final = 20_000
"""How many keys of one account are kept: they are in no quota, and stay when their posts are deleted."""

KEY_PATTERN: Final = r'^("[!#-\[\]-~]{1,255}"|[!#-\[\]-~]{1,255})$'
"""A key as it is sent: in the quotes that the draft asks for, or without, as most clients send it."""

_KEY: Final = re.compile(KEY_PATTERN.removesuffix("$"))
_FIELD: Final = "header.Idempotency-Key"


class KeyInvalid(Invalid):
    """A key has 1 to 255 visible ASCII characters, but no quotation mark and no backslash; it may be in quotes."""

    code = "idempotency_key_invalid"
    field = _FIELD


class KeyReused(Invalid):
    """This key came with another body before; each request that is not a repetition needs a key of its own."""

    code = "idempotency_key_reused"
    field = _FIELD


class KeyInUse(Conflict):
    """The request that this key came with first is still being worked on; repeat it a little later."""

    code = "idempotency_key_in_use"
    retry_after = 1


class TooManyKeys(TooMany):
    """The account has used 20,000 keys within a day; go on without them, or when the first of them have expired."""

    code = "too_many_keys"

    def __init__(self) -> None:
        """Ask for some patience: keys expire one after another."""
        super().__init__(retry_after=60)


def parse_key(given: str) -> IdempotencyKey:
    """Read a key as a client sends it; with quotes or without, it is the same key.

    Raises:
        KeyInvalid: It is none.
    """
    if not _KEY.fullmatch(given):
        raise KeyInvalid
    return IdempotencyKey(given.strip('"'))


@dataclass(frozen=True, slots=True)
class KeyUse:
    """What a key was used for: everything that the first answer said.

    Attributes:
        author: Whose key it is; somebody else's same key means nothing.
        key_hash: SHA-256 of the key.
        body_hash: SHA-256 of the key and the post as it was sent.
        post_id: The post that was added.
        created_date: When it was.
    """

    author: AccountId
    key_hash: bytes
    body_hash: bytes
    post_id: PostId
    created_date: datetime

    @classmethod
    def of(cls, key: IdempotencyKey, post: Post) -> Self:
        """Use a key for a new post."""
        # The key is not kept, so nobody who reads the hash of a deleted post can try which text it was.
        sent = json.dumps([key, post.text, post.title, post.status], ensure_ascii=False)
        key_hash, body_hash = (hashlib.sha256(each.encode()).digest() for each in (key, sent))
        return cls(post.author, key_hash, body_hash, post.id, post.created_date)

    @property
    def oldest_alive(self) -> datetime:
        """What was used earlier than this has expired by the time of this use."""
        return self.created_date - KEY_LIFETIME
