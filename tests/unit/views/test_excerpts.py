"""What a list shows of a post."""

from time import perf_counter

import pytest

from postkeep.domain.posts import ListedPost
from postkeep.domain.search import parse_query
from postkeep.views.excerpts import Excerpt


def excerpt(text: str) -> Excerpt:
    """Take what is shown of a text without a title."""
    return Excerpt.of(ListedPost("id", None, text, "draft", 1, "2026-11-29T09:41:00Z", "2026-11-29T09:41:00Z"))


def seconds(text: str) -> float:
    """Measure how long that takes; the best of some runs, which nothing else has disturbed."""

    def run() -> float:
        begun = perf_counter()
        excerpt(text)
        return perf_counter() - begun

    return min(run() for _ in range(5))


@pytest.mark.parametrize("mark", ["# ", "  ## ", "> ", "- ", "---\n", "```python\n", "   \n"])
def test_marks_are_not_shown(mark: str) -> None:
    """Of Markdown there is what is said."""
    assert excerpt(f"{mark}Bought milk.").heading == "Bought milk."


def test_links_are_what_they_say() -> None:
    """Their addresses are for nobody to read, and brackets around anything else stay."""
    text = "See [the *oven*](https://example.com/a_b) and ![a cake](cake.png) [sic] (or not)."
    assert excerpt(text).heading == "See the oven and a cake [sic] (or not)."


def test_stars_that_mean_something_stay() -> None:
    """Only those around words are marks."""
    assert excerpt("*Two* times **three** is 2 * 3 = 2*3.").heading == "Two times three is 2 * 3 = 2*3."


@pytest.mark.parametrize("blank", [" ", "\t", " \t", "- ", "* ", "=", "#", "`", " \n", "[", "[x](", "![x"])
def test_no_text_takes_much_longer_than_others_of_its_length(blank: str) -> None:
    """A page is made in the event loop: what looks at each space again for each space holds up everybody.

    That took some thousand times as long.
    """
    assert seconds((blank * 2000)[:1990] + "x") < 200 * seconds("x y " * 500)


def test_marks_are_not_shown_around_what_was_found_either() -> None:
    """But for those that were searched for."""
    post = ListedPost("id", None, "some **bold** `code`", "draft", 1, "2026-11-29T09:41:00Z", "2026-11-29T09:41:00Z")
    assert Excerpt.found(post, parse_query("bold")).pieces == [("some ", False), ("bold", True), (" code", False)]
    assert ("**bold**", True) in Excerpt.found(post, parse_query("**bold**")).pieces


@pytest.mark.parametrize(
    ("text", "heading"), [("\u200b\u200d", ""), ("\ufe0f\nmore", ""), ("\u200bseen", "\u200bseen"), ("**", "**")]
)
def test_a_heading_of_which_nothing_can_be_seen_is_none(text: str, heading: str) -> None:
    """It is what the link to the post is called."""
    assert excerpt(text).heading == heading
