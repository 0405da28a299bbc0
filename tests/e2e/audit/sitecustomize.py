"""Python imports this by itself in a process that has this folder on its path: it notes every use of the network."""

import os
import sys

WATCHED = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}

_notes = os.environ.get("POSTKEEP_TEST_AUDIT")
if _notes:
    _file = os.open(_notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def _note(event: str, arguments: tuple[object, ...]) -> None:
        if event in WATCHED:
            os.write(_file, f"{event} {arguments[-2:]!r}\n".encode())

    sys.addaudithook(_note)
