"""How many files and connections the system lets a process have open."""

import logging
from typing import Final

log = logging.getLogger(__name__)

SPARE: Final = 256
"""For everything that is no client: the database's connections and files, the log, and who is told to come again."""


def make_room(connections: int) -> int:
    """Have the system allow as many connections, and return how many it does allow to each process."""
    try:
        import resource
    except ImportError:  # Windows has no such limit.
        return connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + SPARE
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return connections
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))
    if allowed == needed:
        return connections
    fits = max(1, allowed - SPARE)
    log.warning("connections_bounded", extra={"wanted": connections, "connections": fits, "open_files": allowed})
    return fits
