"""What is counted of attempts to get in, in the database."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Insert, bindparam, case, delete, literal, select, update
from sqlalchemy.ext.compiler import compiles

from postkeep.domain.attempts import KEY_BYTES, AttemptKey, Tally
from postkeep.storage.clock import utc_now
from postkeep.storage.statements import numbered, padded
from postkeep.storage.tables import AttemptRow
from postkeep.storage.transaction import Transaction

MOST_KEYS: Final = 3
"""How many keys are looked at together; statements are of this one size, padded with the last key."""

_NOBODY: Final = AttemptKey(bytes(KEY_BYTES))

PURGED: Final = 64
"""How many rows are removed at once."""


class _InsertUnlessKept(Insert):
    """An INSERT that leaves the rows alone that are there, and holds all of them from then on."""

    inherit_cache = True


@compiles(_InsertUnlessKept, "sqlite")
def _sqlite(element: _InsertUnlessKept, compiler: Any, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's is untyped
    """SQLite's whole transaction holds everything."""
    return f"{compiler.visit_insert(element, **options)} ON CONFLICT DO NOTHING"


@compiles(_InsertUnlessKept, "mysql")
@compiles(_InsertUnlessKept, "mariadb")
def _mysql(element: _InsertUnlessKept, compiler: Any, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's is untyped
    """INSERT IGNORE would hold what is there together with others, who then wait for each other."""
    return f"{compiler.visit_insert(element, **options)} ON DUPLICATE KEY UPDATE failures = failures"


_NAMES: Final = numbered("key", MOST_KEYS)
_PURGED_NAMES: Final = numbered("key", PURGED)

_AMONG: Final = AttemptRow.attempt_key.in_([bindparam(name) for name in _NAMES])

# Whatever is kept or not, there is one row that says what time it is.
_ALWAYS: Final = select(literal(1).label("one")).subquery()
_LOOK: Final = select(
    utc_now(),
    AttemptRow.attempt_key,
    AttemptRow.failures,
    AttemptRow.under_way,
    AttemptRow.changed_date,
    AttemptRow.expires_date,
    AttemptRow.blocked_until,
).select_from(_ALWAYS.outerjoin(AttemptRow, _AMONG))
_HOLD: Final = _InsertUnlessKept(AttemptRow).values(
    [
        {
            "attempt_key": bindparam(name),
            "failures": 0,
            "under_way": 0,
            "changed_date": utc_now(),
            "expires_date": utc_now(),
        }
        for name in _NAMES
    ]
)
_COUNTED: Final = (
    AttemptRow.failures,
    AttemptRow.under_way,
    AttemptRow.changed_date,
    AttemptRow.expires_date,
    AttemptRow.blocked_until,
)
# With one statement for all: others of the same network wait as long as the database is far away for each.
_PUT: Final = (
    update(AttemptRow)
    .where(_AMONG)
    .values(
        {
            column: case(
                *(
                    (AttemptRow.attempt_key == bindparam(name), bindparam(f"{column.key}_{name}", type_=column.type))
                    for name in _NAMES
                )
            )
            for column in _COUNTED
        }
    )
)
_REMOVE: Final = delete(AttemptRow).where(_AMONG)
_EXPIRED: Final = (
    select(AttemptRow.attempt_key)
    .where(AttemptRow.expires_date < bindparam("before"))
    .order_by(AttemptRow.expires_date)
    .limit(PURGED)
)
# By their keys, as everybody else takes them: whoever took them by their dates first would wait crosswise.
_PURGE: Final = delete(AttemptRow).where(
    AttemptRow.attempt_key.in_([bindparam(name) for name in _PURGED_NAMES]),
    AttemptRow.expires_date < bindparam("before"),
)


class SqlAttempts:
    """The attempts as one transaction sees them."""

    def __init__(self, transaction: Transaction) -> None:
        """Take the transaction to run statements in."""
        self._transaction = transaction

    async def look(self, keys: Sequence[AttemptKey]) -> tuple[datetime, Mapping[AttemptKey, Tally]]:
        """Return what is kept for up to three keys, and the present moment by the database's clock."""
        found = await self._transaction.read(_LOOK, padded(_NAMES, keys))
        tallies = dict(_tally_of(row[1:]) for row in found.rows if row[1] is not None)
        return found.rows[0][0], tallies

    async def hold(self, keys: Sequence[AttemptKey]) -> tuple[datetime, Mapping[AttemptKey, Tally]]:
        """Return the same; nobody else changes it before this transaction ends."""
        # In one order, so that nobody waits crosswise; and also rows that are not there are held by making them.
        await self._transaction.count(_HOLD, padded(_NAMES, sorted(keys)))
        return await self.look(keys)

    async def put(self, tallies: Mapping[AttemptKey, Tally]) -> None:
        """Keep this for keys that are held; what is empty is removed."""
        if kept := {key: tally for key, tally in tallies.items() if not tally.is_empty}:
            values = {
                f"{column.key}_{name}": getattr(tally, column.key)
                for name, tally in padded(_NAMES, list(kept.values())).items()
                for column in _COUNTED
            }
            await self._transaction.count(_PUT, {**padded(_NAMES, list(kept)), **values})
        if emptied := [key for key, tally in tallies.items() if tally.is_empty]:
            await self._transaction.count(_REMOVE, padded(_NAMES, emptied))

    async def purge(self, age: timedelta) -> None:
        """Remove some of what expired longer ago than that."""
        now, _ = await self.look([_NOBODY])
        before = now - age
        expired = [row[0] for row in (await self._transaction.read(_EXPIRED, {"before": before})).rows]
        if expired:
            await self._transaction.count(_PURGE, {"before": before, **padded(_PURGED_NAMES, sorted(expired))})


def _tally_of(values: Sequence[Any]) -> tuple[AttemptKey, Tally]:
    """Make the tally that a row holds, with its key."""
    key, failures, under_way, changed, expires, blocked_until = values
    return AttemptKey(bytes(key)), Tally(failures, under_way, changed, expires, blocked_until)
