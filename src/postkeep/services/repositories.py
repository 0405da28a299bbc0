"""What one transaction sees and does: the repositories, one per noun, and the unit of work that holds them.

One contract test class per Protocol runs on its fake and on each database.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol, Self, TypeAlias

from postkeep.domain.accounts import Account, AccountId, AccountStatus, Email
from postkeep.domain.attempts import AttemptKey, Tally
from postkeep.domain.edits import ANY_VERSION, Edit, Revision, Versions
from postkeep.domain.idempotency import KeyUse
from postkeep.domain.lists import EVERYTHING, Listing, Place, Summary
from postkeep.domain.posts import LISTED_BYTES, UNLIMITED, ListedPost, Post, PostId, Quota, Status
from postkeep.domain.sessions import Session, SessionId


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
            AccountGone: It is absent, or closed.
        """
        ...

    async def set_status(self, account_id: AccountId, status: AccountStatus) -> None:
        """Begin a unit with a new status.

        Raises:
            AccountGone: It is absent, or closed: there is no way back.
        """
        ...

    async def close(self, account_id: AccountId, *, proven_hash: str | None = None) -> None:
        """Disable an account for good and take its address and sessions from it: only removing it is left to do.

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
            PostTooLarge: It would be larger than any post may be.
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
