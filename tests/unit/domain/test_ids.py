"""Ids: UUIDv7, in the order of their moments."""

import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postkeep.domain.ids import new_id, parse_id

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
MICROSECOND = timedelta(microseconds=1)


def milliseconds_of(given: uuid.UUID) -> int:
    """Read the first 48 bits."""
    return given.int >> 80


@given(MOMENTS)
def test_an_id_is_laid_out_as_rfc_9562_says(moment: datetime) -> None:
    """Others' tools read the moment from it: 48 bits of milliseconds, version 7, variant 10."""
    made = new_id(moment)
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert milliseconds_of(made) == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def test_the_example_of_rfc_9562_comes_out() -> None:
    """Its appendix A.6: 2022-02-22 14:22:22 -05:00 begins with 017F22E2-79B0-7."""
    made = new_id(datetime(2022, 2, 22, 14, 22, 22, tzinfo=timezone(timedelta(hours=-5))))
    assert str(made).startswith("017f22e2-79b0-7000-")


@given(MOMENTS)
def test_ids_ascend_with_every_microsecond(moment: datetime) -> None:
    """Newest first is id descending; also across the end of a millisecond."""
    assert new_id(moment) < new_id(moment + MICROSECOND)


def test_ids_ascend_through_two_milliseconds() -> None:
    """Each of the thousand fractions has its own place, none overflows into the version."""
    start = datetime(2026, 11, 21, tzinfo=UTC)
    made = [new_id(start + number * MICROSECOND) for number in range(2000)]
    assert made == sorted(made)
    assert {each.version for each in made} == {7}


def test_ids_of_one_moment_differ() -> None:
    """62 random bits tell them apart."""
    moment = datetime(2026, 11, 21, tzinfo=UTC)
    assert len({new_id(moment) for _ in range(1000)}) == 1000


def test_the_zone_of_a_moment_does_not_matter() -> None:
    """The same moment, told in another zone, has the same place."""
    moment = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert new_id(moment).int >> 64 == new_id(elsewhere).int >> 64


def test_order_of_bytes_is_order_of_ids() -> None:
    """Databases compare the 16 bytes."""
    made = [new_id(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)) for number in range(100)]
    assert sorted(made, key=lambda each: each.bytes) == made


@given(st.uuids())
def test_an_id_is_read_from_its_canonical_spelling(given_id: uuid.UUID) -> None:
    """Whatever its version: which ids exist, only the database knows. RFC 9562 4: upper case is read, too."""
    assert parse_id(str(given_id)) == given_id
    assert parse_id(str(given_id).upper()) == given_id


SPELLING = "0190d1f0-7c3a-7b5e-8f2a-3c4d5e6f7a8b"


@pytest.mark.parametrize(
    "spelling",
    [
        "",
        "1",
        "-1",
        SPELLING.replace("-", ""),
        f"{{{SPELLING}}}",
        f"urn:uuid:{SPELLING}",
        f" {SPELLING}",
        f"{SPELLING}\n",
        f"{SPELLING}0",
        SPELLING[:-1],
        SPELLING.replace("-", "_"),
        SPELLING.replace("0190d1f0-7c3a", "0190d1f07c3a-"),
        SPELLING.replace("a", "g"),
        SPELLING.replace("1", "\N{ARABIC-INDIC DIGIT ONE}"),
        SPELLING.replace("1", "\N{FULLWIDTH DIGIT ONE}"),
        SPELLING.replace("0190", "0x90"),
        SPELLING.replace("0190", "+190"),
        SPELLING.replace("0190d1f0", "0190_d1f"),
        "\x00" + SPELLING,
        "../" + SPELLING,
    ],
)
def test_iv_22_no_other_spelling_is_an_id(spelling: str) -> None:
    """Python's own UUID() takes braces, URNs, underscores and any digits: one thing would have many names."""
    assert parse_id(spelling) is None


@given(st.text())
def test_nothing_else_breaks_the_parser(text: str) -> None:
    """Paths hold anything."""
    parsed = parse_id(text)
    assert parsed is None or str(parsed) == text.lower()
