"""Searching one account's posts: what the database looks for, which is at least what the domain's rule finds.

The rule is `domain.search`; it looks at everything that the database finds. So the database may find too much, and
never too little: of a long word it is given a part, and of many words a few, because how long it takes to look through
a text can grow with the length of what is looked for times the length of the text. Servers look with
`utf8mb4_general_ci`, the one collation of MySQL and MariaDB that ignores case and always compares one character with
one: it takes more letters for the same than the rule does, but knows those of old scripts only, so any character may
stand where it is not sure of a letter. A word of ASCII is looked for byte by byte,
which takes half the time: UTF-8 is read as `latin1`, whose collation ignores the case of ASCII and takes only bytes
beyond it for more than they are. SQLite ignores the case of ASCII only, but can be told which letters may stand where.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, String, and_, bindparam, cast, or_
from sqlalchemy.dialects import mysql

from postkeep.domain.accounts import AccountId
from postkeep.domain.lists import Listing, Place, Sort
from postkeep.domain.posts import ListedPost
from postkeep.domain.search import Query, Word, variants
from postkeep.services.ports import Found
from postkeep.storage.lists import LISTED, chosen, values_of_list
from postkeep.storage.statements import Parameters, Statement
from postkeep.storage.tables import PostRow

_FORMS: Final = 3
"""How many forms of a word there are at most."""

_COUNTS: Final = (1, 2, 4)
"""For so many words there are statements; with fewer, the last is looked for again."""

_WORDS: Final = _COUNTS[-1]
"""So many words are given to the database at most."""

_PART_LENGTH: Final = 12
"""So many characters of a word are given to the database at most: few texts have those and not the others."""

_ESCAPE: Final = "|"

_SURE: Final = frozenset(
    chr(code)
    for first, last in (
        (0x61, 0x7A),
        (0xE0, 0x17E),
        (0x3AC, 0x3CE),
        (0x430, 0x481),
        (0x48D, 0x4BF),
        (0x561, 0x586),
        (0x1E01, 0x1EF9),
        (0x1F00, 0x1FF3),
        (0xFF41, 0xFF5A),
    )
    for code in range(first, last + 1)
) - frozenset("kå\N{GREEK SMALL LETTER THETA}\N{GREEK SMALL LETTER OMEGA}")
"""Letters in lower case that every server takes for the same as all their other cases; a test goes through them all.

Those taken out have another case with a character of its own for units: kelvin, ångström, ohm, and ϴ.
"""

_AMBIGUOUS_ASCII: Final = frozenset("ik")
"""ASCII letters with a case that is not ASCII: İ and the sign for kelvin."""


class Finds:
    """Takes what a database finds, as long as there is room, and leaves out what the rule does not.

    Attributes:
        query: What is searched for.
        has_more: Whether there was one more than there is room for.
    """

    def __init__(self, query: Query, *, limit: int, about_bytes: int) -> None:
        """Begin with none. The arguments are those of `services.ports.Storage.search`."""
        self.query = query
        self._limit = limit
        self._room = about_bytes
        self._posts: list[ListedPost] = []
        self.has_more = False

    @property
    def wanted(self) -> int:
        """Return how many are needed at most: one more than asked for says whether there are more."""
        return self._limit + 1

    @property
    def found(self) -> Found:
        """Return what there is."""
        return Found(self._posts, self.has_more)

    def take(self, posts: Iterable[ListedPost]) -> None:
        """Take posts that may be found, in their order; one that there is no room for says that there are more."""
        for post in posts:
            if self.has_more:
                return
            if not self.query.finds(post.title, post.text):
                continue
            if len(self._posts) == self._limit or self._room <= 0:
                self.has_more = True
            else:
                self._posts.append(post)
                self._room -= len(post.text.encode())


def embedded_search(
    author: AccountId, listing: Listing, query: Query, *, before: Place | None
) -> tuple[Statement, Parameters]:
    """Return SQLite's SELECT of the author's posts that may be found behind a place."""
    values = _values(query, _embedded_patterns)
    return _embedded(*_kind(listing, before, query)), {**values, **values_of_list(author, listing, before=before)}


def server_search(  # noqa: PLR0913 - what to look for, where, and how much of it
    author: AccountId,
    listing: Listing,
    query: Query,
    *,
    before: Place | None = None,
    last: Place | None = None,
    limit: int,
) -> tuple[Statement, Parameters]:
    """Return a server's SELECT of the author's posts that may be found: behind `before`, down to `last`."""
    values = _values(query, _server_patterns)
    places = values_of_list(author, listing, before=before, last=last, limit=limit)
    return _on_server(*_kind(listing, before, query), last is not None), {**values, **places}


def end_of_slice(author: AccountId, sort: Sort, *, before: Place | None, size: int) -> tuple[Statement, Parameters]:
    """Return a server's SELECT of the place of the last of so many posts behind a place, whatever their status."""
    values = values_of_list(author, Listing(sort), before=before)
    return _end_of_slice(sort, before is not None), {**values, "skipped": size - 1}


def server_pattern(form: str) -> str:
    """Return what LIKE finds on a server at least wherever this form of a word stands."""
    marks = ("_" if _is_unsure(each) else _escaped(each) for each in form)
    return f"%{''.join(marks)}%"


def like_pattern(form: str) -> str:
    """Return what LIKE on SQLite or on bytes finds at least wherever this form of a word stands, which is ASCII."""
    return f"%{''.join('_' if each in _AMBIGUOUS_ASCII else _escaped(each) for each in form)}%"


def glob_pattern(form: str) -> str:
    """Return what SQLite's GLOB finds exactly where this form of a word stands."""
    return f"*{''.join(_one_of(variants(each)) for each in form)}*"


def telling_part(form: str) -> str:
    """Return what of a form of a word the database looks for: if it is long, the first part that tells most."""
    begins = range(max(1, len(form) - _PART_LENGTH + 1))
    return max((form[begin : begin + _PART_LENGTH] for begin in begins), key=_telling)


def _telling(part: str) -> int:
    """Say how much a part tells: by how many different characters, without those that become wildcards."""
    return len({each for each in part if each not in _AMBIGUOUS_ASCII and not _is_unsure(each)})


def _is_unsure(character: str) -> bool:
    """Whether servers may take a character for another one than all of its cases."""
    return character.upper() != character and character not in _SURE


def _most_telling(query: Query) -> Sequence[Word]:
    """Return the words that the database looks for."""

    def telling(word: Word) -> int:
        return min(_telling(telling_part(form)) for form in word.forms)

    return sorted(query.words, key=telling, reverse=True)[:_WORDS]


def _escaped(character: str) -> str:
    """Write a character so that LIKE takes it for itself."""
    return _ESCAPE + character if character in {"%", "_", _ESCAPE} else character


def _one_of(characters: str) -> str:
    """Write characters so that GLOB takes any of them."""
    return f"[{characters}]" if len(characters) > 1 or characters in "*?[" else characters


def _server_patterns(forms: Sequence[str]) -> Sequence[str | None]:
    """Return a pattern for bytes, or else one for each form of a word."""
    if len(forms) == 1 and forms[0].isascii() and _AMBIGUOUS_ASCII.isdisjoint(forms[0]):
        return [like_pattern(forms[0])]
    return [None, *map(server_pattern, forms)]


def _embedded_patterns(forms: Sequence[str]) -> Sequence[str | None]:
    """Return a pattern for LIKE, which is by far the faster one, or else those for GLOB."""
    if len(forms) == 1 and forms[0].isascii():
        return [like_pattern(forms[0])]
    return [None, *map(glob_pattern, forms)]


def _values(query: Query, patterns_of: Callable[[Sequence[str]], Sequence[str | None]]) -> Parameters:
    """Return the patterns of a search; one that there is none for is NULL, which finds nothing."""
    words = _most_telling(query)
    return {_name(number, form): None for number in range(_WORDS) for form in range(_FORMS + 1)} | {
        _name(number, form): pattern
        for number in range(_WORDS)
        for form, pattern in enumerate(patterns_of([*map(telling_part, words[min(number, len(words) - 1)].forms)]))
    }


def _name(word: int, form: int) -> str:
    """Name the value that holds a pattern."""
    return f"word_{word}_{form}"


def _kind(listing: Listing, before: Place | None, query: Query) -> tuple[Sort, bool, bool, int]:
    """Say which kind of search this is."""
    count = next(count for count in _COUNTS if count >= min(len(query.words), _WORDS))
    return listing.sort, listing.status is not None, before is not None, count


@lru_cache(256)
def _embedded(sort: Sort, has_status: bool, has_before: bool, words: int) -> Select[Any]:  # noqa: FBT001 - a key of the cache
    """Make the SELECT of one kind of search for SQLite."""

    def condition(word: int) -> ColumnElement[bool]:
        """Say that a post may have a word."""
        like, *globs = (bindparam(_name(word, form), type_=String()) for form in range(_FORMS + 1))
        return or_(
            *(column.like(like, escape=_ESCAPE) for column in (PostRow.title, PostRow.text)),
            *(column.op("GLOB")(glob) for glob in globs for column in (PostRow.title, PostRow.text)),
        )

    statement = chosen(LISTED, sort, has_status=has_status, has_before=has_before)
    return statement.where(*map(condition, range(words)))


@lru_cache(256)
def _on_server(sort: Sort, has_status: bool, has_before: bool, words: int, has_last: bool) -> Select[Any]:  # noqa: FBT001 - a key of the cache
    """Make the SELECT of one kind of search for servers."""

    def condition(word: int) -> ColumnElement[bool]:
        """Say that a post may have a word."""
        in_bytes, *in_letters = (bindparam(_name(word, form), type_=String()) for form in range(_FORMS + 1))
        columns = (PostRow.title, PostRow.text)
        return or_(
            # Where there is no pattern for bytes the server sees at once that it need not read any.
            and_(in_bytes.is_not(None), or_(*(_as_bytes(column).like(in_bytes, escape=_ESCAPE) for column in columns))),
            *(
                column.collate("utf8mb4_general_ci").like(form, escape=_ESCAPE)
                for form in in_letters
                for column in columns
            ),
        )

    statement = chosen(LISTED, sort, has_status=has_status, has_before=has_before, has_last=has_last)
    return statement.where(*map(condition, range(words))).limit(bindparam("at_most"))


@lru_cache
def _end_of_slice(sort: Sort, has_before: bool) -> Select[Any]:  # noqa: FBT001 - a key of the cache
    """Make the SELECT of a place."""
    statement = chosen((PostRow.id, PostRow.updated_date), sort, has_status=False, has_before=has_before)
    # A server that knows little of the account's posts yet would rather sort them, again for each slice.
    index = "ix_posts_account_id_updated_date_id_status" if sort.is_by_change else "PRIMARY"
    return statement.limit(1).offset(bindparam("skipped")).with_hint(PostRow, f"FORCE INDEX ({index})", "mysql")


def _as_bytes(column: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    """Read what a column has as UTF-8 as if each byte were a character."""
    return cast(cast(column, mysql.BINARY()), mysql.CHAR(charset="latin1")).collate("latin1_swedish_ci")
