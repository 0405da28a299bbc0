"""The same answer from every database (CASES.md: IV-01 to IV-09, IV-12 to IV-21, IV-27)."""

import json
import string
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e.clients import Person
from tests.e2e.servers import PostkeepServer

# What a JSON string can say and no database can keep, and what databases are known to fold, to trim or to cut.
TRICKY = st.sampled_from(
    [
        *("\x00", "\ud800", "\udfff", "\u0085", "\ufeff", "\u202e", "\u0130", "\u0131", "\u212a", "\u017f", "ß", "ẞ"),
        *("e\u0301", "é", "\U0001f986", "\U0010ffff", "\uffff", "\\", "'", '"', "%s", ":a", " ", "\t", "\r\n", "\x1a"),
        *("\x7f", "a" * 199, "é" * 200),
    ]
)
TEXTS = st.lists(st.text(max_size=20) | st.text(st.characters(codec=None), max_size=5) | TRICKY, max_size=6).map(
    "".join
)
MEMBERS = st.sampled_from(["text", "title", "status", "id", "Text", "text\x00", "__proto__"])
VALUES: st.SearchStrategy[Any] = (
    TEXTS
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(["draft", "DRAFT", []])
)
BODIES = st.fixed_dictionaries({"text": TEXTS}, optional={"title": TEXTS | st.none()}) | st.dictionaries(
    MEMBERS, VALUES, max_size=4
)

LOCAL_PARTS = st.text(
    st.sampled_from(string.ascii_letters + string.digits + ".+-_'@ \"\u0131\u017f\u212aáßé\x00\r\n"), max_size=12
)
DOMAINS = st.sampled_from(
    [
        *(
            "example.com",
            "EXAMPLE.com",
            "example.com.",
            "example",
            "",
            "[127.0.0.1]",
            "ex\u0130mple.com",
            "\uff45xample.com",
        ),
        *(
            "bücher.example",
            "BÜCHER.example",
            "xn--bcher-kva.example",
            "faß.example",
            "fass.example",
            "a\u200db.example",
        ),
    ]
)


@pytest.fixture(scope="module")
def pair(sqlite_server: PostkeepServer, mariadb_server: PostkeepServer) -> tuple[Person, Person]:
    """Return two people, on two databases."""
    return Person.signs_up(sqlite_server.http), Person.signs_up(mariadb_server.http)


def sends(person: Person, method: str, path: str, body: object = None) -> httpx2.Response:
    """Send JSON as it can be written in ASCII, which can say more than UTF-8 can."""
    headers = {**(person.authorization if person.access else {}), "Content-Type": "application/json"}
    return person.http.request(method, path, content=None if body is None else json.dumps(body), headers=headers)


def without_ids(answer: httpx2.Response) -> Any:
    """Return an answer's JSON without what must differ: ids, dates and tokens."""
    own = {"id", "postID", "request_id", "created_date", "updated_date", "access_token", "refresh_token"}

    def shared(members: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in members.items() if name not in own}

    return json.loads(answer.content, object_hook=shared) if answer.content else None


def said(answer: httpx2.Response) -> tuple[int, Any]:
    """Return status and body of an answer, as far as they must be the same."""
    return answer.status_code, without_ids(answer)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(body=BODIES)
def test_iv_12_iv_13_iv_14_posts_are_taken_and_given_back_alike(
    pair: tuple[Person, Person], body: dict[str, Any]
) -> None:
    """Whether a text is kept, refused or changed must not hang on where it is kept."""
    answers = [sends(person, "POST", "/api/v1/posts", body) for person in pair]
    assert said(answers[0]) == said(answers[1])
    if answers[0].status_code != 201:
        return
    paths = [f"/api/v1/posts/{answer.json()['postID']}" for answer in answers]
    kept = [sends(person, "GET", path) for person, path in zip(pair, paths, strict=True)]
    assert said(kept[0]) == said(kept[1])
    assert kept[0].json()["text"] == body["text"]
    lists = [sends(person, "GET", "/getPosts?limit=1") for person in pair]
    assert said(lists[0]) == said(lists[1])
    for person, path in zip(pair, paths, strict=True):
        assert sends(person, "DELETE", path).status_code == 204


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(
    first=st.tuples(LOCAL_PARTS, DOMAINS), change=st.sampled_from([str, str.upper, str.swapcase, str.title, str.strip])
)
def test_iv_01_to_iv_09_addresses_are_one_account_or_two_alike(
    pair: tuple[Person, Person], first: tuple[str, str], change: Any
) -> None:
    """What is taken for the same address, and what for none, must not hang on a database's idea of equal letters."""
    for email in ("@".join(first), change("@".join(first))):
        body = {"email": email, "password": pair[0].password}
        answers = [sends(Person(person.http), "POST", "/api/v1/signup", body) for person in pair]
        assert said(answers[0]) == said(answers[1])
