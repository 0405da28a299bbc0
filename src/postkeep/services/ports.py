"""What the services need of the outside world. One contract test class per port runs on its fake and its adapters."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

from postkeep.domain.accounts import AccountId, Password
from postkeep.domain.attempts import NOWHERE, Network
from postkeep.domain.errors import Unavailable
from postkeep.domain.lists import EVERYTHING, Listing, Place
from postkeep.domain.posts import ListedPost
from postkeep.domain.search import Query
from postkeep.services.repositories import Stamp, Unit, UnitOfWork

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
    """Turns passwords into what may be kept of them. Slow on purpose, and never in a unit of work.

    Where many wait, those who come from one network are in nobody else's way: each says from where it is asked.
    """

    def refuse_if_busy(self, network: Network) -> None:
        """Spare whoever would be refused by `hash` or `verify` now what comes before them.

        Raises:
            HashingBusy: Too many wait.
        """
        ...

    async def hash(self, password: Password, network: Network) -> str:
        """Return a PHC string with a salt of its own.

        Raises:
            HashingBusy: Too many wait.
        """
        ...

    async def verify(self, password: Password, password_hash: str | None, network: Network) -> bool:
        """Whether the password made this hash; with None it takes as long and says no.

        A hash that cannot be read is a no, and logged as an alarm.

        Raises:
            HashingBusy: Too many wait.
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

    async def count(self, unit: Unit, *, asker: Network = NOWHERE, makes_room: bool = False) -> None:
        """Run a unit that counts attempts, in a transaction, and commit it. It is no account's and raises no version.

        As with `transact`, the unit may run more than once and awaits nothing but its unit of work, and cancelling
        the caller does not cancel it. It holds what it changes, all of it at once.

        Args:
            unit: What to do.
            asker: Where the attempts come from: one network's wait for each other, and nobody else waits for them.
            makes_room: Whether it says what became of attempts, or removes what has expired: then it waits for none
                that is to be let through.

        Raises:
            Exception: Whatever the unit raises; nothing was changed then.
            StorageUnavailable: The database does not answer, the unit collided with others too often, or it was not
                the asker's turn.
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

    def stream(  # noqa: PLR0913 - which posts, in what order, and who is told what
        self,
        author: AccountId,
        listing: Listing = EVERYTHING,
        *,
        before: Place | None = None,
        last: Place | None = None,
        weight: int = 0,
        recall: Recall = no_recall,
    ) -> AsyncGenerator[Sequence[ListedPost]]:
        """Answer an author's posts in order, some at a time: as they all were at one moment, in bounded memory.

        It holds a connection until it is closed or read to its end; only few may be open at the same time.

        Args:
            author: Whose posts.
            listing: Which of them, and in what order.
            before: Only those behind this place.
            last: Only down to this one, which counts.
            weight: About how many bytes the list has, 0 if few. The heavy ones never take all room there is.
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
