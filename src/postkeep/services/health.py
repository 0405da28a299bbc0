"""Health: whether requests can be served."""

import asyncio
import logging
from typing import Final

from postkeep.services.ports import Draining, SchemaUnfit, Storage, StorageUnavailable

log = logging.getLogger(__name__)

PATIENCE_SECONDS: Final = 4.0
"""How long anybody waits for an answer: for a check under way, which answers those who came before it, and the next."""


class HealthService:
    """The operator's questions."""

    def __init__(self, storage: Storage, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Take the storage to ask."""
        self._storage = storage
        self._patience_seconds = patience_seconds
        self._is_draining = False
        self._checking = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None

    def drain(self) -> None:
        """Say from now on that requests should go elsewhere."""
        self._is_draining = True

    async def check(self) -> None:
        """See that the database answers and that its schema is one that this release can work on.

        All who ask while one check is under way share the next.

        Raises:
            Draining: The process is about to end.
            StorageUnavailable: It does not answer.
            SchemaUnfit: Its schema has moved away.
        """
        if self._is_draining:
            raise Draining
        if self._next is None:
            self._next = asyncio.create_task(self._check_in_turn())
        try:
            async with asyncio.timeout(self._patience_seconds):
                # Who leaves, or has waited long enough, takes the answer from nobody.
                await asyncio.shield(self._next)
        except TimeoutError as error:
            raise StorageUnavailable from error

    async def _check_in_turn(self) -> None:
        """Check when no other check is under way, for all who came until then."""
        async with self._checking:
            self._next = None
            try:
                await self._storage.check()
            except SchemaUnfit as error:
                log.error("schema_unfit", extra={"reason": error.detail})  # noqa: TRY400 - the trace says no more
                raise
