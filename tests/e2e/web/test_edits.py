"""Edits, lists and downloads by browser, without scripts, as HTTP shows them (docs/cases.md, Browsers)."""

import io
import json
import re
import zipfile
from html import unescape

import pytest

from tests.e2e.servers import PostkeepServer
from tests.e2e.web.visitors import Visitor, told


@pytest.fixture
def ann(sqlite_server: PostkeepServer) -> Visitor:
    """Open an account in a browser."""
    return Visitor.signs_up(sqlite_server.url)


def field(html: str, name: str) -> str:
    """Return what stands in a hidden field."""
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', html)
    assert found is not None
    return found[1]


def texts(html: str) -> tuple[str, str]:
    """Return both texts of a conflict: what was written here, and what is there."""
    mine = re.search(r"<textarea.*?>\n(.*?)</textarea>", html, re.DOTALL)
    theirs = re.search(r'<div class="prose verbatim"[^>]*>(.*?)</div>', html, re.DOTALL)
    assert mine is not None
    assert theirs is not None
    return unescape(mine[1]), unescape(theirs[1])


class TestEditing:
    """A post that is written anew."""

    def test_a_post_is_changed_from_the_version_that_was_shown(self, ann: Visitor) -> None:
        """Text, title and status; an empty title takes the title away."""
        path = ann.write("before", title="Title", status="draft")
        sheet = ann.get(f"{path}/edit").text
        assert 'value="Title"' in sheet
        assert 'value="draft" checked' in sheet
        answer = ann.submit(f"{path}/edit", text="after", title="", status="published", version=field(sheet, "version"))
        assert answer.headers["location"] == f"{path}?done=edited"
        shown = ann.get(answer.headers["location"]).text
        assert "Saved." in shown
        assert "Without a title" in shown
        assert "after" in shown

    def test_who_comes_second_sees_both_texts_and_chooses(self, ann: Visitor) -> None:
        """Nothing is overwritten unseen, and nothing that was typed is lost; the second attempt starts from theirs."""
        path = ann.write("first")
        ann.elsewhere().submit(f"{path}/edit", text="theirs <b>", version="1")
        conflict = ann.submit(f"{path}/edit", text="mine <i>", title="Mine", version="1")
        assert conflict.status_code == 412
        assert texts(conflict.text) == ("mine <i>", "theirs <b>")
        assert "theirs &lt;b&gt;" in ann.get(path).text
        assert f'href="{path}"' in conflict.text
        saved = ann.submit(f"{path}/edit", text="mine <i>", version=field(conflict.text, "version"))
        assert saved.status_code == 303
        assert "mine &lt;i&gt;" in ann.get(path).text

    def test_an_edit_that_is_sent_again_is_none(self, ann: Visitor) -> None:
        """Whoever did not hear that it was kept is shown the post, not a quarrel with oneself."""
        path = ann.write("first")
        for _ in range(2):
            again = ann.submit(f"{path}/edit", text="second", title="Title", version="1")
            assert (again.status_code, again.headers["location"]) == (303, f"{path}?done=edited")

    def test_a_third_edit_is_not_overwritten_either(self, ann: Visitor) -> None:
        """Whoever chose has seen the second, not the third."""
        path = ann.write("first")
        other = ann.elsewhere()
        other.submit(f"{path}/edit", text="second", version="1")
        conflict = ann.submit(f"{path}/edit", text="mine", version="1")
        other.submit(f"{path}/edit", text="third", version="2")
        again = ann.submit(f"{path}/edit", text="mine", version=field(conflict.text, "version"))
        assert (again.status_code, texts(again.text)) == (412, ("mine", "third"))

    def test_the_text_of_an_edit_survives_whatever_is_in_its_way(self, ann: Visitor) -> None:
        """A post that was deleted, a field that is wrong, a session that has ended."""
        path = ann.write("first")
        wrong = ann.submit(f"{path}/edit", text="kept text", title="t" * 201, version="1")
        assert (wrong.status_code, told(wrong)[0][:6], field(wrong.text, "version")) == (422, "title:", "1")
        ann.elsewhere().submit(f"{path}/delete")
        gone = ann.submit(f"{path}/edit", text="kept text", version="1")
        assert (gone.status_code, 'action="/posts/new"' in gone.text) == (404, True)
        ann.elsewhere().submit("/account/sessions/end-others")
        over = ann.submit(f"{path}/edit", text="kept text", version="1")
        assert (over.status_code, 'href="/log-in" target="_blank"' in over.text) == (403, True)
        assert all("kept text</textarea>" in answer.text for answer in (wrong, gone, over))

    @pytest.mark.parametrize("version", ["", "0", "-1", "x", "1e1", "9" * 10])
    def test_an_edit_from_nowhere_is_refused(self, ann: Visitor, version: str) -> None:
        """It could undo what nobody has seen."""
        path = ann.write("first")
        assert ann.submit(f"{path}/edit", text="second", version=version).status_code == 422
        assert ann.submit(f"{path}/status", status="draft", version=version).status_code == 422
        assert "first" in ann.get(path).text

    def test_a_stranger_can_neither_see_nor_change_it(self, ann: Visitor, sqlite_server: PostkeepServer) -> None:
        """As with one that is not there."""
        path = ann.write("first")
        stranger = Visitor.signs_up(sqlite_server.url)
        assert stranger.get(f"{path}/edit").status_code == 404
        assert stranger.submit(f"{path}/edit", text="x", version="1").status_code == 404
        assert stranger.submit(f"{path}/status", status="draft", version="1").status_code == 404
        assert "first" in ann.get(path).text

    def test_a_button_gives_another_status(self, ann: Visitor) -> None:
        """If the post is still what was shown; otherwise the page says so."""
        path = ann.write("first")
        version = field(ann.get(path).text, "version")
        assert ann.submit(f"{path}/status", status="archived", version=version).headers["location"].endswith("=status")
        late = ann.submit(f"{path}/status", status="draft", version=version)
        shown = ann.get(late.headers["location"]).text
        assert "changed elsewhere meanwhile" in shown
        assert '<span class="status">Archived</span>' in shown
        assert ann.submit(f"{path}/status", status="gone", version="2").status_code == 422


class TestLists:
    """Filters and searches."""

    def test_each_status_has_its_list_and_its_number(self, ann: Visitor) -> None:
        """Also right after something has changed."""
        paths: list[str] = []
        for number, status in enumerate(("draft", "published", "published", "archived")):
            paths.append(ann.write(f"post {number}", status=status))
            assert f'All <span class="number-of">{number + 1}</span>' in ann.get("/").text
        assert ann.headings("/?status=published") == ["post 2", "post 1"]
        ann.submit(f"{paths[-1]}/status", status="published", version="1")
        assert ann.headings("/?status=published") == ["post 3", "post 2", "post 1"]
        shown = ann.get("/?status=archived").text
        assert "No post has this status." in shown
        assert re.search(r'aria-current="page">Archived <span class="number-of">0<', shown)
        assert ann.get("/?status=nonsense").status_code == 422

    def test_a_search_marks_what_it_finds(self, ann: Visitor) -> None:
        """What people wrote stays text there, too, and an empty field asks for nothing."""
        ann.write("<script>duck</script> and Goose")
        ann.write("no bird", status="draft")
        shown = ann.get("/?q=DUCK+goose&status=")
        assert "&lt;script&gt;<mark>duck</mark>&lt;/script&gt; and <mark>Goose</mark>" in shown.text
        # How many there are of each status says nothing of what was found.
        assert "number-of" in ann.get("/").text
        assert "number-of" not in shown.text
        assert ann.headings("/?q=bird&status=published") == []
        assert len(ann.headings("/?q=&status=")) == 2
        assert 'value="&#34;&gt;&lt;b&gt;"' in ann.get("/?q=%22%3E%3Cb%3E").text
        assert "No post has all of these words." in ann.get("/?q=swan").text
        assert ann.get("/?q=" + "x" * 201).status_code == 422

    def test_the_next_page_is_one_of_the_same_search(self, ann: Visitor) -> None:
        """And its cursor is good for no other one."""
        for number in range(21):
            ann.write(f"bird & {number}", status="draft")
        first = ann.get("/?q=bird+%26&status=draft").text
        following = re.search(r'rel="next" href="([^"]+)"', first)
        assert following is not None
        path = unescape(following[1])
        assert ann.headings(path) == ["bird &amp; 0".replace("&amp;", "&")]
        assert ann.get(path.replace("q=bird", "q=bir")).status_code == 422


class TestDownloads:
    """Everything, to take along."""

    def test_everything_can_be_taken_out_by_a_link(self, ann: Visitor, sqlite_server: PostkeepServer) -> None:
        """As lines or as files, by whoever is logged in; by its address alone nobody gets anything."""
        ann.write("one", title="Title")
        ann.write("two")
        page = ann.get("/account").text
        lines = ann.get("/account/posts.jsonl")
        assert [json.loads(line)["text"] for line in lines.text.splitlines()] == ["two", "one"]
        assert lines.headers["content-disposition"].startswith('attachment; filename="postkeep-')
        files = ann.get("/account/posts.zip").content
        assert len(zipfile.ZipFile(io.BytesIO(files)).namelist()) == 2
        for path in ("/account/posts.jsonl", "/account/posts.zip"):
            assert f'href="{path}"' in page
            assert Visitor.comes(sqlite_server.url).get(path).status_code == 303
