"""Tokens: access tokens are JWTs, refresh tokens are opaque and verified by the session's salt."""

import hmac
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID, uuid4

import jwt

from postkeep.adapters.session_macs import derived_key, session_mac
from postkeep.domain import base64url
from postkeep.domain.accounts import AccountId
from postkeep.domain.ids import parse_id
from postkeep.domain.sessions import RefreshTokenInvalid, Session, SessionId, TokenInvalid
from postkeep.services.signers import AccessClaims, RefreshClaims

Algorithm: TypeAlias = Literal["HS256", "HS384", "HS512"]

ISSUER: Final = "postkeep"
AUDIENCE: Final = "postkeep-api"
TYPE: Final = "at+jwt"
LEEWAY_SECONDS: Final = 30
MAX_TOKEN_LENGTH: Final = 4096

_YEAR_10000: Final = 253_402_300_800
_REQUIRED: Final = ("iss", "aud", "sub", "sid", "jti", "iat", "exp")
_PARTS: Final = 3
_HEADER: Final = frozenset({"alg", "typ", "kid"})
_HEADERS: Final = 16
"""How many headers are remembered, which are read before a signature is: strangers may send more."""

_KID_BYTES: Final = 4
_COUNTER_BYTES: Final = 4
_CLAIMED_BYTES: Final = _KID_BYTES + 16 + _COUNTER_BYTES
_REFRESH_BYTES: Final = _CLAIMED_BYTES + 32


@dataclass(frozen=True, slots=True)
class _Key:
    """What one secret is worth: its name, and a key for each purpose, so that no token passes for another kind."""

    kid: bytes
    access: bytes
    refresh: bytes

    @classmethod
    def of(cls, secret: bytes) -> "_Key":
        """Derive a key of its own for each purpose from the secret."""
        return cls(
            kid=derived_key(secret, "kid")[:_KID_BYTES],
            access=derived_key(secret, "access token"),
            refresh=derived_key(secret, "refresh token"),
        )


def name_of(secret: bytes) -> str:
    """Return what a secret is called in public: the `kid` of the tokens that it signs."""
    return _Key.of(secret).kid.hex()


class JwtTokens:
    """Signs with the first secret, reads with any of them. See `services.signers.TokenSigner`.

    Source: RFC 7519 and RFC 8725 (JWT), RFC 9068 2.1 (`at+jwt`), RFC 9700 4.14 (refresh tokens).
    """

    def __init__(self, secrets: Sequence[bytes], *, algorithm: Algorithm = "HS256") -> None:
        """Take the secrets, 32 bytes or more each, the newest first, and the one algorithm of access tokens."""
        keys = [_Key.of(secret) for secret in secrets]
        self._current = keys[0]
        self._keys = {key.kid: key for key in keys}
        self._algorithm: Algorithm = algorithm

    def sign_access(self, claims: AccessClaims) -> str:
        """Return the access token that says so."""
        payload = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(claims.account_id),
            "sid": str(claims.session_id),
            "jti": uuid4().hex,
            "iat": int(claims.issued.timestamp()),
            "exp": int(claims.expires.timestamp()),
        }
        headers = {"typ": TYPE, "kid": self._current.kid.hex()}
        return jwt.encode(payload, self._current.access, self._algorithm, headers)

    def read_access(self, token: str, *, expired_too: bool = False) -> AccessClaims:
        """Return what one of our access tokens says.

        Raises:
            TokenInvalid: Malformed, forged, of another kind, or (unless `expired_too`) expired.
        """
        if len(token) > MAX_TOKEN_LENGTH:
            raise TokenInvalid
        claims = self._verify(token)
        if not expired_too and time.time() >= claims.expires.timestamp() + LEEWAY_SECONDS:
            raise TokenInvalid
        return claims

    def _verify(self, token: str) -> AccessClaims:
        """Check everything about a token but whether it has expired, which alone changes for the worse with time.

        Raises:
            TokenInvalid: Malformed, forged, of another kind, or from the future.
        """
        # Of a stranger's thousands of parts none is worth reading.
        parts = token.split(".", _PARTS)
        if len(parts) != _PARTS or any(base64url.decode(part) is None for part in parts):
            raise TokenInvalid
        try:
            claims = jwt.decode(
                token,
                self._key_for(parts[0]).access,
                algorithms=[self._algorithm],
                audience=AUDIENCE,
                issuer=ISSUER,
                leeway=LEEWAY_SECONDS,
                options={"require": list(_REQUIRED), "verify_exp": False},
            )
            return _access_claims(claims)
        except (jwt.PyJWTError, ValueError, OverflowError, RecursionError) as error:
            # Everything a stranger's token can do to a parser ends here, whatever the library lets through.
            raise TokenInvalid from error

    def sign_refresh(self, session: Session) -> str:
        """Return the session's current refresh token; the same session and counter give the same token."""
        claimed = self._current.kid + session.id.bytes + session.counter.to_bytes(_COUNTER_BYTES, "big")
        return base64url.encode(claimed + session_mac(self._current.refresh, claimed, session))

    def read_refresh(self, token: str) -> RefreshClaims:
        """Return what a refresh token claims; nothing is proven yet.

        Raises:
            RefreshTokenInvalid: Malformed, or made with a key that is not ours.
        """
        raw = _decoded(token)
        if raw[:_KID_BYTES] not in self._keys:
            raise RefreshTokenInvalid
        counter = int.from_bytes(raw[_KID_BYTES + 16 : _CLAIMED_BYTES], "big")
        return RefreshClaims(SessionId(UUID(bytes=raw[_KID_BYTES : _KID_BYTES + 16])), counter)

    def verify_refresh(self, token: str, session: Session) -> bool:
        """Whether this token was made for this session by us."""
        raw = _decoded(token)
        key = self._keys.get(raw[:_KID_BYTES])
        claimed, given = raw[:_CLAIMED_BYTES], raw[_CLAIMED_BYTES:]
        return key is not None and hmac.compare_digest(given, session_mac(key.refresh, claimed, session))

    def _key_for(self, header: str) -> _Key:
        """Find the key that a token's header names.

        Raises:
            TokenInvalid: It is not one of our headers, or names none of our keys.
            ValueError: It is not JSON, or its key's name is not hexadecimal.
        """
        key = self._keys.get(_kid_in(header))
        if key is None:
            raise TokenInvalid
        return key


@lru_cache(_HEADERS)
def _kid_in(header: str) -> bytes:
    """Return which key a token's header names; one with anything but our three members is not ours.

    Tokens differ in what follows: their headers are as many as there are keys, and are read once.

    Raises:
        TokenInvalid: It is not one of our headers.
        ValueError: It is not JSON, or its key's name is not hexadecimal.
    """
    said: object = json.loads(base64url.decode(header) or b"")
    if not isinstance(said, dict) or said.keys() != _HEADER or said["typ"] != TYPE or not isinstance(said["kid"], str):
        raise TokenInvalid
    return bytes.fromhex(said["kid"])


def _access_claims(claims: dict[str, Any]) -> AccessClaims:
    """Hold the claims to their types: PyJWT takes "exp" as a string, too.

    Raises:
        TokenInvalid: They are not of their types.
    """
    issued, expires, subject, session, token_id = (claims[name] for name in ("iat", "exp", "sub", "sid", "jti"))
    if not (_is_moment(issued) and _is_moment(expires) and isinstance(token_id, str)):
        raise TokenInvalid
    account_id = parse_id(subject) if isinstance(subject, str) else None
    session_id = parse_id(session) if isinstance(session, str) else None
    if account_id is None or session_id is None:
        raise TokenInvalid
    return AccessClaims(
        AccountId(account_id),
        SessionId(session_id),
        datetime.fromtimestamp(issued, UTC),
        datetime.fromtimestamp(expires, UTC),
    )


def _is_moment(value: object) -> bool:
    """Whether this is a number of seconds that a calendar has a date for."""
    return type(value) is int and 0 <= value < _YEAR_10000


def _decoded(token: str) -> bytes:
    """Read a refresh token in its one canonical spelling.

    Raises:
        RefreshTokenInvalid: It is not one, or not as long as ours are.
    """
    raw = base64url.decode(token)
    if raw is None or len(raw) != _REFRESH_BYTES:
        raise RefreshTokenInvalid
    return raw
