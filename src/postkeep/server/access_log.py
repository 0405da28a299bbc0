"""One log line per request."""

import logging

from postkeep.server.served import Served

log = logging.getLogger(__name__)


def log_request(served: Served) -> None:
    """Log what was asked for and what came of it; never query, headers or body."""
    known = {"route": served.route, "cache": served.cache, "account": served.account}
    log.info(
        "request",
        extra={
            "method": served.method,
            "path": served.path,
            "status": served.status,
            "ms": round(served.seconds * 1000, 2),
            "bytes": served.size,
            **{name: value for name, value in known.items() if value is not None},
        },
    )
