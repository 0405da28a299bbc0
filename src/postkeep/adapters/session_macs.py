"""What refresh tokens and cookies are verified by: keys made of the server's secret, and each session's salt."""

import hashlib
import hmac

from postkeep.domain.sessions import Session


def derived_key(secret: bytes, purpose: str) -> bytes:
    """Derive a key of its own for a purpose, so that nothing made for one passes for another."""
    return hmac.digest(secret, f"postkeep {purpose}".encode(), hashlib.sha512)


def session_mac(key: bytes, claimed: bytes, session: Session) -> bytes:
    """Sum up what is claimed of a session, so that nobody claims it who lacks the key or the session's salt."""
    return hmac.digest(key, claimed + session.salt, hashlib.sha256)
