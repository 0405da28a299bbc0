"""The checker on Idempotency-Keys: a key stands for one post, which is there once (CASES.md 11, I4)."""

from tests.unit.faults.histories import Story, post


def test_i4_a_key_stands_for_one_post() -> None:
    """Refused with another one; another person's same key is another key."""
    story = Story()
    story.add("ann:a", 1, 2, key="k")
    story.add("ann:b", 3, 4, key="k", status=422)
    story.add("bob:c", 3, 4, key="k")
    story.shows(5, 6, "ann:a")
    assert story.found() == []


def test_i4_a_key_that_two_posts_were_acknowledged_with_is_named() -> None:
    """Whether or not both are there."""
    story = Story()
    story.add("ann:a", 1, 2, key="k")
    story.add("ann:b", 3, 4, key="k")
    assert story.found() == ["I4: 1 2"]


def test_i4_a_key_that_stands_for_two_posts_in_a_list_is_named() -> None:
    """Though nobody was told what came of them."""
    story = Story()
    story.add("ann:a", 1, None, key="k")
    story.add("ann:b", 3, None, key="k")
    story.shows(5, 6, "ann:b", "ann:a")
    assert story.found() == ["I4: 1 2"]


def test_i4_a_post_that_was_sent_twice_and_is_there_twice_is_named() -> None:
    """By the answer, which names one of the two."""
    story = Story()
    story.add("ann:a", 1, 2, key="k")
    story.shows(3, 4, post("ann:a", post_id="id-ann:b"), "ann:a")
    assert "I4: 1 2" in story.found()
