"""Lists in other orders, of one status, searched and counted, over HTTP (CASES.md, IV-24)."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.clients import Person, paths_of, problem_of
from tests.e2e.servers import PostkeepServer

STATUSES = ["draft", "published", "archived"]
PATHS = ["/api/v1/posts", "/getPosts"]


@pytest.fixture(scope="module")
def _writers() -> dict[str, Person]:
    return {}


@pytest.fixture
def writer(server: PostkeepServer, _writers: dict[str, Person]) -> Person:
    """Return somebody with twelve posts, 0 to 11, of all statuses in turn, about milk if even."""
    if server.url not in _writers:
        person = _writers[server.url] = Person.signs_up(server.http)
        for number in range(12):
            text = f"{number}: {'Купил МОЛОКО' if number % 2 == 0 else 'Хлеб'}"
            person.adds({"text": text, "title": f"Пост {number}", "status": STATUSES[number % 3]})
    return _writers[server.url]


def numbers(posts: list[dict[str, Any]]) -> list[int]:
    """Return which posts these are."""
    return [int(post["text"].partition(":")[0]) for post in posts]


def read(person: Person, path: str) -> list[int]:
    """Follow a list from page to page."""
    found: list[int] = []
    while path:
        answer = person.gets(path)
        assert answer.status_code == 200, answer.text
        found += numbers(answer.json())
        link = re.fullmatch(r'<([^<>]+)>; rel="next"', answer.headers.get("link", ""))
        path = link[1] if link else ""
    return found


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("sort=-created", range(11, -1, -1)),
        ("sort=created", range(12)),
        ("sort=-updated", range(11, -1, -1)),
        ("sort=updated", range(12)),
        ("status=draft", [9, 6, 3, 0]),
        ("status=archived&sort=created", [2, 5, 8, 11]),
        ("q=молоко", [10, 8, 6, 4, 2, 0]),
        ("q=ПОСТ+МОЛОКО&sort=updated", [0, 2, 4, 6, 8, 10]),
        ("q=молоко&status=published", [10, 4]),
        ("q=пост+11", [11]),
        ("q=nothing", []),
    ],
)
def test_a_list_is_what_was_asked_for(writer: Person, path: str, query: str, wanted: list[int]) -> None:
    """Whole, and in pages whose Link keeps all that was asked."""
    asked = quote(query, safe="=&+-")
    assert numbers(writer.gets(f"{path}?{asked}").json()) == list(wanted)
    for limit in (1, 5):
        assert read(writer, f"{path}?{asked}&limit={limit}") == list(wanted)


def test_a_post_that_was_found_shows_where(writer: Person) -> None:
    """With offsets in characters; posts of other lists have no such member."""
    found = writer.gets(f"/api/v1/posts?q={quote('молоко 4')}").json()
    (post,) = [post for post in found if post["title"] == "Пост 4"]
    assert post["snippet"] == {"text": "4: Купил МОЛОКО", "matches": [[0, 1], [9, 15]]}
    assert all("snippet" not in each for each in writer.gets("/api/v1/posts?limit=3").json())


def test_all_that_is_found_comes_in_pages_of_50(sqlite_server: PostkeepServer) -> None:
    """Where nobody says how many; and no page is long, however long the posts are."""
    person = Person.signs_up(sqlite_server.http)
    for number in range(60):
        person.add(f"{number}: word")
    first = person.gets("/api/v1/posts?q=word")
    assert len(first.json()) == 50
    assert read(person, "/api/v1/posts?q=word") == list(range(59, -1, -1))
    for number in range(60, 65):
        person.add(f"{number}: word {'x' * 600_000}")
    assert len(person.gets("/api/v1/posts?q=word").json()) == 2
    assert read(person, "/api/v1/posts?q=word") == list(range(64, -1, -1))


@pytest.mark.parametrize("sort", ["created", "-updated", "updated"])
def test_long_lists_of_any_order_are_whole(sqlite_server: PostkeepServer, sort: str) -> None:
    """They stream, with a limit and without."""
    person = Person.signs_up(sqlite_server.http)
    for number in range(5):
        person.adds({"text": f"{number}: {'x' * 400_000}", "status": STATUSES[number % 2]})
    wanted = list(range(5))[:: -1 if sort.startswith("-") else 1]
    assert read(person, f"/getPosts?sort={sort}") == wanted
    assert read(person, f"/getPosts?sort={sort}&limit=3") == wanted
    drafts = [number for number in wanted if number % 2 == 0]
    assert read(person, f"/getPosts?sort={sort}&status=draft") == drafts
    assert read(person, f"/getPosts?sort={sort}&status=draft&limit=2") == drafts


def test_a_summary_counts_what_there_is(server: PostkeepServer) -> None:
    """By status, in bytes, beside the quota; also right after a change."""
    person = Person.signs_up(server.http)
    quota = {"posts": 100_000, "bytes": 1024**3}
    nothing = {"draft": 0, "published": 0, "archived": 0, "total": 0}
    assert person.gets("/api/v1/posts/summary").json() == {"posts": nothing, "bytes": 0, "quota": quota}
    ids = [person.adds({"text": "ü" * 9, "title": "t", "status": status}).json()["postID"] for status in STATUSES]
    person.adds({"text": "ü", "status": "draft"})
    counted = {"draft": 2, "published": 1, "archived": 1, "total": 4}
    assert person.gets("/api/v1/posts/summary").json() == {"posts": counted, "bytes": 59, "quota": quota}
    assert person.delete(ids[1]).status_code == 204
    counted = {"draft": 2, "published": 0, "archived": 1, "total": 3}
    assert person.gets("/api/v1/posts/summary").json() == {"posts": counted, "bytes": 40, "quota": quota}


@pytest.mark.parametrize(
    "path", ["/api/v1/posts/summary", "/getPosts?sort=updated", "/getPosts?status=draft", "/getPosts?q=milk"]
)
def test_every_variant_is_remembered_until_something_changes(server: PostkeepServer, path: str) -> None:
    """Like the plain list, and apart from it: the same answer from memory, 304 to who has it, the new one at once."""
    person = Person.signs_up(server.http)
    person.adds({"text": "milk", "status": "draft"})
    plain = person.gets("/api/v1/posts")
    first, second = person.gets(path), person.gets(path)
    assert first.headers["cache-status"] == "postkeep; fwd=miss; stored"
    assert second.headers["cache-status"] == "postkeep; hit"
    assert first.content == second.content
    assert person.gets("/api/v1/posts").content == plain.content
    tag = second.headers["etag"]
    again = person.http.get(path, headers={**person.authorization, "If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    person.adds({"text": "more milk", "status": "draft"})
    third = person.gets(path)
    assert third.headers["cache-status"] == "postkeep; fwd=miss; stored"
    assert third.content != second.content


def test_nobody_finds_what_is_somebody_else_s(server: PostkeepServer) -> None:
    """Neither by words nor by counting."""
    ann, bob = Person.signs_up(server.http), Person.signs_up(server.http)
    ann.adds({"text": "Ann keeps this", "status": "draft"})
    for path in ("/api/v1/posts?q=keeps", "/api/v1/posts?status=draft", "/api/v1/posts?sort=updated"):
        assert bob.gets(path).json() == []
        assert len(ann.gets(path).json()) == 1
    assert bob.gets("/api/v1/posts/summary").json()["posts"]["total"] == 0


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("query", "field"),
    [
        *((f"sort={value}", "sort") for value in ("", "x", "Created", "+created", "--created", "created,updated")),
        *((f"status={value}", "status") for value in ("", "x", "Draft", "DRAFT", "draft,published", "%00", "null")),
        *((f"q={value}", "q") for value in ("", "+", "%20%0a", "%e3%80%80", "%00", "a%00", "a" * 201, "a+" * 17)),
        *((f"q={value}", "q") for value in ("%ff", "a%ed%a0%80", "%ef%bf%bd%c3")),
        *((f"{name}=%ff", name) for name in ("sort", "status", "cursor")),
        ("sort=created&sort=created", "sort"),
        ("status=draft&status=draft", "status"),
        ("q=a&q=b", "q"),
        ("q=a&limit=0", "limit"),
    ],
)
def test_iv_24_what_a_list_can_be_asked_for(writer: Person, path: str, query: str, field: str) -> None:
    """Anything else is refused by name, and nothing of it is repeated."""
    answer = writer.gets(f"{path}?{query}")
    assert (answer.status_code, paths_of(answer)) == (422, [f"query.{field}"])


def test_iv_24_a_cursor_of_another_list_is_refused(writer: Person) -> None:
    """Each is good for the list that it came with: its order, its status, its search."""
    lists = ["", "sort=created", "sort=-updated", "sort=updated", "status=draft", "q=a", "q=b", "q=a&status=draft"]
    cursors: dict[str, str] = {}
    for query in ("", "sort=created", "sort=-updated", "sort=updated", "status=draft", f"q={quote('молоко')}"):
        link = writer.gets(f"/api/v1/posts?{query}&limit=1").headers["link"]
        found = re.search(r"cursor=([^&>]+)", link)
        assert found is not None
        cursors[query] = found[1]
    for made_for, cursor in cursors.items():
        for query in lists:
            answer = writer.gets(f"/api/v1/posts?{query}&cursor={cursor}")
            if query == made_for:
                assert answer.status_code == 200
            else:
                assert (*problem_of(answer), paths_of(answer)) == (422, "cursor_invalid", ["query.cursor"])


@pytest.mark.parametrize(
    "query",
    [
        "%",
        "_",
        "\ufffd",
        "' OR 1=1 --",
        '" OR ""="',
        "\\",
        "a%",
        "[a-z]",
        "*",
        "?",
        "|",
        "%s %(x)s :x {}",
        "\u202e",
        "\x1a",
    ],
)
def test_a_query_is_nothing_but_words(resident: Person, query: str) -> None:
    """Neither SQL nor a pattern: it finds what has exactly this."""
    text = f"before {query} behind"
    resident.adds({"text": text})
    resident.adds({"text": "before behind"})
    found = resident.gets(f"/api/v1/posts?q={quote(query)}").json()
    assert text in [post["text"] for post in found]
    assert "before behind" not in [post["text"] for post in found]


def test_others_are_answered_while_somebody_searches(sqlite_server: PostkeepServer) -> None:
    """Searches that read much wait for each other, and nobody else for them."""
    searcher, other = Person.signs_up(sqlite_server.http), Person.signs_up(sqlite_server.http)
    for _ in range(12):
        searcher.add("слово " * 80_000)
    other.add("mine")
    with ThreadPoolExecutor(4) as pool:
        searches = [pool.submit(searcher.gets, f"/getPosts?q={quote('ничего' + str(n))}") for n in range(4)]
        answered = 0
        while not all(search.done() for search in searches):
            assert other.texts() == ["mine"]
            answered += 1
    assert answered > 0
    assert {search.result().status_code for search in searches} <= {200, 503}
