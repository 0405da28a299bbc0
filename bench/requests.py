"""Requests as they go over the wire: made before the measuring, so that making them costs nothing in it."""

import json
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from bench.crowd import post_id
from bench.load import Playlist
from bench.people import Api, Person, ask, renew, text_of

BODIES: Final = 100
"""How many different texts are added in turn."""


class Additions:
    """Each person's addPost, in turn, with texts of the size that is measured."""

    def __init__(self, api: Api, people: list[Person]) -> None:
        """Take who adds posts, and where."""
        self._api = api
        self._people = people

    def __call__(self) -> Playlist:
        """Make the requests, with fresh tokens."""
        renew(self._api, self._people)
        texts = [text_of(number) for number in range(BODIES)]
        return Playlist([adding(self._api, person, text) for text in texts for person in self._people])


class Editions:
    """Each person's editPost, in turn, of one post of theirs, with texts of the size that is measured."""

    def __init__(self, api: Api, people: list[Person]) -> None:
        """Take who edits posts, and where."""
        self._api = api
        self._people = people
        self._posts: list[str] = []

    def __call__(self) -> Playlist:
        """Make the requests, with fresh tokens; the posts are added the first time.

        Requests are made before they are sent, and which version a post will have by then nobody knows: whichever there
        is. To the server it is the same work.
        """
        renew(self._api, self._people)
        if not self._posts:
            with self._api.connection() as connection:
                added = [ask(connection, "POST", self._api.add, each.access, {"text": "a"}) for each in self._people]
            self._posts = [each.json()["postID"] for each in added]
        texts = [text_of(number) for number in range(BODIES)]
        pairs = list(zip(self._people, self._posts, strict=True))
        return Playlist([editing(self._api, person, post, text) for text in texts for person, post in pairs])


@dataclass(frozen=True, slots=True)
class Looked:
    """An answer that was looked at.

    Attributes:
        status: Of HTTP.
        size: In bytes, the head included.
        headers: By their names in lower case.
    """

    status: int
    size: int
    headers: Mapping[str, str]


def listing(api: Api, person: Person, query: str = "", **headers: str) -> bytes:
    """Write a getPosts.

    Args:
        api: Where it is.
        person: Who asks.
        query: What stands behind the path.
        headers: More of them, with _ for -.
    """
    return write("GET", api.posts + query, person.access, headers=headers)


def adding(api: Api, person: Person, text: str) -> bytes:
    """Write an addPost."""
    return write("POST", api.add, person.access, {"text": text})


def editing(api: Api, person: Person, post: str, text: str) -> bytes:
    """Write an editPost, of whichever version there is."""
    return write("PATCH", f"{api.posts}/{post}", person.access, {"text": text}, headers={"If_Match": "*"})


def deleting(api: Api, person: Person, post: int) -> bytes:
    """Write the deletePost of one of the posts that somebody of the crowd began with."""
    return write("DELETE", f"{api.posts}/{post_id(post)}", person.access)


def write(
    method: str,
    path: str,
    token: str,
    body: Mapping[str, str] | None = None,
    *,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Write one request."""
    sent = b"" if body is None else json.dumps(body).encode()
    head = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}"]
    head += [f"{name.replace('_', '-')}: {value}" for name, value in (headers or {}).items()]
    if body is not None:
        head += ["Content-Type: application/json", f"Content-Length: {len(sent)}"]
    return "\r\n".join([*head, "", ""]).encode() + sent


def look(port: int, requests: Iterable[bytes]) -> Sequence[Looked]:
    """Send each request once over one connection, and look at the answers."""
    looked: list[Looked] = []
    with socket.create_connection(("127.0.0.1", port), 30) as connection, connection.makefile("rb") as answers:
        for request in requests:
            connection.sendall(request)
            first, *head = list(iter(answers.readline, b"\r\n"))
            headers = dict(line.decode("latin-1").rstrip().lower().split(": ", 1) for line in head)
            size = sum(len(line) for line in (first, *head)) + len(b"\r\n") + _read_body(answers, headers)
            looked.append(Looked(int(first.split()[1]), size, headers))
    return looked


def _read_body(answers: BinaryIO, headers: Mapping[str, str]) -> int:
    """Read an answer's body, and return how many bytes it took on the wire."""
    if headers.get("transfer-encoding") != "chunked":
        return len(answers.read(int(headers.get("content-length", "0"))))
    size, length = 0, -1
    while length:
        line = answers.readline()
        length = int(line, 16)
        size += len(line) + len(answers.read(length + len(b"\r\n")))
    return size
