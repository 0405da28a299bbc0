"""Lists, pages, ids and paths (CASES.md, IV-22 to IV-24)."""

import base64
import re

import httpx2
import pytest

from tests.e2e.clients import Person, a_text, comparable, paths_of, problem_of
from tests.e2e.crowds import at_once
from tests.e2e.raw import Wire
from tests.e2e.servers import PostkeepServer

UNKNOWN = "01a1f6e0-0000-7000-8000-000000000001"

NO_IDS = [
    "1",
    "-1",
    "0",
    "1e9",
    "9" * 400,
    "null",
    "undefined",
    "x",
    "*",
    "%00",
    "%0a",
    "%ff",
    "%F0%9F%A6%86",
    "..",
    "%2e%2e",
    "%252e%252e",
    "..%2f..%2fme",
    "{id}%00",
    "{id}%0a",
    "{id}%20",
    "{id},{id}",
    "{id};",
    "{id}%2f",
    "%7b{id}%7d",
    "{hex}",
    "urn:uuid:{id}",
    "' OR '1'='1",
    "1 OR 1=1",
    "$ne",
    "[]",
]


@pytest.fixture(scope="module")
def ann(sqlite_server: PostkeepServer) -> Person:
    """Return somebody with one post, whose text says so."""
    person = Person.signs_up(sqlite_server.http)
    person.add("the one post")
    return person


def pages(person: Person, path: str) -> list[list[str]]:
    """Follow a list from page to page and return the texts of each."""
    found: list[list[str]] = []
    while path:
        answer = person.gets(path)
        assert answer.status_code == 200, answer.text
        found.append([post["text"] for post in answer.json()])
        link = answer.headers.get("link", "")
        match = re.fullmatch(r'<([^<>]+)>; rel="next"', link)
        assert bool(link) == bool(match)
        path = match[1] if match else ""
    return found


@pytest.mark.parametrize("path", ["/api/v1/posts", "/getPosts"])
@pytest.mark.parametrize(
    ("limit", "sizes"),
    [(1, [1] * 25), (7, [7, 7, 7, 4]), (24, [24, 1]), (25, [25]), (26, [25]), (1000, [25]), (5, [5] * 5)],
)
def test_a_list_comes_in_pages_of_any_size(reading: Person, path: str, limit: int, sizes: list[int]) -> None:
    """A client with little memory follows Link (RFC 8288); the pages together are the list."""
    found = pages(reading, f"{path}?limit={limit}")
    assert [len(page) for page in found] == sizes
    assert [text for page in found for text in page] == [str(number) for number in range(24, -1, -1)]


@pytest.fixture(scope="module")
def _readers() -> dict[str, Person]:
    return {}


@pytest.fixture
def reading(server: PostkeepServer, _readers: dict[str, Person]) -> Person:
    """Return somebody with 25 posts, 0 to 24."""
    if server.url not in _readers:
        person = _readers[server.url] = Person.signs_up(server.http)
        for number in range(25):
            person.add(str(number))
    return _readers[server.url]


def test_a_list_without_a_limit_is_whole(reading: Person) -> None:
    """All posts of the user, as the specification says, in one array."""
    answer = reading.gets()
    assert [post["text"] for post in answer.json()] == [str(number) for number in range(24, -1, -1)]
    assert "link" not in answer.headers


def test_the_list_of_nobody_is_an_empty_array(server: PostkeepServer) -> None:
    """An array either way."""
    person = Person.signs_up(server.http)
    assert [person.gets(f"/api/v1/posts{query}").json() for query in ("", "?limit=1")] == [[], []]


def test_the_newest_post_is_first_however_fast_they_come(server: PostkeepServer) -> None:
    """One after another, each later than the one before; also when several are written at once."""
    person = Person.signs_up(server.http)
    ids = [person.add(a_text()) for _ in range(30)]
    ids_at_once = set(at_once(30, lambda _: person.add(a_text()), threads=8))
    listed = [post["id"] for post in person.posts()]
    assert listed == sorted(listed, reverse=True)
    assert listed[30:] == ids[::-1]
    assert set(listed[:30]) == ids_at_once


def test_a_page_begins_where_the_last_one_ended_whatever_happened_between(server: PostkeepServer) -> None:
    """Posts that were deleted or added meanwhile neither break a page nor show anything twice."""
    person = Person.signs_up(server.http)
    ids = [person.add(str(number)) for number in range(10)]
    first = person.gets("/api/v1/posts?limit=4")
    for gone in (ids[6], ids[5], ids[9]):
        person.delete(gone)
    person.add("new")
    following = first.headers["link"].partition(">")[0][1:]
    assert [post["text"] for post in first.json()] == ["9", "8", "7", "6"]
    assert pages(person, following) == [["4", "3", "2", "1"], ["0"]]


def test_a_cursor_works_on_every_process(server: PostkeepServer, second: PostkeepServer) -> None:
    """The next page may be asked of another one."""
    person = Person.signs_up(server.http)
    for number in range(3):
        person.add(str(number))
    following = person.gets("/api/v1/posts?limit=2").headers["link"].partition(">")[0][1:]
    assert pages(person.at(second.http), following) == [["0"]]


def test_the_cursor_of_somebody_else_is_refused(server: PostkeepServer) -> None:
    """It would tell where their posts lie."""
    ann, bob = Person.signs_up(server.http), Person.signs_up(server.http)
    for person in (ann, bob):
        for _ in range(2):
            person.add(a_text())
    theirs = bob.gets("/api/v1/posts?limit=1").headers["link"].partition(">")[0][1:]
    answer = ann.gets(theirs)
    assert (*problem_of(answer), paths_of(answer)) == (422, "cursor_invalid", ["query.cursor"])


@pytest.mark.parametrize(
    "limit",
    [
        "-1",
        "0",
        "1001",
        "1000000000",
        "1e9",
        "1.5",
        "x",
        "",
        " ",
        "null",
        "9" * 5000,
        "0x10",
        "1,2",
        "%00",
        "١٢".encode().decode("latin-1"),
        "Infinity",
        "NaN",
        "--1",
        "1;2",
        "1_0",
        "1.0",
        " 1",
        "+1",
    ],
)
def test_iv_24_a_limit_is_a_number_from_1_to_1000(ann: Person, limit: str) -> None:
    """Nobody may ask for a billion at once, or for something that is no number."""
    answer = ann.http.get("/api/v1/posts", params={"limit": limit}, headers=ann.authorization)
    assert (answer.status_code, paths_of(answer)) == (422, ["query.limit"])


@pytest.mark.parametrize(
    "query",
    [
        "limit=1&limit=1",
        "limit=1&limit=2",
        "limit=1&%6cimit=1",
        "cursor=a&cursor=b",
        "limit=&limit=1",
        "l%69mit=1&limit=1",
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/posts", "/getPosts"])
def test_iv_24_a_parameter_stands_once(ann: Person, path: str, query: str) -> None:
    """Of two, a proxy may have checked the other one."""
    answer = ann.gets(f"{path}?{query}")
    assert (*problem_of(answer), len(paths_of(answer))) == (422, "repeated", 1)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "nonsense",
        UNKNOWN,
        "1",
        "A" * 32,
        "_" * 32,
        "=" * 32,
        "!" * 32,
        "%00",
        "я" * 32,
        "A" * 100,
        "A" * 6000,
        "' OR 1=1 --",
        "../../etc/passwd",
    ],
)
@pytest.mark.parametrize("limit", ["", "&limit=5"])
def test_iv_24_a_cursor_is_one_of_ours(ann: Person, cursor: str, limit: str) -> None:
    """What was not handed out is refused, with the parameter's name."""
    answer = ann.gets(f"/api/v1/posts?cursor={cursor}{limit}")
    assert (answer.status_code, paths_of(answer)) == (422, ["query.cursor"])


def test_iv_24_a_cursor_with_any_byte_changed_is_refused(sqlite_server: PostkeepServer) -> None:
    """Nobody can make one for a place of their choice."""
    person = Person.signs_up(sqlite_server.http)
    for _ in range(2):
        person.add(a_text())
    cursor = re.search(r"cursor=([^&>]+)", person.gets("/api/v1/posts?limit=1").headers["link"])
    assert cursor is not None
    raw = base64.urlsafe_b64decode(cursor[1])
    changed = [bytes([*raw[:at], raw[at] ^ 1, *raw[at + 1 :]]) for at in range(len(raw))]
    answers = [person.gets(f"/api/v1/posts?cursor={base64.urlsafe_b64encode(one).decode()}") for one in changed]
    assert {problem_of(answer) for answer in answers} == {(422, "cursor_invalid")}
    assert person.gets(f"/api/v1/posts?cursor={cursor[1]}").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "?",
        "?&",
        "?&&&",
        "?=",
        "?=1",
        "?x",
        "?unknown=1",
        "?%00=%00",
        "?a[]=1&a[]b=2",
        "?limit",
        "?x=1&x=2",
        "?x&x",
        "?%ff=%fe",
        "?;",
        "?#",
        "?" + "x" * 5000,
    ],
)
def test_odd_queries_are_answered(ann: Person, query: str) -> None:
    """What nobody asks about is ignored; what is asked wrongly is named."""
    answer = ann.gets(f"/api/v1/posts{query}")
    assert answer.status_code == (422 if query == "?limit" else 200)


def test_a_query_with_many_names_is_answered_at_once(sqlite_server: PostkeepServer, ann: Person) -> None:
    """Comparing every name with every other takes minutes, in the one thread that serves everybody."""
    query = "&".join(f"{number:x}" for number in range(9000))
    before = sqlite_server.cpu_seconds()
    answer = ann.gets(f"/api/v1/posts?{query}")
    assert answer.status_code in {200, 414, 422, 431}
    assert sqlite_server.cpu_seconds() - before < 0.25


@pytest.mark.parametrize("text", NO_IDS)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/v1/posts/"), ("DELETE", "/api/v1/posts/"), ("DELETE", "/deletePost/")]
)
def test_iv_22_what_is_no_id_is_the_name_of_nothing(
    sqlite_server: PostkeepServer, ann: Person, method: str, path: str, text: str
) -> None:
    """Exactly the answer for an id that nobody has."""
    own = ann.posts()[0]["id"]
    asked = path + text.replace("{id}", own).replace("{hex}", own.replace("-", "")).replace(" ", "%20")
    # By hand, because client libraries tidy paths up.
    with Wire(sqlite_server) as wire:
        wire.send(f"{method} {asked} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ann.access}\r\n\r\n")
        answer = wire.answer()
    assert (answer.status, answer.header("content-type")) == (404, "application/problem+json")
    assert ann.texts() == ["the one post"]


@pytest.mark.parametrize("text", [*NO_IDS[:12], "", " ", "{id} "])
def test_iv_22_the_same_for_an_id_in_the_query(sqlite_server: PostkeepServer, ann: Person, text: str) -> None:
    """By its other name, too."""
    own = ann.posts()[0]["id"]
    nothing = sqlite_server.http.delete("/deletePost", params={"postID": UNKNOWN}, headers=ann.authorization)
    answer = sqlite_server.http.delete(
        "/deletePost", params={"postID": text.replace("{id}", own)}, headers=ann.authorization
    )
    assert comparable(answer) == comparable(nothing)
    assert ann.texts() == ["the one post"]


def test_an_id_may_be_written_in_capitals(server: PostkeepServer) -> None:
    """A UUID is the same in either case (RFC 9562 4)."""
    person = Person.signs_up(server.http)
    post_id = person.add(a_text())
    assert person.gets(f"/api/v1/posts/{post_id.upper()}").json()["id"] == post_id
    assert person.delete(post_id.upper()).status_code == 204


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/posts/",
        "/api/v1/posts//",
        "//api/v1/posts",
        "/api//v1/posts",
        "/api/v1//posts",
        "/api/v1/posts/.",
        "/api/v1/posts/..",
        "/api/v1/./posts",
        "/api/v1/x/../posts",
        "/api/v1/%2e%2e/v1/posts",
        "/api/v1/posts%2f",
        "/api/v1/posts%00",
        "/api/v1/posts%20",
        "/api/v1/posts;x=1",
        "/api/v1/posts,",
        "/api/v1/POSTS",
        "/API/v1/posts",
        "/api/v1/posts.json",
        "/api/v1/po%2573ts",
        "/api/v1%2fposts%252f",
        "/api/v2/posts",
        "/api/v1",
        "/api/v1/",
        "/getPosts/",
        "/getposts",
        "/GETPOSTS",
        "/me",
        "/posts",
        "/deletePost/",
        "/livez/",
        "/docs/",
        "/openapi.json/",
        "/static",
        "/static/",
        "/static/..%2f..%2f__init__.py",
        "/static/%2e%2e/%2e%2e/__init__.py",
        "/static/../../__init__.py",
        "/static//etc/passwd",
        "/static/%2fetc/passwd",
        "/static/%00",
        "/static/docs.html%00",
        "/static/" + "a" * 5000,
        "/static/" + "a/" * 3000,
        "/static/swagger-ui",
        "/%ff",
        "/%c0%af",
        "/%F0%9F%A6%86",
        "/%00",
        "/%",
        "/%zz",
        "/" + "a" * 7999,
        "/" + "%41" * 2600,
        "/.env",
        "/.git/config",
        "/metrics",
        "/debug",
        "/redoc",
        "/favicon.ico",
    ],
)
def test_iv_23_a_path_is_the_one_that_is_written(sqlite_server: PostkeepServer, ann: Person, path: str) -> None:
    """No tidying up, no second chance, and above all no redirect, which would go wherever Host says."""
    with Wire(sqlite_server) as wire:
        wire.send(f"GET {path} HTTP/1.1\r\nHost: evil.localhost\r\nAuthorization: Bearer {ann.access}\r\n\r\n")
        answer = wire.answer()
    assert (answer.status, answer.header("content-type")) == (404, "application/problem+json")
    assert answer.header("location") is None
    assert b"evil" not in answer.body


@pytest.mark.parametrize("path", ["/api/v1/%70osts", "/%61%70%69/v1/posts", "/getP%6Fsts"])
def test_an_encoded_letter_is_that_letter(ann: Person, path: str) -> None:
    """An encoded letter is the letter (RFC 3986 6.2.2.2); the token counts there as everywhere."""
    assert ann.http.get(path).status_code == 401
    assert ann.gets(path).status_code == 200


def names_of(answer: httpx2.Response) -> list[str]:
    """Return the names of an answer's headers, but for the date."""
    return sorted(name for name in answer.headers if name != "date")


def test_the_names_of_the_specification_do_the_same(server: PostkeepServer) -> None:
    """Five operations at the names that the specification gives them, with the same answers."""
    by_path, by_name = Person(server.http), Person(server.http)
    signed_up = [by_path.signup(), server.http.post("/signup", json=by_name.credentials)]
    logged_in = [by_path.login(), server.http.post("/login", json=by_name.credentials)]
    for person, answer in zip((by_path, by_name), logged_in, strict=True):
        person.keep(answer)
    bodies = [{"text": "one", "title": "first", "status": "draft"}, {"text": "two"}, {"text": "three"}]
    added = [
        (by_path.adds(body), server.http.post("/addPost", json=body, headers=by_name.authorization)) for body in bodies
    ]
    listed = [(by_path.gets(f"/api/v1/posts{query}"), by_name.gets(f"/getPosts{query}")) for query in ("", "?limit=2")]
    ids = [answer.json()["postID"] for _, answer in added]
    deleted = [
        (
            by_path.delete(added[0][0].json()["postID"]),
            server.http.delete(f"/deletePost/{ids[0]}", headers=by_name.authorization),
        ),
        (
            by_path.delete(added[1][0].json()["postID"]),
            server.http.delete("/deletePost", params={"postID": ids[1]}, headers=by_name.authorization),
        ),
        (by_path.delete(UNKNOWN), server.http.delete(f"/deletePost/{UNKNOWN}", headers=by_name.authorization)),
    ]
    for one, other in (signed_up, logged_in, *added, *listed, *deleted):
        assert (one.status_code, names_of(one)) == (other.status_code, names_of(other))
        assert one.headers.get("content-type") == other.headers.get("content-type")
    assert [answer.status_code for _, answer in deleted] == [204, 204, 404]
    assert by_path.texts() == by_name.texts() == ["three"]
    assert pages(by_name, "/getPosts?limit=1") == [["three"]]
    assert listed[1][1].headers["link"].startswith("</getPosts?limit=2&cursor=")


def test_deleting_by_query_needs_the_id(sqlite_server: PostkeepServer, ann: Person) -> None:
    """Without it, nothing is deleted, and nothing is guessed."""
    answer = sqlite_server.http.delete("/deletePost", headers=ann.authorization)
    assert (*problem_of(answer), paths_of(answer)) == (422, "missing", ["query.postID"])
    twice = sqlite_server.http.delete(
        f"/deletePost?postID={UNKNOWN}&postID={ann.posts()[0]['id']}", headers=ann.authorization
    )
    assert problem_of(twice) == (422, "repeated")
    assert ann.texts() == ["the one post"]
