"""The page that brings posts in: a file that was taken out, a folder of notes, and what is no such thing."""

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from html import unescape

import httpx2
import pytest
from playwright.sync_api import Browser, FilePayload, expect

from tests.e2e.conftest import settings_for
from tests.e2e.servers import PostkeepServer
from tests.e2e.web.visitors import Visitor, told
from tests.e2e.web.windows import Look, window

PATH = "/account/import"
MEGABYTE = 1024 * 1024


@pytest.fixture
def ann(sqlite_server: PostkeepServer) -> Visitor:
    """Open an account in a browser."""
    return Visitor.signs_up(sqlite_server.url)


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostkeepServer]:
    """Serve with room for two posts and files of a megabyte."""
    settings = {**settings_for(), "POSTKEEP_IMPORT_BYTES": str(MEGABYTE), "POSTKEEP_QUOTA_POSTS": "2"}
    with PostkeepServer(tmp_path_factory.mktemp("narrow"), settings).running() as server:
        yield server


def lines(*posts: Mapping[str, object]) -> bytes:
    """Write posts as lines of JSON."""
    return "".join(f"{json.dumps(post)}\n" for post in posts).encode()


def zipped(**files: str) -> bytes:
    """Pack files, whose names get their ending here."""
    sent = io.BytesIO()
    with zipfile.ZipFile(sent, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.md", content)
    return sent.getvalue()


def bring(visitor: Visitor, content: bytes, **fields: str) -> httpx2.Response:
    """Send the form, as a browser that knows no name for such a file."""
    return visitor.http.post(PATH, data=fields, files={"file": ("posts", content, "application/octet-stream")})


def noticed(answer: httpx2.Response) -> str:
    """Return what the page says first."""
    found = re.search(r'<(?:div|p) class="notice[^>]*>(.*?)</p>', answer.text, re.DOTALL)
    assert found is not None, answer.text
    return unescape(re.sub("<[^>]*>", "", found[1])).strip()


@pytest.mark.parametrize("ending", ["jsonl", "zip"])
def test_what_was_taken_along_is_brought_in_again(ann: Visitor, sqlite_server: PostkeepServer, ending: str) -> None:
    """Here it is there already; in another account it is added, once, however often it comes."""
    ann.write("first", title="One")
    ann.write("second")
    taken = ann.get(f"/account/posts.{ending}").content
    assert noticed(bring(ann, taken)) == "0 posts are added. 2 were here already."
    bob = Visitor.signs_up(sqlite_server.url)
    assert noticed(bring(bob, taken)) == "2 posts are added."
    assert noticed(bring(bob, taken)) == "0 posts are added. 2 were here already."
    assert bob.headings() == ann.headings() == ["second", "One"]


def test_what_stays_out_is_told_with_the_reason(ann: Visitor) -> None:
    """By its line or its file's name; the first hundred of them."""
    path = ann.write("mine")
    other: dict[str, object] = json.loads(ann.get("/account/posts.jsonl").content)
    answer = bring(
        ann, lines({"text": "good"}, other | {"text": "yours"}, {"text": " "}, *[{"title": "no text"}] * 100)
    )
    assert answer.status_code == 200
    assert noticed(answer) == "1 post is added. 1 was here already. 101 could not be brought in."
    said = unescape(answer.text)
    assert "Line 2</p>" in said
    assert f'href="{path}"' in said
    assert "There is a post with this id already that says something else." in said
    assert said.count("There is no text in it.") == 99
    assert "And 2 more." in said
    refused = bring(ann, zipped(**{"<b>": "", "long" * 60: "", "\u05d0": "good, too"}))
    assert "<bdi>&lt;b&gt;.md</bdi>" in refused.text


def test_a_line_that_cannot_be_read_is_not_the_file(ann: Visitor) -> None:
    """Where the others are brought in, the file is JSON Lines."""
    said = unescape(bring(ann, lines({"text": "good"}) + b"nonsense\n").text)
    assert "It is no line of JSON." in said
    assert "This is neither a ZIP nor a file of JSON Lines." not in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"Dear diary", "file: This is neither a ZIP nor a file of JSON Lines."),
        (zipped(note="Milk")[:-10], "file: This ZIP cannot be read. Perhaps not all of it has come along."),
    ],
)
def test_what_nobody_can_read_is_refused_beside_the_field(ann: Visitor, content: bytes, said: str) -> None:
    """Nothing of it is added."""
    answer = bring(ann, content)
    assert (answer.status_code, told(answer)) == (422, [said])
    assert ann.headings() == []


def test_a_file_without_posts_is_no_mistake(ann: Visitor) -> None:
    """But whoever took the wrong one is to hear so."""
    for content in (b"", zipped()):
        assert noticed(bring(ann, content)) == "There is no post in this file."


def test_what_is_larger_than_may_be_is_refused(narrow: PostkeepServer) -> None:
    """As the page says before."""
    visitor = Visitor.signs_up(narrow.url)
    assert "up to 1\N{NO-BREAK SPACE}MB" in visitor.get(PATH).text
    answer = bring(visitor, b" " * (MEGABYTE + 1))
    assert (answer.status_code, told(answer)) == (413, ["file: This file is larger than that."])


def test_beyond_the_quota_the_rest_stays_out(narrow: PostkeepServer) -> None:
    """What there is room for is kept."""
    visitor = Visitor.signs_up(narrow.url)
    answer = bring(visitor, lines(*({"text": f"{number}"} for number in range(3))))
    assert noticed(answer) == "2 posts are added. 1 could not be brought in."
    assert "You have kept as much as fits." in answer.text


def test_a_form_of_another_account_brings_nothing_in(ann: Visitor, sqlite_server: PostkeepServer) -> None:
    """In another tab somebody else may have logged in meanwhile."""
    other = Visitor.signs_up(sqlite_server.url)
    (whose,) = re.findall(r'name="account" value="([^"]+)"', other.get(PATH).text)
    answer = bring(ann, lines({"text": "theirs"}), account=whose)
    assert (answer.status_code, noticed(answer)[:15]) == (409, "Another account")
    assert ann.headings() == []


def test_nobody_s_file_is_read(sqlite_server: PostkeepServer) -> None:
    """Nor one that another site's page sends, nor what is no such form."""
    stranger = Visitor.comes(sqlite_server.url)
    assert bring(stranger, lines({"text": "x"})).headers["location"] == "/log-in"
    ann = Visitor.signs_up(sqlite_server.url)
    ann.http.headers["Sec-Fetch-Site"] = "cross-site"
    assert bring(ann, lines({"text": "x"})).status_code == 403
    ann.http.headers["Sec-Fetch-Site"] = "same-origin"
    assert ann.submit(PATH, file="x").status_code == 415
    cut = {"Content-Type": "multipart/form-data; boundary=x"}
    assert ann.http.post(PATH, content=b"--x\r\n", headers=cut).status_code == 400
    assert ann.headings() == []


@pytest.mark.parametrize("look", [Look("en"), Look("ru", "dark", (320, 640), scripts=False)], ids=str)
def test_somebody_moves_in(browser: Browser, sqlite_server: PostkeepServer, look: Look) -> None:
    """From the account's page, with a folder of notes, and back to the list; also without scripts."""
    visitor = Visitor.signs_up(sqlite_server.url)
    notes: FilePayload = {
        "name": "notes.zip",
        "mimeType": "",
        "buffer": zipped(milk="# Milk\n\nBuy some.", bread="Rye"),
    }
    with window(browser, sqlite_server.url, look) as seen:
        page = seen.page
        seen.enter(visitor)
        page.goto("/account")
        page.get_by_role("link", name=look.says("Choose a file"), exact=True).click()
        page.get_by_label(look.says("File"), exact=True).set_input_files(notes)
        page.get_by_role("button", name=look.says("Bring them in"), exact=True).click()
        expect(page.get_by_role("status").first).to_contain_text("2")
        page.get_by_role("link", name=look.says("All posts"), exact=True).click()
        expect(page.get_by_role("article")).to_have_count(2)
        assert sorted(visitor.headings()) == ["Milk", "bread"]
        assert [complaint for complaint in seen.complaints if "ERR_FAILED" not in complaint] == []
