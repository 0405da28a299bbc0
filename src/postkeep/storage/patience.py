"""How long a server database is waited for."""

import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final

from postkeep.services.ports import StorageUnavailable
from postkeep.storage.deadlines import within
from postkeep.storage.limits import BYTES_PER_SECOND, PATIENCE_SECONDS

log = logging.getLogger(__name__)

SHORT_SECONDS: Final = 0.5
"""How long it is waited for once it has not answered in time, until it does again; requests wait more than once."""


PROBE_SECONDS: Final = 5.0
"""So often one waits the whole time meanwhile, to find out whether it is silent or slow: a connection that has to be
opened anew takes several answers."""


class Patience:
    """Waits a while for a database, and hardly at all for as long as it does not answer."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Expect the best."""
        self._monotonic = monotonic
        self._next_probe: float | None = None

    @asynccontextmanager
    async def limit(self, weight: int = 0) -> AsyncGenerator[None]:
        """Give what is done meanwhile its time, and cancel it when that is over.

        Args:
            weight: About how many bytes it reads or removes, 0 if few.

        Raises:
            StorageUnavailable: It took longer.
        """
        try:
            async with within(self._seconds() + weight / BYTES_PER_SECOND):
                yield
        except TimeoutError as error:
            self._next_probe = self._next_probe or self._monotonic() + PROBE_SECONDS
            log.error("storage_failed", extra={"reason": "no answer in time"})  # noqa: TRY400 - a trace says no more
            raise StorageUnavailable from error
        self._next_probe = None

    def _seconds(self) -> float:
        """Say how long to wait for what begins now."""
        now = self._monotonic()
        if self._next_probe is None:
            return PATIENCE_SECONDS
        if now < self._next_probe:
            return SHORT_SECONDS
        self._next_probe = now + PROBE_SECONDS
        return PATIENCE_SECONDS
