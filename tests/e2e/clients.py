"""What calls the server: an HTTP client that looks at every answer, and people who use it."""

import itertools
import json
import re
import secrets
import ssl
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl

import httpx2
import jwt

MARK = f"mark{secrets.token_hex(6)}"
"""Stands in every password and text that is made here, so that one search finds any of them."""

USED: set[str] = set()
"""Every secret that went over a connection: passwords, tokens, texts."""

# No test speaks TLS; making a context for each client would take longer than many a test.
TLS = ssl.create_default_context()

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_TRACES = ("Traceback", ".py", "sqlalchemy", "sqlite3", "asyncmy", "pydantic", "site-packages")
_AN_ID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")
_SECRET_MEMBERS = {"password": 8, "refresh_token": 20, "access_token": 20, "text": 16, "title": 16}
"""Members that hold secrets, and how long one is at least: shorter ones are words that stand anywhere."""

_numbers = itertools.count(1)


def connect(url: str, *, connections: int = 100) -> httpx2.Client:
    """Make a client of a server. Every answer it gets is looked at: see `look_at`."""
    return httpx2.Client(
        base_url=url,
        verify=TLS,
        trust_env=False,
        timeout=30,
        # Some servers here close idle connections after a second or two; ours must be the first to let go.
        limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=20, keepalive_expiry=2),
        event_hooks={"request": [remember_request], "response": [look_at, _remember_response]},
    )


def look_at(response: httpx2.Response) -> None:
    """Hold an answer to what is true of all of them, whatever was asked."""
    response.read()
    assert _REQUEST_ID.fullmatch(response.headers["x-request-id"])
    assert "server" not in response.headers
    assert "x-powered-by" not in response.headers
    assert response.status_code not in {301, 302, 303, 307, 308}
    if response.status_code >= 400:
        look_at_refusal(response)


def look_at_refusal(response: httpx2.Response) -> None:
    """Hold an answer that says no to what is true of all of these.

    Source: RFC 9457 (problems), RFC 9110 15.5.2 (WWW-Authenticate) and 15.5.6 (Allow), RFC 6749 5.2 (tokens by form).
    """
    status = response.status_code
    assert status != 500, response.text
    assert response.headers["cache-control"] == "no-store"
    assert not [trace for trace in _TRACES if trace in response.text]
    assert ("www-authenticate" in response.headers) == (status == 401)
    assert ("allow" in response.headers) == (status == 405)
    early = status == 409 and response.json()["code"] == "idempotency_key_in_use"
    assert ("retry-after" in response.headers) == (status in {429, 503} or early)
    if response.request.method == "HEAD":
        assert response.content == b""
        return
    answer = response.json()
    if status == 400 and "error" in answer:
        assert response.headers["content-type"] == "application/json"
        assert answer.keys() == {"error", "error_description"}
        return
    assert response.headers["content-type"] == "application/problem+json"
    facts = {"version_conflict": {"version"}, "posts_absent": {"absent"}}.get(answer["code"], set[str]())
    assert answer.keys() - {"errors"} == {"type", "title", "status", "code", "detail", "request_id"} | facts
    assert (answer["status"], answer["request_id"]) == (status, response.headers["x-request-id"])
    assert all(isinstance(answer[name], str) and answer[name] for name in ("type", "title", "code", "detail"))
    assert ("errors" in answer) == (status == 422)
    if status == 422:
        _look_at_errors(answer["errors"], response.content)


def _look_at_errors(errors: list[dict[str, str]], body: bytes) -> None:
    assert 1 <= len(errors) <= 20
    assert all(error.keys() == {"path", "code", "detail"} for error in errors)
    assert all(re.match(r"(body|query|header)\b", error["path"]) for error in errors)
    assert len(body) <= 4096


def a_password() -> str:
    """Return a password that nobody else has."""
    return f"{MARK} {secrets.token_hex(4)}"


def a_text() -> str:
    """Return a post's text that nobody else has."""
    return f"{MARK} text {next(_numbers)} {secrets.token_hex(4)}"


def an_address() -> str:
    """Return an e-mail address that nobody else has."""
    return f"ann{next(_numbers)}-{secrets.token_hex(3)}@example.com"


@dataclass
class Person:
    """Somebody with an account, calling through one client."""

    http: httpx2.Client
    email: str = field(default_factory=an_address)
    password: str = field(default_factory=a_password)
    access: str = ""
    refresh: str = ""

    @classmethod
    def signs_up(cls, http: httpx2.Client, **known: str) -> Self:
        """Open an account and keep its first tokens."""
        person = cls(http, **known)
        person.keep(person.signup())
        return person

    @property
    def authorization(self) -> dict[str, str]:
        """The header that says who calls."""
        return {"Authorization": f"Bearer {self.access}"}

    @property
    def credentials(self) -> dict[str, str]:
        """What the person logs in with."""
        return {"email": self.email, "password": self.password}

    @property
    def claims(self) -> dict[str, Any]:
        """What the access token says."""
        return claims_of(self.access)

    def at(self, http: httpx2.Client) -> "Person":
        """Return the same person with the same tokens, calling through another client."""
        return Person(http, self.email, self.password, self.access, self.refresh)

    def keep(self, answer: httpx2.Response) -> Self:
        """Take the tokens of an answer."""
        assert answer.status_code in {200, 201}, answer.text
        self.access, self.refresh = answer.json()["access_token"], answer.json()["refresh_token"]
        return self

    def signup(self) -> httpx2.Response:
        """Ask for an account."""
        return self.http.post("/api/v1/signup", json=self.credentials)

    def login(self) -> httpx2.Response:
        """Ask for tokens with the password."""
        return self.http.post("/api/v1/login", json=self.credentials)

    def renew(self) -> httpx2.Response:
        """Ask for tokens with the refresh token; the ones at hand stay."""
        return self.http.post("/api/v1/refresh", json={"refresh_token": self.refresh})

    def logout(self) -> httpx2.Response:
        """End the session."""
        return self.http.post("/api/v1/logout", headers=self.authorization)

    def me(self) -> httpx2.Response:
        """Ask who the token belongs to."""
        return self.http.get("/api/v1/me", headers=self.authorization)

    def adds(self, body: object, *, key: str | None = None, path: str = "/api/v1/posts") -> httpx2.Response:
        """Send a JSON value as a post, with an idempotency key if one is given."""
        keyed = {} if key is None else {"Idempotency-Key": key}
        return self.http.post(path, json=body, headers={**self.authorization, **keyed})

    def adds_at_last(self, body: object, *, key: str) -> httpx2.Response:
        """Send a post with a key, again for as long as the server is still busy with the same one."""
        while True:
            answer = self.adds(body, key=key)
            if answer.status_code != 409:
                return answer
            # Many who ask again at once would be told that they ask too often.
            time.sleep(0.05)

    def add(self, text: str, **more: str) -> str:
        """Add a post and return its id."""
        answer = self.adds({"text": text, **more})
        assert answer.status_code == 201, answer.text
        post_id: str = answer.json()["postID"]
        return post_id

    def gets(self, path: str = "/api/v1/posts") -> httpx2.Response:
        """Ask for a path."""
        return self.http.get(path, headers=self.authorization)

    def posts(self) -> list[dict[str, Any]]:
        """Return all posts as the list shows them."""
        answer = self.gets()
        assert answer.status_code == 200, answer.text
        posts: list[dict[str, Any]] = answer.json()
        return posts

    def texts(self) -> list[str]:
        """Return the texts of all posts, newest first."""
        return [post["text"] for post in self.posts()]

    def delete(self, post_id: str) -> httpx2.Response:
        """Ask for a post's removal."""
        return self.http.delete(f"/api/v1/posts/{post_id}", headers=self.authorization)


def claims_of(token: str) -> dict[str, Any]:
    """Return what an access token says, unproven."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def problem_of(response: httpx2.Response) -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    return response.status_code, response.json()["code"]


def paths_of(response: httpx2.Response) -> list[str]:
    """Return which fields a refusal is about."""
    return [error["path"] for error in response.json()["errors"]]


def comparable(response: httpx2.Response) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Return all of an answer that may not differ where two answers must be the same."""
    own = {"date", "x-request-id", "cache-status"}
    headers = {name: value for name, value in response.headers.items() if name not in own}
    return response.status_code, headers, {**response.json(), "request_id": None}


def secrets_in(log: str, used: Collection[str] = USED) -> list[str]:
    """Return the secrets that went over a connection and stand in a log; in one piece or as JSON writes them."""
    found = [secret for secret in (MARK, "Bearer ", "$argon2id$") if secret in log]
    words = set(re.findall(r"[A-Za-z0-9_-]{20,}", log))
    for secret in used:
        if MARK not in secret:
            parts = set(re.findall(r"[A-Za-z0-9_-]{20,}", secret))
            spellings = {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]} if len(parts) == 0 else set[str]()
            found += [*(parts & words), *(spelling for spelling in spellings if _stands_in(log, spelling))]
    return found


def _stands_in(log: str, secret: str) -> bool:
    """Say whether a secret stands in a log; one that is a word may be part of a longer one, as of an id, by chance."""
    if secret not in log or re.fullmatch(r"[A-Za-z0-9._-]+", secret) is None:
        return secret in log
    return re.search(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", log) is not None


def remember_request(request: httpx2.Request) -> None:
    """Keep what is secret in a request, to search for it later."""
    token = request.headers.get("authorization", "").partition(" ")[2]
    remember(token, _SECRET_MEMBERS["access_token"])
    try:
        body = request.read()
    except httpx2.StreamError:
        return
    if len(body) > 4096:
        return
    try:
        given = json.loads(body)
    except ValueError:
        given = dict(parse_qsl(body.decode("latin-1")))
    _remember_members(given)


def _remember_response(response: httpx2.Response) -> None:
    if (
        response.content
        and response.status_code in {200, 201}
        and response.headers.get("content-type") == "application/json"
    ):
        _remember_members(response.json())


def _remember_members(value: Any) -> None:
    if isinstance(value, dict):
        for name, least in _SECRET_MEMBERS.items():
            remember(value.get(name), least)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - JSON is anything


def remember(secret: object, least: int) -> None:
    """Keep a secret to search for later, if it is long enough to be one; ids are none."""
    if not isinstance(secret, str) or _AN_ID.fullmatch(secret):
        return
    if len(secret.strip()) >= least and secret.casefold() != "postkeep":
        USED.add(secret[:400])
