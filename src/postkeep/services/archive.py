"""What a backup needs of a database: all of it at one moment, and an empty one to be filled. See `ports.py`."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from postkeep.domain.accounts import Account
from postkeep.domain.errors import Conflict
from postkeep.domain.posts import Post
from postkeep.domain.sessions import Session


class DatabaseNotEmpty(Conflict):
    """The database holds accounts: a backup is restored into an empty one."""

    code = "database_not_empty"


class BackupUnfit(Conflict):
    """The backup holds something that the database refuses; nothing of it was kept."""

    code = "backup_unfit"


Kept: TypeAlias = Session | Post | Account
"""What a backup consists of."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much of each kind there is."""

    sessions: int = 0
    posts: int = 0
    accounts: int = 0

    @property
    def total(self) -> int:
        """All of them together."""
        return self.sessions + self.posts + self.accounts


class Snapshot(Protocol):
    """Everything that is kept, as it all was at one moment, however long the reading takes."""

    @property
    def revision(self) -> str:
        """The schema's revision."""
        ...

    @property
    def amounts(self) -> Amounts:
        """How much there is; of posts, as many as the accounts' rows count."""
        ...

    def parts(self) -> AsyncGenerator[Sequence[Kept]]:
        """Answer everything, some of one kind at a time: sessions, then posts, then accounts, each in its key's order.

        Raises:
            StorageUnavailable: The database fails, also in the middle.
        """
        ...


class Restoring(Protocol):
    """An empty database that is being filled."""

    async def add(self, part: Sequence[Kept]) -> None:
        """Add some of one kind, which come in the order of a snapshot.

        Raises:
            BackupUnfit: They break a rule of the tables.
            StorageUnavailable: The database fails.
        """
        ...


class Archive(Protocol):
    """Reads and fills a database as a whole."""

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        """Hold on to everything as it is now, while others go on writing.

        Raises:
            StorageUnavailable: The database fails.
        """
        ...

    def restoring(self) -> AbstractAsyncContextManager[Restoring]:
        """Fill an empty database: what was added is there when this is left, and none of it if it is left by an error.

        Nobody can get in to any of it before.

        Raises:
            DatabaseNotEmpty: There are accounts.
            BackupUnfit: Something belongs to an account that was not added.
            StorageUnavailable: The database fails.
        """
        ...
