"""Stand-ins for everything that the services need, written by hand; each passes the contract tests of its port."""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final, Self
from uuid import UUID

from postkeep.domain.accounts import Account, AccountId, Password
from postkeep.domain.attempts import Network
from postkeep.domain.posts import Post
from postkeep.domain.sessions import RefreshTokenInvalid, Session, SessionId, SignedOut, TokenInvalid
from postkeep.services.accounts import AccountService
from postkeep.services.administration import AdministrationService
from postkeep.services.attempt_rules import AttemptLimits
from postkeep.services.attempts import AttemptService
from postkeep.services.bulk import BulkService
from postkeep.services.health import HealthService
from postkeep.services.housekeeping import HousekeepingService
from postkeep.services.passwords import PasswordPolicy
from postkeep.services.ports import HashingBusy
from postkeep.services.posts import PostService
from postkeep.services.repositories import Stamp
from postkeep.services.sessions import SessionLimits, SessionService
from postkeep.services.signers import AccessClaims, CookieClaims, RefreshClaims
from postkeep.services.visits import VisitService
from tests.builders import MIDNIGHT, an_account
from tests.fake_storage import FakeStorage

log = logging.getLogger(__name__)

NOON: Final = MIDNIGHT + timedelta(days=1, hours=12)
"""What a fake clock shows at first: later than all that builders make."""


class FakeClock:
    """A clock that stands until it is set."""

    def __init__(self, moment: datetime = NOON) -> None:
        """Show a moment."""
        self.moment = moment

    def now(self) -> datetime:
        """Return the moment shown."""
        return self.moment

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.moment += by


class FakePasswords:
    """Hashes at once, and remembers what it was asked.

    Attributes:
        journal: "hash" and "verify", in the order of calls; may be shared with other fakes.
        is_busy: Whether everything is refused.
        networks: Where all that came from.
        meanwhile: What happens while the next password is being verified, once.
    """

    def __init__(self, journal: list[str] | None = None) -> None:
        """Begin with today's parameters."""
        self.journal: list[str] = [] if journal is None else journal
        self.is_busy = False
        self.networks: set[Network] = set()
        self.meanwhile: Callable[[], object] | None = None
        self._strength = 1
        self._salts = count(1)

    def strengthen(self) -> None:
        """Raise the parameters: all hashes made before are outdated."""
        self._strength += 1

    def hash_now(self, password: Password) -> str:
        """Return what `hash` would, without being counted."""
        salt = f"m={self._strength}${next(self._salts)}"
        return f"$fake${salt}${_digest(salt, password.secret)}"

    async def hash(self, password: Password, network: Network) -> str:
        """Return a PHC string with a salt of its own."""
        await self._take_time("hash", network)
        return self.hash_now(password)

    async def verify(self, password: Password, password_hash: str | None, network: Network) -> bool:
        """Whether the password made this hash; with None it takes as long and says no."""
        await self._take_time("verify", network)
        if self.meanwhile is not None:
            happen, self.meanwhile = self.meanwhile, None
            happen()
            await asyncio.sleep(0)
        if password_hash is None:
            return False
        begin, _, digest = password_hash.rpartition("$")
        if not begin.startswith("$fake$"):
            log.critical("password_hash_unreadable")
        return begin.startswith("$fake$") and digest == _digest(begin.removeprefix("$fake$"), password.secret)

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made before the last strengthening."""
        return not password_hash.startswith(f"$fake$m={self._strength}$")

    def refuse_if_busy(self, network: Network) -> None:
        """Refuse where everything is refused."""
        self.networks.add(network)
        if self.is_busy:
            raise HashingBusy

    async def _take_time(self, what: str, network: Network) -> None:
        """Let others run meanwhile, as a slow hash does."""
        self.refuse_if_busy(network)
        self.journal.append(what)
        await asyncio.sleep(0)


class FakeCommonPasswords:
    """A list of common passwords that a test can read at a glance."""

    def __init__(self, *listed: str) -> None:
        """List "password1" and others."""
        self._listed = frozenset({"password1", *listed})

    def __contains__(self, password: Password) -> bool:
        """Whether this is one of them, however its letters are cased."""
        return password.secret.casefold() in self._listed


class FakeTokens:
    """Tokens that say in plain words what they are, with a checksum."""

    def __init__(self, clock: FakeClock, secret: str = "ours") -> None:  # noqa: S107 - nobody's
        """Take the clock that access tokens expire by."""
        self._clock = clock
        self._secret = secret

    def sign_access(self, claims: AccessClaims) -> str:
        """Return the access token that says so."""
        moments = (int(claims.issued.timestamp()), int(claims.expires.timestamp()))
        return self._sign("access", claims.account_id, claims.session_id, *moments)

    def read_access(self, token: str, *, expired_too: bool = False) -> AccessClaims:
        """Return what one of our access tokens says."""
        kind, *said = token.split(".")[:-1] or [""]
        if kind != "access" or token != self._sign(kind, *said):
            raise TokenInvalid
        account_id, session_id = AccountId(UUID(said[0])), SessionId(UUID(said[1]))
        issued, expires = (datetime.fromtimestamp(int(seconds), UTC) for seconds in said[2:])
        if not expired_too and self._clock.now() >= expires:
            raise TokenInvalid
        return AccessClaims(account_id, session_id, issued, expires)

    def sign_refresh(self, session: Session) -> str:
        """Return the session's current refresh token."""
        return self._refresh(session, session.counter)

    def read_refresh(self, token: str) -> RefreshClaims:
        """Return what a refresh token claims."""
        try:
            kind, session_id, counter, _ = token.split(".")
            claims = RefreshClaims(SessionId(UUID(session_id)), int(counter))
        except ValueError as error:
            raise RefreshTokenInvalid from error
        if kind != "refresh":
            raise RefreshTokenInvalid
        return claims

    def verify_refresh(self, token: str, session: Session) -> bool:
        """Whether this token was made for this session by us."""
        return token == self._refresh(session, self.read_refresh(token).counter)

    def _sign(self, *said: object) -> str:
        return ".".join((*map(str, said), _digest(self._secret, *said)))

    def _refresh(self, session: Session, counter: int) -> str:
        mac = _digest(self._secret, session.id, counter, session.salt.hex())
        return f"refresh.{session.id}.{counter}.{mac}"


class FakeCookies:
    """Cookies that say in plain words what they are, with a checksum."""

    def __init__(self, secret: str = "ours") -> None:  # noqa: S107 - nobody's
        """Take a secret."""
        self._secret = secret

    def sign(self, session: Session) -> str:
        """Return the session's cookie."""
        mac = _digest(self._secret, session.account_id, session.id, session.salt.hex())
        return f"{session.account_id}.{session.id}.{mac}"

    def read(self, cookie: str) -> CookieClaims:
        """Return what a cookie claims."""
        try:
            account_id, session_id, _ = cookie.split(".")
            return CookieClaims(AccountId(UUID(account_id)), SessionId(UUID(session_id)))
        except ValueError as error:
            raise SignedOut from error

    def verify(self, cookie: str, session: Session) -> bool:
        """Whether this cookie was made for this session by us."""
        return cookie == self.sign(session)


class FakeFreshness:
    """Reads stamps from a fake storage.

    Attributes:
        fails: Whether every read fails.
        asked: How many reads there were.
    """

    def __init__(self, storage: FakeStorage) -> None:
        """Take the storage."""
        self.fails = False
        self.asked = 0
        self._storage = storage

    async def stamp(self, account_id: AccountId) -> Stamp | None:
        """Return the account's stamp as it is when the answer leaves the database."""
        self.asked += 1
        await asyncio.sleep(0)
        account = self._storage.state.accounts.get(account_id)
        stamp = None if account is None else Stamp.of(account)
        await asyncio.sleep(0)
        return None if self.fails else stamp


class World:
    """The services over fakes, and what is in them.

    Attributes:
        journal: What the hasher and the storage were asked, in order.
        clock: The server's clock.
        database_clock: The database's.
        waited: How many seconds attempts have waited for others under way; no time passes by that.
    """

    def __init__(self, limits: SessionLimits, attempt_limits: AttemptLimits, password_min_length: int) -> None:
        """Wire the services to fakes."""
        self.journal: list[str] = []
        self.clock = FakeClock()
        self.database_clock = FakeClock()
        self.storage = FakeStorage(self.database_clock, self.journal)
        self.freshness = FakeFreshness(self.storage)
        self.passwords = FakePasswords(self.journal)
        self.tokens = FakeTokens(self.clock)
        self.cookies = FakeCookies()
        policy = PasswordPolicy(FakeCommonPasswords(), min_length=password_min_length)
        self.waited = 0.0
        self.attempts = AttemptService(self.storage, attempt_limits, pause=self._wait, monotonic=lambda: self.waited)
        self.accounts = AccountService(
            self.storage, self.passwords, self.attempts, policy, self.clock, session_lifetime=limits.lifetime
        )
        self.administration = AdministrationService(self.storage, self.passwords, policy, self.clock, idle=limits.idle)
        self.sessions = SessionService(
            self.storage, self.passwords, self.attempts, self.tokens, self.clock, limits=limits
        )
        self.visits = VisitService(self.storage, self.cookies, self.clock, idle=limits.idle)
        self.posts = PostService(self.storage, self.clock)
        self.bulk = BulkService(self.storage, self.clock)
        self.health = HealthService(self.storage)
        self.housekeeping = HousekeepingService(self.storage, self.clock)

    def with_account(self, account: Account, password: str | None = None) -> Self:
        """Have an account, and let a password open it."""
        if password is not None:
            account = replace(account, password_hash=self.passwords.hash_now(Password.parse(password)))
        self.storage.state.accounts[account.id] = account
        return self

    def with_session(self, session: Session) -> Self:
        """Have a session of an account that is here."""
        self.storage.state.sessions[session.id] = session
        return self

    def with_post(self, post: Post) -> Self:
        """Have a post, and count it in its author's account, which is made where there is none."""
        author = self.storage.state.accounts.get(post.author) or an_account(id=post.author)
        self.with_account(replace(author, posts=author.posts + 1, bytes=author.bytes + post.bytes))
        self.storage.state.posts[post.author, post.id] = post
        return self

    def advance(self, by: timedelta) -> None:
        """Let time pass, on both clocks."""
        self.clock.advance(by)
        self.database_clock.advance(by)

    async def _wait(self, seconds: float) -> None:
        """Count a pause, and let others run meanwhile."""
        self.waited += seconds
        await asyncio.sleep(0)

    @property
    def kept(self) -> list[Post]:
        """All posts, newest first."""
        return sorted(self.storage.state.posts.values(), key=lambda post: post.id, reverse=True)

    def account(self, account_id: AccountId) -> Account:
        """Return an account as it is kept by now."""
        return self.storage.state.accounts[account_id]

    def session(self, session_id: SessionId) -> Session:
        """Return a session as it is kept by now."""
        return self.storage.state.sessions[session_id]


def a_world(
    *,
    limits: SessionLimits | None = None,
    attempt_limits: AttemptLimits | None = None,
    password_min_length: int = 8,
) -> World:
    """Return an empty world."""
    return World(limits or SessionLimits(), attempt_limits or AttemptLimits(), password_min_length)


def _digest(*said: object) -> str:
    return hashlib.sha256(repr([str(word) for word in said]).encode()).hexdigest()[:16]
