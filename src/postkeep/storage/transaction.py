"""What repositories run their statements on, over either kind of database."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeAlias

from postkeep.domain.accounts import AccountGone, AccountId
from postkeep.services.ports import StorageUnavailable
from postkeep.storage.statements import ConstraintBroken, Parameters, Result, Statement

log = logging.getLogger(__name__)

Run: TypeAlias = Callable[[Statement, Parameters], Coroutine[Any, Any, Result]]
"""Runs one statement and answers its result; raises ConstraintBroken where it breaks one."""


class AlreadyDone(Exception):
    """A unit that runs again after a COMMIT of unknown outcome found its own effect: that COMMIT was done."""


class Transaction:
    """One account's transaction: its first write is the account's row, and no write comes before it.

    That first statement serialises the account's writers, raises the number that caches live by, and takes locks in
    one order. Since `write` and `insert` refuse to run without it, nobody can write and forget it.
    """

    def __init__(
        self,
        run: Run,
        account_id: AccountId | None,
        *,
        settling: bool = False,
        why_settling: str = "",
        counting: bool = False,
    ) -> None:
        """Begin a transaction, or a reading.

        Args:
            run: Runs statements on the connection.
            account_id: Whose things may be written; None for a reading, which may write nothing.
            settling: Whether an earlier run of the same unit ended with a COMMIT of unknown outcome.
            why_settling: What the database said of that COMMIT, for the log.
            counting: Whether it counts attempts, which are no account's, and writes nothing else.
        """
        self._run = run
        self._account_id = account_id
        self._counting = counting
        self._claimed = False
        self._why_settling = why_settling
        self.settling = settling

    async def read(self, statement: Statement, parameters: Parameters) -> Result:
        """Run a SELECT."""
        return await self._run(statement, parameters)

    async def claim(self, account_id: AccountId, statement: Statement, parameters: Parameters) -> None:
        """Run the statement on the account's row that every unit begins with.

        Raises:
            AccountGone: It found no such row (any more).
        """
        self._own(account_id)
        if (await self._run(statement, {"owner": account_id, **parameters})).rowcount != 1:
            raise AccountGone
        self._claimed = True

    async def open(self, account_id: AccountId, statement: Statement, parameters: Parameters) -> None:
        """Run the INSERT of the account's row, with which the unit of a new account begins.

        Raises:
            ConstraintBroken: The row breaks a constraint.
        """
        self._own(account_id)
        await self._run(statement, parameters)
        self._claimed = True

    async def write(self, account_id: AccountId, statement: Statement, parameters: Parameters) -> int:
        """Run a statement that changes the account's things.

        Returns:
            How many rows it found.
        """
        self._own(account_id)
        self._follow_claim()
        return (await self._run(statement, {"owner": account_id, **parameters})).rowcount

    async def remove(self, account_id: AccountId, statement: Statement, parameters: Parameters, *, there: int) -> None:
        """Run a DELETE of rows of the account's that are there.

        Args:
            account_id: Whose they are.
            statement: The DELETE.
            parameters: Its values.
            there: How many they are.

        Raises:
            StorageUnavailable: It left some.
        """
        if await self.write(account_id, statement, parameters) < there:
            self.refuse_unfinished()

    def refuse_unfinished(self) -> NoReturn:
        """Give up a DELETE that left what is there, and all that was done before it.

        MariaDB (10.11) that is told to end one, by KILL QUERY, in its first moment, answers as if it had found nothing.

        Raises:
            StorageUnavailable: Always.
        """
        log.error("storage_failed", extra={"reason": "a DELETE was ended, and what it was for is still there"})
        raise StorageUnavailable

    async def insert(
        self, account_id: AccountId, statement: Statement, parameters: Parameters, kept: Statement
    ) -> None:
        """Run an INSERT of one of the account's things.

        Args:
            account_id: Whose it is.
            statement: The INSERT.
            parameters: Its values.
            kept: Finds this very thing, with the same values: what to look for where the INSERT collides while
                settling.

        Raises:
            AlreadyDone: The thing is there from an earlier run of this unit.
            ConstraintBroken: The row breaks a constraint.
        """
        self._own(account_id)
        self._follow_claim()
        try:
            await self._run(statement, parameters)
        except ConstraintBroken:
            await self.settle(kept, {"owner": account_id, **parameters})
            raise

    async def count(self, statement: Statement, parameters: Parameters) -> Result:
        """Run a statement that changes what is counted of attempts.

        Raises:
            RuntimeError: This transaction is not for counting them.
        """
        if not self._counting:
            message = "attempts are counted in transactions of their own"
            raise RuntimeError(message)
        return await self._run(statement, parameters)

    async def settle(self, kept: Statement, parameters: Parameters) -> None:
        """While settling, look for the unit's own effect.

        Raises:
            AlreadyDone: It is there.
        """
        if self.settling and (await self._run(kept, parameters)).first() is not None:
            raise AlreadyDone

    def refuse_to_repeat(self) -> None:
        """While settling, give up what has just been done: the unit's own effect was not there to be found.

        That does not mean that it never was. Somebody may have seen it and removed it meanwhile, and it would be back.

        Raises:
            StorageUnavailable: This run is settling.
        """
        if self.settling:
            why = f" ({self._why_settling})" if self._why_settling else ""
            log.error("storage_failed", extra={"reason": f"a COMMIT failed{why}, and what it was for is not there"})
            raise StorageUnavailable

    def _own(self, account_id: AccountId) -> None:
        """Hold every write to the one account that this transaction is about."""
        if account_id != self._account_id:
            message = "a unit writes one account's things, and a reading none"
            raise RuntimeError(message)

    def _follow_claim(self) -> None:
        """Hold every other write behind the one on the account's row."""
        if not self._claimed:
            message = "a unit's first write is on its account's row"
            raise RuntimeError(message)
