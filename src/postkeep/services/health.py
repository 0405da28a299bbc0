"""Health: whether requests can be served."""

import logging

from postkeep.services.ports import Draining, SchemaUnfit, Storage

log = logging.getLogger(__name__)


class HealthService:
    """The operator's questions."""

    def __init__(self, storage: Storage) -> None:
        """Take the storage to ask."""
        self._storage = storage
        self._is_draining = False

    def drain(self) -> None:
        """Say from now on that requests should go elsewhere."""
        self._is_draining = True

    async def check(self) -> None:
        """See that the database answers and that its schema is one that this release can work on.

        Raises:
            Draining: The process is about to end.
            StorageUnavailable: It does not answer.
            SchemaUnfit: Its schema has moved away.
        """
        if self._is_draining:
            raise Draining
        try:
            await self._storage.check()
        except SchemaUnfit as error:
            log.error("schema_unfit", extra={"reason": error.detail})  # noqa: TRY400 - the trace says no more
            raise
