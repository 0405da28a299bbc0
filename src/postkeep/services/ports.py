"""What the services need of the outside world. One contract test class per port runs on its fake and its adapters."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol, Self, TypeAlias, TypeVar

from postkeep.domain.accounts import Account, AccountId, AccountStatus, Email, Password
from postkeep.domain.attempts import AttemptKey, Tally
from postkeep.domain.edits import ANY_VERSION, Edit, Revision, Versions
from postkeep.domain.errors import Unavailable
from postkeep.domain.idempotency import KeyUse
from postkeep.domain.lists import EVERYTHING, Listing, Place, Summary
from postkeep.domain.posts import LISTED_BYTES, UNLIMITED, ListedPost, Post, PostId, Quota, Status
from postkeep.domain.search import Query
from postkeep.domain.sessions import Session, SessionId

T = TypeVar("T")


class StorageUnavailable(Unavailable):
    """The database does not answer just now; nothing was half-done. Try again."""

    code = "storage_unavailable"


class SearchUnavailable(Unavailable):
    """Too many search at this moment, or this search took too long; try again, or ask for something else."""

    code = "search_unavailable"
    retry_after = 2


class Draining(Unavailable):
    """This process is about to end, and takes what comes until then; send further requests elsewhere."""

    code = "draining"


class SchemaUnfit(Unavailable):
    """The database's schema is not one that this release can work on."""

    code = "schema_unfit"


class HashingBusy(Unavailable):
    """Too many people are logging in at this moment; try again."""

    code = "hashing_busy"
    retry_after = 2


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """Return the current time, timezone-aware, UTC."""
        ...


class PasswordHasher(Protocol):
    """Turns passwords into what may be kept of them. Slow on purpose, and never in a unit of work."""

    def refuse_if_busy(self) -> None:
        """Spare whoever would be refused by `hash` or `verify` now what comes before them.

        Raises:
            HashingBusy: Too many wait already.
        """
        ...

    async def hash(self, password: Password) -> str:
        """Return a PHC string with a salt of its own.

        Raises:
            HashingBusy: Too many wait already.
        """
        ...

    async def verify(self, password: Password, password_hash: str | None) -> bool:
        """Whether the password made this hash; with None it takes as long and says no.

        A hash that cannot be read is a no, and logged as an alarm.

        Raises:
            HashingBusy: Too many wait already.
        """
        ...

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with weaker parameters than today's."""
        ...


class CommonPasswords(Protocol):
    """The passwords that everybody tries first."""

    def __contains__(self, password: Password) -> bool:
        """Whether this is one of them, however its letters are cased."""
        ...


class Stamp(NamedTuple):
    """What an account's row says of everything that is remembered about it.

    Both versions rise in the same transaction as the change that they stand for, so what was read when they were the
    same is the same.

    Attributes:
        access_version: Raised by every change of who may get in: sessions, password, status, removal.
        posts_version: Raised by every change of a post.
        list_bytes: About how many bytes the list of all posts has.
    """

    access_version: int
    posts_version: int
    list_bytes: int

    @classmethod
    def of(cls, account: Account) -> Self:
        """Return the stamp that an account's row gives."""
        return cls(account.access_version, account.posts_version, account.bytes + account.posts * LISTED_BYTES)


class Freshness(Protocol):
    """Reads accounts' stamps: cheap, often, and never older than the question."""

    async def stamp(self, account_id: AccountId) -> Stamp | None:
        """Return the account's stamp as some commit left it that is no older than this call.

        Cancelling one caller costs no other caller its answer.

        Returns:
            None where there is no such account, and where the database is busy or fails: who remembers something
            must find it out anew then.
        """
        ...


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


class Accounts(Protocol):
    """The accounts, inside one unit or one reading."""

    async def find(self, account_id: AccountId) -> Account | None:
        """Return the account, or None."""
        ...

    async def find_by_email(self, email: Email) -> Account | None:
        """Return the account known by this address, or None."""
        ...

    async def list_all(self, *, after: str, limit: int) -> Sequence[Account]:
        """Return up to `limit` accounts in the order of their e-mail keys, those behind the key `after`."""
        ...

    async def stamps(self, account_ids: Sequence[AccountId]) -> Mapping[AccountId, Stamp]:
        """Return the stamps of those accounts that are there."""
        ...

    async def add(self, account: Account) -> None:
        """Keep a new account. The first statement of its unit.

        Raises:
            EmailTaken: Another account has this address.
        """
        ...

    async def claim_access(self, account_id: AccountId) -> None:
        """Begin a unit that changes who may get in to an active account.

        Raises:
            AccountGone: It is absent or disabled.
        """
        ...

    async def admit(self, account_id: AccountId, *, proven_hash: str, kept_hash: str) -> None:
        """Begin a unit that lets in somebody who has proven the password behind `proven_hash`.

        Args:
            account_id: Who was let in.
            proven_hash: What the account's row must still hold.
            kept_hash: What it holds from now on: the same, or the same password hashed with today's parameters.

        Raises:
            AccountGone: It is absent or disabled, or its password hash is another by now.
        """
        ...

    async def claim(self, account_id: AccountId) -> None:
        """Begin a unit about an account, disabled ones included.

        Raises:
            AccountGone: It is absent.
        """
        ...

    async def set_password(self, account_id: AccountId, password_hash: str) -> None:
        """Begin a unit with a new password; disabled accounts included.

        Raises:
            AccountGone: It is absent.
        """
        ...

    async def set_status(self, account_id: AccountId, status: AccountStatus) -> None:
        """Begin a unit with a new status.

        Raises:
            AccountGone: It is absent.
        """
        ...

    async def close(self, account_id: AccountId, *, proven_hash: str | None = None) -> None:
        """Disable an account for good and take its address from it: all that is left to do is to remove it.

        Args:
            account_id: Which.
            proven_hash: As in `remove`.

        Raises:
            AccountGone: As in `remove`.
        """
        ...

    async def list_closed(self, *, after: AccountId, limit: int) -> Sequence[AccountId]:
        """Return the first accounts with an id above `after` that were closed and are still there."""
        ...

    async def remove(self, account_id: AccountId, *, proven_hash: str | None = None) -> None:
        """Remove the account with all its sessions, posts and keys. The first statements of its unit.

        Args:
            account_id: Which.
            proven_hash: What the row must still hold, of an active account, where its owner asks; None where an
                operator does.

        Raises:
            AccountGone: It is absent, or no longer as was proven.
        """
        ...


class Sessions(Protocol):
    """The sessions, inside one unit or one reading."""

    async def find(self, session_id: SessionId) -> tuple[Session, timedelta] | None:
        """Return the session and how long ago it was refreshed by the database's clock, or None."""
        ...

    async def find_account(self, account_id: AccountId, session_id: SessionId) -> tuple[Account, Session] | None:
        """Return an account and one of its sessions with a single query, or None where either is absent."""
        ...

    async def list_active(self, account_id: AccountId) -> Sequence[Session]:
        """Return the account's sessions that nobody has ended, the newest login first."""
        ...

    async def addresses(self, email: Email) -> Sequence[str]:
        """Return the network addresses that the account known by this address was logged in from, each once."""
        ...

    async def add(self, session: Session) -> None:
        """Keep a new session; its unit has begun with the account's row."""
        ...

    async def advance(self, session: Session) -> bool:
        """Count the session's next refresh token as the current one, now by the database's clock.

        Returns:
            Whether it was still the session's turn: False if it ended or its counter is no longer `session.counter`.
        """
        ...

    async def end(self, session: Session, now: datetime) -> None:
        """End one session, unless it has ended."""
        ...

    async def end_all(self, account_id: AccountId, now: datetime, *, but: SessionId | None = None) -> None:
        """End all sessions of an account, but one if that is named."""
        ...

    async def end_oldest(self, account_id: AccountId, now: datetime, *, keep: int) -> None:
        """End the account's oldest active sessions, so that no more than `keep` (1 or more) are left."""
        ...

    async def forget(self, account_id: AccountId, before: datetime) -> int:
        """Remove the account's sessions that were over before then, ended or run out, and return how many it was."""
        ...

    async def forget_oldest(self, account_id: AccountId, *, keep: int) -> None:
        """Remove the account's oldest ended sessions, so that no more than `keep` are left."""
        ...

    async def owners_over(self, before: datetime, *, after: AccountId, limit: int) -> Sequence[AccountId]:
        """Return the first accounts with an id above `after` that have sessions which `forget` would remove."""
        ...


class Posts(Protocol):
    """The posts, inside one unit or one reading. No method reaches a post without naming its author."""

    async def find(self, author: AccountId, post_id: PostId) -> Post | None:
        """Return the author's post, or None."""
        ...

    async def list_for(
        self,
        author: AccountId,
        listing: Listing = EVERYTHING,
        *,
        limit: int | None = None,
        before: Place | None = None,
        last: Place | None = None,
    ) -> Sequence[ListedPost]:
        """Return the author's posts in the listing's order: at most `limit`, those behind `before`, down to `last`."""
        ...

    async def list_light(
        self, author: AccountId, listing: Listing = EVERYTHING, *, limit: int, before: Place | None = None
    ) -> Sequence[ListedPost]:
        """Return what `list_for` would return if that is light (see `LIGHT_BYTES`), and none of it otherwise."""
        ...

    async def list_sizes(
        self, author: AccountId, listing: Listing = EVERYTHING, *, limit: int, before: Place | None = None
    ) -> Sequence[tuple[Place, int]]:
        """Return the places and the bytes of what `list_for` would return."""
        ...

    async def summarise(self, author: AccountId) -> Summary | None:
        """Return what the author has, as it is at one moment; None where there is no such account."""
        ...

    async def add(self, post: Post, quota: Quota = UNLIMITED) -> None:
        """Keep a new post and count it in its author's row, which is the unit's first statement.

        Raises:
            QuotaExceeded: With it, the account would hold more than that.
            AccountGone: The author's account is absent or disabled by now.
        """
        ...

    async def remove_some(self, author: AccountId, *, at_most: int, about_bytes: int) -> int:
        """Remove the first of the author's posts and count them out of the author's row; of a closed account, too.

        Args:
            author: Whose.
            at_most: How many.
            about_bytes: How many bytes they may have together; one of them may have more.

        Returns:
            How many were removed; 0 where there are no more.

        Raises:
            AccountGone: The author's account is absent by now.
        """
        ...

    async def remove(self, author: AccountId, post_id: PostId, versions: Versions = ANY_VERSION) -> bool:
        """Remove the author's post and count it out of the author's row, which is the unit's first statement.

        Returns:
            Whether there was one.

        Raises:
            VersionConflict: It has none of these versions.
            AccountGone: The author's account is absent or disabled by now.
        """
        ...


class Edits(Protocol):
    """The edits of posts, inside one unit."""

    async def make(self, edit: Edit, quota: Quota = UNLIMITED) -> Revision:
        """Edit a post and count its new size in its author's row, which is the unit's first statement.

        Raises:
            PostAbsent: The author has no such post.
            VersionConflict: It has none of the versions that the edit may start from.
            QuotaExceeded: The post grows, and the account would hold more than that.
            AccountGone: The author's account is absent or disabled by now.
        """
        ...


class Bulk(Protocol):
    """Many posts at once, inside one unit."""

    async def set_status(self, author: AccountId, posts: Sequence[PostId], status: Status, now: datetime) -> int:
        """Give some of the author's posts a status; the unit's first statement is on the author's row.

        Returns:
            How many had another one, and have their next version now.

        Raises:
            PostsAbsent: Some are not there.
            AccountGone: The author's account is absent or disabled by now.
        """
        ...

    async def remove(self, author: AccountId, posts: Sequence[PostId]) -> int:
        """Remove some of the author's posts and count them out of the author's row, the unit's first statement.

        Returns:
            How many.

        Raises:
            PostsAbsent: Some are not there.
            AccountGone: The author's account is absent or disabled by now.
        """
        ...


class Imports(Protocol):
    """Several posts of one author at once, inside one unit or one reading."""

    async def sizes(self, author: AccountId, post_ids: Sequence[PostId]) -> Mapping[PostId, int]:
        """Return the bytes of those of the author's posts that are there."""
        ...

    async def find(self, author: AccountId, post_ids: Sequence[PostId]) -> Sequence[Post]:
        """Return those of the author's posts that are there, in any order."""
        ...

    async def add(self, posts: Sequence[Post], quota: Quota = UNLIMITED) -> None:
        """Keep new posts of one author and count them in the author's row, which is the unit's first statement.

        Raises:
            PostPresent: One of them is there.
            QuotaExceeded: With them, the account would hold more than that.
            AccountGone: The author's account is absent or disabled by now.
        """
        ...


class Keys(Protocol):
    """What idempotency keys were used for, inside one unit or one reading."""

    async def find(self, use: KeyUse) -> KeyUse | None:
        """Return what the key is kept to have been used for, or None where it is not, or has expired by this use."""
        ...

    async def add(self, use: KeyUse) -> KeyUse:
        """Keep what a key is used for; its unit has begun with the account's row. Forgets some that have expired.

        Returns:
            What is kept under this key from now on: this use, or the one before.

        Raises:
            TooManyKeys: The author has used as many as are kept, and this is another one.
        """
        ...

    async def forget(self, author: AccountId, before: datetime) -> int:
        """Remove some of the author's keys that were used before then, oldest first; their unit has begun.

        Returns:
            How many it was; 0 where there are no more.
        """
        ...

    async def owners_over(self, before: datetime, *, after: AccountId, limit: int) -> Sequence[AccountId]:
        """Return the first accounts with an id above `after` that have keys which `forget` would remove."""
        ...


class Attempts(Protocol):
    """What is counted of attempts to get in. It is no account's, and nothing that anybody remembers depends on it."""

    async def look(self, keys: Sequence[AttemptKey]) -> tuple[datetime, Mapping[AttemptKey, Tally]]:
        """Return what is kept for up to three keys, and the present moment by the database's clock."""
        ...

    async def hold(self, keys: Sequence[AttemptKey]) -> tuple[datetime, Mapping[AttemptKey, Tally]]:
        """Return the same; nobody else changes it before this transaction ends. For `Storage.count` only."""
        ...

    async def put(self, tallies: Mapping[AttemptKey, Tally]) -> None:
        """Keep this for keys that are held; what is empty is removed."""
        ...

    async def purge(self, age: timedelta) -> None:
        """Remove some of what expired longer ago than that. For `Storage.count` only."""
        ...


class UnitOfWork(Protocol):
    """One transaction of one account, one of counting attempts, or one reading."""

    @property
    def accounts(self) -> Accounts:
        """The accounts as this transaction sees them."""
        ...

    @property
    def sessions(self) -> Sessions:
        """The sessions as this transaction sees them."""
        ...

    @property
    def posts(self) -> Posts:
        """The posts as this transaction sees them."""
        ...

    @property
    def edits(self) -> Edits:
        """The edits of posts of this transaction."""
        ...

    @property
    def bulk(self) -> Bulk:
        """Many posts at once, in this transaction."""
        ...

    @property
    def imports(self) -> Imports:
        """Several posts at once, as this transaction sees them."""
        ...

    @property
    def keys(self) -> Keys:
        """The idempotency keys as this transaction sees them."""
        ...

    @property
    def attempts(self) -> Attempts:
        """The attempts as this transaction sees them."""
        ...


Unit: TypeAlias = Callable[[UnitOfWork], Coroutine[Any, Any, None]]

Recall: TypeAlias = Callable[[], None]
"""Tells a reader that it is in others' way."""


def no_recall() -> None:
    """Let the reader read on."""


class Found(NamedTuple):
    """What a search found.

    Attributes:
        posts: In the listing's order.
        has_more: Whether more would be found behind the last of them.
    """

    posts: Sequence[ListedPost]
    has_more: bool


class Storage(Protocol):
    """Where everything is kept, durably."""

    async def transact(self, account_id: AccountId, unit: Unit, *, weight: int = 0) -> None:
        """Run a unit in a transaction and commit it; what it did is on the disk when this returns.

        The unit may run more than once (a deadlock, a lost connection), so it has no effects outside its unit of work
        and makes no ids and no times of its own; and it awaits nothing but its unit of work. Its first write is on
        its account's row, which serialises that account's writers and raises the number that caches live by.
        Cancelling the caller does not cancel the unit.

        Args:
            account_id: The one account whose things the unit changes.
            unit: What to do.
            weight: About how many bytes it changes, 0 if few. What is heavy may take longer.

        Raises:
            Exception: Whatever the unit raises; nothing was changed then.
            StorageUnavailable: The database does not answer in time, or the unit collided with others too often. A
                COMMIT that got no answer may have been done all the same.
        """
        ...

    async def count(self, unit: Unit) -> None:
        """Run a unit that counts attempts, in a transaction, and commit it. It is no account's and raises no version.

        As with `transact`, the unit may run more than once and awaits nothing but its unit of work, and cancelling
        the caller does not cancel it. It holds what it changes, all of it at once.

        Raises:
            Exception: Whatever the unit raises; nothing was changed then.
            StorageUnavailable: The database does not answer, or the unit collided with others too often.
        """
        ...

    async def read(
        self,
        query: Callable[[UnitOfWork], Coroutine[Any, Any, T]],
        *,
        weight: int = 0,
        asker: AccountId | None = None,
    ) -> T:
        """Answer a query outside any transaction; it may run more than once and must not write.

        Args:
            query: Awaits nothing but its unit of work.
            weight: About how many bytes it will read, 0 if few. Heavy queries do not hold up others, and may take
                longer.
            asker: Who asks: one account's heavy queries wait for each other, however many it sends.

        Raises:
            StorageUnavailable: The database does not answer in time, or it was not the asker's turn.
        """
        ...

    def stream(
        self,
        author: AccountId,
        listing: Listing = EVERYTHING,
        *,
        before: Place | None = None,
        last: Place | None = None,
        recall: Recall = no_recall,
    ) -> AsyncGenerator[Sequence[ListedPost]]:
        """Answer an author's posts in order, some at a time: as they all were at one moment, in bounded memory.

        It holds a connection until it is closed or read to its end; only few may be open at the same time.

        Args:
            author: Whose posts.
            listing: Which of them, and in what order.
            before: Only those behind this place.
            last: Only down to this one, which counts.
            recall: Called when it should be closed at once, because it is in others' way; perhaps more than once.

        Raises:
            StorageUnavailable: The database does not answer, or too many are open. Also in the middle.
        """
        ...

    async def search(  # noqa: PLR0913 - what to look for, where, and how much of it
        self,
        author: AccountId,
        query: Query,
        listing: Listing = EVERYTHING,
        *,
        before: Place | None = None,
        limit: int,
        about_bytes: int,
    ) -> Found:
        """Find posts of an author by `Query.finds`, exactly, in bounded memory.

        Few searches run at the same time, one of each author; others wait for their turn.

        Args:
            author: Whose posts.
            query: What is searched for.
            listing: In which of them, and in what order.
            before: Only those behind this place.
            limit: At most so many.
            about_bytes: No more once their texts have so many together.

        Raises:
            SearchUnavailable: It was not its turn in time, or it took too long.
            StorageUnavailable: The database does not answer.
        """
        ...

    async def check(self) -> None:
        """See that the database answers and that its schema fits.

        Raises:
            StorageUnavailable: It does not answer.
            SchemaUnfit: The schema is older than this release needs, or no longer serves it.
        """
        ...
