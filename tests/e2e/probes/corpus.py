"""What the fuzzer begins with: real requests of every operation, with tokens and ids that are good."""

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Self
from urllib.parse import urlencode

import httpx2

from tests.e2e.clients import Person, a_text

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Request:
    """A request, in the parts that mutations change.

    Attributes:
        operation: Its operation's id.
        line: Method, target and version.
        headers: Names and values.
    """

    operation: str
    line: tuple[bytes, bytes, bytes]
    headers: Headers
    body: bytes = b""

    @property
    def wire(self) -> bytes:
        """How it goes over the wire."""
        lines = [b" ".join(self.line), *(name + b": " + value for name, value in self.headers), b"", b""]
        return b"\r\n".join(lines) + self.body

    def with_body(self, body: bytes) -> Self:
        """Return it with another body, of the length that it says."""
        headers = tuple(pair for pair in self.headers if pair[0].lower() != b"content-length")
        return replace(self, body=body, headers=(*headers, (b"Content-Length", b"%d" % len(body))))


def request(method: str, target: str, body: object = None, *, token: str = "", operation: str = "") -> Request:
    """Make a request as a client would; a dict as a body is sent as JSON, a string as a form."""
    headers = [(b"Host", b"127.0.0.1"), (b"User-Agent", b"fuzzer"), (b"Accept", b"*/*")]
    if token:
        headers.append((b"Authorization", f"Bearer {token}".encode()))
    made = Request(operation or target, (method.encode(), target.encode(), b"HTTP/1.1"), tuple(headers))
    if body is None:
        return made
    media_type = b"application/x-www-form-urlencoded" if isinstance(body, str) else b"application/json"
    sent = body if isinstance(body, str) else json.dumps(body)
    return replace(made, headers=(*made.headers, (b"Content-Type", media_type))).with_body(sent.encode())


@dataclass
class Corpus:
    """Requests by operation; one that was used up is made anew.

    Attributes:
        http: Where accounts are opened and posts added.
        reader: Whose posts are listed; the writer's would become too many.
        caller: Who logs in so often that old sessions end.
        roamer: Whose sessions are renewed and ended.
    """

    http: httpx2.Client
    reader: Person = field(init=False)
    writer: Person = field(init=False)
    caller: Person = field(init=False)
    roamer: Person = field(init=False)
    ready: dict[str, Request] = field(init=False)
    uses: Counter[str] = field(default_factory=Counter[str])

    def __post_init__(self) -> None:
        """Open the accounts and make one request of each operation."""
        self.reader, self.writer = Person.signs_up(self.http), Person.signs_up(self.http)
        self.caller, self.roamer = Person.signs_up(self.http), Person.signs_up(self.http)
        for _ in range(3):
            self.reader.add(a_text(), title="A title")
        self.ready = {name: replace(make(), operation=name) for name, make in self._makers.items()}

    @property
    def _makers(self) -> dict[str, Callable[[], Request]]:
        reading, writing = self.reader.access, self.writer.access
        post = {"text": f"{a_text()} é \U0001f986", "title": "Title", "status": "draft"}
        new = {"current_password": self.writer.password, "new_password": self.writer.password}
        form = urlencode({"grant_type": "password", "username": self.caller.email, "password": self.caller.password})
        return {
            "signup": lambda: request("POST", "/api/v1/signup", Person(self.http).credentials),
            "signupByName": lambda: request("POST", "/signup", Person(self.http).credentials),
            "login": lambda: request("POST", "/api/v1/login", self.caller.credentials),
            "loginByName": lambda: request("POST", "/login", self.caller.credentials),
            "token": lambda: request("POST", "/api/v1/token", form),
            "refresh": lambda: request("POST", "/api/v1/refresh", {"refresh_token": self._again().refresh}),
            "logout": lambda: request("POST", "/api/v1/logout", token=self._again().access),
            "me": lambda: request("GET", "/api/v1/me", token=reading),
            "changePassword": lambda: request("POST", "/api/v1/me/password", new, token=writing),
            "deleteAccount": self._leaving,
            "listSessions": lambda: request("GET", "/api/v1/sessions", token=reading),
            "endSession": self._ending,
            "endOtherSessions": lambda: request("DELETE", "/api/v1/sessions", token=self.reader.access),
            "addPost": lambda: request("POST", "/api/v1/posts", post, token=writing),
            "addPostByName": lambda: request("POST", "/addPost", post, token=writing),
            "getPosts": lambda: request("GET", "/api/v1/posts?limit=2", token=reading),
            "getPostsByName": lambda: request("GET", "/getPosts", token=reading),
            "getPost": lambda: request("GET", f"/api/v1/posts/{self.reader.posts()[0]['id']}", token=reading),
            "editPost": lambda: request(
                "PATCH", f"/api/v1/posts/{self._post()}", {**post, "version": 1}, token=writing
            ),
            "changePosts": lambda: request(
                "POST", "/api/v1/posts/bulk", {"posts": [self._post()], "delete": True}, token=writing
            ),
            "deletePost": lambda: request("DELETE", f"/api/v1/posts/{self._post()}", token=writing),
            "deletePostByName": lambda: request("DELETE", f"/deletePost/{self._post()}", token=writing),
            "deletePostByQuery": lambda: request("DELETE", f"/deletePost?postID={self._post()}", token=writing),
            "livez": lambda: request("GET", "/livez"),
            "readyz": lambda: request("GET", "/readyz"),
            "home": lambda: request("GET", "/"),
            "static": lambda: request("GET", "/static/icon.svg"),
            "description": lambda: request("GET", "/openapi.json"),
        }

    def pick(self, rng: random.Random) -> Request:
        """Return a request of any operation."""
        return self.ready[rng.choice(list(self.ready))]

    def renew(self, operation: str, *, succeeded: bool) -> None:
        """Make the request anew if what it needs is used up, or may be."""
        self.uses[operation] += 1
        if operation in _USED_UP and (succeeded or self.uses[operation] % USES == 0):
            self.ready[operation] = replace(self._makers[operation](), operation=operation)

    def _again(self) -> Person:
        """Return the roamer at another login."""
        again = self.roamer.at(self.http)
        return again.keep(again.login())

    def _post(self) -> str:
        """Return the id of a post that may be deleted."""
        return self.writer.add(a_text())

    def _leaving(self) -> Request:
        leaver = Person.signs_up(self.http)
        return request("POST", "/api/v1/me/deletion", {"password": leaver.password}, token=leaver.access)

    def _ending(self) -> Request:
        again = self._again()
        return request("DELETE", f"/api/v1/sessions/{again.claims['sid']}", token=self.roamer.access)


USES: Final = 50
"""After so many uses a request is made anew even if none succeeded: another one may have used up what it needs."""

_USED_UP: Final = {
    *("signup", "signupByName", "refresh", "logout", "deleteAccount", "endSession"),
    *("editPost", "changePosts", "deletePost", "deletePostByName", "deletePostByQuery"),
}
"""Operations that succeed once."""
