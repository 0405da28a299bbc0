"""Threads for what is slow, of which the system may have none to spare."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from postkeep.services.ports import StorageUnavailable

log = logging.getLogger(__name__)


def _no_thread(cause: RuntimeError) -> Exception:
    """Make the port's word for what cannot be done just now, and tell the operator why."""
    log.warning("storage_busy", extra={"reason": str(cause)})
    return StorageUnavailable()


class Threads(ThreadPoolExecutor):
    """Python's pool, but where a thread cannot be started: those that are there do the work, or it is refused.

    Python's own fails whoever asks, and does the work later all the same, for nobody.
    """

    def __init__(
        self,
        most: int | None = None,
        name: str = "",
        initializer: Callable[[], object] | None = None,
        *,
        refusal: Callable[[RuntimeError], Exception] = _no_thread,
    ) -> None:
        """Begin with none; they come as they are needed.

        Args:
            most: How many there may be; None for as many as Python thinks.
            name: What their names begin with.
            initializer: Called in each when it begins.
            refusal: Makes what is raised where there is none, and none can be started.
        """
        super().__init__(most, name, initializer)
        self._refusal = refusal

    def _adjust_thread_count(self) -> None:
        """Start one more if need be, for the work that was put in line just now.

        Raises:
            Exception: As the refusal is. That work is not in line any more.
        """
        try:
            super()._adjust_thread_count()
        except RuntimeError as error:
            if self._threads:
                return
            self._work_queue.get_nowait()
            raise self._refusal(error) from error
