"""Sessions: what a login leaves behind, and the tokens that name it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NewType, Self
from uuid import UUID

from postkeep.domain.accounts import AccountId
from postkeep.domain.attempts import Network
from postkeep.domain.errors import Absent, Unauthenticated
from postkeep.domain.ids import new_id, parse_id

SessionId = NewType("SessionId", UUID)

DEVICE_MAX_LENGTH: Final = 200
ADDRESS_MAX_LENGTH: Final = 45
SALT_BYTES: Final = 32


class TokenMissing(Unauthenticated):
    """This needs a token: log in, and send it as "Authorization: Bearer ..."."""

    code = "token_missing"


class TokenInvalid(Unauthenticated):
    """The token is not valid: malformed, forged, expired, or its session has ended."""

    code = "token_invalid"


class SignedOut(Unauthenticated):
    """You are not logged in, or not any more."""

    code = "signed_out"


class CredentialsInvalid(Unauthenticated):
    """The e-mail address or the password is wrong."""

    code = "invalid_credentials"


class PasswordWrong(Unauthenticated):
    """The current password is wrong."""

    code = "wrong_password"


class SessionAbsent(Absent):
    """There is no such session."""

    code = "session_absent"


class RefreshTokenInvalid(Unauthenticated):
    """The refresh token is not valid: malformed, forged, expired, or its session has ended."""

    code = "refresh_token_invalid"


class RefreshTokenReused(Unauthenticated):
    """The refresh token was used before; its session has been ended for safety. Log in again."""

    code = "refresh_token_reused"


class SessionStatus(StrEnum):
    """Whether a session's tokens are worth anything."""

    ACTIVE = "active"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a login came from.

    Attributes:
        device: What the client calls itself (User-Agent), at most 200 characters.
        address: Its network address, at most 45 characters.
    """

    device: str = ""
    address: str = ""

    @property
    def network(self) -> Network:
        """The network that its address is in."""
        return Network.of(self.address)

    @classmethod
    def of(cls, device: str, address: str) -> Self:
        """Take what a client says of itself, cut to what is kept and freed of what does not print."""
        return cls(_printable(device)[:DEVICE_MAX_LENGTH], _printable(address)[:ADDRESS_MAX_LENGTH])


@dataclass(frozen=True, slots=True)
class Session:
    """One login of one account.

    Attributes:
        id: Named by the tokens (`sid`).
        account_id: Whose login it is.
        salt: 32 random bytes. With the server's key they verify this session's refresh tokens; alone they are worth
            nothing, so a stolen database holds no token.
        counter: Which refresh token is the current one, from 1.
        status: Ended sessions stay ended.
        origin: Where the login came from.
        created_date: When the login happened, UTC.
        refreshed_date: When the tokens were last renewed, by the database's clock.
        expires_date: No token of this session is worth anything from here on.
        ended_date: When it ended, if it did.
    """

    id: SessionId
    account_id: AccountId
    salt: bytes
    counter: int
    status: SessionStatus
    origin: Origin
    created_date: datetime
    refreshed_date: datetime
    expires_date: datetime
    ended_date: datetime | None = None

    def __post_init__(self) -> None:
        """Hold what must be true of every session, wherever it comes from."""
        if self.counter < 1 or len(self.salt) != SALT_BYTES:
            message = "a session has a counter from 1 and 32 bytes of salt"
            raise ValueError(message)
        if (self.status is SessionStatus.ENDED) != (self.ended_date is not None):
            message = "a session has an end if and only if it ended"
            raise ValueError(message)

    @classmethod
    def begin(cls, account_id: AccountId, origin: Origin, *, salt: bytes, now: datetime, lifetime: timedelta) -> Self:
        """Make the session that a login now leaves behind."""
        return cls(
            id=SessionId(new_id(now)),
            account_id=account_id,
            salt=salt,
            counter=1,
            status=SessionStatus.ACTIVE,
            origin=origin,
            created_date=now,
            refreshed_date=now,
            expires_date=now + lifetime,
        )

    def is_live(self, now: datetime, idle: timedelta) -> bool:
        """Whether its tokens count: not ended, not past its end, renewed within the last `idle`."""
        return self.status is SessionStatus.ACTIVE and now < self.live_until(idle)

    def live_until(self, idle: timedelta) -> datetime:
        """Return when it will be over if nobody renews or ends it."""
        return min(self.expires_date, self.refreshed_date + idle)


def parse_session_id(given: str) -> SessionId:
    """Read the id of a session.

    Raises:
        SessionAbsent: It is none, so there is no such session.
    """
    session_id = parse_id(given)
    if session_id is None:
        raise SessionAbsent
    return SessionId(session_id)


def _printable(text: str) -> str:
    """Leave out whatever could break a line or a terminal."""
    return "".join(character for character in text if character.isprintable())
