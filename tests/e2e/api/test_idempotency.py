"""Idempotency-Key: a post that is sent again is not added again (CASES.md, SV-13)."""

import json
import uuid
from typing import Any

import httpx2
import pytest

from tests.e2e.clients import Person, a_text, paths_of, problem_of
from tests.e2e.crowds import at_once
from tests.e2e.raw import Wire
from tests.e2e.servers import PostkeepServer

PATHS = ["/api/v1/posts", "/addPost"]


def a_key() -> str:
    """Return a key that nobody else has."""
    return str(uuid.uuid4())


def told(answer: httpx2.Response) -> tuple[int, str | None, dict[str, Any]]:
    """Return what an answer says of a post."""
    return answer.status_code, answer.headers.get("location"), answer.json()


def keys_of(server: PostkeepServer, person: Person) -> list[dict[str, Any]]:
    """Return what the database has of somebody's keys."""
    found = server.rows.ask(
        "SELECT k.* FROM idempotency_keys AS k JOIN accounts ON accounts.id = account_id WHERE email = :email",
        email=person.email,
    )
    return list(found)


def test_sv_13_a_repetition_adds_nothing_and_gets_the_same_answer(server: PostkeepServer) -> None:
    """Id, dates, Location: all of it, at both paths, with the key in quotes or not; and the list stays as it is."""
    person, key, body = Person.signs_up(server.http), a_key(), {"text": a_text(), "title": "t", "status": "draft"}
    first = person.adds(body, key=key)
    assert first.status_code == 201
    before = person.gets()
    assert told(person.adds(body, key=key)) == told(first)
    assert told(person.adds(body, key=f'"{key}"')) == told(first)
    assert told(person.adds(dict(reversed(body.items())), key=key, path="/addPost")) == told(first)
    after = person.gets()
    assert [post["id"] for post in after.json()] == [first.json()["postID"]]
    assert (after.content, after.headers["etag"]) == (before.content, before.headers["etag"])
    # Nothing was changed, so what was remembered still counts.
    assert "hit" in after.headers["cache-status"]


@pytest.mark.parametrize("path", PATHS)
def test_sv_13_the_same_key_with_another_body_is_refused(server: PostkeepServer, path: str) -> None:
    """A mistake of the client, which must not lose a post by it in silence."""
    person, key, text = Person.signs_up(server.http), a_key(), a_text()
    first = person.adds({"text": text}, key=key, path=path)
    for other in ({"text": a_text()}, {"text": text, "title": "t"}, {"text": text, "status": "draft"}):
        answer = person.adds(other, key=key, path=path)
        assert problem_of(answer) == (422, "idempotency_key_reused")
        assert paths_of(answer) == ["header.Idempotency-Key"]
    # As it was parsed: what is left out and what is said as it would be anyway are the same.
    same = person.adds({"text": text, "title": None, "status": "published"}, key=key, path=path)
    assert told(same) == told(first)
    assert person.texts() == [text]


@pytest.mark.parametrize("crowd", [20])
def test_sv_13_of_many_at_once_one_adds(server: PostkeepServer, second: PostkeepServer, crowd: int) -> None:
    """In two processes: whoever is not told that the key is in use gets the one post."""
    person, key, text = Person.signs_up(server.http), a_key(), a_text()
    people = [person.at(server.http), person.at(second.http)]
    answers = at_once(crowd, lambda number: people[number % 2].adds({"text": text}, key=key), threads=crowd)
    added = [answer for answer in answers if answer.status_code == 201]
    early = [answer for answer in answers if answer.status_code != 201]
    assert {problem_of(answer) for answer in early} <= {(409, "idempotency_key_in_use")}
    assert {answer.headers["retry-after"] for answer in early} <= {"1"}
    assert [told(answer) for answer in added] == [told(added[0])] * len(added)
    assert [post["id"] for post in person.posts()] == [added[0].json()["postID"]]
    me = person.me().json()
    assert (me["posts"], me["bytes"]) == (1, len(text.encode()))


def test_sv_13_another_process_knows_the_key(server: PostkeepServer, second: PostkeepServer) -> None:
    """It is kept where the post is."""
    person, key, text = Person.signs_up(server.http), a_key(), a_text()
    first = person.adds({"text": text}, key=key)
    there = person.at(second.http)
    assert told(there.adds({"text": text}, key=key)) == told(first)
    assert problem_of(there.adds({"text": a_text()}, key=key)) == (422, "idempotency_key_reused")


def test_sv_13_after_its_end_a_post_is_answered_and_does_not_come_back(server: PostkeepServer) -> None:
    """Who repeats has not heard the first answer; that the post was deleted since is another matter."""
    person, key, text = Person.signs_up(server.http), a_key(), a_text()
    first = person.adds({"text": text}, key=key)
    assert person.delete(first.json()["postID"]).status_code == 204
    assert told(person.adds({"text": text}, key=key)) == told(first)
    assert person.posts() == []


def test_sv_13_after_a_day_a_key_is_new_again(server: PostkeepServer) -> None:
    """Up to then it counts."""
    person, key, text = Person.signs_up(server.http), a_key(), a_text()
    first = person.adds({"text": text}, key=key)
    (use,) = keys_of(server, person)

    def age(day: str) -> None:
        change = "UPDATE idempotency_keys SET created_date = :day WHERE key_hash = :key"
        assert server.rows.change(change, day=day, key=use["key_hash"]) == 1

    age("2999-01-01 00:00:00.000000")
    assert person.adds({"text": text}, key=key).json()["postID"] == first.json()["postID"]
    age("2026-01-01 00:00:00.000000")
    again = person.adds({"text": text}, key=key)
    assert again.json()["postID"] != first.json()["postID"]
    assert told(person.adds({"text": text}, key=key)) == told(again)
    assert len(keys_of(server, person)) == 1
    assert person.texts() == [text, text]


def test_sv_13_a_stranger_s_same_key_is_another(server: PostkeepServer) -> None:
    """Nobody learns anything by guessing keys, and nobody is in anybody's way."""
    ann, bob, key = Person.signs_up(server.http), Person.signs_up(server.http), a_key()
    mine, theirs = ann.adds({"text": "a"}, key=key), bob.adds({"text": "b"}, key=key)
    assert mine.json()["postID"] != theirs.json()["postID"]
    assert (ann.texts(), bob.texts()) == (["a"], ["b"])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("key", ["", " ", "a b", '"', '""', '"a', 'a"', "a\\b", "\xe9", "k" * 256], ids=repr)
def test_sv_13_what_is_no_key_is_refused(server: PostkeepServer, path: str, key: str) -> None:
    """By name, and nothing is added; what was sent is not repeated."""
    person = Person.signs_up(server.http)
    answer = raw_add(server, person, path, f"Idempotency-Key: {key}")
    assert (answer["code"], answer["errors"][0]["path"]) == ("idempotency_key_invalid", "header.Idempotency-Key")
    assert person.posts() == []


def test_sv_13_white_space_around_a_key_is_not_part_of_it(server: PostkeepServer) -> None:
    """A header's value ends before it (RFC 9112 5.1): the same key, however it is set."""
    person = Person.signs_up(server.http)
    keys = ("k", " k", "\tk \t", "k  ")
    ids = {raw_add(server, person, "/addPost", f"Idempotency-Key:{key}", status=201)["postID"] for key in keys}
    assert len(ids) == len(person.posts()) == 1


@pytest.mark.parametrize("path", PATHS)
def test_sv_13_two_keys_are_none(server: PostkeepServer, path: str) -> None:
    """Even if they are equal: taking either would be a guess."""
    person = Person.signs_up(server.http)
    for other in ("a", "b"):
        answer = raw_add(server, person, path, "Idempotency-Key: a", f"idempotency-key: {other}")
        assert (answer["code"], answer["errors"][0]["path"]) == ("repeated", "header.Idempotency-Key")
    assert person.posts() == []


def raw_add(server: PostkeepServer, person: Person, path: str, *lines: str, status: int = 422) -> dict[str, Any]:
    """Send a post with these header lines as they stand, and return what is answered: a 422, unless it is another."""
    body = json.dumps({"text": "a"})
    head = [f"POST {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {person.access}"]
    head += ["Content-Type: application/json", f"Content-Length: {len(body)}", *lines]
    with Wire(server) as wire:
        wire.send("\r\n".join([*head, "", body]))
        answer = wire.answer()
    assert answer.status == status
    found: dict[str, Any] = json.loads(answer.body)
    return found


def test_sv_13_what_was_refused_leaves_its_key_free(server: PostkeepServer) -> None:
    """An invalid post is not what a key stands for."""
    person, key = Person.signs_up(server.http), a_key()
    assert person.adds({"text": " "}, key=key).status_code == 422
    assert person.adds({"text": "a" * 1024 * 1024}, key=key).status_code == 413
    assert keys_of(server, person) == []
    assert person.adds({"text": "a"}, key=key).status_code == 201


def test_sv_13_no_key_is_kept_as_it_was_sent(server: PostkeepServer) -> None:
    """Hashes are, and only where there was one; with the account they go."""
    person, key = Person.signs_up(server.http), a_key()
    person.add("without")
    assert keys_of(server, person) == []
    person.adds({"text": "with"}, key=key)
    (use,) = keys_of(server, person)
    assert key not in str(use)
    assert person.adds({"text": "with"}, key=key).status_code == 201
    assert len(keys_of(server, person)) == 1
    leaving = {"password": person.password}
    answer = person.http.post("/api/v1/me/deletion", json=leaving, headers=person.authorization)
    assert answer.status_code == 204
    left = "SELECT COUNT(*) AS left_over FROM idempotency_keys WHERE key_hash = :key"
    assert server.rows.one(left, key=use["key_hash"]) == {"left_over": 0}
