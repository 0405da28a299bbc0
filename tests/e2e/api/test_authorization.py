"""Who may do what: one's own posts and nothing else (CASES.md, AZ)."""

import json
from collections.abc import Sequence
from uuid import UUID

import httpx2
import pytest

from tests.e2e.clients import Person, a_password, a_text, an_address, comparable, connect, paths_of, problem_of
from tests.e2e.crowds import at_once
from tests.e2e.raw import Wire
from tests.e2e.servers import PostkeepServer

UNKNOWN = "01a1f6e0-0000-7000-8000-000000000001"

ONE_POST = (
    ("GET", "/api/v1/posts/{id}"),
    ("DELETE", "/api/v1/posts/{id}"),
    ("DELETE", "/deletePost/{id}"),
    ("DELETE", "/deletePost?postID={id}"),
)


@pytest.fixture(scope="module")
def ann(sqlite_server: PostkeepServer) -> Person:
    """Return somebody who is signed in."""
    return Person.signs_up(sqlite_server.http)


@pytest.mark.parametrize(("method", "path"), ONE_POST)
def test_az_01_the_post_of_somebody_else_is_not_there(server: PostkeepServer, method: str, path: str) -> None:
    """Not even that it exists may show: the answer is that for an id that nobody has."""
    ann, bob = Person.signs_up(server.http), Person.signs_up(server.http)
    post_id = bob.add(a_text())
    theirs, nobodys = (
        server.http.request(method, path.replace("{id}", one), headers=ann.authorization) for one in (post_id, UNKNOWN)
    )
    assert problem_of(theirs) == (404, "post_absent")
    assert comparable(theirs) == comparable(nobodys)
    assert [post["id"] for post in bob.posts()] == [post_id]


def test_az_01_a_miss_is_logged_with_who_and_what(server: PostkeepServer) -> None:
    """Whoever tries ids shows in the log."""
    ann, bob = Person.signs_up(server.http), Person.signs_up(server.http)
    post_id = bob.add(a_text())
    asked = [ann.delete(post_id), ann.gets(f"/api/v1/posts/{post_id}")]
    misses = [event for event in server.events("post_missed") if event["post"] == post_id]
    assert [(event["account"], event["request_id"]) for event in misses] == [
        (ann.claims["sub"], answer.headers["x-request-id"]) for answer in asked
    ]


def test_az_02_a_post_can_be_deleted_once(server: PostkeepServer) -> None:
    """Twice at the same moment is once, and the counts stay right."""
    person = Person.signs_up(server.http)
    kept, gone = person.add(a_text()), person.add("x" * 1000)
    answers = at_once(20, lambda _: person.delete(gone).status_code)
    assert sorted(answers) == [204] + [404] * 19
    (post,) = person.posts()
    assert (post["id"], person.me().json()["posts"], person.me().json()["bytes"]) == (kept, 1, len(post["text"]))


@pytest.mark.parametrize("name", ["user_id", "account_id", "author", "owner", "sub", "id", "accountId"])
def test_az_03_naming_somebody_else_changes_nothing(sqlite_server: PostkeepServer, name: str) -> None:
    """Who is calling is what the token says, wherever else another id stands."""
    ann, bob = Person.signs_up(sqlite_server.http), Person.signs_up(sqlite_server.http)
    bob.add(a_text())
    mine, other = ann.add(a_text()), bob.claims["sub"]
    headers = {
        **ann.authorization,
        f"X-{name.replace('_', '-')}": other,
        "X-User": bob.email,
        "X-Forwarded-User": bob.email,
    }
    asked = [
        sqlite_server.http.get("/api/v1/posts", params={name: other}, headers=headers),
        sqlite_server.http.request("GET", "/api/v1/posts", json={name: other}, headers=headers),
    ]
    assert [[post["id"] for post in answer.json()] for answer in asked if answer.status_code == 200] == [[mine]] * len(
        asked
    )
    assert sqlite_server.http.get("/api/v1/me", params={name: other}, headers=headers).json()["email"] == ann.email
    answer = ann.adds({"text": a_text(), name: other})
    assert (answer.status_code, paths_of(answer)) == (422, [f"body.{name}"])
    assert len(bob.posts()) == 1


@pytest.mark.parametrize(
    "name",
    [
        "id",
        "postID",
        "user_id",
        "author",
        "created_at",
        "created_date",
        "updated_date",
        "version",
        "is_admin",
        "bytes",
        "__proto__",
        "Text",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/posts", "/addPost"])
def test_az_04_a_post_takes_what_is_described_and_no_more(
    sqlite_server: PostkeepServer, ann: Person, path: str, name: str
) -> None:
    """What is read unasked today becomes somebody's hole tomorrow."""
    kept = len(ann.posts())
    answer = sqlite_server.http.post(path, json={"text": a_text(), name: "1"}, headers=ann.authorization)
    assert (answer.status_code, paths_of(answer)) == (422, [f"body.{name}"])
    assert len(ann.posts()) == kept


@pytest.mark.parametrize("name", ["id", "status", "access_version", "is_admin", "created_date", "password_hash"])
def test_az_04_accounts_and_logins_take_no_more_either(sqlite_server: PostkeepServer, ann: Person, name: str) -> None:
    """The same where accounts are made and tokens given."""
    asked = [
        sqlite_server.http.post("/api/v1/signup", json={"email": an_address(), "password": a_password(), name: "1"}),
        sqlite_server.http.post("/api/v1/login", json={**ann.credentials, name: "1"}),
        sqlite_server.http.post("/api/v1/refresh", json={"refresh_token": ann.refresh, name: "1"}),
    ]
    assert [(answer.status_code, paths_of(answer)) for answer in asked] == [(422, [f"body.{name}"])] * 3


def members(answer: httpx2.Response) -> set[str]:
    """Return the names of an answer's members."""
    return set(answer.json())


def test_az_05_answers_hold_what_is_described_and_no_more(server: PostkeepServer) -> None:
    """No hash, no salt, no counter, no internal id may slip out with a model that grew."""
    person = Person(server.http)
    tokens = {"access_token", "token_type", "expires_in", "refresh_token"}
    person.keep(signup := person.signup())
    assert [members(signup), members(person.login()), members(person.renew())] == [tokens] * 3
    added = person.adds({"text": a_text(), "title": "title", "status": "draft"})
    assert members(added) == {"postID", "version", "created_date", "updated_date"}
    shown = {"id", "title", "text", "status", "version", "created_date", "updated_date"}
    assert members(person.gets(added.headers["location"])) == shown
    assert [set(post) for post in person.posts()] == [shown]
    assert members(person.me()) == {"id", "email", "created_date", "posts", "bytes"}
    assert person.delete(added.json()["postID"]).content == b""


@pytest.mark.parametrize("turns", [300, pytest.param(10_000, marks=[pytest.mark.long, pytest.mark.timeout(300)])])
def test_az_06_two_people_on_one_connection_never_meet(server: PostkeepServer, turns: int) -> None:
    """A proxy sends everybody's requests over few connections; nothing of one may stay behind for the next."""
    with connect(server.url, connections=1) as http:
        ann, bob = Person.signs_up(server.http).at(http), Person.signs_up(server.http).at(http)
        for person in (ann, bob):
            person.add(f"of {person.email}")
        for turn in range(turns):
            person = (ann, bob)[turn % 2]
            assert {post["text"] for post in person.posts()} == {f"of {person.email}"}
            assert person.me().json()["email"] == person.email


def test_az_06_requests_sent_together_are_answered_each_for_its_own(sqlite_server: PostkeepServer) -> None:
    """HTTP/1.1 lets a client send on without waiting; the answers come in order, each to its question."""
    ann, bob = Person.signs_up(sqlite_server.http), Person.signs_up(sqlite_server.http)
    order: Sequence[Person | None] = [ann, bob, None, bob, ann, ann, None, bob] * 5
    requests = [
        "GET /api/v1/me HTTP/1.1\r\nHost: x\r\n"
        + ("" if person is None else f"Authorization: Bearer {person.access}\r\n")
        + "\r\n"
        for person in order
    ]
    with Wire(sqlite_server) as wire:
        wire.send("".join(requests))
        answers = [wire.answer() for _ in order]
    assert [json.loads(answer.body).get("email") for answer in answers] == [person and person.email for person in order]


@pytest.mark.parametrize("override", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_az_10_no_header_turns_a_method_into_another(
    sqlite_server: PostkeepServer, ann: Person, override: str, method: str
) -> None:
    """Firewalls and browsers judge by the method that they see."""
    path = f"/api/v1/posts/{ann.add(a_text())}"
    headers = {**ann.authorization, override: "DELETE"}
    sqlite_server.http.request(method, path, params={override: "DELETE"}, headers=headers)
    assert ann.gets(path).status_code == 200


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "GET", "TRACE", "PROPFIND"])
def test_az_10_methods_that_only_look_change_nothing(sqlite_server: PostkeepServer, ann: Person, method: str) -> None:
    """HEAD of a DELETE's path is not a DELETE."""
    post_id = ann.add(a_text())
    for path in (
        f"/deletePost/{post_id}",
        f"/deletePost?postID={post_id}",
        f"/api/v1/posts/{post_id}",
        "/addPost",
        "/api/v1/logout",
    ):
        sqlite_server.http.request(method, path, headers=ann.authorization)
    assert ann.posts()[0]["id"] == post_id


@pytest.mark.parametrize(
    "path",
    [
        *("/metrics", "/debug", "/debug/pprof", "/debug/vars", "/console", "/admin", "/status", "/server-status"),
        *("/actuator", "/actuator/env", "/.env", "/.git/config", "/.git/HEAD", "/postkeep.db", "/secret.key"),
        *("/static/", "/static/../settings.py", "/static/%2e%2e/settings.py", "/static//etc/passwd", "/src/main.py"),
    ],
)
def test_az_11_there_is_nothing_for_operators_to_be_found(
    sqlite_server: PostkeepServer, ann: Person, path: str
) -> None:
    """What tells how a server is doing, or how it is built, is a plain 404, with a token and without."""
    for headers in ({}, ann.authorization, {"Authorization": "Bearer x"}):
        answer = sqlite_server.http.get(path, headers=headers)
        assert problem_of(answer) == (404, "not_found")
    with Wire(sqlite_server) as wire:
        wire.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.answer().status == 404


def test_a_person_sees_the_own_posts_on_every_process(server: PostkeepServer, second: PostkeepServer) -> None:
    """Two processes on one database are one service: what is acknowledged here is seen there, and gone there."""
    person = Person.signs_up(server.http)
    elsewhere = person.at(second.http)
    post_id = ""
    for turn in range(20):
        writer, reader = (person, elsewhere) if turn % 2 else (elsewhere, person)
        post_id = writer.add(a_text())
        assert [post["id"] for post in reader.posts()] == [post_id]
        assert reader.delete(post_id).status_code == 204
        assert writer.posts() == []
    assert UUID(post_id).version == 7


def test_many_writers_on_two_processes_lose_nothing(server: PostkeepServer, second: PostkeepServer) -> None:
    """Adding and deleting at once, everywhere: exactly what was acknowledged is there, and the counts are right."""
    person = Person.signs_up(server.http)
    people = [person, person.at(second.http)]

    def write(turn: int) -> str | None:
        post_id = people[turn % 2].add(f"{a_text()} {'я' * turn}")
        return None if turn % 3 == 0 and people[(turn + 1) % 2].delete(post_id).status_code == 204 else post_id

    kept = {post_id for post_id in at_once(90, write, threads=16) if post_id}
    for reader in people:
        posts = reader.posts()
        assert {post["id"] for post in posts} == kept
        me = reader.me().json()
        assert (me["posts"], me["bytes"]) == (60, sum(len(post["text"].encode()) for post in posts))
