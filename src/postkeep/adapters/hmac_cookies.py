"""Cookies of sessions: opaque, and verified by the session's salt as refresh tokens are."""

import hmac
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from postkeep.adapters.session_macs import derived_key, session_mac
from postkeep.domain import base64url
from postkeep.domain.accounts import AccountId
from postkeep.domain.sessions import Session, SessionId, SignedOut
from postkeep.services.signers import CookieClaims

_KID_BYTES: Final = 4
_CLAIMED_BYTES: Final = _KID_BYTES + 16 + 16
_COOKIE_BYTES: Final = _CLAIMED_BYTES + 32


class HmacCookies:
    """Signs with the first secret, reads with any of them. See `services.signers.CookieSigner`."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        """Take the secrets, 32 bytes or more each, the newest first, of each of which a key of its own is made."""
        keys = [
            (derived_key(secret, "cookie kid")[:_KID_BYTES], derived_key(secret, "session cookie"))
            for secret in secrets
        ]
        self._kid, _ = keys[0]
        self._keys = dict(keys)

    def sign(self, session: Session) -> str:
        """Return the session's cookie; the same session gives the same cookie for as long as it lasts."""
        claimed = self._kid + session.account_id.bytes + session.id.bytes
        return base64url.encode(claimed + session_mac(self._keys[self._kid], claimed, session))

    def read(self, cookie: str) -> CookieClaims:
        """Return what a cookie claims; nothing is proven yet.

        Raises:
            SignedOut: Malformed, or made with a key that is not ours.
        """
        raw = _decoded(cookie)
        if raw[:_KID_BYTES] not in self._keys:
            raise SignedOut
        account_id, session_id = raw[_KID_BYTES : _KID_BYTES + 16], raw[_KID_BYTES + 16 : _CLAIMED_BYTES]
        return CookieClaims(AccountId(UUID(bytes=account_id)), SessionId(UUID(bytes=session_id)))

    def verify(self, cookie: str, session: Session) -> bool:
        """Whether this cookie was made for this session by us."""
        raw = _decoded(cookie)
        key = self._keys.get(raw[:_KID_BYTES])
        claimed, given = raw[:_CLAIMED_BYTES], raw[_CLAIMED_BYTES:]
        names_it = claimed[_KID_BYTES:] == session.account_id.bytes + session.id.bytes
        return key is not None and names_it and hmac.compare_digest(given, session_mac(key, claimed, session))


def _decoded(cookie: str) -> bytes:
    """Read a cookie in its one canonical spelling.

    Raises:
        SignedOut: It is not one, or not as long as ours are.
    """
    raw = base64url.decode(cookie)
    if raw is None or len(raw) != _COOKIE_BYTES:
        raise SignedOut
    return raw
