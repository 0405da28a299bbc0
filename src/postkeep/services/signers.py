"""What services need of whoever signs tokens and cookies, and what these claim. See `ports.py`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from postkeep.domain.accounts import AccountId
from postkeep.domain.sessions import Session, SessionId


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What an access token says, and nothing about the person.

    Attributes:
        account_id: Whose it is (`sub`).
        session_id: The login it came from (`sid`).
        issued: When (`iat`), UTC, whole seconds.
        expires: Until when it counts (`exp`), UTC, whole seconds.
    """

    account_id: AccountId
    session_id: SessionId
    issued: datetime
    expires: datetime


@dataclass(frozen=True, slots=True)
class RefreshClaims:
    """What a refresh token says before its signature is checked, which takes the session's salt.

    Attributes:
        session_id: The login it came from.
        counter: Which of the session's refresh tokens it is.
    """

    session_id: SessionId
    counter: int


@dataclass(frozen=True, slots=True)
class CookieClaims:
    """What a browser's cookie says before its signature is checked, which takes the session's salt.

    Attributes:
        account_id: Whose it is.
        session_id: The login it came from.
    """

    account_id: AccountId
    session_id: SessionId


class CookieSigner(Protocol):
    """Makes and reads the cookies that browsers hold for a session, with the server's secret."""

    def sign(self, session: Session) -> str:
        """Return the session's cookie; the same session gives the same cookie for as long as it lasts."""
        ...

    def read(self, cookie: str) -> CookieClaims:
        """Return what a cookie claims; nothing is proven yet.

        Raises:
            SignedOut: Malformed, or made with a key that is not ours.
        """
        ...

    def verify(self, cookie: str, session: Session) -> bool:
        """Whether this cookie was made for this session by us."""
        ...


class TokenSigner(Protocol):
    """Makes and reads tokens with the server's secret."""

    def sign_access(self, claims: AccessClaims) -> str:
        """Return the access token that says so."""
        ...

    def read_access(self, token: str, *, expired_too: bool = False) -> AccessClaims:
        """Return what one of our access tokens says.

        Raises:
            TokenInvalid: Malformed, forged, of another kind, or (unless `expired_too`) expired.
        """
        ...

    def sign_refresh(self, session: Session) -> str:
        """Return the session's current refresh token; the same session and counter give the same token."""
        ...

    def read_refresh(self, token: str) -> RefreshClaims:
        """Return what a refresh token claims; nothing is proven yet.

        Raises:
            RefreshTokenInvalid: Malformed, or made with a key that is not ours.
        """
        ...

    def verify_refresh(self, token: str, session: Session) -> bool:
        """Whether this token was made for this session by us."""
        ...
