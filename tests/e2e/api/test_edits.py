"""Editing posts: nobody overwrites what he has not seen (CASES.md: AZ, IV, SZ-20, CA)."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.e2e.clients import Person, a_text, paths_of, problem_of
from tests.e2e.conftest import beside
from tests.e2e.crowds import at_once
from tests.e2e.raw import Wire
from tests.e2e.servers import PostkeepServer

MERGE_PATCH = "application/merge-patch+json"


def edit(person: Person, post_id: str, body: object, tag: str | None = None, **headers: str) -> httpx2.Response:
    """Send an edit, from the version that a tag names if there is one."""
    named = {} if tag is None else {"If-Match": tag}
    content = headers.pop("content_type", "application/json")
    sent = {**person.authorization, "Content-Type": content, **named, **headers}
    return person.http.patch(f"/api/v1/posts/{post_id}", content=json.dumps(body), headers=sent)


def bulk(person: Person, body: object) -> httpx2.Response:
    """Change many posts at once."""
    return person.http.post("/api/v1/posts/bulk", json=body, headers=person.authorization)


def got(person: Person, post_id: str, **headers: str) -> httpx2.Response:
    """Ask for a post."""
    sent = {**person.authorization, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return person.http.get(f"/api/v1/posts/{post_id}", headers=sent)


@pytest.fixture
def narrow(server: PostkeepServer) -> Iterator[PostkeepServer]:
    """Serve the same database from a process that gives everybody a kilobyte."""
    yield from beside(server, POSTKEEP_QUOTA_BYTES="1024")


def test_an_edit_changes_what_it_says_and_nothing_else(resident: Person) -> None:
    """RFC 7396: what is left out stays, and null takes the title away. The answer is that of an add."""
    added = resident.adds({"text": "Bought milk.", "title": "Today", "status": "draft"})
    post_id = added.json()["postID"]
    assert added.headers["etag"] == '"1"'
    steps: list[tuple[dict[str, Any], str]] = [
        ({"text": "\U0001f986 e\u0301 "}, "application/json"),
        ({"title": None}, MERGE_PATCH),
        ({"status": "archived", "title": "T"}, MERGE_PATCH),
        ({"text": "x", "title": None, "status": "published"}, "application/json; charset=utf-8"),
    ]
    expected = got(resident, post_id).json()
    for number, (changes, content_type) in enumerate(steps, 2):
        answer = edit(resident, post_id, changes, f'"{number - 1}"', content_type=content_type)
        assert answer.status_code == 200, answer.text
        assert answer.headers["etag"] == f'"{number}"'
        shown = got(resident, post_id)
        expected |= {**changes, "version": number, "updated_date": answer.json()["updated_date"]}
        assert (shown.json(), shown.headers["etag"]) == (expected, f'"{number}"')
        told = {name: expected[name] for name in ("version", "created_date", "updated_date")}
        assert answer.json() == {"postID": post_id, **told}
        assert expected["updated_date"] > expected["created_date"]
    assert expected in resident.posts()


def test_the_version_may_stand_in_the_body(resident: Person) -> None:
    """Or in both places, as long as they agree."""
    post_id = resident.add(a_text())
    assert edit(resident, post_id, {"text": "b", "version": 1}).json()["version"] == 2
    assert edit(resident, post_id, {"text": "c", "version": 2}, '"2"').json()["version"] == 3
    assert edit(resident, post_id, {"text": "d", "version": 3}, "*").json()["version"] == 4
    assert edit(resident, post_id, {"text": "e", "version": 4}, '"3", "4"').json()["version"] == 5
    for tag in ('"4"', 'W/"5"', '"a"'):
        answer = edit(resident, post_id, {"text": "f", "version": 5}, tag)
        assert (problem_of(answer), paths_of(answer)) == ((422, "versions_disagree"), ["body.version"])
    assert problem_of(edit(resident, post_id, {"text": "f", "version": 4})) == (412, "version_conflict")
    assert got(resident, post_id).json()["text"] == "e"


def test_whoever_comes_second_is_told_the_version(server: PostkeepServer, second: PostkeepServer) -> None:
    """In two processes; the same request again comes second, too."""
    person = Person.signs_up(server.http)
    post_id = person.add(a_text())
    people = [person.at(server.http), person.at(second.http)]
    answers = at_once(20, lambda number: edit(people[number % 2], post_id, {"text": f"by {number}"}, '"1"'))
    (made,) = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert {problem_of(answer) for answer in refused} == {(412, "version_conflict")}
    assert {answer.json()["version"] for answer in refused} == {2} == {made.json()["version"]}
    assert person.posts()[0]["version"] == 2


@pytest.mark.parametrize(
    ("tag", "status"),
    [
        ("*", 200),
        ('"2"', 200),
        ('"1", "2"', 200),
        ('W/"1", "2"', 200),
        ('W/"2"', 412),
        ('"1"', 412),
        ('"3"', 412),
        ('"abc"', 412),
        ('"2', 422),
        ("2", 422),
        ("", 422),
        (", ".join(f'"{number}"' for number in range(1, 18)), 422),
        (None, 428),
    ],
)
def test_what_an_edit_may_start_from(resident: Person, tag: str | None, status: int) -> None:
    """Strong tags, any of a list, or whatever there is; a weak tag never matches (RFC 9110 13.1.1)."""
    post_id = resident.add(a_text())
    edit(resident, post_id, {"text": "second"}, "*")
    answer = edit(resident, post_id, {"text": "third"}, tag)
    codes = {412: "version_conflict", 422: "if_match_invalid", 428: "version_required"}
    assert answer.status_code == status
    if status != 200:
        assert problem_of(answer) == (status, codes[status])
    assert got(resident, post_id).json()["text"] == ("third" if status == 200 else "second")


def test_two_if_match_headers_are_none(sqlite_server: PostkeepServer) -> None:
    """As two of anything: taking either would be a guess."""
    person = Person.signs_up(sqlite_server.http)
    post_id, body = person.add("a"), json.dumps({"text": "b"})
    head = [f"PATCH /api/v1/posts/{post_id} HTTP/1.1", "Host: x", f"Authorization: Bearer {person.access}"]
    head += ["Content-Type: application/json", f"Content-Length: {len(body)}", 'If-Match: "1"', 'if-match: "1"']
    with Wire(sqlite_server) as wire:
        wire.send("\r\n".join([*head, "", body]))
        assert wire.answer().status == 422
    assert person.texts() == ["a"]


@pytest.mark.parametrize("tag", ['"1"', None, "*"])
def test_az_01_the_post_of_somebody_else_is_not_there_to_edit(server: PostkeepServer, tag: str | None) -> None:
    """Like a missing one, or no id at all: before any question of versions."""
    ann, bob = Person.signs_up(server.http), Person.signs_up(server.http)
    theirs = bob.add(a_text())
    for post_id in (theirs, str(uuid4()), "nonsense"):
        assert problem_of(edit(ann, post_id, {"text": "mine"}, tag)) == (404, "post_absent")
    assert bob.posts()[0]["version"] == 1


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"text": None}, "body.text"),
        ({"text": " "}, "body.text"),
        ({"text": "a\x00"}, "body.text"),
        ({"text": 5}, "body.text"),
        ({"title": ""}, "body.title"),
        ({"title": "t" * 201}, "body.title"),
        ({"status": None}, "body.status"),
        ({"status": "gone"}, "body.status"),
        ({"text": "a", "version": 0}, "body.version"),
        ({"text": "a", "version": None}, "body.version"),
        ({"text": "a", "version": "1"}, "body.version"),
        ({"text": "a", "version": 2**31}, "body.version"),
        ({"text": "a", "id": "b"}, "body.id"),
        ({}, "body"),
        ({"version": 1}, "body"),
        ([], "body"),
    ],
    ids=str,
)
def test_what_is_no_edit_is_refused(resident: Person, body: object, path: str) -> None:
    """By the rules of adding, and by name."""
    post_id = resident.add("a")
    answer = edit(resident, post_id, body, "*")
    assert (answer.status_code, paths_of(answer)) == (422, [path])
    assert got(resident, post_id).json()["version"] == 1


def test_sz_01_an_edit_is_as_large_as_an_add(resident: Person) -> None:
    """Exactly 1 MiB is taken, and kept; one byte more is not. Another media type is not looked at."""
    post_id, around = resident.add("a"), len(json.dumps({"text": ""}))
    text = "x" * (1024 * 1024 - around)
    assert problem_of(edit(resident, post_id, {"text": f"{text}x"}, "*")) == (413, "body_too_large")
    assert edit(resident, post_id, {"text": text}, "*").status_code == 200
    assert len(got(resident, post_id).json()["text"]) == len(text)
    assert problem_of(edit(resident, post_id, {"title": "t" * (around + 1)}, "*")) == (413, "post_too_large")
    assert edit(resident, post_id, {"title": "t" * around}, "*").status_code == 200
    answer = edit(resident, post_id, {"text": "a"}, "*", content_type="application/json-patch+json")
    assert problem_of(answer) == (415, "unsupported_media_type")
    assert resident.delete(post_id).status_code == 204


def test_sz_20_an_edit_grows_as_far_as_there_is_room(server: PostkeepServer, narrow: PostkeepServer) -> None:
    """To the very byte; who holds more than he may can still make posts shorter."""
    person = Person.signs_up(narrow.http)
    post_id = person.add("x" * 1000, title="t")
    assert edit(person, post_id, {"text": "x" * 1023}, "*").status_code == 200
    assert problem_of(edit(person, post_id, {"title": "tt"}, "*")) == (403, "quota_exceeded")
    assert person.me().json()["bytes"] == 1024
    there = person.at(server.http)
    assert edit(there, post_id, {"text": "x" * 2000}, "*").status_code == 200
    assert problem_of(edit(person, post_id, {"text": "x" * 2001}, "*")) == (403, "quota_exceeded")
    assert edit(person, post_id, {"text": "x" * 1999, "title": None}, "*").status_code == 200
    assert person.me().json()["bytes"] == 1999


def test_ca_01_a_list_right_after_an_edit_shows_it(server: PostkeepServer, second: PostkeepServer) -> None:
    """On this process and on the other one, under both names; after a change of many, too."""
    person = Person.signs_up(server.http)
    here, there = person, person.at(second.http)
    post_id = person.add(a_text())
    for version in range(2, 8):
        for who in (here, there):
            assert [post["version"] for post in who.posts()] == [version - 1]
        writer = (here, there)[version % 2]
        if version % 3:
            assert edit(writer, post_id, {"text": f"{version}"}, f'"{version - 1}"').status_code == 200
        else:
            assert bulk(writer, {"posts": [post_id], "status": ("draft", "archived")[version % 2]}).status_code == 200
        answers = [who.gets(path) for who in (here, there) for path in ("/getPosts", "/api/v1/posts")]
        assert [answer.json()[0]["version"] for answer in answers] == [version] * 4
    assert len(person.posts()) == 1


@pytest.mark.parametrize(
    ("tag", "status"), [('"1"', 304), ('W/"1"', 304), ("*", 304), ('"0", "1"', 304), ('"2"', 200), ("1", 200)]
)
def test_a_post_that_is_known_is_not_sent_again(resident: Person, tag: str, status: int) -> None:
    """By weak comparison (RFC 9110 13.1.2); and after an edit it is."""
    post_id = resident.add(a_text())
    answer = got(resident, post_id, If_None_Match=tag)
    assert (answer.status_code, answer.headers["etag"]) == (status, '"1"')
    assert (answer.content == b"") == (status == 304)
    edit(resident, post_id, {"status": "draft"}, '"1"')
    assert got(resident, post_id, If_None_Match='"1"').status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/posts/{id}", "/deletePost/{id}", "/deletePost?postID={id}"])
def test_a_post_is_deleted_in_the_version_that_was_seen(resident: Person, path: str) -> None:
    """By all its names; without If-Match in any."""
    post_id, at_once_gone = resident.add(a_text()), resident.add(a_text())

    def delete(post_id: str, tag: str | None = None) -> httpx2.Response:
        named = {} if tag is None else {"If-Match": tag}
        headers = {**resident.authorization, **named}
        return resident.http.delete(path.replace("{id}", post_id), headers=headers)

    edit(resident, post_id, {"text": "another"}, '"1"')
    for tag in ('"1"', 'W/"2"'):
        refused = delete(post_id, tag)
        assert (problem_of(refused), refused.json()["version"]) == ((412, "version_conflict"), 2)
    assert problem_of(delete(post_id, "2")) == (422, "if_match_invalid")
    assert delete(post_id, '"2"').status_code == 204
    assert problem_of(delete(post_id, '"2"')) == (404, "post_absent")
    assert delete(at_once_gone).status_code == 204


def test_many_are_changed_all_or_none(server: PostkeepServer) -> None:
    """Given a status, or deleted; where some are missing nothing happens, and they are named as they were sent."""
    person, other = Person.signs_up(server.http), Person.signs_up(server.http)
    theirs = other.add(a_text())
    posts = [person.add(f"{number}") for number in range(30)]
    absent = ["nonsense", theirs, str(uuid4()).upper()]
    for change in ({"status": "archived"}, {"delete": True}):
        refused = bulk(person, {"posts": [absent[0], *posts, *absent[1:]], **change})
        assert (problem_of(refused), refused.json()["absent"]) == ((404, "posts_absent"), absent)
    assert {post["version"] for post in person.posts()} == {1}
    assert bulk(person, {"posts": posts[:20], "status": "archived"}).json() == {"changed": 20}
    assert bulk(person, {"posts": posts, "status": "archived"}).json() == {"changed": 10}
    assert {(post["status"], post["version"]) for post in person.posts()} == {("archived", 2)}
    assert bulk(person, {"posts": posts[1:], "delete": True}).json() == {"changed": 29}
    me = person.me().json()
    assert ([post["id"] for post in person.posts()], me["posts"], me["bytes"]) == ([posts[0]], 1, 1)
    assert len(other.posts()) == 1


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"posts": []}, "body.posts"),
        ({"posts": [], "delete": True}, "body.posts"),
        ({"posts": ["a"] * 1001, "delete": True}, "body.posts"),
        ({"posts": ["a", "a"], "delete": True}, "body"),
        ({"posts": ["a", "A"], "delete": True}, "body"),
        ({"posts": [5], "delete": True}, "body.posts.0"),
        ({"posts": "a", "delete": True}, "body.posts"),
        ({"posts": ["a"]}, "body"),
        ({"posts": ["a"], "delete": False}, "body.delete"),
        ({"posts": ["a"], "delete": None}, "body.delete"),
        ({"posts": ["a"], "delete": 1}, "body.delete"),
        ({"posts": ["a"], "status": None}, "body.status"),
        ({"posts": ["a"], "status": "draft", "delete": True}, "body"),
        ({"delete": True}, "body.posts"),
        ({"posts": ["a"], "delete": True, "text": "b"}, "body.text"),
    ],
    ids=lambda given: str(given)[:50],
)
def test_what_is_no_change_of_many_is_refused(resident: Person, body: object, path: str) -> None:
    """By name."""
    answer = bulk(resident, body)
    assert (answer.status_code, paths_of(answer)[0]) == (422, path)


def test_a_change_of_many_has_64_kib(resident: Person) -> None:
    """A thousand ids fit; more is not read."""
    ids = [str(uuid4()) for _ in range(1000)]
    answer = bulk(resident, {"posts": ids, "delete": True})
    assert (problem_of(answer), answer.json()["absent"]) == ((404, "posts_absent"), ids)
    assert problem_of(bulk(resident, {"posts": ["x" * 70_000], "delete": True})) == (413, "body_too_large")
