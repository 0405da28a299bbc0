"""The JSON of lists, which is written by hand for speed: held to what Pydantic writes of the documented model."""

import json
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from postkeep.domain.accounts import AccountId
from postkeep.domain.posts import ListedPost, Post, PostId, Status, Text, Title
from postkeep.domain.search import Snippet, parse_query
from postkeep.views.posts import ListedPostView, PostView, SnippetView, found_list, post_list

LIST = TypeAdapter(list[PostView])

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1).filter(str.strip)
moments = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - has a zone


@st.composite
def posts(draw: st.DrawFn) -> Post:
    """Draw a post."""
    return Post(
        PostId(draw(st.uuids())),
        AccountId(UUID(int=1)),
        Text(draw(texts)),
        draw(st.none() | texts.filter(lambda title: len(title) <= 200).map(Title)),
        draw(st.sampled_from(Status)),
        draw(st.integers(1, 2**31)),
        draw(moments),
        draw(moments),
    )


@given(st.lists(posts(), max_size=3))
def test_it_writes_the_bytes_that_pydantic_writes(drawn: list[Post]) -> None:
    """Whatever people write: quotes, controls, line separators, every script."""
    written = post_list(map(ListedPost.of, drawn))
    assert written == LIST.dump_json([PostView.of(post) for post in drawn])
    assert LIST.validate_json(written) == [PostView.of(post) for post in drawn]


@given(st.lists(posts(), max_size=3), st.sampled_from(["a", "0 b", '"', "я"]))
def test_what_was_found_is_written_as_pydantic_would(drawn: list[Post], given: str) -> None:
    """With a snippet behind everything else."""
    query = parse_query(given)
    written = found_list(map(ListedPost.of, drawn), query)
    snippets = [Snippet.of(post.text, query) for post in drawn]
    wanted = [
        ListedPostView(
            **PostView.of(post).model_dump(), snippet=SnippetView(text=snippet.text, matches=list(snippet.matches))
        )
        for post, snippet in zip(drawn, snippets, strict=True)
    ]
    assert written == TypeAdapter(list[ListedPostView]).dump_json(wanted)


def test_every_control_is_escaped_as_json_wants() -> None:
    """Each of them by itself, and what browsers take for the end of a line."""
    for character in [*map(chr, range(1, 0x20)), '"', "\\", "\x7f", "\u2028", "\ufeff", "\U0010ffff"]:
        post = ListedPost("i", character + "t", character + "x", "draft", 1, "c", "u")
        assert json.loads(post_list([post])) == [post._asdict()]


def test_an_empty_list_is_a_list() -> None:
    """Not nothing."""
    assert post_list([]) == b"[]"
