"""Orders of lists, and places in them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from postkeep.domain.lists import Place, Sort
from postkeep.domain.posts import ListedPost
from tests.builders import a_post


@pytest.mark.parametrize("sort", Sort)
def test_the_place_of_a_post_is_what_its_list_is_sorted_by(sort: Sort) -> None:
    """An edit moves a post only where the last change counts."""
    post = a_post()
    edited = replace(post, updated_date=post.updated_date + timedelta(microseconds=1))
    places = [sort.place_of(ListedPost.of(each)) for each in (post, edited)]
    moments = [post.updated_date, edited.updated_date] if sort.is_by_change else [None, None]
    assert places == [Place(post.id, moment) for moment in moments]


def test_a_hyphen_is_for_the_latest_first() -> None:
    """As everybody writes it."""
    assert {sort for sort in Sort if sort.descends} == {sort for sort in Sort if sort.startswith("-")}
