"""Quotas: how much one account may hold (CASES.md: SZ-20)."""

from collections.abc import Iterator

import pytest

from tests.e2e.clients import Person, problem_of
from tests.e2e.conftest import beside
from tests.e2e.servers import PostkeepServer


@pytest.fixture
def narrow(server: PostkeepServer) -> Iterator[PostkeepServer]:
    """Serve the same database from a process that gives everybody two posts of a kilobyte together."""
    yield from beside(server, POSTKEEP_QUOTA_POSTS="2", POSTKEEP_QUOTA_BYTES="1024")


def test_sz_20_beyond_the_quota_nothing_is_kept(narrow: PostkeepServer) -> None:
    """By posts and by bytes, the title's among them; deleting makes room, and others have their own."""
    person = Person.signs_up(narrow.http)
    assert problem_of(person.adds({"text": "x" * 1024, "title": "t"})) == (403, "quota_exceeded")
    first = person.add("x" * 1000)
    assert problem_of(person.adds({"text": "x" * 25})) == (403, "quota_exceeded")
    person.add("x" * 24)
    assert problem_of(person.adds({"text": "x"})) == (403, "quota_exceeded")
    assert person.texts() == ["x" * 24, "x" * 1000]
    me = person.me().json()
    assert (me["posts"], me["bytes"]) == (2, 1024)
    assert person.delete(first).status_code == 204
    person.add("y" * 1000)
    Person.signs_up(narrow.http).add("mine")


def test_a_smaller_quota_takes_nothing_away(server: PostkeepServer, narrow: PostkeepServer) -> None:
    """Who has more than that reads and deletes as before."""
    person = Person.signs_up(server.http)
    posts = [person.add("a") for _ in range(4)]
    there = person.at(narrow.http)
    assert there.texts() == ["a"] * 4
    assert problem_of(there.adds({"text": "b"})) == (403, "quota_exceeded")
    assert [there.delete(post).status_code for post in posts] == [204] * 4
    there.add("b")
