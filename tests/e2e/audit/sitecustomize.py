"""Python imports this by itself in a process that has this folder on its path: it notes every use of the network."""

import os
import sys

WATCHED = {
    "socket.connect",
    "socket.sendto",
    "socket.sendmsg",
    "socket.getaddrinfo",
    "socket.getnameinfo",
    "socket.gethostbyname",
    "socket.gethostbyaddr",
}

_notes = os.environ.get("POSTKEEP_TEST_AUDIT")
if _notes:
    # What uvloop does nobody hears of, because it is not Python's; without it the server takes asyncio's own loop.
    sys.modules["uvloop"] = None  # type: ignore[assignment]  # Python's word for a module that cannot be imported
    _file = os.open(_notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def _note(event: str, arguments: tuple[object, ...]) -> None:
        if event in WATCHED:
            os.write(_file, f"{event} {arguments!a}\n".encode())

    sys.addaudithook(_note)
