"""Posts that are brought in: their ids and dates."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from postkeep.domain.accounts import AccountId
from postkeep.domain.ids import derived_id, moment_of, new_id
from postkeep.domain.incoming import LEEWAY, DateInvalid, IncomingPost
from postkeep.domain.posts import MAX_BODY_BYTES, Post, PostTooLarge, Text, Title
from tests.builders import MIDNIGHT, an_account_id

NOW = MIDNIGHT
THEN = MIDNIGHT - timedelta(days=400, microseconds=1)
LONG_AGO = MIDNIGHT - timedelta(days=4000)
ANN = an_account_id()


def made(author: AccountId = ANN, **given: Any) -> Post:
    """Return the post that something becomes."""
    return replace(IncomingPost(Text("a")), **given).post(author, now=NOW, undated=LONG_AGO)


def test_an_id_of_its_creation_is_kept() -> None:
    """Whatever the bits behind its milliseconds: other programs put chance there."""
    given = derived_id(THEN.replace(microsecond=THEN.microsecond // 1000 * 1000), b"")
    assert made(id=str(given), created_date=THEN).id == given
    assert made(id=str(given).upper(), created_date=THEN).id == given


@pytest.mark.parametrize(
    "given",
    [
        None,
        "note-17",
        "7",
        "9b2d3a52-7c4e-4f6b-8f0a-0d5f3f9c2a11",
        str(new_id(THEN - timedelta(milliseconds=1))),
        "ffffffff-ffff-7fff-bfff-ffffffffffff",
    ],
    ids=["none", "words", "number", "version-4", "another-time", "far-future"],
)
def test_any_other_id_is_replaced_by_one_that_is_always_the_same(given: str | None) -> None:
    """Minted from the creation; another account's, another text's, another title's and another name's differ."""
    post = made(id=given, created_date=THEN)
    assert post.id == made(id=given, created_date=THEN).id
    assert str(post.id) != given
    assert moment_of(post.id) == THEN.replace(microsecond=THEN.microsecond // 1000 * 1000)
    others = (
        made(an_account_id(), id=given, created_date=THEN),
        made(id=given, created_date=THEN, text=Text("b")),
        made(id=given, created_date=THEN, title=Title("a")),
        made(id="another", created_date=THEN),
        made(id=given, created_date=THEN + timedelta(microseconds=1)),
    )
    assert len({post.id, *(other.id for other in others)}) == 6


def test_what_has_no_date_has_its_ids() -> None:
    """And what has neither is as old as it is said to be."""
    given = new_id(THEN)
    dated = made(id=str(given))
    assert (dated.id, dated.created_date) == (given, moment_of(given))
    assert made().created_date == LONG_AGO
    assert made(created_date=THEN).updated_date == THEN


@pytest.mark.parametrize(
    ("created", "updated"),
    [
        (NOW + LEEWAY + timedelta(microseconds=1), None),
        (THEN, NOW + LEEWAY + timedelta(microseconds=1)),
        (THEN, THEN - timedelta(microseconds=1)),
        (MIDNIGHT.replace(year=1969), None),
        (None, LONG_AGO - timedelta(microseconds=1)),
    ],
)
def test_dates_that_cannot_be_are_refused(created: object, updated: object) -> None:
    """In the future, by more than a clock may be wrong; before 1970; changed before it was there."""
    with pytest.raises(DateInvalid):
        made(created_date=created, updated_date=updated)


def test_a_clock_may_be_a_little_ahead() -> None:
    """Of the other machine."""
    assert made(created_date=NOW + LEEWAY).created_date == NOW + LEEWAY


def test_title_and_text_have_a_megabyte_together() -> None:
    """As much as a request that adds a post could bring at most."""
    most = IncomingPost(Text("x" * (MAX_BODY_BYTES - 2)), Title("é"))
    assert most.post(ANN, now=NOW, undated=THEN).bytes == MAX_BODY_BYTES
    with pytest.raises(PostTooLarge):
        replace(most, title=Title("éa")).post(ANN, now=NOW, undated=THEN)
