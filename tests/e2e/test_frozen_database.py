"""A database that hangs (docs/cases.md, DB-12): whatever is asked is answered in time, and then it goes on."""

import signal
import time
from itertools import chain
from pathlib import Path

import httpx2
import pytest

from tests.e2e.clients import Person, a_text, an_address
from tests.e2e.crowds import at_once
from tests.e2e.own_database import on_own_mariadb

FROZEN_SECONDS = 10.0
CLIENTS_FOR_EACH = 3

PROMISED_SECONDS = 5.0
BUSY_SECONDS = 1.5
"""So much more where other tests have the processors: an answer that waits twice in a row takes longer than that."""

OPERATIONS = [
    ("GET", "/getPosts", ""),
    ("GET", "/getPosts?limit=3", ""),
    ("GET", "/getPosts?q=words", ""),
    ("GET", "/api/v1/posts/<post>", ""),
    ("GET", "/api/v1/posts/summary", ""),
    ("GET", "/api/v1/export", ""),
    ("GET", "/api/v1/me", ""),
    ("GET", "/api/v1/sessions", ""),
    ("GET", "/readyz", ""),
    ("POST", "/addPost", '{"text": "some words"}'),
    ("PATCH", "/api/v1/posts/<post>", '{"text": "other words", "version": 1}'),
    ("POST", "/api/v1/posts/bulk", '{"posts": ["<post>"], "status": "draft"}'),
    ("DELETE", "/deletePost/<post>", ""),
    ("POST", "/api/v1/login", '{"email": "<email>", "password": "<password>"}'),
    ("POST", "/api/v1/signup", '{"email": "<anybody>", "password": "five purple ducks"}'),
    ("POST", "/api/v1/refresh", '{"refresh_token": "<refresh>"}'),
    ("POST", "/api/v1/me/password", '{"current_password": "<password>", "new_password": "six golden geese"}'),
    ("POST", "/api/v1/me/deletion", '{"password": "<password>"}'),
    ("DELETE", "/api/v1/sessions", ""),
    ("POST", "/api/v1/logout", ""),
]


@pytest.mark.timeout(300)
def test_db_12_whatever_is_asked_of_a_frozen_database_is_answered_in_time(tmp_path: Path) -> None:
    """Many ask at the same time, each again and again, so that they wait for each other as well."""
    limits = httpx2.Limits(max_connections=None)
    with (
        on_own_mariadb(tmp_path) as (server, database),
        httpx2.Client(base_url=server.url, trust_env=False, timeout=60, limits=limits) as client,
    ):
        people = [Person.signs_up(client) for _ in range(4)]
        posts = [person.add(a_text()) for person in people]
        assert database.process is not None
        database.process.send_signal(signal.SIGSTOP)
        until = time.monotonic() + FROZEN_SECONDS

        def ask(number: int) -> list[tuple[str, int, float]]:
            person, post = people[number % 4], posts[number % 4]
            method, path, body = OPERATIONS[number % len(OPERATIONS)]
            found: list[tuple[str, int, float]] = []
            while (begun := time.monotonic()) < until:
                answer = client.request(
                    method,
                    filled(path, person, post),
                    content=filled(body, person, post) or None,
                    headers={**person.authorization, "Content-Type": "application/json"},
                )
                found.append((f"{method} {path}", answer.status_code, time.monotonic() - begun))
            return found

        try:
            answers = [*chain(*at_once(CLIENTS_FOR_EACH * len(OPERATIONS), ask))]
        finally:
            database.process.send_signal(signal.SIGCONT)
        assert {(name, status) for name, status, _ in answers if status != 503} == set()
        slowest = max(answers, key=lambda each: each[2])
        assert slowest[2] < PROMISED_SECONDS + BUSY_SECONDS, slowest
        newcomer = Person(client)
        while (answer := newcomer.signup()).status_code == 503:
            assert time.monotonic() < until + 60
        assert newcomer.keep(answer).add(a_text())


def filled(template: str, person: Person, post: str) -> str:
    """Return a path or a body with what is somebody's own."""
    own = {"post": post, "email": person.email, "password": person.password, "refresh": person.refresh}
    for name, value in {**own, "anybody": an_address()}.items():
        template = template.replace(f"<{name}>", value)
    return template
