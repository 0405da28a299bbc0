"""Taking everything out and bringing it in, over a real server."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest

from tests.e2e.clients import Person, a_text, paths_of, problem_of
from tests.e2e.conftest import settings_for
from tests.e2e.raw import Wire
from tests.e2e.servers import PostkeepServer

LINES = "application/jsonl"
ZIP = "application/zip"
MEGABYTE = 1024 * 1024
TEXTS = ["---\n---\n", " \r\nПривет\r\n", "no end", "end\n", "\ufeffa\u2028b\x01\x7f", "x" * 900_000, "# No title"]


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostkeepServer]:
    """Serve with a second for each body, two megabytes for an import, and three posts for each account."""
    changed = {"POSTKEEP_BODY_SECONDS": "1", "POSTKEEP_IMPORT_BYTES": str(2 * MEGABYTE), "POSTKEEP_QUOTA_POSTS": "3"}
    with PostkeepServer(tmp_path_factory.mktemp("hurried"), {**settings_for(), **changed}).running() as server:
        yield server


def exports(person: Person, form: str) -> httpx2.Response:
    """Take everything out."""
    return person.gets(f"/api/v1/export?format={form}")


def imports(person: Person, content: bytes, kind: str = LINES, query: str = "") -> httpx2.Response:
    """Bring something in."""
    headers = {**person.authorization, "Content-Type": kind}
    return person.http.post(f"/api/v1/import{query}", content=content, headers=headers)


def report(answer: httpx2.Response) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the lines of a report, and its last one."""
    assert (answer.status_code, answer.headers["content-type"]) == (200, LINES), answer.text
    assert answer.headers["cache-control"] == "no-store"
    *lines, last = map(json.loads, answer.text.splitlines())
    assert all(line.keys() == {"entry", "outcome", "postID", "code", "detail"} for line in lines)
    return lines, last


def counted(answer: httpx2.Response) -> tuple[int, int, int, bool]:
    """Return how many were added, there already and refused, and whether it was all."""
    lines, last = report(answer)
    numbers = [last[name] for name in ("added", "existing", "refused")]
    assert [sum(line["outcome"] == name for line in lines) for name in ("added", "existing", "refused")] == numbers
    return numbers[0], numbers[1], numbers[2], last["complete"]


def zipped(*files: tuple[str, str]) -> bytes:
    """Return a ZIP."""
    sent = io.BytesIO()
    with zipfile.ZipFile(sent, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6)), content, zipfile.ZIP_DEFLATED)
    return sent.getvalue()


@pytest.mark.parametrize(("form", "kind", "ending"), [("json", LINES, "jsonl"), ("markdown", ZIP, "zip")])
def test_whoever_leaves_comes_back_with_everything(server: PostkeepServer, form: str, kind: str, ending: str) -> None:
    """Every byte, title, status and date; a dry run changes nothing, and a second one adds nothing."""
    ann, bob = Person.signs_up(server.http), Person.signs_up(server.http)
    for number, text in enumerate(TEXTS):
        titled = {"title": f'"{number}"'} if number else {}
        ann.add(text, status=("draft", "published", "archived")[number % 3], **titled)
    taken = exports(ann, form)
    assert (taken.status_code, taken.headers["content-type"]) == (200, kind)
    assert taken.headers["cache-control"] == "no-store"
    disposition = taken.headers["content-disposition"]
    assert disposition.startswith('attachment; filename="postkeep-20')
    assert disposition.endswith(f'.{ending}"')

    assert counted(imports(bob, taken.content, kind, "?dry_run=true")) == (len(TEXTS), 0, 0, True)
    assert bob.posts() == []
    assert counted(imports(bob, taken.content, kind)) == (len(TEXTS), 0, 0, True)
    assert (bob.posts() == ann.posts()) is True
    assert (exports(bob, form).content == taken.content) is True
    assert counted(imports(bob, taken.content, kind)) == (0, len(TEXTS), 0, True)
    assert bob.me().json()["bytes"] == ann.me().json()["bytes"]


def test_a_zip_is_one_that_others_read(server: PostkeepServer) -> None:
    """A file for each post, newest first, with names for people."""
    ann = Person.signs_up(server.http)
    first, second = ann.add("Купили молоко, и хлеб!"), ann.add(a_text(), title="A/B: \\..\\C")
    with zipfile.ZipFile(io.BytesIO(exports(ann, "markdown").content)) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        day = ann.posts()[0]["created_date"][:10]
        assert names == [f"{day}-a-b-c-{second}.md", f"{day}-купили-молоко-и-хлеб-{first}.md"]
        assert archive.read(names[1]).decode().endswith("\n---\n\nКупили молоко, и хлеб!")


def test_nothing_is_a_file_too(server: PostkeepServer) -> None:
    """Whoever has no posts gets a file without any, which can be brought in."""
    ann = Person.signs_up(server.http)
    for form, kind in (("json", LINES), ("markdown", ZIP)):
        assert counted(imports(ann, exports(ann, form).content, kind)) == (0, 0, 0, True)
    assert exports(ann, "json").content == b""
    assert server.http.head("/api/v1/export", headers=ann.authorization).status_code == 200


def test_a_folder_of_notes_comes_in(server: PostkeepServer) -> None:
    """What is no note is named; each note has a title and a date."""
    ann = Person.signs_up(server.http)
    notes = zipped(("Notes/Milk.md", "buy it"), ("Notes/b.md", "# Bread\n"), ("Notes/cat.jpg", "?"), ("../x.md", "x"))
    lines, last = report(imports(ann, notes, ZIP))
    assert [(line["entry"], line["outcome"], line["code"]) for line in lines] == [
        ("Notes/Milk.md", "added", None),
        ("Notes/b.md", "added", None),
        ("Notes/cat.jpg", "refused", "not_markdown"),
        ("../x.md", "refused", "name_unsafe"),
    ]
    assert last == {"added": 2, "existing": 0, "refused": 2, "dry_run": False, "complete": True}
    posts = {post["title"]: post for post in ann.posts()}
    assert {title: post["text"] for title, post in posts.items()} == {"Milk": "buy it", "Bread": "# Bread\n"}
    assert posts["Milk"]["created_date"] == "2026-01-02T03:04:06.000000Z"
    assert posts["Milk"]["id"] == lines[0]["postID"]
    assert counted(imports(ann, notes, ZIP)) == (0, 2, 2, True)


def test_what_comes_in_is_in_the_list_at_once(server: PostkeepServer, second: PostkeepServer) -> None:
    """The list was remembered before, here and in another process."""
    ann = Person.signs_up(server.http)
    there = ann.at(second.http)
    assert (ann.texts(), there.texts()) == ([], [])
    assert counted(imports(ann, b'{"text":"mine"}\n')) == (1, 0, 0, True)
    assert (ann.texts(), there.texts()) == (["mine"], ["mine"])


def test_beyond_the_quota_the_rest_is_refused(hurried: PostkeepServer) -> None:
    """What fits stays."""
    ann = Person.signs_up(hurried.http)
    lines, last = report(imports(ann, b"".join(b'{"text":"note %d"}\n' % n for n in range(5))))
    assert [line["code"] for line in lines] == [None, None, None, "quota_exceeded", "quota_exceeded"]
    assert (last["added"], last["refused"], len(ann.posts())) == (3, 2, 3)


def test_what_nobody_can_read_is_refused_whole(server: PostkeepServer) -> None:
    """In words, before anything is added."""
    ann = Person.signs_up(server.http)
    bomb = zipped(*((f"{n}.md", "\0" * 1_000_000) for n in range(80)))
    for content, kind, query, said in (
        (b"PK\3\4 is no ZIP", ZIP, "", (422, "zip_invalid")),
        (b"", ZIP, "", (422, "zip_invalid")),
        (bomb, ZIP, "", (422, "zip_bomb")),
        (b"dear diary,\ntoday\n", LINES, "", (422, "line_invalid")),
        (b"\xff\xfe\0", LINES, "?dry_run=true", (422, "line_invalid")),
        (b"{}", "application/json", "", (415, "unsupported_media_type")),
        (b"{}", f"{LINES}; charset=utf-16", "", (415, "unsupported_media_type")),
        (b"{}", LINES, "?dry_run=1", (422, "bool_parsing")),
        (b"{}", LINES, "?dry_run=true&dry_run=false", (422, "repeated")),
    ):
        assert problem_of(imports(ann, content, kind, query)) == said
    unknown = exports(ann, "pdf")
    assert (unknown.status_code, paths_of(unknown)) == (422, ["query.format"])
    assert ann.posts() == []


def test_one_import_may_follow_another_at_once(sqlite_server: PostkeepServer) -> None:
    """Whoever has the whole report is not told that this import is still under way."""
    ann = Person.signs_up(sqlite_server.http)
    answers = [imports(ann, b'{"text":"mine"}\n', query="?dry_run=true") for _ in range(100)]
    assert {answer.status_code for answer in answers} == {200}


def test_nobody_gets_anything_without_a_token(sqlite_server: PostkeepServer) -> None:
    """Not even the body is asked for."""
    with Wire(sqlite_server) as wire:
        wire.send("POST /api/v1/import HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\nExpect: 100-continue\r\n\r\n")
        assert wire.answer().status == 401
    assert sqlite_server.http.get("/api/v1/export").status_code == 401


def begin(server: PostkeepServer, person: Person, *lines: str) -> Wire:
    """Begin to bring something in."""
    known = f"Authorization: Bearer {person.access}"
    wire = Wire(server)
    wire.send("\r\n".join(["POST /api/v1/import HTTP/1.1", "Host: x", f"Content-Type: {LINES}", known, *lines, "", ""]))
    return wire


def test_two_gigabytes_are_refused(hurried: PostkeepServer) -> None:
    """At once where they are announced, at the limit where they are not; neither memory nor disk takes more."""
    ann = Person.signs_up(hurried.http)
    with begin(hurried, ann, "Content-Length: 2147483648") as wire:
        assert wire.answer().status == 413
    hurried.forget_peak()
    before = hurried.peak_bytes()
    with begin(hurried, ann, "Transfer-Encoding: chunked") as wire:
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        for _ in range(64):
            wire.send_as_taken(chunk)
        answer = wire.answer()
        assert (answer.status, json.loads(answer.body)["code"]) == (413, "body_too_large")
    assert hurried.peak_bytes() - before < 16 * MEGABYTE
    assert counted(imports(ann, b'{"text":"a"}')) == (1, 0, 0, True)
    assert hurried.events("failed") == []


def test_a_long_body_outlasts_the_time_for_others(hurried: PostkeepServer) -> None:
    """As long as it goes on coming; who sends next to nothing any more is let go, however fast it came at first."""
    ann = Person.signs_up(hurried.http)
    line = b'{"text":"%s"}\n' % (b"x" * 900_000)
    with begin(hurried, ann, f"Content-Length: {len(line)}") as wire:
        for begun in range(0, len(line), 90_000):
            wire.send(line[begun : begun + 90_000])
            time.sleep(0.25)
        assert wire.answer().status == 200
    for sent in (b"", line):
        with begin(hurried, ann, f"Content-Length: {len(line) + 100}") as wire:
            wire.send(sent)
            assert wire.answer().status == 408
    assert len(ann.posts()) == 1


def test_one_import_of_each_at_a_time_and_slow_ones_hold_nobody_up(hurried: PostkeepServer) -> None:
    """Whoever breaks off makes room for another of their own."""
    people = [Person.signs_up(hurried.http) for _ in range(4)]
    with ExitStack() as stack:
        for person in people[:3]:
            wire = stack.enter_context(begin(hurried, person, "Content-Length: 100", "Expect: 100-continue"))
            # The body is asked for once there is a place for it.
            assert wire.answer().status == 100
            wire.send(b'{"text":"half')
            assert problem_of(imports(person, b"x")) == (409, "import_under_way")
        assert counted(imports(people[3], b'{"text":"a"}')) == (1, 0, 0, True)
    deadline = time.monotonic() + 20
    while (answer := imports(people[0], b'{"text":"a"}')).status_code != 200:
        assert time.monotonic() < deadline
        assert answer.status_code == 409
    assert [len(person.posts()) for person in people] == [1, 0, 0, 1]
