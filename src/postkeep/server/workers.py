"""Several processes that serve together, and end together."""

import threading

import uvicorn
from uvicorn.supervisors import Multiprocess

from postkeep.server.draining import LAST_SECONDS, let_nobody_in


class Workers(Multiprocess):
    """uvicorn's, but for their common end: nobody is let in any more shortly before they cease to listen."""

    def __init__(self, config: uvicorn.Config, *, drain_seconds: float) -> None:
        """Take how they serve, and for how long each of them drains; 0 ends them at once."""
        super().__init__(config, sockets=[config.bind_socket()])
        self._drain_seconds = drain_seconds

    def terminate_all(self) -> None:
        """Have all of them end; one that is replaced meanwhile takes nothing from the others."""
        super().terminate_all()
        if self._drain_seconds:
            closing = threading.Timer(self._drain_seconds - LAST_SECONDS, let_nobody_in, (self.sockets,))
            closing.daemon = True
            closing.start()
