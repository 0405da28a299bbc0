"""Posts as clients see them."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from json import JSONEncoder
from typing import Annotated, ClassVar, Final, Self, TypeAlias
from uuid import UUID

from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from postkeep.domain.edits import Revision
from postkeep.domain.lists import Summary
from postkeep.domain.posts import (
    MAX_BODY_BYTES,
    TITLE_MAX_LENGTH,
    ListedPost,
    Post,
    Quota,
    Status,
    Text,
    Title,
    parse_text,
    parse_title,
)
from postkeep.domain.search import Query, Snippet
from postkeep.views.fields import Body, Moment, Parsed, without_default

_quoted: Final = JSONEncoder(ensure_ascii=False).encode

NOT_BLANK: Final = {"minLength": 1, "pattern": r"^[^\u0000]*[^\s\u0000][^\u0000]*$"}
"""What the domain asks of texts, titles and queries: no U+0000, and a character at least that is not white space."""


GivenText: TypeAlias = Annotated[
    Text,
    Parsed(
        parse_text,
        {
            **NOT_BLANK,
            "description": "Kept exactly as sent; at least one character is not white space.",
            "examples": ["Bought milk."],
        },
    ),
]
"""A post's text."""

GivenTitle: TypeAlias = Annotated[
    Title, Parsed(parse_title, {**NOT_BLANK, "maxLength": TITLE_MAX_LENGTH, "examples": ["Today"]})
]
"""A post's title."""

GivenStatus: TypeAlias = Annotated[Status, Field(strict=False)]
"""A post's status, by its name."""


class NewPost(Body):
    """A post to keep."""

    max_body_bytes: ClassVar[int] = MAX_BODY_BYTES

    text: GivenText
    title: GivenTitle | None = None
    status: GivenStatus = Status.PUBLISHED


class PostAdded(BaseModel):
    """Where an added post can be found, and which version of it was written."""

    post_id: UUID = Field(serialization_alias="postID")
    version: int = Field(description="1; each edit adds one.")
    created_date: Moment
    updated_date: Moment

    @classmethod
    def of(cls, post: Post | Revision) -> Self:
        """Say what was kept."""
        return cls(
            post_id=post.id, version=post.version, created_date=post.created_date, updated_date=post.updated_date
        )


class PostView(BaseModel):
    """A post, as its author sees it."""

    id: UUID
    title: str | None
    text: str
    status: Status
    version: int
    created_date: Moment
    updated_date: Moment

    @classmethod
    def of(cls, post: Post) -> Self:
        """Show a post to its author."""
        return cls(
            id=post.id,
            title=post.title,
            text=post.text,
            status=post.status,
            version=post.version,
            created_date=post.created_date,
            updated_date=post.updated_date,
        )


class SnippetView(BaseModel):
    """Where the words that were searched for stand in a text."""

    text: str = Field(description="The piece of the text around the first match, or its beginning; plain text.")
    matches: list[tuple[int, int]] = Field(
        description="From which character of the piece to before which, in Unicode code points."
    )


class ListedPostView(PostView):
    """A post, as one of a list."""

    snippet: SnippetView | SkipJsonSchema[None] = Field(
        default=None, description="Only where posts were searched for.", json_schema_extra=without_default
    )


class PostCounts(BaseModel):
    """How many posts there are."""

    draft: int
    published: int
    archived: int
    total: int


class QuotaView(BaseModel):
    """How much there may be."""

    posts: int
    bytes: int


class SummaryView(BaseModel):
    """What the caller has, and may have."""

    posts: PostCounts
    bytes: int = Field(description="The octets of all titles and texts together, in UTF-8.")
    quota: QuotaView

    @classmethod
    def of(cls, summary: Summary, quota: Quota) -> Self:
        """Show what somebody has."""
        counts = PostCounts(
            draft=summary.drafts, published=summary.published, archived=summary.archived, total=summary.posts
        )
        return cls(posts=counts, bytes=summary.bytes, quota=QuotaView(posts=quota.posts, bytes=quota.bytes))


def post_list(posts: Iterable[ListedPost]) -> bytes:
    """Write a list of posts as JSON: the same bytes as of `list[PostView]`, at a tenth of the cost."""
    return f"[{','.join(map(_member, posts))}]".encode()


def found_list(posts: Iterable[ListedPost], query: Query) -> bytes:
    """Write a list of posts that were found as JSON, each with its snippet."""
    return f"[{','.join(_found(post, query) for post in posts)}]".encode()


async def long_post_list(parts: AsyncGenerator[Sequence[ListedPost]]) -> AsyncGenerator[bytes]:
    """Write a list that comes in parts as JSON, part by part; closes them in the end."""
    async with aclosing(parts):
        before = "["
        async for part in parts:
            if part:
                yield (before + ",".join(map(_member, part))).encode()
                before = ","
        yield b"]" if before == "," else b"[]"


def _member(post: ListedPost) -> str:
    """Write one post of a list, in the bytes that `PostView` would."""
    title = "null" if post.title is None else _quoted(post.title)
    return (
        f'{{"id":"{post.id}","title":{title},"text":{_quoted(post.text)},"status":"{post.status}",'
        f'"version":{post.version},"created_date":"{post.created_date}","updated_date":"{post.updated_date}"}}'
    )


def _found(post: ListedPost, query: Query) -> str:
    """Write one post that was found: as one of any list, and the snippet behind that."""
    snippet = Snippet.of(post.text, query)
    matches = ",".join(f"[{start},{stop}]" for start, stop in snippet.matches)
    return f'{_member(post)[:-1]},"snippet":{{"text":{_quoted(snippet.text)},"matches":[{matches}]}}}}'
