"""Health: whether requests can be served."""

from postkeep.services.ports import Storage


class HealthService:
    """The operator's questions."""

    def __init__(self, storage: Storage) -> None:
        """Take the storage to ask."""
        self._storage = storage

    async def check(self) -> None:
        """See that the database answers and that its schema is one that this release can work on.

        Raises:
            StorageUnavailable: It does not answer.
            SchemaUnfit: Its schema has moved away.
        """
        await self._storage.check()
