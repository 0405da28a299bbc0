"""How long a server database is waited for."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from postkeep.services.ports import StorageUnavailable
from postkeep.storage.limits import BYTES_PER_SECOND, PATIENCE_SECONDS

log = logging.getLogger(__name__)

SHORT_SECONDS: Final = 0.5
"""How long it is waited for once it has not answered in time, until it does again; requests wait more than once."""


class Patience:
    """Waits a while for a database, and hardly at all for as long as it does not answer."""

    def __init__(self) -> None:
        """Expect the best."""
        self._seconds = PATIENCE_SECONDS

    @asynccontextmanager
    async def limit(self, weight: int = 0) -> AsyncGenerator[None]:
        """Give what is done meanwhile its time, and cancel it when that is over.

        Args:
            weight: About how many bytes it reads or removes, 0 if few.

        Raises:
            StorageUnavailable: It took longer.
        """
        try:
            async with asyncio.timeout(self._seconds + weight / BYTES_PER_SECOND):
                yield
        except TimeoutError as error:
            self._seconds = SHORT_SECONDS
            log.error("storage_failed", extra={"reason": "no answer in time"})  # noqa: TRY400 - a trace says no more
            raise StorageUnavailable from error
        self._seconds = PATIENCE_SECONDS
