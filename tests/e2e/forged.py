"""Access tokens made by hand, with any header, any claims and any key."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from tests.e2e.clients import Person
from tests.e2e.servers import PostkeepServer

DIGESTS = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}

ABSENT = object()
"""Stands for a member that is left out."""


def encoded(data: bytes) -> str:
    """Write bytes as JWTs do."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def key_of(server: PostkeepServer, purpose: str = "access token") -> bytes:
    """Return the key that a server makes of its secret for a purpose."""
    return hmac.digest(server.secret, f"postkeep {purpose}".encode(), hashlib.sha512)


def kid_of(server: PostkeepServer) -> str:
    """Return what a server's current key is called in headers."""
    return key_of(server, "kid")[:4].hex()


def header_for(server: PostkeepServer, **changed: object) -> dict[str, object]:
    """Return the header of a good token, with some members changed."""
    return without_absent({"alg": "HS256", "typ": "at+jwt", "kid": kid_of(server), **changed})


def claims_for(person: Person, **changed: object) -> dict[str, object]:
    """Return the claims of a good token of a person's session, with some changed."""
    now = int(time.time())
    own = person.claims
    good = {
        "iss": "postkeep",
        "aud": "postkeep-api",
        "sub": own["sub"],
        "sid": own["sid"],
        "jti": uuid4().hex,
        "iat": now,
        "exp": now + 600,
    }
    return without_absent({**good, **changed})


def signed(header: object, claims: object, key: bytes, *, digest: str = "HS256") -> str:
    """Sign anything as a token; what is bytes already goes in as it is."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    message = ".".join(encoded(part) for part in parts)
    return f"{message}.{encoded(hmac.digest(key, message.encode('ascii'), DIGESTS[digest]))}"


def without_absent(members: Mapping[str, Any]) -> dict[str, object]:
    """Leave out what is absent."""
    return {name: value for name, value in members.items() if value is not ABSENT}
