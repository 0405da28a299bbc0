"""Searching: what a word matches, and what is shown of a post that was found.

The one rule, on every database: a post is found if each word of the query stands somewhere in its title or in its text.
Words are what white space separates. Letters are compared in lower case, character by character, by Unicode's simple
mapping, and the Greek final sigma is a sigma. So "straße" finds "STRAẞE", not "Strasse"; accents count, so that the
Russian letters IE and IO are two; a dotted capital I is an i, a small dotless one is not. A word with accents is looked
for as it was sent, with its characters composed (NFC), and with them decomposed (NFD), because a text may have either.

Source: Unicode 5.18 (case mappings), UAX 15 (normalization forms).
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import takewhile
from typing import Final

from postkeep.domain.errors import Invalid

QUERY_MAX_LENGTH: Final = 200
WORDS_MAX: Final = 16

SNIPPET_LENGTH: Final = 160
"""About how many characters are shown of a text."""

_LEAD: Final = 40
"""How many of them stand before the first match."""

_SLACK: Final = 20
"""How many may be left out for words to stay whole, and how many added for the last character to."""

_FINAL_SIGMA: Final = "\N{GREEK SMALL LETTER FINAL SIGMA}"
_SIGMA: Final = "\N{GREEK SMALL LETTER SIGMA}"
_JOINER: Final = "\N{ZERO WIDTH JOINER}"

_REMEMBERED: Final = 64
"""For so many queries it is remembered what finds their words; making it takes longer than most snippets."""

_CASELESS_FROM: Final = 0x20000
"""From here on there are ideographs, which have no cases."""


class QueryInvalid(Invalid):
    """A query has 1 to 16 words and up to 200 characters, none of them U+0000."""

    code = "query_invalid"
    field = "query.q"


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a query.

    Attributes:
        forms: What it is looked for as, in lower case: one string, or up to three that look the same.
    """

    forms: tuple[str, ...]

    @classmethod
    def of(cls, given: str) -> "Word":
        """Make a word of what was sent."""
        forms = (given, unicodedata.normalize("NFC", given), unicodedata.normalize("NFD", given))
        return cls(tuple(sorted({fold(form) for form in forms})))

    def is_in(self, folded: str) -> bool:
        """Whether it stands in a text, which is in lower case already."""
        return any(form in folded for form in self.forms)


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for.

    Attributes:
        given: As it was sent.
        words: Its words, each once.
    """

    given: str
    words: tuple[Word, ...]

    def finds(self, title: str | None, text: str) -> bool:
        """Whether each word stands in the title or in the text of a post."""
        folded_title, folded_text = fold(title or ""), fold(text)
        return all(word.is_in(folded_title) or word.is_in(folded_text) for word in self.words)


@dataclass(frozen=True, slots=True)
class Snippet:
    """What is shown of a text in which words were found.

    Attributes:
        text: A piece of it, with an ellipsis where something is left out.
        matches: Where the words stand in that: from which character to before which, in order, none twice.
    """

    text: str
    matches: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, text: str, query: Query) -> "Snippet":
        """Cut out the piece around the first match; where none is in the text, its beginning."""
        folded = fold(text)
        found = [at for word in query.words for form in word.forms if (at := folded.find(form)) >= 0]
        begin, end = _window(text, min(found, default=0))
        before, behind = "…" if begin > 0 else "", "…" if end < len(text) else ""
        # A match that goes on behind the piece is marked as far as it can be seen.
        spans = [
            (max(start, begin) - begin + len(before), min(stop, end) - begin + len(before))
            for start, stop in _merged(_matches(folded, query, begin, end))
        ]
        return cls(before + text[begin:end] + behind, tuple(spans))


def parse_query(given: str) -> Query:
    """Read a query as a client sends it.

    Raises:
        QueryInvalid: No word, too many words or characters, or a NUL, which no post has.
    """
    words = given.split()
    if not words or len(words) > WORDS_MAX or len(given) > QUERY_MAX_LENGTH or "\x00" in given:
        raise QueryInvalid
    return Query(given, tuple(dict.fromkeys(map(Word.of, words))))


def fold(text: str) -> str:
    """Return a text with its letters in lower case; every character stays one character, in its place."""
    # İ is the one character whose lower case has two in Python; Unicode's simple mapping is i. Which sigma `lower`
    # makes depends on what stands around it.
    return text.replace("İ", "i").lower().replace(_FINAL_SIGMA, _SIGMA)


def variants(folded: str) -> str:
    """Return all characters that `fold` makes this one, which is among them."""
    return _variants().get(folded, folded)


@cache
def _variants() -> Mapping[str, str]:
    """Return the characters that others fold to, each with all of these; found once, by folding all there are."""
    characters = "".join(map(chr, range(_CASELESS_FROM)))
    found: dict[str, str] = {}
    for character, folded in zip(characters, fold(characters), strict=True):
        if character != folded:
            found[folded] = found.get(folded, folded) + character
    return found


def _window(text: str, at: int) -> tuple[int, int]:
    """Choose what to show of a text, so that the character at an index is seen and nothing is cut in two."""
    begin = max(0, at - _LEAD)
    end = min(len(text), begin + SNIPPET_LENGTH)
    if begin > 0:
        lead = text[begin : min(at, begin + _SLACK)]
        begin += len(list(takewhile(lambda character: not character.isspace(), lead))) if _has_space(lead) else 0
        begin += len(text[begin:at]) - len(text[begin:at].lstrip())
        while begin < at and _goes_on(text, begin):
            begin += 1
    if end < len(text):
        tail = text[max(at + 1, end - _SLACK) : end + 1]
        if _has_space(tail):
            end -= len(list(takewhile(lambda character: not character.isspace(), reversed(tail))))
            end -= len(text[at + 1 : end]) - len(text[at + 1 : end].rstrip())
        longest = min(len(text), end + _SLACK)
        while end < longest and _goes_on(text, end):
            end += 1
    return begin, end


def _has_space(text: str) -> bool:
    """Whether there is white space in a text."""
    return any(map(str.isspace, text))


def _goes_on(text: str, at: int) -> bool:
    """Whether the character at an index belongs to the one before it: a mark, a joiner, or what is joined by one."""
    return unicodedata.category(text[at]).startswith("M") or _JOINER in text[at - 1 : at + 1]


def _matches(folded: str, query: Query, begin: int, end: int) -> Iterable[tuple[int, int]]:
    """Find all that can be seen of the words in a piece of a text, in order; of those that begin alike, the longest."""
    seen, longest = _seen(query.words)
    # Word by word it would take sixteen times as long where each is a part of the next.
    spans = (found.span(1) for found in seen.finditer(folded, max(0, begin - longest + 1), end + longest - 1))
    return [(start, stop) for start, stop in spans if start < end and begin < stop]


@lru_cache(_REMEMBERED)
def _seen(words: tuple[Word, ...]) -> tuple[re.Pattern[str], int]:
    """Return what finds, at each character, the longest word that begins there, and how long one is at most."""
    forms = sorted({form for word in words for form in word.forms}, key=len, reverse=True)
    return re.compile(f"(?=({'|'.join(map(re.escape, forms))}))"), len(forms[0])


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Put spans together that overlap; they come in order."""
    merged: list[tuple[int, int]] = []
    for start, stop in spans:
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(stop, merged[-1][1])
        else:
            merged.append((start, stop))
    return merged
