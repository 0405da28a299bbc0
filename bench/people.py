"""People: made through the API, as everybody is, with posts of a known size."""

import itertools
import json
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from typing import Any, Final

from bench.load import Void

POSTS: Final = 20
"""How many posts a list has."""

TEXT_BYTES: Final = 200
"""How long each of them is."""

PASSWORD: Final = "correct horse battery staple"  # noqa: S105 - of people who do not exist

_THREADS: Final = 2

_RENEWED_SECONDS: Final = 600
"""After how long tokens are renewed; Postkeep's count for 900."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a server.

    Attributes:
        status: Of HTTP.
        headers: In their order.
        body: The bytes.
    """

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - JSON is anything
        """Return what the body says."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Api:
    """Where a server has its operations.

    Attributes:
        port: Where it listens on loopback.
        signup: The path that makes an account and answers tokens.
        posts: The path that lists posts.
        add: The path that adds one.
        refresh: The path that renews tokens, None where they live long enough.
        newest_first: Whether lists are in that order.
    """

    port: int
    signup: str = "/api/v1/signup"
    posts: str = "/api/v1/posts"
    add: str = "/api/v1/posts"
    refresh: str | None = "/api/v1/refresh"
    newest_first: bool = True

    @contextmanager
    def connection(self) -> Generator[HTTPConnection]:
        """Open a connection, and close it in the end."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            yield connection


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account.

    Attributes:
        access: What requests carry.
        account: The bytes of their account's id, where they were written straight into the tables.
        email: What they log in with, where they signed up.
        refresh: What renews it.
        since: When both were made, by the monotonic clock.
        texts: What they have added, oldest first.
    """

    access: str
    account: bytes = b""
    email: str = ""
    refresh: str | None = None
    since: float = field(default_factory=time.monotonic)
    texts: list[str] = field(default_factory=list[str])


def sign_up(api: Api, count: int, *, posts: int = 0) -> list[Person]:
    """Make people, each with so many posts."""
    numbers = itertools.count()

    def make(share: int) -> list[Person]:
        with api.connection() as connection:
            made = [_sign_up(api, connection) for _ in range(share)]
            for person in made:
                for _ in range(posts):
                    text = text_of(next(numbers))
                    ask(connection, "POST", api.add, person.access, {"text": text})
                    person.texts.append(text)
            return made

    shares = [count // _THREADS + (thread < count % _THREADS) for thread in range(_THREADS)]
    with ThreadPoolExecutor(_THREADS) as threads:
        return list(itertools.chain.from_iterable(threads.map(make, shares)))


def renew(api: Api, people: list[Person]) -> None:
    """Give people fresh tokens, in place, before theirs expire; a refresh token counts once."""
    if api.refresh is None:
        return
    with api.connection() as connection:
        for number, person in enumerate(people):
            if time.monotonic() - person.since > _RENEWED_SECONDS:
                tokens = ask(connection, "POST", api.refresh, None, {"refresh_token": person.refresh}).json()
                people[number] = replace(
                    person, access=tokens["access_token"], refresh=tokens["refresh_token"], since=time.monotonic()
                )


def check_lists(api: Api, people: Sequence[Person]) -> None:
    """See that everybody gets exactly their posts.

    Raises:
        Void: Somebody does not.
    """
    with api.connection() as connection:
        for person in people:
            listed = [post["text"] for post in ask(connection, "GET", api.posts, person.access).json()]
            if (listed[::-1] if api.newest_first else listed) != person.texts:
                message = f"{api.posts} answered other posts than were added"
                raise Void(message)


def ask(
    connection: HTTPConnection, method: str, path: str, token: str | None, body: dict[str, Any] | None = None
) -> Answer:
    """Send one request and read its answer.

    Raises:
        Void: It was not answered with 2xx.
    """
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    response = connection.getresponse()
    answer = Answer(response.status, response.getheaders(), response.read())
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - HTTP's own numbers
        message = f"{method} {path} was answered with {answer.status}: {answer.body[:200]!r}"
        raise Void(message)
    return answer


def text_of(number: int, size: int = TEXT_BYTES) -> str:
    """Return a text of so many bytes, and of nobody else's content."""
    return (f"{number:08d} " + "abcdefghij klmnopqrst uvwxyz " * (size // 28 + 1))[:size]


def _sign_up(api: Api, connection: HTTPConnection) -> Person:
    account = {"email": f"ann{next(_numbers)}@example.com", "password": PASSWORD}
    tokens = ask(connection, "POST", api.signup, None, account).json()
    return Person(tokens["access_token"], email=account["email"], refresh=tokens.get("refresh_token"))


_numbers: Final = itertools.count()
