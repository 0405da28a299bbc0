"""Posts as a list of them shows them: what they begin with."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, Self

from postkeep.domain.posts import ListedPost
from postkeep.domain.search import Query, Snippet
from postkeep.domain.unicode import is_visible

_LOOKED_AT: Final = 2000
_HEADING_LENGTH: Final = 60
_LENGTH: Final = 240

_MARKS: Final = re.compile(
    r"^[ \t]*+(?:#{1,6}[ \t]+|>[ \t]?|[-*+][ \t]+|```.*$|[-=*_][-=*_ ]{2,}$)"
    r"|\*\*|`|(?<![\w*])\*(?=[^\s*])|(?<=[^\s*])\*(?![\w*])",
    re.MULTILINE,
)
"""Marks of Markdown that say nothing where a text is one line; white space before them is looked at once only."""

_LINK: Final = re.compile(r"!?\[([^\[\]]{1,200}+)\]\([^()\s]{1,500}+\)")
"""Of a link there is what it says, and of an image what it is called."""

_INLINE: Final = re.compile(r"\*\*|`++")


class Excerpt(NamedTuple):
    """What a list shows of a post.

    Attributes:
        id: Of the post.
        heading: Its title, or else how its text begins; empty where nothing of that can be seen.
        pieces: How its text begins, or goes on behind the heading; or else where the words stand in it that were
            searched for. Each with whether it is such a word.
        status: Draft, published or archived.
        created_date: RFC 3339.
    """

    id: str
    heading: str
    pieces: Sequence[tuple[str, bool]]
    status: str
    created_date: str

    @classmethod
    def of(cls, post: ListedPost) -> Self:
        """Take what is shown of a post, however long it is."""
        text = _MARKS.sub("", _LINK.sub(r"\1", post.text[:_LOOKED_AT])).strip()
        first, _, rest = text.partition("\n")
        if post.title is not None:
            heading, beginning = post.title, _shortened(text, _LENGTH)
        else:
            heading = _shortened(first, _HEADING_LENGTH) or post.text.strip()[:_HEADING_LENGTH]
            beginning = _shortened(first if heading.endswith("…") else rest, _LENGTH)
        return cls(post.id, seen(heading), _plain(beginning), post.status, post.created_date)

    @classmethod
    def found(cls, post: ListedPost, query: Query) -> Self:
        """Take what is shown of a post that was searched for."""
        snippet = Snippet.of(post.text, query)
        return cls.of(post)._replace(pieces=list(_pieces(snippet)))


def seen(text: str | None) -> str:
    """Return a text if there is something to be seen of it: a heading is also what a link is called."""
    return text if text and is_visible(text) else ""


def found_excerpts(posts: Iterable[ListedPost], query: Query) -> list[Excerpt]:
    """Take what is shown of posts that were searched for."""
    return [Excerpt.found(post, query) for post in posts]


def excerpts(posts: Iterable[ListedPost]) -> list[Excerpt]:
    """Take what is shown of posts."""
    return [Excerpt.of(post) for post in posts]


def _plain(text: str) -> list[tuple[str, bool]]:
    """Return a text as pieces, if it is any, none of which was searched for."""
    return [(text, False)] if text else []


def _pieces(snippet: Snippet) -> Iterator[tuple[str, bool]]:
    """Cut a snippet where its matches begin and end; marks of Markdown stay only in what was searched for."""
    at = 0
    for start, stop in snippet.matches:
        yield _INLINE.sub("", snippet.text[at:start]), False
        yield snippet.text[start:stop], True
        at = stop
    yield _INLINE.sub("", snippet.text[at:]), False


def _shortened(text: str, length: int) -> str:
    """Return a text on one line, cut behind a word where it is longer."""
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    cut = line[:length].rpartition(" ")[0] or line[:length]
    return f"{cut}…"
