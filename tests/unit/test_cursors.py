"""Cursors: where the next page begins."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postkeep.views.cursors import CursorInvalid, Cursors
from tests.builders import a_post, an_account_id

OURS = Cursors([b"o" * 32])


def test_a_cursor_leads_to_where_it_was_written() -> None:
    """The last post of the page before."""
    post = a_post()
    assert OURS.read(post.author, OURS.write(post.author, post.id)) == post.id


def test_a_cursor_fits_a_query_as_it_is() -> None:
    """No character that clients must escape."""
    for _ in range(50):
        post = a_post()
        assert all(c.isalnum() or c in "-_" for c in OURS.write(post.author, post.id))


def test_every_server_of_one_secret_reads_it() -> None:
    """The next page may be asked of another process."""
    post = a_post()
    assert Cursors([b"o" * 32]).read(post.author, OURS.write(post.author, post.id)) == post.id


def test_a_cursor_outlives_a_change_of_secret() -> None:
    """As long as the secret that it was written with is known; new ones are written with the new one."""
    post = a_post()
    changed = Cursors([b"n" * 32, b"o" * 32])
    assert changed.read(post.author, OURS.write(post.author, post.id)) == post.id
    assert Cursors([b"n" * 32]).read(post.author, changed.write(post.author, post.id)) == post.id
    with pytest.raises(CursorInvalid):
        OURS.read(post.author, changed.write(post.author, post.id))


def test_iv_24_a_cursor_is_good_for_its_own_list() -> None:
    """Another account's means nothing here."""
    post = a_post()
    with pytest.raises(CursorInvalid):
        OURS.read(an_account_id(), OURS.write(post.author, post.id))


def test_iv_24_a_stranger_s_cursor_is_none() -> None:
    """Nobody else can write one."""
    post = a_post()
    with pytest.raises(CursorInvalid):
        OURS.read(post.author, Cursors([b"t" * 32]).write(post.author, post.id))


def test_iv_24_a_changed_cursor_is_none() -> None:
    """Whatever character is changed, added or taken away."""
    post = a_post()
    cursor = OURS.write(post.author, post.id)
    changed = [f"{cursor[:at]}{'B' if cursor[at] == 'A' else 'A'}{cursor[at + 1 :]}" for at in range(len(cursor))]
    for wrong in (*changed, cursor[:-1], cursor[1:], cursor + "A", cursor + "AAAA", cursor + "=", cursor + "\n"):
        with pytest.raises(CursorInvalid):
            OURS.read(post.author, wrong)


@pytest.mark.parametrize("junk", ["", "=", "A", "====", "é", "\x00", "\ud800", "-" * 32, "A" * 1_000_000], ids=range(9))
def test_iv_24_junk_is_no_cursor(junk: str) -> None:
    """No text makes another error than ours."""
    with pytest.raises(CursorInvalid):
        OURS.read(an_account_id(), junk)


@given(st.binary(min_size=20, max_size=28))
def test_nobody_guesses_one(guess: bytes) -> None:
    """64 bits of tag."""
    with pytest.raises(CursorInvalid):
        OURS.read(an_account_id(), base64.urlsafe_b64encode(guess).decode())
