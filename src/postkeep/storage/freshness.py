"""Reading accounts' stamps. See `services.ports.Freshness`."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeAlias

from sqlalchemy import bindparam, select
from sqlalchemy.dialects import sqlite

from postkeep.domain.accounts import AccountId
from postkeep.services.repositories import Stamp
from postkeep.storage.accounts import STAMP
from postkeep.storage.embedded_file import uri_of
from postkeep.storage.statements import numbered, padded
from postkeep.storage.tables import AccountRow

log = logging.getLogger(__name__)

READ_SECONDS: Final = 0.8
"""How long a shared read may take: who waits longer finds out anew, and is told there that the database is slow.

Whoever comes during one waits for it and for the next, and then as long as anybody waits for the database: all of it
within the five seconds in which whoever asks a silent database is answered.
"""

MOST_STAMPS: Final = 10_000
"""How many stamps of a file are remembered, for as long as nobody writes."""

ReadStamps: TypeAlias = Callable[[Sequence[AccountId]], Coroutine[Any, Any, Mapping[AccountId, Stamp]]]
"""Reads the stamps of those accounts that are there, with a statement that begins after the call."""

MOST_RENEWED: Final = 256
"""How many stamps are read anew at once when somebody has written, so that it is short: about half a millisecond."""

_STAMP: Final = str(select(*STAMP).where(AccountRow.id == bindparam("id")).compile(dialect=sqlite.dialect()))
_NAMES: Final = numbered("id", 32)
_STAMPS: Final = str(
    select(AccountRow.id, *STAMP)
    .where(AccountRow.id.in_([bindparam(name) for name in _NAMES]))
    .compile(dialect=sqlite.dialect())
)


class EmbeddedFreshness:
    """Reads stamps from a SQLite file, in the event loop's thread: a prepared statement, by primary key, on its own.

    Most of what a read costs are locks, so all who ask in one turn of the event loop share one question: has anybody
    committed anything, in whatever process? As long as nobody has, stamps that were read stay as they are. Where
    somebody has, those that were asked for since the commit before are read anew together, as they will be asked for
    again, and the turn's reads share one transaction. Whoever asks in a turn came before it began: what comes in during
    a turn, from a socket or from another thread, is looked at in the next one.
    """

    def __init__(self, path: Path) -> None:
        """Open a database whose schema is there. To be called in the event loop's thread."""
        self._loop = asyncio.get_running_loop()
        # Whoever has to wait may as well find out anew.
        self._connection = sqlite3.connect(uri_of(path), uri=True, timeout=0, isolation_level=None)
        self._connection.execute("PRAGMA query_only = ON")
        self._cursor = self._connection.cursor()
        self._has_looked = False
        self._version: object = None
        self._stamps: dict[int, Stamp] = {}
        self._renewed: dict[int, Stamp] = {}

    async def stamp(self, account_id: AccountId) -> Stamp | None:
        """Return the account's stamp as the newest commit left it when this turn of the event loop first asked."""
        try:
            if not self._has_looked:
                self._look()
            stamp = self._stamps.get(account_id.int)
            if stamp is None:
                stamp = self._renewed.pop(account_id.int, None) or self._read(account_id)
                if stamp is not None:
                    self._stamps[account_id.int] = stamp
        except sqlite3.Error as error:
            log.warning("stamp_unread", extra={"reason": str(error)})
            return None
        return stamp

    def _look(self) -> None:
        """Forget all stamps if anybody has committed anything."""
        # In this order: whatever happens from here on waits in the loop's queue behind the end of this turn.
        self._loop.call_soon(self._end_turn)
        self._end_reading()
        version = self._cursor.execute("PRAGMA data_version").fetchone()
        if version != self._version or len(self._stamps) >= MOST_STAMPS:
            self._version = version
            asked = [key.to_bytes(16) for key in islice(reversed(self._stamps), MOST_RENEWED)]
            self._stamps.clear()
            self._renewed.clear()
            self._renew(asked)
        self._has_looked = True

    def _read(self, account_id: AccountId) -> Stamp | None:
        """Read one stamp."""
        self._begin_reading()
        row = self._cursor.execute(_STAMP, (account_id.bytes,)).fetchone()
        return None if row is None else Stamp(*row)

    def _renew(self, account_ids: Sequence[bytes]) -> None:
        """Read those that were asked for before anew, some with each statement."""
        for begin in range(0, len(account_ids), len(_NAMES)):
            self._begin_reading()
            values = tuple(padded(_NAMES, account_ids[begin : begin + len(_NAMES)]).values())
            for account_id, *stamp in self._cursor.execute(_STAMPS, values):
                self._renewed[int.from_bytes(account_id)] = Stamp(*stamp)

    def _begin_reading(self) -> None:
        """Keep to what the database is like at the first read of this turn."""
        if not self._connection.in_transaction:
            self._cursor.execute("BEGIN")

    def _end_turn(self) -> None:
        """Have the next who asks look again."""
        self._has_looked = False
        with suppress(sqlite3.Error):
            self._end_reading()

    def _end_reading(self) -> None:
        """Let go of what the database was like."""
        if self._connection.in_transaction:
            self._cursor.execute("COMMIT")

    async def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


class SharedFreshness:
    """Reads stamps together: all who ask while one read is under way share the next one."""

    def __init__(self, read: ReadStamps) -> None:
        """Take what reads stamps."""
        self._read = read
        self._asked: dict[AccountId, list[asyncio.Future[Stamp | None]]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def stamp(self, account_id: AccountId) -> Stamp | None:
        """Return the account's stamp from a read that begins after this call."""
        # A future of one's own: who is cancelled cancels nobody else's.
        answer: asyncio.Future[Stamp | None] = asyncio.get_running_loop().create_future()
        self._asked.setdefault(account_id, []).append(answer)
        if self._reading is None:
            self._reading = asyncio.create_task(self._answer())
        return await answer

    async def close(self) -> None:
        """Let the read under way come to its end."""
        if self._reading is not None:
            await asyncio.wait({self._reading})

    async def _answer(self) -> None:
        """Read for those who wait, and again for those who came meanwhile, until nobody waits."""
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                found = await self._find(list(asked))
                for account_id, answers in asked.items():
                    for answer in answers:
                        if not answer.done():
                            answer.set_result(found.get(account_id))
        finally:
            self._reading = None

    async def _find(self, account_ids: Sequence[AccountId]) -> Mapping[AccountId, Stamp]:
        """Read stamps, or none at all where the database fails or takes too long."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await self._read(account_ids)
        except Exception as error:  # noqa: BLE001 - whatever it is, everybody finds out anew
            log.warning("stamp_unread", extra={"reason": type(error).__name__})
            return {}
