"""Edits: what they change, what they may start from, and how one's own is told from others."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postkeep.domain.edits import ANY_VERSION, Changes, Edit, EditEmpty, Versions
from postkeep.domain.posts import Post, Status, Text, Title
from tests.builders import a_moment, a_post

TEXTS = st.sampled_from([None, *map(Text, ("Bought milk.", "x"))])
TITLES = st.sampled_from([None, *map(Title, ("Today", "t"))])
STATUSES = st.sampled_from([None, *Status])


@st.composite
def some_changes(draw: st.DrawFn) -> Changes:
    """Make changes, some of which leave a post as it is."""
    text, title, status = draw(TEXTS), draw(TITLES), draw(STATUSES)
    sets_title = title is not None or (text is None and status is None) or draw(st.booleans())
    return Changes(text, title, sets_title, status)


def an_edit(post: Post, changes: Changes, versions: Versions = ANY_VERSION) -> Edit:
    """Return an edit of a post."""
    return Edit(post.author, post.id, changes, versions, a_moment())


def test_what_changes_nothing_is_no_edit() -> None:
    """A title that stays is another thing than none."""
    with pytest.raises(EditEmpty):
        Changes()
    with pytest.raises(EditEmpty):
        Changes(title=None, sets_title=False)
    assert Changes(sets_title=True).title is None


@given(some_changes())
def test_what_is_not_named_stays(changes: Changes) -> None:
    """RFC 7396; and of each edit there is a new version."""
    post = a_post(version=4)
    edit = an_edit(post, changes)
    edited = edit.applied_to(post)
    assert edited.text == (changes.text or post.text)
    assert edited.title == (changes.title if changes.sets_title else post.title)
    assert edited.status == (changes.status or post.status)
    assert (edited.version, edited.updated_date) == (5, edit.now)
    kept = (edited.id, edited.author, edited.created_date)
    assert kept == (post.id, post.author, post.created_date)


def test_an_edit_is_never_older_than_its_post() -> None:
    """A clock that was set back makes no post younger than itself."""
    post = a_post()
    edit = replace(an_edit(post, Changes(text=Text("x"))), now=post.created_date - timedelta(seconds=1))
    assert edit.applied_to(post).updated_date == post.created_date


@given(some_changes(), some_changes())
def test_one_s_own_edit_is_told_from_others(mine: Changes, theirs: Changes) -> None:
    """By what it changed and when; also where both say the same, or nothing new."""
    post = a_post()
    edit, other = an_edit(post, mine, Versions.only(1)), an_edit(post, theirs, Versions.only(1))
    assert edit.made(edit.applied_to(post))
    assert not edit.made(post)
    assert not edit.made(other.applied_to(post))
    assert not edit.made(other.applied_to(edit.applied_to(post)))
    assert not edit.made(edit.applied_to(replace(post, version=2)))


def test_versions_contain_what_they_name() -> None:
    """Or whichever there is; the lowest is where an edit may have begun first."""
    assert 7 in ANY_VERSION
    assert 7 in Versions.only(7)
    assert 8 not in Versions.only(7)
    assert 7 not in Versions(frozenset())
    assert [versions.lowest for versions in (ANY_VERSION, Versions.only(7), Versions(frozenset({9, 3})))] == [1, 7, 3]
    assert Versions(frozenset()).lowest > 2**31
