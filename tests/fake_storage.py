"""A stand-in for the storage, in dictionaries; it passes the same contract tests as the databases do."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from postkeep.domain import idempotency
from postkeep.domain.accounts import Account, AccountGone, AccountId, AccountStatus, Email, EmailTaken
from postkeep.domain.attempts import KEY_BYTES, NOWHERE, AttemptKey, Network, Tally
from postkeep.domain.edits import ANY_VERSION, Changes, Edit, PostsAbsent, Revision, VersionConflict, Versions
from postkeep.domain.idempotency import KeyUse
from postkeep.domain.incoming import PostPresent
from postkeep.domain.lists import EVERYTHING, Listing, Place, Summary
from postkeep.domain.posts import (
    LIGHT_BYTES,
    MAX_BODY_BYTES,
    UNLIMITED,
    ListedPost,
    Post,
    PostAbsent,
    PostId,
    PostTooLarge,
    Quota,
    QuotaExceeded,
    Status,
)
from postkeep.domain.search import Query
from postkeep.domain.sessions import Session, SessionId, SessionStatus
from postkeep.services.ports import Clock, Found, Recall, SchemaUnfit, StorageUnavailable, no_recall
from postkeep.services.repositories import Stamp, Unit, UnitOfWork

T = TypeVar("T")


@dataclass(slots=True)
class State:
    """All that is kept."""

    accounts: dict[AccountId, Account] = field(default_factory=dict[AccountId, Account])
    sessions: dict[SessionId, Session] = field(default_factory=dict[SessionId, Session])
    posts: dict[tuple[AccountId, PostId], Post] = field(default_factory=dict[tuple[AccountId, PostId], Post])
    attempts: dict[AttemptKey, Tally] = field(default_factory=dict[AttemptKey, Tally])
    keys: dict[tuple[AccountId, bytes], KeyUse] = field(default_factory=dict[tuple[AccountId, bytes], KeyUse])

    def copy(self) -> "State":
        """Return another one that can be changed by itself."""
        return State(dict(self.accounts), dict(self.sessions), dict(self.posts), dict(self.attempts), dict(self.keys))


class FakeStorage:
    """Storage in dictionaries. Every unit runs twice, as a real storage may have it; the first run counts for nothing.

    Attributes:
        state: What is kept by now.
        clock: The database's own.
        journal: "read", "transact" and "count", in the order of calls; may be shared with other fakes.
        fails: What everything is refused with, if anything.
        recall: Tells who reads the latest long list to stop.
        read_weights: What was said of how much each query reads, in the order of calls.
    """

    def __init__(self, clock: Clock, journal: list[str] | None = None) -> None:
        """Begin empty, with the database's own clock."""
        self.state = State()
        self.clock = clock
        self.journal: list[str] = [] if journal is None else journal
        self.fails: StorageUnavailable | SchemaUnfit | None = None
        self.recall: Recall = no_recall
        self.weight = 0
        self.read_weights: list[int] = []

    async def transact(self, account_id: AccountId, unit: Unit, *, weight: int = 0) -> None:
        """Run a unit on a copy of the state, which becomes the state unless the unit raises."""
        del weight
        self._begin("transact")
        await self._run(lambda state: FakeUnitOfWork(state, account_id, self.clock), unit)

    async def count(self, unit: Unit, *, asker: Network = NOWHERE, makes_room: bool = False) -> None:
        """Run a unit that counts attempts, in the same way."""
        del asker, makes_room
        self._begin("count")
        await self._run(lambda state: FakeUnitOfWork(state, None, self.clock, counting=True), unit)

    async def _run(self, begin: Callable[[State], "FakeUnitOfWork"], unit: Unit) -> None:
        self._try(begin, unit)
        state, error = self._try(begin, unit)
        if error is None:
            self.state = state
        # The answer comes later than the effect; who is cancelled meanwhile does not undo it.
        await asyncio.sleep(0)
        if error is not None:
            raise error

    async def read(
        self,
        query: Callable[[UnitOfWork], Coroutine[Any, Any, T]],
        *,
        weight: int = 0,
        asker: AccountId | None = None,
    ) -> T:
        """Answer a query."""
        del asker
        self.read_weights.append(weight)
        self._begin("read")
        found = _drive(query(FakeUnitOfWork(self.state.copy(), None, self.clock)))
        await asyncio.sleep(0)
        return found

    async def stream(  # noqa: PLR0913 - as in the port
        self,
        author: AccountId,
        listing: Listing = EVERYTHING,
        *,
        before: Place | None = None,
        last: Place | None = None,
        weight: int = 0,
        recall: Recall = no_recall,
    ) -> AsyncGenerator[Sequence[ListedPost]]:
        """Answer an author's posts, one at a time."""
        self.recall = recall
        self.weight = weight
        for post in await self.read(lambda work: work.posts.list_for(author, listing, before=before, last=last)):
            yield [post]

    async def search(  # noqa: PLR0913 - as in the port
        self,
        author: AccountId,
        query: Query,
        listing: Listing = EVERYTHING,
        *,
        before: Place | None = None,
        limit: int,
        about_bytes: int,
    ) -> Found:
        """Find posts."""
        found: list[ListedPost] = []
        for post in await self.read(lambda work: work.posts.list_for(author, listing, before=before)):
            if query.finds(post.title, post.text):
                if len(found) == limit or sum(len(each.text.encode()) for each in found) >= about_bytes:
                    return Found(found, has_more=True)
                found.append(post)
        return Found(found, has_more=False)

    async def check(self) -> None:
        """See that nothing fails."""
        self._begin("check")

    def _begin(self, what: str) -> None:
        if self.fails is not None:
            raise self.fails
        self.journal.append(what)

    def _try(self, begin: Callable[[State], "FakeUnitOfWork"], unit: Unit) -> tuple[State, Exception | None]:
        state = self.state.copy()
        try:
            _drive(unit(begin(state)))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            return state, error
        return state, None


class FakeUnitOfWork:
    """One transaction on a state."""

    def __init__(self, state: State, account_id: AccountId | None, clock: Clock, *, counting: bool = False) -> None:
        """Begin a unit of one account, or (None) a reading, or one that counts attempts."""
        transaction = _Transaction(state, account_id)
        self.accounts = FakeAccounts(transaction)
        self.sessions = FakeSessions(transaction, clock)
        self.posts = FakePosts(transaction)
        self.edits = FakeEdits(transaction)
        self.bulk = FakeBulk(transaction)
        self.imports = FakeImports(transaction)
        self.keys = FakeKeys(transaction)
        self.attempts = FakeAttempts(state, clock, counting=counting)


class _Transaction:
    """Holds a unit to its promises: first its account's row, then its account's things, nothing else."""

    def __init__(self, state: State, account_id: AccountId | None) -> None:
        self.state = state
        self._account_id = account_id
        self._claimed = False

    def open(self, account: Account) -> None:
        self._own(account.id)
        if account.id in self.state.accounts:
            raise DuplicateId
        if any(kept.email.key == account.email.key for kept in self.state.accounts.values()):
            raise EmailTaken
        self.state.accounts[account.id] = account
        self._claimed = True

    def claim(self, account_id: AccountId, fits: Callable[[Account], bool], **changes: Any) -> None:
        self._own(account_id)
        account = self.state.accounts.get(account_id)
        if account is None or not fits(account):
            raise AccountGone
        self.state.accounts[account_id] = replace(account, **changes)
        self._claimed = True

    def count(self, author: AccountId, posts: int, size: int, *, rises: int = 1) -> None:
        """Begin with an active account's row, and count there what comes and goes."""
        account = self.state.accounts.get(author)
        changes: dict[str, Any] = {}
        if account is not None:
            changes = {
                "posts_version": account.posts_version + rises,
                "posts": account.posts + posts,
                "bytes": account.bytes + size,
            }
        self.claim(author, lambda kept: kept.is_active, **changes)

    def write(self, account_id: AccountId) -> State:
        """Return what may be changed now."""
        self._own(account_id)
        if not self._claimed:
            message = "a unit's first write is on its account's row"
            raise RuntimeError(message)
        return self.state

    def _own(self, account_id: AccountId) -> None:
        if account_id != self._account_id:
            message = "a unit writes one account's things, and a reading none"
            raise RuntimeError(message)


class DuplicateId(Exception):
    """A thing with this id is kept already."""


class FakeAccounts:
    """The accounts in a state."""

    def __init__(self, transaction: _Transaction) -> None:
        """Take the transaction."""
        self._transaction = transaction
        self._accounts = transaction.state.accounts

    async def find(self, account_id: AccountId) -> Account | None:
        """Return the account, or None."""
        return self._accounts.get(account_id)

    async def find_by_email(self, email: Email) -> Account | None:
        """Return the account known by this address, or None."""
        return next((account for account in self._accounts.values() if account.email.key == email.key), None)

    async def list_all(self, *, after: str, limit: int) -> Sequence[Account]:
        """Return up to `limit` accounts in the order of their e-mail keys, those behind the key `after`."""
        behind = (account for account in self._accounts.values() if account.email.key > after)
        return sorted(behind, key=lambda account: account.email.key)[:limit]

    async def stamps(self, account_ids: Sequence[AccountId]) -> Mapping[AccountId, Stamp]:
        """Return the stamps of those accounts that are there."""
        return {
            account_id: Stamp.of(account)
            for account_id in account_ids
            if (account := self._accounts.get(account_id)) is not None
        }

    async def add(self, account: Account) -> None:
        """Keep a new account."""
        self._transaction.open(account)

    async def claim(self, account_id: AccountId) -> None:
        """Begin a unit about an account, disabled ones included."""
        self._change(account_id, lambda _: True)

    async def claim_access(self, account_id: AccountId) -> None:
        """Begin a unit that changes who may get in to an active account."""
        self._change(account_id, lambda account: account.is_active)

    async def admit(self, account_id: AccountId, *, proven_hash: str, kept_hash: str) -> None:
        """Begin a unit that lets in somebody who has proven a password."""
        self._change(
            account_id,
            lambda account: account.is_active and account.password_hash == proven_hash,
            password_hash=kept_hash,
        )

    async def set_password(self, account_id: AccountId, password_hash: str) -> None:
        """Begin a unit with a new password."""
        self._change(account_id, _is_not_closed, password_hash=password_hash)

    async def set_status(self, account_id: AccountId, status: AccountStatus) -> None:
        """Begin a unit with a new status."""
        self._change(account_id, _is_not_closed, status=status)

    async def close(self, account_id: AccountId, *, proven_hash: str | None = None) -> None:
        """Disable an account for good and take its address and sessions from it."""

        def fits(account: Account) -> bool:
            return proven_hash is None or (account.is_active and account.password_hash == proven_hash)

        address = f"+closed.{account_id}@closed.invalid"
        self._change(account_id, fits, status=AccountStatus.DISABLED, email=Email(address, address))
        self._remove_sessions(account_id)

    async def list_closed(self, *, after: AccountId, limit: int) -> Sequence[AccountId]:
        """Return the first accounts that were closed and are still there."""
        closed = [each.id for each in self._accounts.values() if not _is_not_closed(each)]
        return sorted(account_id for account_id in closed if account_id > after)[:limit]

    async def remove(self, account_id: AccountId, *, proven_hash: str | None = None) -> None:
        """Remove the account with all its sessions, posts and keys."""

        def fits(account: Account) -> bool:
            return proven_hash is None or (account.is_active and account.password_hash == proven_hash)

        self._change(account_id, fits)
        self._remove_sessions(account_id)
        state = self._transaction.write(account_id)
        for post in [post for post in state.posts.values() if post.author == account_id]:
            del state.posts[post.author, post.id]
        for use in [use for use in state.keys.values() if use.author == account_id]:
            del state.keys[use.author, use.key_hash]
        del state.accounts[account_id]

    def _remove_sessions(self, account_id: AccountId) -> None:
        state = self._transaction.write(account_id)
        for session in [session for session in state.sessions.values() if session.account_id == account_id]:
            del state.sessions[session.id]

    def _change(self, account_id: AccountId, fits: Callable[[Account], bool], **changes: Any) -> None:
        version = self._accounts[account_id].access_version if account_id in self._accounts else 0
        self._transaction.claim(account_id, fits, access_version=version + 1, **changes)


def _is_not_closed(account: Account) -> bool:
    return not account.email.key.endswith("@closed.invalid")


class FakeSessions:
    """The sessions in a state."""

    def __init__(self, transaction: _Transaction, clock: Clock) -> None:
        """Take the transaction, and the database's clock."""
        self._transaction = transaction
        self._sessions = transaction.state.sessions
        self._clock = clock

    async def find(self, session_id: SessionId) -> tuple[Session, timedelta] | None:
        """Return the session and how long ago it was refreshed by the database's clock, or None."""
        session = self._sessions.get(session_id)
        return None if session is None else (session, self._clock.now() - session.refreshed_date)

    async def find_account(self, account_id: AccountId, session_id: SessionId) -> tuple[Account, Session] | None:
        """Return an account and one of its sessions, or None where either is absent."""
        account = self._transaction.state.accounts.get(account_id)
        session = self._sessions.get(session_id)
        if account is None or session is None or session.account_id != account_id:
            return None
        return account, session

    async def list_active(self, account_id: AccountId) -> Sequence[Session]:
        """Return the account's sessions that nobody has ended, the newest login first."""
        own = [kept for kept in self._sessions.values() if kept.account_id == account_id and self._live(kept)]
        return sorted(own, key=lambda session: session.id, reverse=True)

    async def addresses(self, email: Email) -> Sequence[str]:
        """Return the network addresses that the account known by this address was logged in from, each once."""
        accounts = self._transaction.state.accounts
        return sorted(
            {
                kept.origin.address
                for kept in self._sessions.values()
                if accounts[kept.account_id].email.key == email.key
            }
        )

    async def add(self, session: Session) -> None:
        """Keep a new session."""
        self._transaction.write(session.account_id)
        if session.id in self._sessions:
            raise DuplicateId
        self._sessions[session.id] = session

    async def advance(self, session: Session) -> bool:
        """Count the session's next refresh token as the current one, now by the database's clock."""
        self._transaction.write(session.account_id)
        kept = self._live(session)
        if kept is None or kept.counter != session.counter:
            return False
        self._sessions[kept.id] = replace(kept, counter=kept.counter + 1, refreshed_date=self._clock.now())
        return True

    async def end(self, session: Session, now: datetime) -> None:
        """End one session, unless it has ended."""
        self._transaction.write(session.account_id)
        kept = self._live(session)
        self._end([] if kept is None else [kept], now)

    async def end_all(self, account_id: AccountId, now: datetime, *, but: SessionId | None = None) -> None:
        """End all sessions of an account, but one if that is named."""
        self._transaction.write(account_id)
        self._end([kept for kept in self._sessions.values() if kept.account_id == account_id and kept.id != but], now)

    async def end_oldest(self, account_id: AccountId, now: datetime, *, keep: int) -> None:
        """End the account's oldest active sessions, so that no more than `keep` (1 or more) are left."""
        self._transaction.write(account_id)
        self._end((await self.list_active(account_id))[keep:], now)

    async def forget(self, account_id: AccountId, before: datetime) -> int:
        """Remove the account's sessions that were over before then, ended or run out, and return how many it was."""
        self._transaction.write(account_id)
        over = [session.id for session in self._over(before) if session.account_id == account_id]
        for session_id in over:
            del self._sessions[session_id]
        return len(over)

    async def forget_oldest(self, account_id: AccountId, *, keep: int) -> None:
        """Remove the account's oldest ended sessions, so that no more than `keep` are left."""
        self._transaction.write(account_id)
        kept = [session for session in self._sessions.values() if session.account_id == account_id]
        ended = sorted(session.id for session in kept if session.status is SessionStatus.ENDED)
        for session_id in ended[: max(0, len(ended) - keep)]:
            del self._sessions[session_id]

    async def owners_over(self, before: datetime, *, after: AccountId, limit: int) -> Sequence[AccountId]:
        """Return the first accounts that have sessions which `forget` would remove."""
        return sorted({session.account_id for session in self._over(before) if session.account_id > after})[:limit]

    def _over(self, before: datetime) -> list[Session]:
        """Return the sessions that were over before then."""
        kept = self._sessions.values()
        return [each for each in kept if min(each.ended_date or each.expires_date, each.expires_date) < before]

    def _live(self, session: Session) -> Session | None:
        kept = self._sessions.get(session.id)
        is_live = kept is not None and kept.account_id == session.account_id and kept.status is SessionStatus.ACTIVE
        return kept if is_live else None

    def _end(self, sessions: Iterable[Session], now: datetime) -> None:
        for session in sessions:
            if session.status is SessionStatus.ACTIVE:
                self._sessions[session.id] = replace(session, status=SessionStatus.ENDED, ended_date=now)


class FakeAttempts:
    """What is counted of attempts in a state."""

    def __init__(self, state: State, clock: Clock, *, counting: bool) -> None:
        """Take the state, the database's clock, and whether anything may be changed."""
        self._tallies = state.attempts
        self._clock = clock
        self._counting = counting
        self._held: set[AttemptKey] = set()

    async def look(self, keys: Sequence[AttemptKey]) -> tuple[datetime, Mapping[AttemptKey, Tally]]:
        """Return what is kept, and the present moment by the database's clock."""
        return self._clock.now(), {key: self._tallies[key] for key in keys if key in self._tallies}

    async def hold(self, keys: Sequence[AttemptKey]) -> tuple[datetime, Mapping[AttemptKey, Tally]]:
        """Return the same, to be changed."""
        self._change(keys)
        self._held.update(keys)
        return await self.look(keys)

    async def put(self, tallies: Mapping[AttemptKey, Tally]) -> None:
        """Keep this for keys that are held; what is empty is removed."""
        self._change(tallies)
        assert tallies.keys() <= self._held
        for key, tally in tallies.items():
            self._tallies[key] = tally
            if tally.is_empty:
                del self._tallies[key]

    async def purge(self, age: timedelta) -> None:
        """Remove what expired longer ago than that."""
        self._change([])
        before = self._clock.now() - age
        for key in [key for key, tally in self._tallies.items() if tally.expires_date < before]:
            del self._tallies[key]

    def _change(self, keys: Iterable[AttemptKey]) -> None:
        assert all(len(key) == KEY_BYTES for key in keys)
        if not self._counting:
            message = "attempts are counted in transactions of their own"
            raise RuntimeError(message)


class FakePosts:
    """The posts in a state."""

    def __init__(self, transaction: _Transaction) -> None:
        """Take the transaction."""
        self._transaction = transaction
        self._posts = transaction.state.posts

    async def find(self, author: AccountId, post_id: PostId) -> Post | None:
        """Return the author's post, or None."""
        return self._posts.get((author, post_id))

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
        return [ListedPost.of(post) for post in self._chosen(author, listing, before=before, last=last)[:limit]]

    async def list_light(
        self, author: AccountId, listing: Listing = EVERYTHING, *, limit: int, before: Place | None = None
    ) -> Sequence[ListedPost]:
        """Return what `list_for` would return if that is light (see `LIGHT_BYTES`), and none of it otherwise."""
        sizes = await self.list_sizes(author, listing, limit=limit, before=before)
        light = sum(size for _, size in sizes) <= LIGHT_BYTES
        return await self.list_for(author, listing, limit=limit, before=before) if light else []

    async def list_sizes(
        self, author: AccountId, listing: Listing = EVERYTHING, *, limit: int, before: Place | None = None
    ) -> Sequence[tuple[Place, int]]:
        """Return the places and the bytes of what `list_for` would return."""
        posts = self._chosen(author, listing, before=before)[:limit]
        return [(listing.sort.place_of(ListedPost.of(post)), post.bytes) for post in posts]

    async def summarise(self, author: AccountId) -> Summary | None:
        """Return what the author has."""
        account = self._transaction.state.accounts.get(author)
        if account is None:
            return None
        numbers = Counter(post.status for post in self._posts.values() if post.author == author)
        return Summary(numbers[Status.DRAFT], numbers[Status.PUBLISHED], numbers[Status.ARCHIVED], account.bytes)

    def _chosen(
        self, author: AccountId, listing: Listing, *, before: Place | None = None, last: Place | None = None
    ) -> list[Post]:
        def key(place: Place) -> tuple[object, ...]:
            return (place.updated_date, place.id) if listing.sort.is_by_change else (place.id,)

        def stands(post: Post) -> Any:
            return key(Place(post.id, post.updated_date))

        own = [post for post in self._posts.values() if post.author == author]
        own = [post for post in own if listing.status in {None, post.status}]
        own.sort(key=stands, reverse=listing.sort.descends)
        first = None if before is None else key(before)
        end = None if last is None else key(last)
        if listing.sort.descends:
            return [p for p in own if (first is None or stands(p) < first) and (end is None or stands(p) >= end)]
        return [p for p in own if (first is None or stands(p) > first) and (end is None or stands(p) <= end)]

    async def add(self, post: Post, quota: Quota = UNLIMITED) -> None:
        """Keep a new post and count it in its author's row."""
        account = self._transaction.state.accounts.get(post.author)
        is_full = account and (account.posts >= quota.posts or account.bytes + post.bytes > quota.bytes)
        if account and account.is_active and is_full:
            raise QuotaExceeded
        self._transaction.count(post.author, 1, post.bytes)
        if (post.author, post.id) in self._posts:
            raise DuplicateId
        self._posts[post.author, post.id] = post

    async def remove(self, author: AccountId, post_id: PostId, versions: Versions = ANY_VERSION) -> bool:
        """Remove the author's post and count it out of the author's row."""
        post = await self.find(author, post_id)
        if post is not None and post.version not in versions:
            self._transaction.count(author, 0, 0)
            raise VersionConflict(post.version)
        if post is None:
            self._transaction.count(author, 0, 0)
            return False
        self._transaction.count(author, -1, -post.bytes)
        del self._posts[author, post_id]
        return True

    async def remove_some(self, author: AccountId, *, at_most: int, about_bytes: int) -> int:
        """Remove the first of the author's posts and count them out of the author's row."""
        account = self._transaction.state.accounts.get(author)
        if account is None:
            raise AccountGone
        first = list[PostId]()
        size = 0
        for post_id in sorted(post for owner, post in self._posts if owner == author)[:at_most]:
            if first and size + self._posts[author, post_id].bytes > about_bytes:
                break
            first.append(post_id)
            size += self._posts[author, post_id].bytes
        changes = {"posts": account.posts - len(first), "bytes": account.bytes - size}
        self._transaction.claim(author, lambda _: True, posts_version=account.posts_version + 1, **changes)
        for post_id in first:
            del self._posts[author, post_id]
        return len(first)


class FakeEdits:
    """The edits of posts in a state."""

    def __init__(self, transaction: _Transaction) -> None:
        """Take the transaction."""
        self._transaction = transaction
        self._posts = transaction.state.posts

    async def make(self, edit: Edit, quota: Quota = UNLIMITED) -> Revision:
        """Edit a post and count its new size."""
        post = self._posts.get((edit.author, edit.post_id))
        edited = None if post is None or post.version not in edit.versions else edit.applied_to(post)
        growth = 0 if post is None or edited is None else edited.bytes - post.bytes
        account = self._transaction.state.accounts.get(edit.author)
        if account and account.is_active and growth > max(0, quota.bytes - account.bytes):
            raise QuotaExceeded
        self._transaction.count(edit.author, 0, growth)
        if post is None:
            raise PostAbsent
        if edited is None:
            raise VersionConflict(post.version)
        if edited.bytes > max(MAX_BODY_BYTES, post.bytes):
            raise PostTooLarge
        self._posts[edit.author, edit.post_id] = edited
        return Revision(edited.id, edited.version, edited.created_date, edited.updated_date)


class FakeBulk:
    """Many posts at once in a state."""

    def __init__(self, transaction: _Transaction) -> None:
        """Take the transaction."""
        self._transaction = transaction
        self._posts = transaction.state.posts

    async def set_status(self, author: AccountId, posts: Sequence[PostId], status: Status, now: datetime) -> int:
        """Give some of the author's posts a status."""
        self._transaction.count(author, 0, 0)
        changing = [post for post in self._chosen(author, posts) if post.status is not status]
        for post in changing:
            edit = Edit(author, post.id, Changes(status=status), ANY_VERSION, now)
            self._posts[author, post.id] = edit.applied_to(post)
        return len(changing)

    async def remove(self, author: AccountId, posts: Sequence[PostId]) -> int:
        """Remove some of the author's posts."""
        self._transaction.count(author, 0, 0)
        removing = self._chosen(author, posts)
        self._transaction.count(author, -len(removing), -sum(post.bytes for post in removing), rises=0)
        for post in removing:
            del self._posts[author, post.id]
        return len(removing)

    def _chosen(self, author: AccountId, posts: Sequence[PostId]) -> list[Post]:
        absent = [str(post_id) for post_id in posts if (author, post_id) not in self._posts]
        if absent:
            raise PostsAbsent(absent)
        return [self._posts[author, post_id] for post_id in posts]


class FakeImports:
    """Several posts in a state at once."""

    def __init__(self, transaction: _Transaction) -> None:
        """Take the transaction."""
        self._state = transaction.state
        self._count = transaction.count

    async def sizes(self, author: AccountId, post_ids: Sequence[PostId]) -> Mapping[PostId, int]:
        """Return the bytes of those that are there."""
        return {post.id: post.bytes for post in await self.find(author, post_ids)}

    async def find(self, author: AccountId, post_ids: Sequence[PostId]) -> Sequence[Post]:
        """Return those that are there."""
        return [post for post_id in post_ids if (post := self._state.posts.get((author, post_id))) is not None]

    async def add(self, posts: Sequence[Post], quota: Quota = UNLIMITED) -> None:
        """Keep new posts, all or none: whatever this raises, the state is thrown away."""
        author, size = posts[0].author, sum(post.bytes for post in posts)
        account = self._state.accounts.get(author)
        is_full = account and (account.posts + len(posts) > quota.posts or account.bytes + size > quota.bytes)
        if account and account.is_active and is_full:
            raise QuotaExceeded
        self._count(author, len(posts), size)
        for post in posts:
            if (author, post.id) in self._state.posts:
                raise PostPresent
            self._state.posts[author, post.id] = post


class FakeKeys:
    """What keys were used for, in a state."""

    def __init__(self, transaction: _Transaction) -> None:
        """Take the transaction."""
        self._transaction = transaction
        self._keys = transaction.state.keys

    async def find(self, use: KeyUse) -> KeyUse | None:
        """Return what the key is kept to have been used for, or None."""
        found = self._keys.get((use.author, use.key_hash))
        return None if found is None or found.created_date < use.oldest_alive else found

    async def add(self, use: KeyUse) -> KeyUse:
        """Keep what a key is used for, and forget what has expired."""
        await self.forget(use.author, use.oldest_alive)
        name = (use.author, use.key_hash)
        if name not in self._keys and sum(author == use.author for author, _ in self._keys) >= idempotency.MOST_KEYS:
            raise idempotency.TooManyKeys
        return self._keys.setdefault((use.author, use.key_hash), use)

    async def forget(self, author: AccountId, before: datetime) -> int:
        """Remove the author's keys that were used before then."""
        self._transaction.write(author)
        expired = [name for name, use in self._keys.items() if use.author == author and use.created_date < before]
        for name in expired:
            del self._keys[name]
        return len(expired)

    async def owners_over(self, before: datetime, *, after: AccountId, limit: int) -> Sequence[AccountId]:
        """Return the first accounts that have keys which `forget` would remove."""
        return sorted({use.author for use in self._keys.values() if use.created_date < before and use.author > after})[
            :limit
        ]


def _drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that awaits nothing but fakes straight to its end."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    message = "a unit of work awaits nothing but its own statements"
    raise RuntimeError(message)
