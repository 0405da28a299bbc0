"""A post as a Markdown file: what is known of it between two lines of dashes, a blank line, and its text as it is."""

import json
import re
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Final

from postkeep.domain.errors import Invalid
from postkeep.domain.posts import TITLE_MAX_LENGTH, ListedPost

MAX_FRONT_BYTES: Final = 8 * 1024
"""What stands before a text is shorter: a title of 200 characters, each written as six, and some dates."""

_MEMBERS: Final = ("id", "title", "status", "version", "created_date", "updated_date")

# None of these patterns may look at anything twice: whoever writes a file may mean to keep us at it.
_FRONT: Final = re.compile(r"---\r?\n((?:[a-z_]+:[^\n]*\n){1,12})---\r?(?:\n(?:\r?\n)?|\Z)")

# Characters that YAML has other ideas about inside of quotes, or that nobody sees. Source: YAML 1.2.2 5.1, 5.4.
_UNSEEN: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")

# How YAML begins what is more than a plain word.
_INDICATORS: Final = "'[]{}|>&*!%@`#"

_HEADING: Final = re.compile(r"^#[ \t]+(.*)$", re.MULTILINE)
_CLOSING: Final = re.compile(r"[ \t]+#+\Z")
_WORD: Final = re.compile(r"\w+")
_SLUG_LENGTH: Final = 40
_SEEN_LENGTH: Final = 2 * TITLE_MAX_LENGTH
_MOST_DIGITS: Final = 10


class FrontMatterInvalid(Invalid):
    """What stands before the text gives a name twice, or a value in a form that is not taken: see docs/api.md."""

    code = "front_matter_invalid"
    field = "front_matter"


def write_file(post: ListedPost) -> bytes:
    """Write a post out, so that `read_file` finds all of it again, byte for byte."""
    title = [] if post.title is None else [f"title: {_quoted(post.title)}"]
    front = (
        "---",
        f"id: {post.id}",
        *title,
        f"status: {post.status}",
        f"version: {post.version}",
        f"created_date: {post.created_date}",
        f"updated_date: {post.updated_date}",
        "---",
    )
    return ("\n".join(front) + "\n\n" + post.text).encode()


def read_file(content: str) -> dict[str, object] | None:
    """Read a file that begins with front matter of ours; of other programs' there is much, and all of it is text.

    Returns:
        What is known of the post, by name, and its text; None where it does not begin so.

    Raises:
        FrontMatterInvalid: It says one thing twice, or in words that could mean more than one.
    """
    found = _FRONT.match(content)
    lines = [line.partition(":") for line in found[1].split("\n")[:-1]] if found else []
    if found is None or not {name for name, _, _ in lines} <= {*_MEMBERS}:
        return None
    values = {name: _value(name, written.strip(" \t\r")) for name, _, written in lines}
    if len(values) < len(lines):
        raise FrontMatterInvalid
    return {**values, "text": content[found.end() :]}


def read_note(content: str, name: str, modified: datetime | None) -> dict[str, object]:
    """Read a file that is nothing but text: its first heading is the title, or else its name is."""
    heading = _HEADING.search(content)
    said = heading[1][:_SEEN_LENGTH].rstrip() if heading else ""
    title = _CLOSING.sub("", said).strip() or PurePosixPath(name).stem.strip()
    values: dict[str, object] = {"text": content}
    if title:
        values["title"] = title[:TITLE_MAX_LENGTH]
    if modified is not None:
        values["created_date"] = modified.astimezone(UTC).isoformat()
    return values


def file_name(post: ListedPost) -> str:
    """Return a name that says what the post is about, that no other post's file has, and that every system takes.

    Its end is the whole id: nothing shorter is certain to be no other post's.
    """
    words = _WORD.findall(post.title or "") or _WORD.findall(post.text[: 4 * _SLUG_LENGTH])
    slug = "-".join(words).lower()[:_SLUG_LENGTH].strip("-_")
    return "-".join(filter(None, (post.created_date[:10], slug, post.id))) + ".md"


def _quoted(title: str) -> str:
    """Write a title as JSON does, which YAML reads the same."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(title, ensure_ascii=False))


def _value(name: str, written: str) -> object:
    """Read what stands behind a name: JSON's string, a whole number, or a plain word."""
    if written.startswith('"'):
        try:
            return str(json.loads(written))
        except ValueError:
            raise FrontMatterInvalid from None
    if not written or written[0] in _INDICATORS:
        raise FrontMatterInvalid
    is_number = name == "version" and len(written) <= _MOST_DIGITS and written.isascii() and written.isdigit()
    return int(written) if is_number else written
