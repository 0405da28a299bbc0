"""Several processes that serve together, and end together."""

import threading
import time
from typing import Final

import uvicorn
from uvicorn.supervisors import Multiprocess

from postkeep.server.draining import LAST_SECONDS, let_nobody_in

_CLOSING_SECONDS: Final = 2.0
"""How long a worker may take for its end beyond what it drains and answers: what it has open is closed in that time."""


class Workers(Multiprocess):
    """uvicorn's, but for their common end, which is in time.

    Nobody is let in any more shortly before they cease to listen, and one that is frozen holds nobody up.
    """

    def __init__(self, config: uvicorn.Config, *, drain_seconds: float, shutdown_seconds: float) -> None:
        """Take how they serve, for how long each of them drains (0 ends them at once), and then answers."""
        super().__init__(config, sockets=[config.bind_socket()])
        self._drain_seconds = drain_seconds
        self._end_seconds = drain_seconds + shutdown_seconds + _CLOSING_SECONDS

    def terminate_all(self) -> None:
        """Have all of them end; one that is replaced meanwhile takes nothing from the others."""
        super().terminate_all()
        if self._drain_seconds:
            closing = threading.Timer(self._drain_seconds - LAST_SECONDS, let_nobody_in, (self.sockets,))
            closing.daemon = True
            closing.start()

    def join_all(self) -> None:
        """Wait until all of them have ended, and kill who has not when it should have."""
        deadline = time.monotonic() + self._end_seconds
        for worker in self.processes:
            worker.process.join(max(deadline - time.monotonic(), 0))
            # To one that has ended nothing is done.
            worker.kill()
        super().join_all()
