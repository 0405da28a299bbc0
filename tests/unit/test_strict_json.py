"""JSON read strictly: what Python's own parser repairs, guesses or loses is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postkeep.controllers.strict_json import MAX_DEPTH, MAX_DIGITS, JsonInvalid, parse

SCALARS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(value=VALUES, indent=st.sampled_from([None, 2]), as_ascii=st.booleans())
def test_what_python_writes_is_read_as_python_reads_it(value: object, indent: int | None, *, as_ascii: bool) -> None:
    """Strict is not narrow: every I-JSON text has the same meaning as for `json.loads`."""
    text = json.dumps(value, indent=indent, ensure_ascii=as_ascii)
    assert parse(text) == json.loads(text) == value


@given(st.text(alphabet='{}[]",:\\/ubtrfnale0123456789.-+eE \t\r\n\ufeff\u00a0é', max_size=30))
def test_whatever_is_taken_means_the_same_to_python(text: str) -> None:
    """And nothing that `json.loads` refuses is taken; no other error comes out."""
    try:
        value = parse(text)
    except JsonInvalid:
        return
    assert value == json.loads(text)


@pytest.mark.parametrize("part", ["0,", "1.0,", "[],", "{},", '"",', '"a":0,', "[", '""', "[[]"])
def test_more_parts_than_any_body_has_are_refused_before_they_are_made(part: str) -> None:
    """A megabyte of them would take everybody half a second; what stands in strings is no part."""
    for text in (part * 300_000, f"[{part * 300_000}0]", '{"a":' + part * 300_000):
        with pytest.raises(JsonInvalid, match="parts"):
            parse(text)
    assert parse(json.dumps({"text": part * 300_000})) == {"text": part * 300_000}


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "nul",
        "True",
        "'a'",
        "{'a':1}",
        '{"a":1,}',
        "[1,]",
        "[1 2]",
        '{"a"}',
        "{1:2}",
        "// a\n1",
        "1 2",
        "1]",
        "01",
        "+1",
        ".5",
        "1.",
        "0x10",
        "1_000",
        '"a\nb"',
        '"a\tb"',
        '"\x00"',
        '"\\x41"',
        '"\\u12"',
        '"a',
        "\ufeff1",
        "\u00a01",
        "\x0c1",
        "\N{ARABIC-INDIC DIGIT ONE}",
    ],
)
def test_what_is_not_json_is_refused(text: str) -> None:
    """RFC 8259 and nothing beside it."""
    with pytest.raises(JsonInvalid):
        parse(text)


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "[NaN]", '{"a":-Infinity}', "1e999", "-1e999", "[1e400]"]
)
def test_iv_18_numbers_that_are_none_are_refused(text: str) -> None:
    """Python takes them all; the answer could not be written as JSON again."""
    with pytest.raises(JsonInvalid):
        parse(text)


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', '{"a":1,"a":1}', '{"x":{"a":1,"b":2,"a":3}}', r'{"a":1,"\u0061":2}'])
def test_a_name_twice_is_refused(text: str) -> None:
    """Python takes the last, others the first: a filter in front could see another value than we do."""
    with pytest.raises(JsonInvalid, match="twice"):
        parse(text)


def test_one_name_in_two_objects_is_fine() -> None:
    """Each object has its own names; upper and lower case are two."""
    assert parse('[{"a":1},{"a":2},{"A":1,"a":2}]') == [{"a": 1}, {"a": 2}, {"A": 1, "a": 2}]


@pytest.mark.parametrize(
    "text",
    [r'"\ud800"', r'"\udfff"', r'"\ude00\ud83d"', r'["a",{"b":"\ud800"}]', r'{"\ud800":1}', r'{"a":{"\udc00":1}}'],
)
def test_iv_14_a_lone_surrogate_is_refused(text: str) -> None:
    """In a value or in a name nobody knows: no encoding can carry it."""
    with pytest.raises(JsonInvalid, match="surrogate"):
        parse(text)


def test_a_pair_of_surrogates_is_a_character() -> None:
    """Every emoji arrives like this from some client."""
    assert parse(r'"\ud83d\ude00"') == "😀"


@pytest.mark.parametrize(("left", "right"), [("[", "]"), ('{"a":', "}")])
def test_32_levels_are_enough(left: str, right: str) -> None:
    """And 33 are too many."""
    inner = "1"
    assert parse(left * MAX_DEPTH + inner + right * MAX_DEPTH) is not None
    with pytest.raises(JsonInvalid, match="levels"):
        parse(left * (MAX_DEPTH + 1) + inner + right * (MAX_DEPTH + 1))


@pytest.mark.parametrize("text", ["[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 50_000 + "1" + "}" * 50_000])
def test_a_million_levels_do_no_harm(text: str) -> None:
    """Python's parser runs out of stack."""
    with pytest.raises(JsonInvalid):
        parse(text)


@pytest.mark.parametrize("sign", ["", "-"])
def test_numbers_may_be_long_but_not_endless(sign: str) -> None:
    """Reading a number takes time by the square of its digits."""
    assert parse(sign + "9" * (MAX_DIGITS - 1)) == int(sign + "9" * (MAX_DIGITS - 1))
    with pytest.raises(JsonInvalid):
        parse(sign + "9" * (MAX_DIGITS + 1))
    with pytest.raises(JsonInvalid):
        parse(sign + "0." + "1" * (MAX_DIGITS + 1))
    with pytest.raises(JsonInvalid):
        parse(sign + "9" * 1_000_000)


def test_small_numbers_may_vanish() -> None:
    """Rounding to zero is rounding; I-JSON promises no more than double precision."""
    assert parse("-1e-999") == 0


def test_what_was_sent_is_not_in_the_message() -> None:
    """It could be a password."""
    for text in ('{"password": secret}', '{"secret":1,"secret":2}', '["secret', '"secret\n"', r'"secret\ud800"'):
        with pytest.raises(JsonInvalid) as caught:
            parse(text)
        assert "secret" not in str(caught.value)
        assert caught.value.__cause__ is None
