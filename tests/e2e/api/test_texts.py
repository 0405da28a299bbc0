"""Texts, titles and status: what a post may hold, and that it comes back as it was sent (CASES.md, IV-11 to IV-27)."""

import json
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx2
import pytest

from tests.e2e.clients import MARK, Person, a_text, paths_of, problem_of
from tests.e2e.servers import PostkeepServer

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

EVERYTHING = [
    "\U0001f986 \U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f1e9\U0001f1ea \U0001f44d\U0001f3fd",
    "\u202eright to left\u202c \u0627\u0644\u0633\u0644\u0627\u0645 \u05e9\u05dc\u05d5\u05dd",
    "\U0010ffff \uffff \ufffe \ufdd0 \ufeff \ue000 \U000f0000",
    "z\u0335\u0321\u0322\u0327" + "\u0301" * 100,
    "\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x1f\x7f\x80\x85\x9f",
    " \t\r\n leading and trailing \r\n\t ",
    "one\r\ntwo\rthree\nfour\u2028five\u2029six\x0bseven",
    "quotes ' \" ` \\ \\\\ \\' %s %(text)s :text ? ; -- /* */ # {} ${x} $1",
    "'; DROP TABLE posts; --",
    "\\u0000 \\n \\x00 &amp; &#0; %00 <script>alert(1)</script> {{7*7}}",
    "a",
    "0",
    "null",
    "false",
    "\u200b",
    "\u00ad\u2060",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "Ångström ﬁ ß ẞ İ ı ſ K Å",
]

BLANK = [
    "",
    " ",
    "\t",
    "\n",
    "\r\n",
    "\u00a0",
    "\u3000",
    "\u2003\u2009",
    "\u0085",
    "\u2028\u2029",
    "\x1c\x1d\x1e\x1f",
    "\u1680",
    " " * 100_000,
]


@pytest.fixture(scope="module")
def ann(sqlite_server: PostkeepServer) -> Person:
    """Return somebody who is signed in."""
    return Person.signs_up(sqlite_server.http)


def sends(person: Person, body: bytes | str, content_type: str = "application/json") -> httpx2.Response:
    """Send bytes as a post, as they stand here."""
    content = body.encode() if isinstance(body, str) else body
    headers = {**person.authorization, "Content-Type": content_type}
    return person.http.post("/api/v1/posts", content=content, headers=headers)


@pytest.mark.parametrize("blank", BLANK)
@pytest.mark.parametrize("field", ["text", "title"])
def test_iv_11_nothing_but_white_space_is_no_text(ann: Person, blank: str, field: str) -> None:
    """An empty post is a mistake of whoever sent it."""
    answer = ann.adds({"text": "text", field: blank})
    assert (*problem_of(answer), paths_of(answer)) == (422, f"{field}_invalid", [f"body.{field}"])


@pytest.mark.parametrize("ascii_only", [True, False], ids=["escaped", "as-utf-8"])
def test_iv_12_every_character_comes_back(server: PostkeepServer, *, ascii_only: bool) -> None:
    """In the list, alone, in text and title, on every database: people's words are not ours to change."""
    person = Person.signs_up(server.http)
    for text in EVERYTHING:
        body = json.dumps({"text": text, "title": text[:200]}, ensure_ascii=ascii_only)
        assert sends(person, body).status_code == 201
    posts = person.posts()
    assert [post["text"] for post in posts] == EVERYTHING[::-1]
    assert [post["title"] for post in posts] == [text[:200] for text in EVERYTHING[::-1]]
    assert [person.gets(f"/api/v1/posts/{post['id']}").json() for post in posts] == posts
    sizes = [len(text.encode()) + len(text[:200].encode()) for text in EVERYTHING]
    assert person.me().json()["bytes"] == sum(sizes)


@pytest.mark.parametrize("field", ["text", "title"])
@pytest.mark.parametrize("value", ["\0", "before\0after", "tail\0", "\0head"])
def test_iv_13_nul_is_refused_on_every_database(resident: Person, field: str, value: str) -> None:
    """Some databases keep it, some cut there, some refuse: here it never gets that far."""
    kept = len(resident.posts())
    answer = resident.adds({"text": "text", field: value})
    assert (*problem_of(answer), paths_of(answer)) == (422, f"{field}_invalid", [f"body.{field}"])
    assert len(resident.posts()) == kept


@pytest.mark.parametrize(
    "body",
    [
        '{"text": "\\ud800"}',
        '{"text": "before \\udfff after"}',
        '{"text": "\\ude00\\ud83d"}',
        '{"text": "x", "title": "\\ud800"}',
        '{"text": "x", "status": "\\ud800"}',
        '{"text": "x", "\\ud800": 1}',
        '{"text": "x", "y": {"\\ud800": {}}}',
        '{"text": "x", "y": [[["\\udc00"]]]}',
        '{"\\ud800": "\\ud800"}',
        '["\\ud800"]',
        '"\\ud800"',
        '{"text": "\\uD83D\\u0041"}',
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/posts", "/api/v1/signup"])
def test_iv_14_half_a_character_is_refused_wherever_it_stands(
    sqlite_server: PostkeepServer, ann: Person, path: str, body: str
) -> None:
    """As a value or a name, deep inside or in a member that nobody knows: JSON can say it, UTF-8 cannot."""
    headers = {**ann.authorization, "Content-Type": "application/json"}
    answer = sqlite_server.http.post(path, content=body, headers=headers)
    assert problem_of(answer) == (422, "json_invalid")


@pytest.mark.parametrize(
    "body",
    [
        b'{"text": "\xff"}',
        b'{"text": "\xc3"}',
        b'{"text": "\xe2\x82"}',
        b'{"text": "\xc0\xaf"}',
        b'{"text": "\xed\xa0\x80"}',
        b'{"text": "\xf4\x90\x80\x80"}',
        b'{"text": "\xf8\x88\x80\x80\x80"}',
        b'{"text": "gr\xfcn"}',
        b'{"text": "x"}\xff',
        b"\xff",
        '{"text": "x"}'.encode("utf-16"),
        '{"text": "x"}'.encode("utf-16-le"),
        '{"text": "x"}'.encode("utf-16-be"),
        '{"text": "x"}'.encode("utf-32"),
        '{"text": "x"}'.encode("utf-32-le"),
        '{"text": "x"}'.encode("utf-32-be"),
        '{"text": "x"}'.encode("utf-8-sig"),
        '{"text": "x"}'.encode("utf-7"),
    ],
    ids=[
        "ff",
        "cut-2",
        "cut-3",
        "overlong",
        "surrogate",
        "above",
        "five-bytes",
        "latin-1",
        "behind",
        "alone",
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "utf-32-le",
        "utf-32-be",
        "bom",
        "utf-7",
    ],
)
def test_iv_17_a_body_is_utf_8_and_nothing_else(ann: Person, body: bytes) -> None:
    """Guessing encodings reads things into a body that others do not see there (RFC 8259 8.1)."""
    answer = sends(ann, body)
    assert answer.status_code == (201 if body == b'{"text": "x"}' else 400)


@pytest.mark.parametrize("value", [5, 1.5, True, False, None, [], {}, ["text"], {"text": "x"}])
def test_iv_19_a_text_is_a_string(ann: Person, value: object) -> None:
    """What is nearly a string is a mistake, and turning it into one would keep the mistake."""
    answer = ann.adds({"text": value})
    assert (answer.status_code, paths_of(answer)) == (422, ["body.text"])


@pytest.mark.parametrize("value", [5, True, [], {}, ["title"], "t" * 201, "\U0001f986" * 201, ""])
def test_iv_19_a_title_is_a_string_of_at_most_200_characters(ann: Person, value: object) -> None:
    """The same for titles, which may also be left out."""
    answer = ann.adds({"text": "text", "title": value})
    assert (answer.status_code, paths_of(answer)) == (422, ["body.title"])


@pytest.mark.parametrize("title", [None, "t" * 200, "\U0001f986" * 200, "e\u0301" * 100])
def test_a_title_may_be_long_or_missing(resident: Person, title: str | None) -> None:
    """Two hundred characters, whichever they are."""
    assert resident.adds({"text": "text", "title": title}).status_code == 201
    assert resident.posts()[0]["title"] == title


@pytest.mark.parametrize(
    "value", [5, None, True, [], {}, "", "PUBLISHED", "published ", "deleted", "draft\0", "\u202e"]
)
def test_iv_19_a_status_is_one_of_three(ann: Person, value: object) -> None:
    """Draft, published or archived, spelled so."""
    answer = ann.adds({"text": "text", "status": value})
    assert (answer.status_code, paths_of(answer)) == (422, ["body.status"])


@pytest.mark.parametrize("status", ["draft", "published", "archived"])
def test_a_post_keeps_its_status(resident: Person, status: str) -> None:
    """It is published unless its author says otherwise."""
    resident.add("with", status=status)
    resident.add("without")
    assert [post["status"] for post in resident.posts()[:2]] == ["published", status]


@pytest.mark.parametrize("body", ["", " ", "[]", "5", "true", "null", '"text"', '[{"text": "x"}]', "{}", "[[[]]]"])
def test_iv_19_a_body_is_an_object(ann: Person, body: str) -> None:
    """Everything else is named as what it is."""
    assert sends(ann, body).status_code == 422


@pytest.mark.parametrize("size", [65_536, 70_000, 1024 * 1024 - 12])
@pytest.mark.parametrize("letter", ["x", "\U0001f986", "'", "\\\\"], ids=["ascii", "emoji", "quote", "backslash"])
def test_iv_21_a_long_text_is_kept_whole(resident: Person, size: int, letter: str) -> None:
    """MySQL's TEXT ends at 65,535 bytes, and quotes double in a statement: nothing may be cut off."""
    body = ('{"text": "' + letter * (size // len(letter.encode())) + '"}').encode()
    answer = sends(resident, body)
    assert answer.status_code == 201
    assert resident.gets(answer.headers["location"]).json()["text"] == json.loads(body)["text"]
    assert resident.delete(answer.json()["postID"]).status_code == 204


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/vnd.api+json",
        "application/problem+json",
        "application/jsonx",
        "application/octet-stream",
        "application/json, text/plain",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "*/*",
        "json",
        "",
        ";",
    ],
)
@pytest.mark.parametrize("path", ["/addPost", "/api/v1/signup"])
def test_iv_25_another_content_type_is_415(
    sqlite_server: PostkeepServer, ann: Person, path: str, content_type: str
) -> None:
    """A page of another site can make a browser send text/plain or a form without asking; JSON it cannot."""
    headers = {**ann.authorization, "Content-Type": content_type}
    answer = sqlite_server.http.post(path, content=b'{"text": "x"}', headers=headers)
    assert problem_of(answer) == (415, "unsupported_media_type")


def test_iv_25_no_content_type_is_415(sqlite_server: PostkeepServer, ann: Person) -> None:
    """Nothing is guessed."""
    request = sqlite_server.http.build_request(
        "POST", "/api/v1/posts", content=b'{"text": "x"}', headers=ann.authorization
    )
    assert "content-type" not in request.headers
    assert sqlite_server.http.send(request).status_code == 415


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'application/json; charset="utf-8"',
        "application/json ;charset=utf-8",
        "application/json;",
    ],
)
def test_iv_25_json_may_be_spelled_as_clients_do(ann: Person, content_type: str) -> None:
    """Names of media types have no case, and UTF-8 is what JSON is."""
    assert sends(ann, '{"text": "x"}', content_type).status_code == 201


@pytest.mark.parametrize("name", ["x", "я", "\U0001f986", "\\u202e", '\\"', "\\u0001", "<script>", "\\u0000"])
@pytest.mark.parametrize("length", [1, 100, 5000])
def test_iv_26_a_refusal_is_short_and_says_nothing_back(ann: Person, name: str, length: int) -> None:
    """However many mistakes there are: at most 20 are named, in 4 KiB; the values sent do not come back."""
    # More than a thousand parts are refused as a whole, and no member of them is named.
    many = min(200, 300_000 // (6 * length + 60))
    members = ", ".join(f'"{name * length}{number}": "{MARK}"' for number in range(many))
    answer = sends(ann, f'{{"text": 5, "title": ["{MARK}"], {members}}}')
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == min(20, many + 2)
    assert len(answer.content) <= 4096
    assert MARK not in answer.text
    assert not {"input", "url", "ctx"} & {name for error in answer.json()["errors"] for name in error}


@pytest.mark.parametrize(
    "name", ["x", "txet", "a_B9" * 10, "x" * 41, "a b", "a.b", "a-b", "я", "\U0001f986", "\\n", "<b>"]
)
def test_iv_26_an_unknown_name_comes_back_if_it_is_short_and_plain(ann: Person, name: str) -> None:
    """Whoever misspelt one sees which; anything else could be a text, a secret or a mark-up in a name's place."""
    shown = name if re.fullmatch(r"[A-Za-z0-9_]{1,40}", name) else "?"
    answer = sends(ann, f'{{"text": "x", "{name}": "{MARK}"}}')
    assert (answer.status_code, paths_of(answer)) == (422, [f"body.{shown}"])
    assert MARK not in answer.text


@pytest.mark.parametrize("text", ["e\u0301te\u0301", "\u00e9t\u00e9", "\u1112\u1161\u11ab", "\ud55c", "\u212b", "ﬁ"])
def test_iv_27_texts_are_not_normalised(resident: Person, text: str) -> None:
    """Passwords are, texts are not: what was written stays."""
    post = resident.gets(f"/api/v1/posts/{resident.add(text, title=text)}").json()
    assert (post["text"], post["title"]) == (text, text)


def test_an_added_post_is_answered_with_where_and_when(resident: Person) -> None:
    """Id, version and dates come from the server; the list says the same."""
    answer = resident.adds({"text": a_text(), "title": "Today"})
    added = answer.json()
    assert (answer.status_code, added["version"]) == (201, 1)
    assert answer.headers["location"] == f"/api/v1/posts/{added['postID']}"
    assert MOMENT.fullmatch(added["created_date"])
    assert added["created_date"] == added["updated_date"]
    written = datetime.fromisoformat(added["created_date"])
    assert abs(written - datetime.now(UTC)) < timedelta(seconds=10)
    assert UUID(added["postID"]).int >> 80 == int(written.timestamp() * 1000)
    shown = resident.posts()[0]
    assert {name: shown[name] for name in ("version", "created_date", "updated_date")} == {
        name: added[name] for name in ("version", "created_date", "updated_date")
    }
    assert shown["id"] == added["postID"]


@pytest.mark.parametrize(
    "body",
    [
        '{"text": "x", "text": "y"}',
        '{"text": "x", "te\\u0078t": "y"}',
        '{"text": NaN}',
        '{"text": "x", "a": Infinity}',
        '{"text": "x", "a": -Infinity}',
        '{"text": "x", "a": 1e999}',
        '{"text": "x", "a": -1e999}',
        '{"text": "x", "a": ' + "9" * 101 + "}",
        '{"text": "x", "a": ' + "9" * 100_000 + "}",
        '{"text": "x", "a": 0.' + "1" * 100_000 + "}",
        '{"text": "x", "a": 1e' + "9" * 5000 + "}",
        '{"text": "x", "a": ' + "[" * 33 + "]" * 33 + "}",
        '{"text": "x", "a": ' + "[" * 200_000 + "]" * 200_000 + "}",
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "[" * 1_000_000,
        '{"text": "x", "a": 01}',
        '{"text": "x", "a": +1}',
        '{"text": "x", "a": .5}',
        '{"text": "x", "a": 0x10}',
        '{"text": "x",}',
        '{"text": "x"} {"text": "y"}',
        '{"text": "x"}}',
        "{'text': 'x'}",
        '{text: "x"}',
        '{"text": "x" /* y */}',
        '{"text": "x"} // y',
        '{"text": "a\nb"}',
        '{"text": "a\tb"}',
        '{"text": "\x00"}',
        '{"text": "\\x41"}',
        '{"text": "\\u12"}',
        '{"text": "\\u{41}"}',
        '{"text": "x"',
        '{"text": "x',
        '{"text": ',
        '{"text"',
        "{",
        '\x0c{"text": "x"}',
        '\u00a0{"text": "x"}',
        '{"text": "x"}\0',
        "undefined",
        "True",
        "None",
    ],
)
def test_json_is_read_strictly(ann: Person, body: str) -> None:
    """What two parsers read differently is how a check is passed and the value behind it is another."""
    assert problem_of(sends(ann, body)) == (422, "json_invalid")


@pytest.mark.parametrize(
    "body",
    [
        ' {"text": "x"} ',
        '\r\n\t{"text"\n:\t"x"\r}\n',
        '{"te\\u0078t": "x"}',
        '{"text": "\\u0078\\/"}',
        '{"text":"x","title":null}',
    ],
)
def test_all_of_json_is_read(ann: Person, body: str) -> None:
    """And what JSON allows is taken."""
    assert sends(ann, body).status_code == 201


@pytest.mark.parametrize(
    "deep", ["[" * 30 + "]" * 30, '{"a":' * 30 + "1" + "}" * 30, "9" * 100, "1e308", "-0", "1E-999", '"\\ud83d\\ude00"']
)
def test_odd_values_in_unknown_members_are_refused_as_unknown(ann: Person, deep: str) -> None:
    """Nothing deep, long or odd gets further than the list of members."""
    answer = sends(ann, f'{{"text": "x", "more": {deep}}}')
    assert (answer.status_code, paths_of(answer)) == (422, ["body.more"])
