"""What is brought in, entry by entry: what is read as what, and what is refused."""

import io
import json
import stat
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postkeep.controllers.incoming import PART_ENTRIES, Incoming
from postkeep.controllers.incoming_files import IncomingFiles
from postkeep.controllers.incoming_lines import IncomingLines
from postkeep.domain.errors import PostkeepError
from postkeep.domain.incoming import IncomingPost
from postkeep.domain.posts import MAX_BODY_BYTES, MAX_LINE_BYTES, ListedPost, Status, Text, Title
from postkeep.services.entries import Entry
from postkeep.views.post_files import MAX_FRONT_BYTES, file_name, write_file
from tests.builders import a_post

DATE = (2026, 11, 29, 9, 41, 58)
THEN = datetime(*DATE, tzinfo=UTC)


def entries(incoming: Incoming) -> list[Entry]:
    """Return all entries."""
    return [entry for part in incoming.parts() for entry in part]


def lines(content: bytes, *, most: int = 1000) -> list[Entry]:
    """Read lines."""
    return entries(IncomingLines(io.BytesIO(content), most=most))


def line(content: bytes) -> IncomingPost | str:
    """Read one line, and return the post or the code of its refusal."""
    ((_, found),) = lines(content)
    return found.code if isinstance(found, PostkeepError) else found


def zipped(files: Iterable[tuple[str | zipfile.ZipInfo, bytes]]) -> list[Entry]:
    """Read files."""
    sent = io.BytesIO()
    with zipfile.ZipFile(sent, "w") as archive:
        for name, content in files:
            info = zipfile.ZipInfo(name, DATE) if isinstance(name, str) else name
            archive.writestr(info, content)
    return entries(IncomingFiles(sent, most=1000))


def file(content: bytes, name: str | zipfile.ZipInfo = "Notes/Note.md") -> IncomingPost | str:
    """Read one file, and return the post or the code of its refusal."""
    ((_, found),) = zipped([(name, content)])
    return found.code if isinstance(found, PostkeepError) else found


def test_a_line_holds_what_a_post_has() -> None:
    """Every member; only the text must be there, and null says as much as nothing."""
    given = {
        "id": "7",
        "title": "T",
        "text": " a\r\n",
        "status": "draft",
        "version": 3,
        "created_date": "2026-01-01T12:00:00+03:00",
        "updated_date": "2026-01-02t00:00:00.123456z",
    }
    assert line(json.dumps(given).encode()) == IncomingPost(
        Text(" a\r\n"),
        Title("T"),
        Status.DRAFT,
        3,
        "7",
        datetime(2026, 1, 1, 9, tzinfo=UTC),
        datetime(2026, 1, 2, 0, 0, 0, 123456, UTC),
    )
    bare = b'{"text": "a", "id": null, "title": null, "created_date": null, "updated_date": null}'
    assert line(bare) == line(b'{"text": "a"}\r\n') == IncomingPost(Text("a"))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", "line_invalid"),
        (b"[]", "line_invalid"),
        (b'"a"', "line_invalid"),
        (b"null", "line_invalid"),
        (b'{"text": "a"} {"text": "b"}', "line_invalid"),
        (b'{"text": "a", "text": "b"}', "line_invalid"),
        (b'{"text": "\\ud800"}', "line_invalid"),
        (b'{"text": "\xff"}', "line_invalid"),
        (b'{"text": "a", "version": NaN}', "line_invalid"),
        (b'\xef\xbb\xbf{"text": "a"}', "line_invalid"),
        ('{"text": "a"}'.encode("utf-16"), "line_invalid"),
        (b"[" * 100_000, "line_invalid"),
        (b"{}", "text_invalid"),
        (b'{"text": null}', "text_invalid"),
        (b'{"text": 1}', "text_invalid"),
        (b'{"text": " "}', "text_invalid"),
        (b'{"text": "a\\u0000"}', "text_invalid"),
        (b'{"text": "a", "title": ""}', "title_invalid"),
        (b'{"text": "a", "title": 1}', "title_invalid"),
        (b'{"text": "a", "title": "%s"}' % (b"x" * 201), "title_invalid"),
        (b'{"text": "a", "status": "lost"}', "status_invalid"),
        (b'{"text": "a", "status": null}', "status_invalid"),
        (b'{"text": "a", "version": 0}', "version_invalid"),
        (b'{"text": "a", "version": true}', "version_invalid"),
        (b'{"text": "a", "version": 1.0}', "version_invalid"),
        (b'{"text": "a", "version": 1073741825}', "version_invalid"),
        (b'{"text": "a", "id": 1}', "id_invalid"),
        (b'{"text": "a", "id": ""}', "id_invalid"),
        (b'{"text": "a", "created_date": 1}', "date_invalid"),
        (b'{"text": "a", "created_date": "2026-01-01"}', "date_invalid"),
        (b'{"text": "a", "created_date": "2026-01-01T00:00:00"}', "date_invalid"),
        (b'{"text": "a", "created_date": "2026-02-30T00:00:00Z"}', "date_invalid"),
        (b'{"text": "a", "updated_date": "0001-01-01T00:00:00+14:00"}', "date_invalid"),
        (b'{"text": "a", "tags": []}', "extra_forbidden"),
    ],
)
def test_a_line_that_is_none_is_refused(content: bytes, code: str) -> None:
    """With the reason; nothing is guessed, and nothing dropped."""
    assert line(content) == code


def test_lines_are_counted_from_one_and_blank_ones_too() -> None:
    """As every editor shows them; the last one needs no end."""
    found = lines(b'\n{"text":"a"}\n \r\n{"text":"b"}')
    assert [entry.name for entry in found] == [2, 4]


def test_a_line_that_is_longer_than_a_post_is_refused_and_the_next_is_read() -> None:
    """A megabyte of control characters takes six; nine are no post's."""
    longest = json.dumps({"text": "\x01" * MAX_BODY_BYTES, "title": "\U0001f600" * 200}).encode()
    assert len(longest) < MAX_LINE_BYTES
    too_long = b'{"text":"' + b"x" * (2 * MAX_LINE_BYTES) + b'"}'
    found = lines(too_long + b"\n" + longest + b"\n" + b"x" * MAX_LINE_BYTES)
    codes = [entry.post.code if isinstance(entry.post, PostkeepError) else None for entry in found]
    assert codes == ["post_too_large", None, "post_too_large"]


def test_too_many_lines_end_it() -> None:
    """The last entry says so."""
    found = lines(b'{"text":"a"}\n' * 12, most=10)
    assert [entry.name for entry in found] == list(range(1, 12))
    last = found[-1].post
    assert isinstance(last, PostkeepError)
    assert last.code == "too_many_entries"


def test_a_part_is_never_long() -> None:
    """So many entries, or so many bytes, or so many lines that say nothing; and progress is told."""
    few = IncomingLines(io.BytesIO(b'{"text":"a"}\n' * 250))
    assert [len(part) for part in few.parts()] == [PART_ENTRIES, PART_ENTRIES, 50]
    assert few.done == few.total
    large = IncomingLines(io.BytesIO(b'{"text":"%s"}\n' % (b"x" * 600_000) * 5))
    assert [len(part) for part in large.parts()] == [2, 2, 1]
    blank = IncomingLines(io.BytesIO(b"\n" * 2500))
    assert [len(part) for part in blank.parts()] == [0, 0, 0]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
TITLES = st.none() | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=200
)


@given(TEXTS.filter(lambda text: not text.isspace()), TITLES.filter(lambda title: not (title or "a").isspace()))
def test_a_file_that_was_written_is_read_as_it_was(text: str, title: str | None) -> None:
    """Line ends, white space, dashes, quotes: every character; its name is one that every system takes."""
    post = a_post(text=Text(text), title=title)
    listed = ListedPost.of(post)
    written = write_file(listed)
    assert file(written) == IncomingPost(
        post.text, post.title, post.status, 1, str(post.id), post.created_date, post.updated_date
    )
    assert len(written) - len(text.encode()) < MAX_FRONT_BYTES
    name = file_name(listed)
    assert name.startswith("2026-")
    assert name.endswith(f"-{post.id}.md")
    assert not set(name) & set('/\\:*?"<>| \n\r\t\0')
    assert len(name.encode()) < 255


@pytest.mark.parametrize("text", ["---\na: b\n---\n", "\n\ntwo lines", "\r\n", "no end", "end\n", "\ufeffa", "---"])
def test_texts_that_look_like_something_else_come_back(text: str) -> None:
    """What stands before them is ours, and ends where it ends."""
    text = text if not text.isspace() else text + "a"
    found = file(write_file(ListedPost.of(a_post(text=Text(text)))))
    assert isinstance(found, IncomingPost)
    assert found.text == text


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("# Shopping list #\nmilk", "Shopping list"),
        ("\n#  C#\r\nmilk", "C#"),
        ("milk\n\n# Later\n", "Later"),
        ("## Second\n#Tag\nmilk", "Note"),
        ("#\nmilk", "Note"),
        ("# " + "long " * 100, ("long " * 100)[:200].strip() + " "),
        ("---\ntags: [a]\n---\n# Of another program\n", "Of another program"),
        ("---\nid: 7\nand no end", "Note"),
    ],
)
def test_a_note_without_front_matter_comes_in_whole(content: str, title: str) -> None:
    """Its title is its first heading or its file's name, its date the file's; its text is all of it."""
    found = file(content.encode())
    assert isinstance(found, IncomingPost)
    assert (found.text, found.created_date, found.id, found.updated_date) == (content, THEN, None, None)
    assert found.title == title[:200] or found.title == title.strip()


def test_front_matter_may_be_written_by_hand() -> None:
    """Only what one wants to say, in plain words, with the line ends of any system, with or without a blank line."""
    assert file("---\r\ntitle: Привет: я\r\nstatus: draft\r\n---\r\n\r\nтекст\r\n".encode()) == IncomingPost(
        Text("текст\r\n"), Title("Привет: я"), Status.DRAFT
    )
    assert file(b'---\ntitle: "a \\"b\\""\n---\ntext') == IncomingPost(Text("text"), Title('a "b"'))
    assert file(b"\xef\xbb\xbf---\nversion: 2\n---\ntext") == IncomingPost(Text("text"), version=2)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"---\nstatus: lost\n---\na", "status_invalid"),
        (b"---\nversion: two\n---\na", "version_invalid"),
        (b"---\nversion: 99999999999\n---\na", "version_invalid"),
        (b"---\ncreated_date: yesterday\n---\na", "date_invalid"),
        (b"---\ntitle: 'a'\n---\na", "front_matter_invalid"),
        (b'---\ntitle: "a\n---\na', "front_matter_invalid"),
        (b"---\ntitle:\n---\na", "front_matter_invalid"),
        (b"---\nid: 1\nid: 2\n---\na", "front_matter_invalid"),
        (b"---\ntitle: a\n---\n", "text_invalid"),
        (b"---\ntitle: a\n---", "text_invalid"),
        (b"", "text_invalid"),
        (b" \n", "text_invalid"),
        (b"a\x00", "text_invalid"),
        (b"a\xff", "file_not_utf8"),
        (b"x" * (MAX_BODY_BYTES + MAX_FRONT_BYTES + 1), "post_too_large"),
    ],
)
def test_a_file_that_is_no_post_is_refused(content: bytes, code: str) -> None:
    """Where it says something of itself, that must be right."""
    assert file(content) == code


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../a.md", "name_unsafe"),
        ("a/../../b.md", "name_unsafe"),
        ("/etc/a.md", "name_unsafe"),
        ("C:/a.md", "name_unsafe"),
        ("a\\b.md", "name_unsafe"),
        ("a\nb.md", "name_unsafe"),
        ("a/" * 2047 + "b.md", "name_unsafe"),
        ("a.zip", "not_markdown"),
        ("a.md.exe", "not_markdown"),
        (".DS_Store", "not_markdown"),
        ("md", "not_markdown"),
    ],
)
def test_a_file_with_such_a_name_is_refused(name: str, code: str) -> None:
    """Nothing is written anywhere by these names; but whoever made them means something by them."""
    info = zipfile.ZipInfo("x", DATE)
    info.filename = name
    assert file(b"text", info) == code


def test_what_a_mac_adds_to_each_note_is_none() -> None:
    """Nobody wrote it, so nobody is told that it was refused."""
    beside = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "
    found = zipped([("a.md", b"text"), ("__MACOSX/", b""), ("__MACOSX/._a.md", beside)])
    assert [entry.name for entry in found] == ["a.md"]


def test_links_folders_and_namesakes_are_no_notes() -> None:
    """A folder is not worth a word."""
    link = zipfile.ZipInfo("link.md", DATE)
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    assert file(b"/etc/passwd", link) == "not_markdown"
    with pytest.warns(UserWarning, match="Duplicate"):
        found = zipped([("a/", b""), ("a/n.md", b"one"), ("a/n.md", b"two"), ("b/n.MD", b"three")])
    said: list[tuple[int | str, Any]] = [
        (entry.name, entry.post.code if isinstance(entry.post, PostkeepError) else entry.post.text) for entry in found
    ]
    assert said == [("a/n.md", "one"), ("a/n.md", "name_repeated"), ("b/n.MD", "three")]


@pytest.mark.parametrize(
    "hostile",
    [
        b"# " + b" " * 1_000_000 + b"x",
        b"# a" + b" " * 1_000_000 + b"x",
        b"# a" + b" #" * 500_000 + b"x",
        b"---\n" + b"title: a\n" * 100_000,
        b"---\ntitle: a" + b" " * 1_000_000 + b"b\n---\n",
        b"#\n" * 500_000,
    ],
)
@pytest.mark.timeout(20)
def test_no_file_keeps_us_at_it(hostile: bytes) -> None:
    """A pattern that looked at things twice would take hours."""
    assert file(hostile) is not None
