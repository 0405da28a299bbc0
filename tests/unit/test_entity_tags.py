"""Entity tags in requests: what names a version, and what names none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postkeep.domain.edits import ANY_VERSION, MAX_VERSIONS, Versions
from postkeep.views.entity_tags import IfMatchInvalid, has_tag, parse_versions, tag_of


@pytest.mark.parametrize(
    ("if_match", "named"),
    [
        ('"7"', {7}),
        ('"7", "8"', {7, 8}),
        ('"7","7"\t ,\t"9"', {7, 9}),
        ('W/"7"', set[int]()),
        ('W/"7", "8"', {8}),
        ('"a,b", "8"', {8}),
        ('"abc"', set[int]()),
        ('""', set[int]()),
        ('"07"', set[int]()),
        ('"0"', set[int]()),
        ('"-1"', set[int]()),
        ('"7 "', None),
        ('"\u0667"', None),
        ("7", None),
        ("", None),
        ('"7', None),
        ('"7" "8"', None),
        ('"7",', None),
        ('w/"7"', None),
        ('*, "7"', None),
        ("**", None),
    ],
)
def test_if_match_names_versions(if_match: str, named: set[int] | None) -> None:
    """Strong tags that are versions of ours; others match nothing, and what is no list of tags is refused."""
    if named is None:
        with pytest.raises(IfMatchInvalid):
            parse_versions(if_match)
    else:
        assert parse_versions(if_match) == Versions(frozenset(named))


def test_a_star_is_any_version() -> None:
    """Source: RFC 9110 13.1.1."""
    assert parse_versions("*") == ANY_VERSION


def test_a_list_of_versions_is_short() -> None:
    """Who names more does not know what he edits."""
    tags = [tag_of(version) for version in range(1, MAX_VERSIONS + 2)]
    assert parse_versions(", ".join(tags[:-1])) == Versions(frozenset(range(1, MAX_VERSIONS + 1)))
    with pytest.raises(IfMatchInvalid):
        parse_versions(", ".join(tags))


@given(st.text(max_size=40))
def test_no_text_makes_an_error_of_another_kind(if_match: str) -> None:
    """Clients send anything."""
    try:
        named = parse_versions(if_match).named
    except IfMatchInvalid:
        return
    assert named is None or all(0 < version < 10**10 for version in named)


@given(st.integers(1, 2**31))
def test_a_version_s_tag_is_read_as_the_version(version: int) -> None:
    """There and back."""
    assert parse_versions(tag_of(version)) == Versions.only(version)


@given(st.binary(max_size=200))
def test_no_bytes_make_an_error_of_if_none_match(value: bytes) -> None:
    """Nor here."""
    assert has_tag(value, b'"tag"') in {True, False}


def test_a_tag_is_found_in_a_list_as_long_as_a_header_may_be() -> None:
    """No limit counts the hits of a list that is asked for with this header, so it costs next to nothing, too."""
    others = b'"",' * 2500
    assert not has_tag(others, b'"0123456789"')
    assert has_tag(others + b'"0123456789"', b'"0123456789"')


@given(st.lists(st.from_regex(rb'\A(W/)?"[a-z,*/\x80-\xff]{0,5}"\Z'), max_size=5), st.integers(0, 4))
def test_a_tag_is_found_in_a_list_wherever_it_stands(tags: list[bytes], at: int) -> None:
    """Weak or strong, among others, some of which have commas in them."""
    ours = b'"0123456789"'
    others = b" , ".join(tags)
    assert not has_tag(others, ours)
    for spelling in (ours, b"W/" + ours):
        assert has_tag(b",".join([*tags[:at], spelling, *tags[at:]]), ours)
