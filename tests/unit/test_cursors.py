"""Cursors: where the next page begins."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postkeep.domain.lists import Listing, Place, Sort
from postkeep.domain.posts import ListedPost, Post, Status
from postkeep.views.cursors import CursorInvalid, Cursors
from tests.builders import a_post, an_account_id

OURS = Cursors([b"o" * 32])

SORTS = [pytest.param(sort, id=sort.value) for sort in Sort]


def place_of(post: Post, sort: Sort = Sort.NEWEST_FIRST) -> Place:
    """Return where a post stands in a list."""
    return sort.place_of(ListedPost.of(post))


def written(post: Post, by: Cursors = OURS) -> str:
    """Return the cursor behind a post in its author's list of everything."""
    return by.write(post.author, place_of(post))


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("status", [None, *Status])
@pytest.mark.parametrize("query", ["", "молоко и хлеб"])
def test_a_cursor_leads_to_where_it_was_written(sort: Sort, status: Status | None, query: str) -> None:
    """The place of the last post of the page before, to the microsecond."""
    moment = datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)
    for post in (a_post(), a_post(updated_date=moment), a_post(updated_date=datetime(1970, 1, 1, tzinfo=UTC))):
        place, listing = place_of(post, sort), Listing(sort, status)
        assert OURS.read(post.author, OURS.write(post.author, place, listing, query), listing, query) == place


def test_iv_24_a_cursor_is_good_for_its_own_order_status_and_search() -> None:
    """Between any two lists it is refused, also where a search looks like the name of another list."""
    post = a_post()
    lists = [
        (Listing(sort, status), query)
        for sort in Sort
        for status in (None, *Status)
        for query in ("", "a", "any", " a", "draft a", f"{sort} draft")
    ]
    # All places are the same here, so that nothing else tells the cursors apart.
    place = place_of(post, Sort.LAST_CHANGED_FIRST)
    cursors = {OURS.write(post.author, place, listing, query) for listing, query in lists}
    assert len(cursors) == len(lists)
    cursor = OURS.write(post.author, place, Listing(Sort.OLDEST_FIRST), "a")
    for listing, query in lists:
        if (listing, query) != (Listing(Sort.OLDEST_FIRST), "a"):
            with pytest.raises(CursorInvalid):
                OURS.read(post.author, cursor, listing, query)


def test_a_cursor_fits_a_query_as_it_is() -> None:
    """No character that clients must escape."""
    for _ in range(50):
        post = a_post()
        assert all(c.isalnum() or c in "-_" for c in written(post))


def test_every_server_of_one_secret_reads_it() -> None:
    """The next page may be asked of another process."""
    post = a_post()
    assert Cursors([b"o" * 32]).read(post.author, written(post)) == place_of(post)


def test_a_cursor_outlives_a_change_of_secret() -> None:
    """As long as the secret that it was written with is known; new ones are written with the new one."""
    post = a_post()
    changed = Cursors([b"n" * 32, b"o" * 32])
    assert changed.read(post.author, written(post)) == place_of(post)
    assert Cursors([b"n" * 32]).read(post.author, written(post, changed)) == place_of(post)
    with pytest.raises(CursorInvalid):
        OURS.read(post.author, written(post, changed))


def test_iv_24_a_cursor_is_good_for_its_own_list() -> None:
    """Another account's means nothing here."""
    post = a_post()
    with pytest.raises(CursorInvalid):
        OURS.read(an_account_id(), written(post))


def test_iv_24_a_stranger_s_cursor_is_none() -> None:
    """Nobody else can write one."""
    post = a_post()
    with pytest.raises(CursorInvalid):
        OURS.read(post.author, written(post, Cursors([b"t" * 32])))


def test_iv_24_a_changed_cursor_is_none() -> None:
    """Whatever character is changed, added or taken away."""
    post = a_post()
    cursor = written(post)
    changed = [f"{cursor[:at]}{'B' if cursor[at] == 'A' else 'A'}{cursor[at + 1 :]}" for at in range(len(cursor))]
    for wrong in (*changed, cursor[:-1], cursor[1:], cursor + "A", cursor + "AAAA", cursor + "=", cursor + "\n"):
        with pytest.raises(CursorInvalid):
            OURS.read(post.author, wrong)


@pytest.mark.parametrize("junk", ["", "=", "A", "====", "é", "\x00", "\ud800", "-" * 48, "A" * 1_000_000], ids=range(9))
def test_iv_24_junk_is_no_cursor(junk: str) -> None:
    """No text makes another error than ours."""
    with pytest.raises(CursorInvalid):
        OURS.read(an_account_id(), junk)


@given(st.binary(min_size=32, max_size=40))
def test_nobody_guesses_one(guess: bytes) -> None:
    """96 bits of tag."""
    with pytest.raises(CursorInvalid):
        OURS.read(an_account_id(), base64.urlsafe_b64encode(guess).decode())
