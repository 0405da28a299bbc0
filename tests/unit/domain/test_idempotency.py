"""Idempotency keys: which there are, and what they stand for."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postkeep.domain.idempotency import HASH_BYTES, KEY_PATTERN, IdempotencyKey, KeyInvalid, KeyUse, parse_key
from postkeep.domain.posts import Status, Text, Title
from tests.builders import a_post, an_account_id

KEY = IdempotencyKey("8e03978e-40d5-43dd-bc93-6894a57f9324")


@pytest.mark.parametrize("key", ["a", KEY, "!#$%&'()*+,-./0:;<=>?@A[]^_`a{|}~", "k" * 255])
def test_a_key_is_the_same_with_quotes_and_without(key: str) -> None:
    """The draft asks for a quoted string; most clients send none."""
    assert parse_key(key) == parse_key(f'"{key}"') == key


WITH_QUOTES = ["", '""', '"', '"a', 'a"', 'a"b', '""a""', r'"a\"b"', '"a";b']
OF_OTHER_CHARACTERS = ["a b", " a", "a\t", "a\n", "a\\b", "ключ", "é", "a\x00", "\x7f"]
TOO_LONG = ["k" * 256, f'"{"k" * 256}"']


@pytest.mark.parametrize("given", [*WITH_QUOTES, *OF_OTHER_CHARACTERS, *TOO_LONG], ids=repr)
def test_anything_else_is_no_key(given: str) -> None:
    """What could be read in two ways is refused, not guessed at."""
    with pytest.raises(KeyInvalid):
        parse_key(given)


@given(st.text(st.characters(max_codepoint=0x100), max_size=258) | st.from_regex(KEY_PATTERN))
def test_what_the_description_says_of_keys_is_so(given: str) -> None:
    """Clients check by that pattern; `$` of other languages has no line end in it."""
    described = re.fullmatch(KEY_PATTERN.removesuffix("$"), given) is not None
    try:
        parse_key(given)
    except KeyInvalid:
        assert not described
    else:
        assert described


def test_a_use_tells_the_same_from_another() -> None:
    """By text, title and status, each in its place; not by what is new at each repetition."""
    post = a_post(text=Text("a"), title=Title("b"), status=Status.DRAFT)
    use = KeyUse.of(KEY, post)
    again = KeyUse.of(KEY, a_post(author=post.author, text=Text("a"), title=Title("b"), status=Status.DRAFT))
    assert (use.key_hash, use.body_hash) == (again.key_hash, again.body_hash)
    assert (use.author, use.post_id, use.created_date) == (post.author, post.id, post.created_date)
    others = [
        replace(post, text=Text("a ")),
        replace(post, text=Text("b"), title=Title("a")),
        replace(post, text=Text('a", "b'), title=None),
        replace(post, title=None),
        replace(post, title=Title("null")),
        replace(post, status=Status.PUBLISHED),
    ]
    hashes = {KeyUse.of(KEY, other).body_hash for other in [post, *others]}
    assert len(hashes) == len(others) + 1
    assert {len(each) for each in (use.key_hash, *hashes)} == {HASH_BYTES}


def test_what_is_kept_tells_neither_the_key_nor_the_text() -> None:
    """Nor can anybody who reads it try which text it was: the same text under two keys has two hashes."""
    post = a_post(author=an_account_id(), text=Text("a secret"))
    use, other = KeyUse.of(KEY, post), KeyUse.of(IdempotencyKey("k"), post)
    assert use.body_hash != other.body_hash
    assert use.key_hash != other.key_hash
    assert "secret" not in repr(use)
    assert KEY not in repr(use)
