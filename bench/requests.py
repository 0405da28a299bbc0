"""Requests as they go over the wire: made before the measuring, so that making them costs nothing in it."""

import json
import socket
from collections.abc import Sequence

from bench.people import Api, Person, renew, text_of

_BODIES = 100
"""How many different texts are added in turn."""


class Lists:
    """Each person's getPosts, in turn."""

    def __init__(self, api: Api, people: list[Person]) -> None:
        """Take whose posts are listed, and where."""
        self._api = api
        self._people = people

    def __call__(self) -> list[bytes]:
        """Make the requests, with fresh tokens."""
        renew(self._api, self._people)
        return [write("GET", self._api.posts, person.access) for person in self._people]


class Additions:
    """Each person's addPost, in turn, with texts of the size that is measured."""

    def __init__(self, api: Api, people: list[Person]) -> None:
        """Take who adds posts, and where."""
        self._api = api
        self._people = people

    def __call__(self) -> list[bytes]:
        """Make the requests, with fresh tokens."""
        renew(self._api, self._people)
        return [
            write("POST", self._api.add, person.access, {"text": text_of(number)})
            for number in range(_BODIES)
            for person in self._people
        ]


def write(method: str, path: str, token: str, body: dict[str, str] | None = None) -> bytes:
    """Write one request."""
    sent = b"" if body is None else json.dumps(body).encode()
    head = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}"]
    if body is not None:
        head += ["Content-Type: application/json", f"Content-Length: {len(sent)}"]
    return "\r\n".join([*head, "", ""]).encode() + sent


def sizes_of_answers(port: int, requests: Sequence[bytes]) -> list[int]:
    """Send each request once, and return how many bytes each answer has, its head included."""
    sizes: list[int] = []
    with socket.create_connection(("127.0.0.1", port), 10) as connection, connection.makefile("rb") as answers:
        for request in requests:
            connection.sendall(request)
            head = list(iter(answers.readline, b"\r\n"))
            length = next(int(line.split(b":")[1]) for line in head if line.lower().startswith(b"content-length:"))
            answers.read(length)
            sizes.append(sum(len(line) for line in head) + len(b"\r\n") + length)
    return sizes
