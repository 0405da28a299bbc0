"""What a word matches, and what is shown of a text."""

import sys
import unicodedata
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postkeep.domain.search import (
    QUERY_MAX_LENGTH,
    SNIPPET_LENGTH,
    WORDS_MAX,
    QueryInvalid,
    Snippet,
    fold,
    parse_query,
    variants,
)

ALL = "".join(chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF)

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
queries = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=QUERY_MAX_LENGTH
).filter(lambda text: 0 < len(text.split()) <= WORDS_MAX)


def finds(query: str, text: str, title: str | None = None) -> bool:
    """Whether a query finds a post."""
    return parse_query(query).finds(title, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("milk", "Bought MILK."),
        ("ОЛОК", "Купил молоко"),
        ("молоко", "КУПИЛ МОЛОКО"),
        ("牛奶", "我买了牛奶和面包"),
        ("ΟΔΟΣ", "η οδός, η οδος"),
        ("οδος", "ΟΔΟΣ"),
        ("σ", "Ας"),
        ("straße", "STRAẞE"),
        ("istanbul", "İSTANBUL"),
        ("k", "300 \N{KELVIN SIGN}"),
        ("café", "Cafe\N{COMBINING ACUTE ACCENT}"),
        ("cafe\N{COMBINING ACUTE ACCENT}", "CAFÉ"),
        ("한국", unicodedata.normalize("NFD", "한국어")),
        ("milk bread", "Bread, and then milk"),
        ("bread bread", "bread"),
        ("100%_", "it is 100%_ sure"),
        ("\\", "C:\\"),
        ("[a]*?", "see [A]*?"),
        ("'; --", "'; DROP TABLE posts; --"),
        ("👩\u200d👧", "a 👩\u200d👧 b"),
    ],
)
def test_a_word_is_found_however_it_is_written(query: str, text: str) -> None:
    """In every script, anywhere in a word, in text or title."""
    assert finds(query, text)
    assert finds(query, "-", text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("milk", "mil k"),
        ("milk bread", "milk"),
        ("cafe", "café"),
        ("ё", "е"),
        ("strasse", "straße"),
        ("ı", "I"),
        ("%", "percent"),
        ("_", "underscore"),
        ("a*b", "axb"),
        ("[ab]", "a"),
    ],
)
def test_a_word_is_found_only_as_the_rule_says(query: str, text: str) -> None:
    """Accents count, nothing is a wildcard, and no word may be missing."""
    assert not finds(query, text)


def test_words_may_stand_in_title_and_text() -> None:
    """One here, one there."""
    assert finds("milk today", "Bought milk", "Today")
    assert not finds("milk", "a", None)


def test_each_cased_letter_of_unicode_finds_its_other_case() -> None:
    """All there are, once: each finds what it is in lower case, and the other way round."""
    cased = [letter for letter in ALL if len(letter.lower()) == 1 and letter.lower() != letter]
    assert len(cased) > 1300
    for letter in cased:
        assert finds(letter, letter.lower())
        assert finds(letter.lower(), letter)


def test_folding_keeps_every_character_in_its_place() -> None:
    """So that a match in what was folded is the match in the text; and what was folded stays as it is."""
    folded = fold(ALL)
    assert len(folded) == len(ALL)
    assert fold(folded) == folded
    for character, alone in zip(ALL, map(fold, ALL), strict=True):
        assert len(alone) == 1, character
    assert "".join(map(fold, ALL)) == folded


def test_variants_are_all_characters_that_fold_alike() -> None:
    """None is left out, wherever in Unicode it stands."""
    found: dict[str, set[str]] = {}
    for character, folded in zip(ALL, fold(ALL), strict=True):
        found.setdefault(folded, set()).add(character)
    for folded, characters in found.items():
        if len(characters) > 1:
            assert set(variants(folded)) == characters
            assert len(variants(folded)) == len(characters)
    assert variants("牛") == "牛"


@given(queries)
def test_a_query_finds_itself(query: str) -> None:
    """However odd it is: as it was sent, composed, decomposed."""
    for text in (query, unicodedata.normalize("NFC", query), unicodedata.normalize("NFD", query)):
        assert finds(query, text)


@pytest.mark.parametrize(
    "given",
    ["", " ", "\u3000\n", "\x00", "a\x00", "a" * (QUERY_MAX_LENGTH + 1), "a " * (WORDS_MAX + 1)],
    ids=repr,
)
def test_iv_24_a_query_has_words_and_an_end(given: str) -> None:
    """Nothing to look for, or too much of it."""
    with pytest.raises(QueryInvalid):
        parse_query(given)


def test_a_query_may_be_as_long_as_is_said() -> None:
    """To the character and to the word."""
    assert len(parse_query("b" * QUERY_MAX_LENGTH).words) == 1
    assert len(parse_query(" ".join(map(str, range(WORDS_MAX)))).words) == WORDS_MAX
    assert len(parse_query("A a").words) == 1


def shown(text: str, query: str) -> str:
    """Return a snippet with its matches in brackets."""
    snippet = Snippet.of(text, parse_query(query))
    marked, at = "", 0
    for start, stop in snippet.matches:
        marked += f"{snippet.text[at:start]}[{snippet.text[start:stop]}]"
        at = stop
    return marked + snippet.text[at:]


@pytest.mark.parametrize(
    ("text", "query", "snippet"),
    [
        ("Bought milk.", "MILK", "Bought [milk]."),
        ("Купил МОЛОКО и ещё молоко", "молоко", "Купил [МОЛОКО] и ещё [молоко]"),
        ("no match here", "title", "no match here"),
        ("ananas", "ana nan", "[anana]s"),
        ("aaaa", "a", "[a][a][a][a]"),
        ("word " * 60 + "milk " + "word " * 60, "milk", "…" + "word " * 7 + "[milk]" + " word" * 23 + "…"),
        ("牛" * 50 + "奶" + "牛" * 200, "奶", "…" + "牛" * 40 + "[奶]" + "牛" * 119 + "…"),
        ("x" * 500 + "end", "end", "…" + "x" * 40 + "[end]"),
        ("milk" + "y" * 500, "milk", "[milk]" + "y" * 156 + "…"),
        ("x" * 300 + "b" * 300, "b" * 200, "…" + "x" * 40 + f"[{'b' * 120}]…"),
    ],
)
def test_a_snippet_shows_the_first_match(text: str, query: str, snippet: str) -> None:
    """With something before it, whole words where there are any, and every match that can be seen marked."""
    assert shown(text, query) == snippet


@pytest.mark.parametrize("offset", range(8))
def test_a_snippet_cuts_no_character_in_two(offset: int) -> None:
    """A letter keeps its marks, a family stays together."""
    family = "\N{WOMAN}\u200d\N{WOMAN}\u200d\N{GIRL}"
    for piece in ("e\u0301\u0323", family):
        snippet = Snippet.of(piece * 60 + "x" * offset + "milk" + "x" * offset + piece * 80, parse_query("milk"))
        kept = snippet.text.strip("…").replace("milk", "").replace("x", "")
        assert kept.replace(piece, "") == ""
        assert len(snippet.text) < SNIPPET_LENGTH + 2 * len(piece) + 2


@pytest.mark.parametrize("mark", ["\u0301", "\u200d", "\u0e31"])
def test_a_snippet_ends_where_a_character_does_not(mark: str) -> None:
    """A character may have any number of marks, so a text may be one; what is shown of it is as short as ever."""
    snippet = Snippet.of("milk" + mark * 10_000, parse_query(f"milk {mark}"))
    assert len(snippet.text) <= SNIPPET_LENGTH + 21
    assert len(snippet.matches) <= SNIPPET_LENGTH + 21


@given(texts, queries, texts)
def test_a_snippet_marks_what_was_found(before: str, query: str, behind: str) -> None:
    """Whatever is around it: in order, inside of the piece, and each is a word that was searched for."""
    text = before + query + behind
    sought = parse_query(query)
    snippet = Snippet.of(text, sought)
    assert snippet.matches
    ends = [0, *(end for span in snippet.matches for end in span), len(snippet.text)]
    assert ends == sorted(ends)
    assert snippet.text.removeprefix("…").removesuffix("…") in text
    forms = [form for word in sought.words for form in word.forms]
    start, stop = snippet.matches[0]
    assert any(fold(snippet.text[start:stop]).startswith(form[: stop - start]) for form in forms)


def test_of_words_within_words_the_longest_is_marked() -> None:
    """Where some begin alike or overlap, what they cover together is one mark; what only touches is another."""
    snippet = Snippet.of("an aardvark; a banana", parse_query("a aa aardvark ban nana nan"))
    assert [snippet.text[start:stop] for start, stop in snippet.matches] == ["a", "aardvark", "a", "banana"]
    assert Snippet.of("aaa", parse_query("a")).matches == ((0, 1), (1, 2), (2, 3))


def test_many_words_take_hardly_longer_to_mark_than_one() -> None:
    """A thousand posts may be found at once: with each word within the next one they took ten times as long."""

    def seconds(words: str) -> float:
        query = parse_query(words)

        def run() -> float:
            begun = perf_counter()
            for _ in range(20):
                Snippet.of("a" * SNIPPET_LENGTH, query)
            return perf_counter() - begun

        return min(run() for _ in range(5))

    assert seconds(" ".join("a" * length for length in range(1, WORDS_MAX + 1))) < 4 * seconds("a")
