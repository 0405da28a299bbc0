"""The bare ASGI function: it answers recorded bytes, and nothing on this server can be faster.

Run as `python -m bench.fixed FILE PORT`.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from starlette.types import Receive, Scope, Send

from bench.asgi import read_body, serve
from bench.people import Answer

_OF_SERVER: Final = frozenset({"date", "transfer-encoding"})
"""Headers that the server itself sets, whatever runs on it."""


def record(path: Path, answers: Mapping[str, Answer]) -> None:
    """Write answers to a file, by the method that each is for."""
    recorded = {
        method: {
            "status": answer.status,
            "headers": [(name, value) for name, value in answer.headers if name.lower() not in _OF_SERVER],
            "body": answer.body.decode(),
        }
        for method, answer in answers.items()
    }
    path.write_text(json.dumps(recorded))


class Fixed:
    """Answers recorded bytes."""

    def __init__(self, path: Path) -> None:
        """Read the answers that were recorded."""
        self._answers = {
            method: (
                {
                    "type": "http.response.start",
                    "status": answer["status"],
                    "headers": [(name.encode(), value.encode()) for name, value in answer["headers"]],
                },
                {"type": "http.response.body", "body": answer["body"].encode()},
            )
            for method, answer in json.loads(path.read_text()).items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "http":
            if scope["method"] == "POST":
                await read_body(receive)
            for message in self._answers[scope["method"]]:
                await send(message)


if __name__ == "__main__":
    serve(Fixed(Path(sys.argv[1])), int(sys.argv[2]))
