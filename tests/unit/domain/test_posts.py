"""Posts: texts, titles, and what holds for every post."""

import unicodedata
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postkeep.domain.posts import (
    MAX_BODY_BYTES,
    TITLE_MAX_LENGTH,
    Post,
    PostAbsent,
    Status,
    Text,
    TextInvalid,
    Title,
    TitleInvalid,
    parse_post_id,
    parse_text,
    parse_title,
)
from tests.builders import a_moment, a_post, an_account_id

WHITE = ["", " ", "\n", "\r\n\t ", "\u00a0", "\u2003\u2028\u2029", "\u3000", "\x1c\x1d\x1e\x1f", "\x85"]


def test_the_limit_is_the_specification_s_1_mb() -> None:
    """1 MB is 1,048,576 bytes."""
    assert MAX_BODY_BYTES == 1_048_576


@given(st.text(min_size=1).filter(lambda text: text.strip() and "\x00" not in text))
def test_iv_27_a_text_is_kept_as_it_is(text: str) -> None:
    """No trimming and no normalising: what people write is theirs."""
    assert parse_text(text) == text


def test_iv_27_a_text_in_nfd_stays_so() -> None:
    """Other than passwords, which are only compared."""
    text = unicodedata.normalize("NFD", "déjà vu")
    assert parse_text(text) == text
    assert parse_title(text) == text


@pytest.mark.parametrize("white", WHITE, ids=ascii)
def test_iv_11_white_space_is_neither_text_nor_title(white: str) -> None:
    """Whatever kind of white space."""
    with pytest.raises(TextInvalid):
        parse_text(white)
    with pytest.raises(TitleInvalid):
        parse_title(white)


@pytest.mark.parametrize("white", WHITE, ids=ascii)
def test_one_other_character_makes_a_text(white: str) -> None:
    """And the white space around it is kept."""
    assert parse_text(f"{white}.{white}") == f"{white}.{white}"


@pytest.mark.parametrize("bad", ["\x00", "a\x00", "\ud800", "a\udfff", "\udc00\ud800"], ids=ascii)
def test_iv_13_iv_14_what_cannot_be_kept_is_refused(bad: str) -> None:
    """U+0000 and lone surrogates: some database would change or drop them."""
    with pytest.raises(TextInvalid):
        parse_text(bad)
    with pytest.raises(TitleInvalid):
        parse_title(bad)


@pytest.mark.parametrize("letter", ["x", "é", "😀"])
def test_a_title_has_at_most_200_characters(letter: str) -> None:
    """Code points, not bytes."""
    assert parse_title(letter * TITLE_MAX_LENGTH) == letter * 200
    with pytest.raises(TitleInvalid):
        parse_title(letter * 201)


def test_a_post_id_is_read() -> None:
    """As it was answered."""
    post = a_post()
    assert parse_post_id(str(post.id)) == post.id


@pytest.mark.parametrize("given_id", ["", "1", "-1", "9" * 400, "%00", "../", "a b", "\ud800"], ids=ascii)
def test_iv_22_what_is_no_id_names_no_post(given_id: str) -> None:
    """Such a post cannot exist, which needs no query."""
    with pytest.raises(PostAbsent):
        parse_post_id(given_id)


class TestPost:
    """What holds for every post."""

    def test_a_new_post_is_its_first_version(self) -> None:
        """Written now, and its id tells when."""
        now, author = a_moment(), an_account_id()
        post = Post.write(author, Text("a"), title=Title("t"), status=Status.DRAFT, now=now)
        assert (post.author, post.text, post.title, post.status) == (author, "a", "t", Status.DRAFT)
        assert (post.version, post.created_date, post.updated_date) == (1, now, now)
        assert post.id.int >> 80 == int(now.timestamp() * 1000)

    def test_posts_written_later_have_later_ids(self) -> None:
        """So newest first is id descending."""
        first, second = a_post(), a_post()
        assert first.id < second.id

    @pytest.mark.parametrize(
        ("text", "title", "size"), [("a", None, 1), ("é", None, 2), ("😀", "字", 7), ("a" * 1000, "b" * 200, 1200)]
    )
    def test_its_size_is_counted_in_octets(self, text: str, title: str | None, size: int) -> None:
        """Title and text in UTF-8: what a quota counts."""
        assert a_post(text=Text(text), title=None if title is None else Title(title)).bytes == size

    @pytest.mark.parametrize("status", Status)
    def test_it_has_one_of_three_states(self, status: Status) -> None:
        """Spelled as clients do."""
        assert status in {"draft", "published", "archived"}

    @pytest.mark.parametrize(
        "wrong",
        [
            {"text": Text(" ")},
            {"text": Text("a\x00")},
            {"title": Title("")},
            {"title": Title("x" * 201)},
            {"version": 0},
            {"created_date": datetime(2026, 1, 1)},  # noqa: DTZ001 - that is the mistake
            {"updated_date": datetime(2026, 1, 1)},  # noqa: DTZ001 - that is the mistake
        ],
        ids=str,
    )
    def test_no_other_post_can_be_made(self, wrong: dict[str, object]) -> None:
        """Wherever it comes from: a client, a file, a damaged row."""
        post = a_post()
        with pytest.raises(ValueError):  # noqa: PT011 - errors of several kinds, all of them ValueErrors
            replace(post, **wrong)  # type: ignore[arg-type]  # that is the point

    def test_its_id_is_a_uuid(self) -> None:
        """Of 128 bits."""
        assert isinstance(a_post().id, UUID)
