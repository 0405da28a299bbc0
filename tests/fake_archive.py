"""A stand-in for a database as a whole; it passes the same contract tests as the databases do."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from postkeep.domain.accounts import Account
from postkeep.domain.posts import Post
from postkeep.domain.sessions import Session
from postkeep.services.archive import Amounts, BackupUnfit, DatabaseNotEmpty, Kept
from tests.fake_storage import FakeStorage, State


class FakeArchive:
    """What a FakeStorage keeps, as a whole."""

    def __init__(self, storage: FakeStorage) -> None:
        """Take the storage."""
        self._storage = storage

    @asynccontextmanager
    async def snapshot(self) -> AsyncGenerator["FakeSnapshot"]:
        """Hold on to everything as it is now."""
        yield FakeSnapshot(self._storage.state.copy())

    @asynccontextmanager
    async def restoring(self) -> AsyncGenerator["FakeRestoring"]:
        """Fill it."""
        if self._storage.state.accounts:
            raise DatabaseNotEmpty
        restoring = FakeRestoring()
        yield restoring
        self._storage.state = restoring.finish()


class FakeSnapshot:
    """A state that nobody changes any more."""

    revision = "0007"

    def __init__(self, state: State) -> None:
        """Take the state."""
        self._state = state
        posts = sum(account.posts for account in state.accounts.values())
        self.amounts = Amounts(len(state.sessions), posts, len(state.accounts))

    async def parts(self) -> AsyncGenerator[Sequence[Kept]]:
        """Answer everything, two at a time."""
        sessions = sorted(self._state.sessions.values(), key=lambda session: (session.account_id, session.id))
        posts = sorted(self._state.posts.values(), key=lambda post: (post.author, post.id))
        accounts = sorted(self._state.accounts.values(), key=lambda account: account.id)
        for kept in (sessions, posts, accounts):
            for begin in range(0, len(kept), 2):
                yield kept[begin : begin + 2]


class FakeRestoring:
    """A state that is being filled."""

    def __init__(self) -> None:
        """Begin empty."""
        self._state = State()

    async def add(self, part: Sequence[Kept]) -> None:
        """Add some of one kind."""
        for kept in part:
            if isinstance(kept, Session):
                self._state.sessions[kept.id] = kept
            elif isinstance(kept, Post):
                self._state.posts[kept.author, kept.id] = kept
            else:
                self._add_account(kept)

    def finish(self) -> State:
        """See that everything belongs to somebody."""
        owners = {session.account_id for session in self._state.sessions.values()}
        owners |= {author for author, _ in self._state.posts}
        if owners - self._state.accounts.keys():
            raise BackupUnfit
        return self._state

    def _add_account(self, account: Account) -> None:
        if any(kept.email.key == account.email.key for kept in self._state.accounts.values()):
            raise BackupUnfit
        self._state.accounts[account.id] = account
