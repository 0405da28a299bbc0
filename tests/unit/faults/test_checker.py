"""The checker: each invariant on histories by hand, the good ones pass and the bad ones are named (CASES.md 11)."""

import random
import time
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.faults.history import DELETION, Item, Kind, Operation, Outcome, status_in, text_in
from tests.faults.sessions import GRACE_NS, MOST_SESSIONS, REUSED
from tests.faults.users import STATUSES
from tests.faults.verdict import judge
from tests.unit.faults.histories import Story, post


def a_story(*, added: bool = True) -> Story:
    """Begin a story in which ann adds a post from 1 to 2."""
    story = Story()
    if added:
        story.add("ann:a", 1, 2)
    return story


# What follows is about I1: never lost.


def test_i1_a_list_shows_what_was_acknowledged() -> None:
    """The simplest good history."""
    story = a_story()
    story.shows(3, 4, "ann:a")
    assert story.found() == []


def test_i1_a_list_that_misses_an_acknowledged_post_is_named() -> None:
    """Together with the add."""
    story = a_story()
    story.shows(3, 4)
    assert story.found() == ["I1: 1 2"]


def test_i1_a_list_may_miss_a_post_whose_acknowledgement_it_overlaps() -> None:
    """It may have been read just before; from the next list on it may not."""
    story = Story()
    story.add("ann:a", 1, 5)
    story.shows(2, 6)
    story.shows(4, 7)
    assert story.found() == []
    story.shows(6, 8)
    assert story.found() == ["I1: 1 4"]


def test_i1_a_list_may_miss_a_post_whose_deletion_was_asked_for() -> None:
    """Even if nobody knows what came of the deletion."""
    story = a_story()
    story.delete("ann:a", 3, None)
    story.shows(2, 4)
    story.shows(5, 6)
    assert story.found() == []


def test_i1_a_deletion_that_was_asked_for_later_excuses_nothing() -> None:
    """The list had been answered by then."""
    story = a_story()
    story.shows(3, 4)
    story.delete("ann:a", 5, 6)
    assert "I1: 1 2" in story.found()


def test_i1_a_strangers_deletion_excuses_nothing() -> None:
    """It was refused, and must not have had any effect."""
    story = a_story()
    story.add("bob:b", 1, 2)
    story.delete("ann:a", 3, 4, status=404, user="bob")
    story.shows(5, 6)
    assert story.found() == ["I1: 1 4"]


def test_i1_what_nobody_knows_the_outcome_of_may_be_there_or_not() -> None:
    """A pending add may never take effect, or late."""
    story = Story()
    story.add("ann:a", 1, None)
    story.shows(3, 4)
    story.shows(5, 6, "ann:a")
    story.shows(7, 8, "ann:a")
    assert story.found() == []


def test_i1_what_was_shown_once_is_there() -> None:
    """A pending add that somebody saw may not go away by itself; the list that saw it is named, too."""
    story = Story()
    story.add("ann:a", 1, None)
    story.shows(3, 4, "ann:a")
    story.shows(5, 6)
    assert story.found() == ["I1: 1 2 3"]


def test_i1_a_deletion_that_finds_nothing_says_that_the_post_is_lost() -> None:
    """404 for a post that must be there; not where another deletion may have come first."""
    story = a_story()
    story.delete("ann:a", 3, 4, status=404)
    assert story.found() == ["I1: 1 2"]
    story = a_story()
    story.delete("ann:a", 3, None)
    story.delete("ann:a", 3, 4, status=404)
    assert story.found() == []


def test_i1_a_lost_post_is_told_from_a_late_one() -> None:
    """Both are wrong; only one is gone. The time by which it was late is I6."""
    story = a_story()
    story.shows(1_000_002, 1_000_003)
    assert (judge(story.operations).lost, judge(story.operations).stale_ms) == (1, 1.0)
    story.shows(1_000_005, 1_000_006, "ann:a")
    assert (judge(story.operations).lost, judge(story.operations).stale_ms) == (0, 1.0)


# What follows is about I2: never listed after the delete's acknowledgement.


def test_i2_a_list_that_overlaps_a_deletion_may_show_the_post() -> None:
    """It may have been read before."""
    story = a_story()
    story.delete("ann:a", 3, 5)
    story.shows(4, 6, "ann:a")
    story.shows(6, 7)
    assert story.found() == []


def test_i2_a_list_that_shows_a_deleted_post_is_named() -> None:
    """Together with the add and the deletion."""
    story = a_story()
    story.delete("ann:a", 3, 4)
    story.shows(5, 6, "ann:a")
    assert story.found() == ["I2: 1 2 3"]


def test_i2_a_post_that_was_missing_does_not_come_back() -> None:
    """A stale cache that flickers, though nobody knows what came of the deletion."""
    story = a_story()
    story.delete("ann:a", 3, None)
    story.shows(5, 6)
    story.shows(5, 8, "ann:a")
    assert story.found() == []
    story.shows(7, 9, "ann:a")
    assert story.found() == ["I2: 1 3 5"]


def test_i2_a_deletion_that_found_nothing_settles_that_it_is_gone() -> None:
    """After its 404 nobody sees the post again."""
    story = a_story()
    story.delete("ann:a", 3, None)
    story.delete("ann:a", 4, 5, status=404)
    story.shows(6, 7, "ann:a")
    assert story.found() == ["I2: 1 3 4"]


def test_i2_nothing_is_deleted_twice() -> None:
    """Unless both were under way together: whoever ran again after a lost COMMIT may find it gone."""
    story = a_story()
    story.delete("ann:a", 3, 6)
    story.delete("ann:a", 5, 7)
    assert story.found() == []
    story.delete("ann:a", 8, 9)
    assert story.found() == ["I2: 1 2 4"]


# What follows is about I3, isolation.


def test_i3_a_list_with_a_strangers_post_is_named() -> None:
    """And is nobody's phantom."""
    story = a_story()
    story.shows(3, 4, "ann:a", user="bob")
    assert story.found() == ["I3: 1 2"]


def test_i3_a_stranger_who_deletes_is_named() -> None:
    """A refusal is as it should be."""
    story = a_story()
    story.delete("ann:a", 3, 4, status=404, user="bob")
    assert story.found() == []
    story.delete("ann:a", 5, 6, user="bob")
    assert story.found() == ["I3: 1 3"]


def test_i3_a_strangers_mark_in_any_answer_is_named() -> None:
    """Wherever it stands."""
    story = a_story()
    story.tell(Kind.LOGIN, 3, 4, user="bob").foreign = ["ann"]
    assert story.found() == ["I3: 2"]


# What follows is about I4: no phantom, no duplicate, no change.


def test_i4_a_post_that_nobody_added_is_named() -> None:
    """Or that was added only after it was shown."""
    story = Story()
    story.shows(3, 4, "ann:a")
    assert story.found() == ["I4: 1"]
    story.add("ann:a", 5, 6)
    assert story.found() == ["I4: 1"]


def test_i4_a_refused_post_that_is_there_is_named() -> None:
    """4xx means never."""
    story = Story()
    story.add("ann:a", 1, 2, status=413)
    story.shows(3, 4, "ann:a")
    assert story.found() == ["I4: 1 2"]


def test_i4_a_changed_post_is_named() -> None:
    """Each byte counts."""
    story = a_story()
    story.shows(3, 4, post("ann:a", digest="another"))
    assert story.found() == ["I4: 1 2"]


def test_i4_a_post_with_another_id_is_named() -> None:
    """One add, two rows."""
    story = a_story()
    story.shows(3, 4, post("ann:a", post_id="id-z"), "ann:a")
    assert story.found() == ["I4: 1 2"]


def test_i4_a_list_out_of_order_or_with_a_post_twice_is_named() -> None:
    """Newest first, each once."""
    story = a_story()
    story.add("ann:b", 1, 2)
    story.shows(3, 4, "ann:b", "ann:a")
    assert story.found() == []
    story.shows(5, 6, "ann:a", "ann:b")
    story.shows(7, 8, "ann:b", "ann:a", "ann:a")
    assert story.found() == ["I4: 4", "I4: 5"]


def test_i4_an_answer_that_makes_no_sense_is_named() -> None:
    """Such as a list that is no JSON, though it came to its end."""
    story = a_story()
    story.tell(Kind.LIST, 3, 4).problem = "the list is no JSON"
    story.operations[-1].outcome = Outcome.INFO
    assert story.found() == ["I4: 2"]


# What follows is about I5, sessions.


def test_i5_a_session_that_lives_on_is_named() -> None:
    """Once its logout was acknowledged, for requests that began later; logging out again is fine."""
    story = Story()
    story.login("s", 1, 2)
    story.logout(3, 6)
    story.uses(4, 8)
    story.logout(7, 8)
    story.uses(9, 10, status=401)
    assert story.found() == []
    story.uses(11, 12)
    assert story.found() == ["I5: 2 6"]


def test_i5_a_session_that_renews_its_tokens_after_its_end_is_named() -> None:
    """Its refresh token is as dead as its access token."""
    story = Story()
    story.login("s", 1, 2)
    story.logout(3, 4)
    story.refresh("t", "u", 5, 6)
    assert story.found() == ["I5: 2 3"]


def test_i5_a_session_that_survives_the_end_of_all_others_is_named() -> None:
    """So, too, the sessions that a new password ends; the one that asked lives on, and so may a login beside it."""
    story = Story()
    story.login("s", 1, 2)
    story.login("mine", 1, 2)
    story.login("beside", 3, 6)
    story.tell(Kind.END_OTHERS, 4, 5, session="mine")
    story.uses(6, 7, session="mine")
    story.uses(8, 9, session="beside")
    story.uses(8, 9, session="beside", status=401)
    story.uses(8, 9, status=401)
    assert story.found() == []
    story.uses(10, 11)
    assert story.found() == ["I5: 4 9"]


def test_i5_the_end_of_all_others_spares_who_asked() -> None:
    """And whoever logs in later."""
    story = Story()
    story.login("s", 1, 2)
    story.tell(Kind.END_OTHERS, 3, 4, session="s")
    story.login("later", 5, 6)
    story.uses(7, 8, status=401)
    story.uses(7, 8, session="later", status=401)
    assert story.found() == ["I5: 1 4", "I5: 3 5"]


def test_i5_a_session_that_survives_reuse_is_named() -> None:
    """The answer that its token was used before is its end."""
    story = Story()
    story.login("s", 1, 2)
    story.refresh("t", "u", 3, 4)
    story.refresh("u", "v", 5, 6)
    story.refresh("t", "", 7, 8, status=401, code=REUSED)
    assert story.found() == []
    story.uses(9, 10)
    assert story.found() == ["I5: 4 5"]


def test_i5_a_token_with_two_successors_is_named() -> None:
    """Two tabs get the same one."""
    story = Story()
    story.login("s", 1, 2)
    story.refresh("t", "u", 3, 5)
    story.refresh("t", "u", 4, 6)
    assert story.found() == []
    story.refresh("t", "v", 4, 7)
    assert story.found() == ["I5: 2 4"]


def test_i5_a_session_that_is_refused_for_no_reason_is_named() -> None:
    """Nobody asked to end it."""
    story = Story()
    story.login("s", 1, 2)
    story.uses(3, 4, status=401)
    assert story.found() == ["I5: 1 2"]


def test_i5_a_logout_of_unknown_outcome_may_have_ended_it() -> None:
    """From the moment when it was asked for."""
    story = Story()
    story.login("s", 1, 2)
    story.logout(3, None)
    story.uses(4, 5, status=401)
    assert story.found() == []


def test_i5_a_renewal_that_is_tried_again_must_succeed() -> None:
    """TK-28: nobody is locked out by a lost answer, if he comes again soon."""
    story = Story()
    story.login("s", 1, 2)
    story.refresh("t", "", 3, None)
    story.refresh("t", "", 4, 5, status=401, code=REUSED)
    assert story.found() == ["I5: 1 3"]
    story = Story()
    story.login("s", 1, 2)
    story.refresh("t", "", 3, None)
    story.refresh("t", "", 4 + GRACE_NS, 5 + GRACE_NS, status=401, code=REUSED)
    assert story.found() == []


def test_i5_a_renewal_that_comes_late_may_end_its_session() -> None:
    """One of unknown outcome may arrive when its successor is in use: nobody can tell it from a thief."""
    story = Story()
    story.login("s", 1, 2)
    story.refresh("t", "", 3, None)
    story.refresh("t", "u", 4, 5)
    story.refresh("u", "v", 6, 7)
    story.uses(8, 9, status=401)
    assert story.found() == []


def test_i5_a_login_with_the_right_password_that_is_refused_is_named() -> None:
    """The account or its password was lost."""
    story = Story()
    story.login("s", 1, 2, status=401)
    assert story.found() == ["I5: 1"]


def test_i5_the_oldest_of_very_many_sessions_may_end() -> None:
    """That is documented (TK-35)."""
    story = Story()
    story.login("s", 1, 2)
    for number in range(MOST_SESSIONS + 1):
        story.login(f"s{number}", 3, 4)
    story.uses(5, 6, status=401)
    assert story.found() == []


# What follows is about I7, edits.


def test_i7_a_list_shows_the_version_that_was_acknowledged() -> None:
    """From then on, and before that either of the two."""
    story = a_story()
    story.edit("ann:a", 1, "b", during=(3, 6))
    story.shows(4, 7, "ann:a")
    story.shows(5, 8, post("ann:a", digest="b", version=2))
    story.shows(9, 10, post("ann:a", digest="b", version=2))
    assert story.found() == []


def test_i7_a_list_that_shows_an_older_version_is_named() -> None:
    """Together with the edit that was lost; by how long it is late is I6."""
    story = a_story()
    story.edit("ann:a", 1, "b", during=(3, 1_000_000))
    story.shows(2_000_000, 2_000_001, "ann:a")
    assert story.found() == ["I7: 2 3"]
    assert judge(story.operations).stale_ms == 1.0


def test_i7_what_was_shown_once_is_not_older_later() -> None:
    """Though nobody knows what came of the edit."""
    story = a_story()
    story.edit("ann:a", 1, "b", during=(3, None))
    story.shows(4, 5, "ann:a")
    story.shows(6, 7, post("ann:a", digest="b", version=2))
    assert story.found() == []
    story.shows(8, 9, "ann:a")
    assert story.found() == ["I7: 4 5"]


def test_i7_of_two_edits_from_one_version_one_is_acknowledged() -> None:
    """The other one overwrote what it had not seen."""
    story = a_story()
    story.edit("ann:a", 1, "b", during=(3, 5))
    story.edit("ann:a", 1, "c", during=(4, 6), told=2, status=412)
    story.edit("ann:a", 2, "d", during=(7, 10))
    assert story.found() == []
    story.edit("ann:a", 1, "c", during=(3, 9))
    assert story.found() == ["I7: 2 5"]


def test_i7_an_edit_that_skips_a_version_is_named() -> None:
    """It started from another one than it named."""
    story = a_story()
    story.edit("ann:a", 1, "b", during=(3, 4))
    story.edit("ann:a", 1, "c", during=(5, 6), told=3)
    assert story.found() == ["I7: 3"]


def test_i7_version_and_content_belong_together() -> None:
    """What was acknowledged as a version is what the version is, before and after; and nobody else wrote it."""
    for shown in (post("ann:a", digest="c", version=2), post("ann:a", version=2), post("ann:a", digest="b", version=3)):
        story = a_story()
        story.edit("ann:a", 1, "b", during=(3, 4))
        story.edit("ann:a", 1, "c", during=(3, 5), told=2, status=412)
        story.shows(6, 7, shown)
        assert [found.partition(":")[0] for found in story.found()] == ["I7"]
    story = a_story()
    story.shows(3, 5, post("ann:a", digest="c", version=2))
    story.edit("ann:a", 1, "c", during=(4, None))
    story.edit("ann:a", 1, "b", during=(2, 7))
    assert story.found() == ["I7: 4 2"]


def test_i7_one_version_has_one_content() -> None:
    """Of two edits of unknown outcome one was made."""
    story = a_story()
    story.edit("ann:a", 1, "b", during=(3, None))
    story.edit("ann:a", 1, "c", during=(3, None))
    story.shows(5, 6, post("ann:a", digest="b", version=2))
    story.shows(7, 8, post("ann:a", digest="b", version=2))
    assert story.found() == []
    story.shows(9, 10, post("ann:a", digest="c", version=2))
    assert story.found() == ["I7: 4 6"]


def test_i7_an_edit_that_was_refused_is_never_shown() -> None:
    """4xx means never."""
    story = a_story()
    story.edit("ann:a", 1, "b", during=(3, 4), status=422)
    story.shows(5, 6, post("ann:a", digest="b", version=2))
    assert story.found() == ["I7: 1 3"]


def test_i7_an_edit_is_refused_only_where_another_may_have_come_first() -> None:
    """One of unknown outcome may have; its own may not, and no version is a reason against itself."""
    story = a_story()
    story.edit("ann:a", 1, "b", during=(3, None))
    story.edit("ann:a", 1, "c", during=(4, 5), told=2, status=412)
    assert story.found() == []
    for told in (1, 2):
        story = a_story()
        story.edit("ann:a", 1, "c", during=(3, 4), told=told, status=412)
        assert story.found() == ["I7: 2"]


def test_i7_an_edit_says_whether_the_post_is_there() -> None:
    """404 for one that must be there, or anything else for one that is gone, is as wrong as in a list."""
    story = a_story()
    story.edit("ann:a", 1, "b", during=(3, 4), status=404)
    assert story.found() == ["I1: 1 2"]
    story = a_story()
    story.delete("ann:a", 3, 4)
    story.edit("ann:a", 1, "b", during=(3, 5), status=404)
    story.edit("ann:a", 1, "b", during=(6, 7), status=404)
    assert story.found() == []
    story.edit("ann:a", 1, "b", during=(8, 9))
    assert story.found() == ["I2: 1 2 5"]


# What follows is about I8: of many posts all are changed, or none.


def two_posts() -> Story:
    """Begin a story in which ann adds two posts from 1 to 2."""
    story = a_story()
    story.add("ann:b", 1, 2)
    return story


def test_i8_what_is_deleted_together_is_gone_together() -> None:
    """Before that both are there; where nobody knows what came of it, it may never be done."""
    for during in ((3, 6), (3, None)):
        story = two_posts()
        story.change("ann:a", "ann:b", during=during)
        story.shows(4, 5, "ann:b", "ann:a")
        story.shows(4, 7)
        assert story.found() == []


def test_i8_half_a_deletion_is_named() -> None:
    """What lacks one must lack the other, too: one list as it is, and each that was asked for after it."""
    story = two_posts()
    story.change("ann:a", "ann:b", during=(3, None))
    story.shows(3, 5, "ann:a", pages=2)
    assert story.found() == []
    story.shows(6, 7, "ann:a", pages=2)
    assert story.found() == ["I8: 3 4 5"]
    story = two_posts()
    story.change("ann:a", "ann:b", during=(3, None))
    story.shows(3, 5, "ann:a")
    assert story.found() == ["I8: 3 4 4"]


def test_i2_half_a_deletion_that_was_acknowledged_is_named() -> None:
    """As any other that is."""
    story = two_posts()
    story.change("ann:a", "ann:b", during=(3, 4))
    story.shows(5, 6, "ann:a")
    assert story.found() == ["I2: 1 3 4"]


def test_i8_a_deletion_by_itself_says_nothing_of_others() -> None:
    """What is missing may have gone that way."""
    story = two_posts()
    story.change("ann:a", "ann:b", during=(3, None))
    story.delete("ann:b", 3, None)
    story.shows(4, 5, "ann:a")
    story.shows(6, 7, "ann:a")
    assert story.found() == []


def test_i8_where_some_are_absent_nothing_is_changed() -> None:
    """Those that are named are not there, the others are, and stay; no refusal is an excuse."""
    story = two_posts()
    story.delete("ann:a", 3, 4)
    story.change("ann:a", "ann:b", during=(5, 6), absent=["ann:a"])
    story.shows(7, 8, "ann:b")
    assert story.found() == []
    story.shows(9, 10)
    assert story.found() == ["I1: 2 6"]
    story = two_posts()
    story.change("ann:a", "ann:b", during=(3, 4), absent=["ann:a"])
    assert story.found() == ["I1: 1 3"]
    story = two_posts()
    story.delete("ann:a", 3, 4)
    story.change("ann:a", "ann:b", during=(5, 6), to="draft", absent=["ann:b"])
    assert story.found() == ["I2: 1 3 4", "I1: 2 4"]


def with_status(uid: str, status: str, *, version: int = 2) -> Item:
    """Return a post that was given a status."""
    return post(uid, digest=f"digest of {uid}/{status}", version=version)


def test_i8_what_gets_a_status_gets_it_together() -> None:
    """In the next version of each; before that the one before, and what had the status already stays."""
    story = two_posts()
    story.change("ann:a", "ann:b", to="draft", during=(3, 6))
    story.shows(4, 5, "ann:b", "ann:a")
    story.shows(4, 7, with_status("ann:b", "draft"), with_status("ann:a", "draft"))
    story.change("ann:a", "ann:b", to="draft", during=(8, 9))
    story.shows(10, 11, with_status("ann:b", "draft"), with_status("ann:a", "draft"))
    assert story.found() == []


def test_i8_half_a_change_is_named() -> None:
    """If one has the status by nothing else, the other has it, too."""
    for end in (4, None):
        story = two_posts()
        story.change("ann:a", "ann:b", to="draft", during=(3, end))
        story.shows(3, 6, with_status("ann:b", "draft"), "ann:a")
        assert story.found() == []
        story.shows(7, 8, with_status("ann:b", "draft"), "ann:a")
        assert story.found() == ["I7: 3 5" if end else "I8: 3 4 5"]


def test_i7_a_status_that_is_given_changes_nothing_else() -> None:
    """Not the text, not to another status, and not where it was refused."""
    for shown in (post("ann:a", digest="another/draft", version=2), with_status("ann:a", "archived")):
        story = two_posts()
        story.change("ann:a", "ann:b", to="draft", during=(3, None))
        story.shows(4, 5, "ann:b", shown)
        assert story.found() == ["I7: 1 4"]
    story = two_posts()
    story.change("ann:a", "ann:b", to="draft", during=(3, 4), absent=["ann:c"])
    story.shows(5, 6, "ann:b", with_status("ann:a", "draft"))
    assert story.found() == ["I7: 1 4"]


def test_i7_a_status_is_given_once() -> None:
    """Whoever tries again after a lost answer must not give it again after somebody took it away."""
    story = two_posts()
    story.change("ann:a", "ann:b", to="draft", during=(3, None))
    story.shows(4, 5, with_status("ann:b", "draft"), with_status("ann:a", "draft"))
    story.edit("ann:a", 2, "other/archived", during=(6, 7))
    story.shows(8, 9, with_status("ann:b", "draft"), post("ann:a", digest="other/archived", version=3))
    assert story.found() == []
    story.shows(10, 11, with_status("ann:b", "draft"), post("ann:a", digest="other/draft", version=4))
    assert story.found() == ["I7: 1 7"]


def test_i7_a_status_may_be_given_between_two_edits() -> None:
    """Whoever started from before it is refused, and what an edit of unknown outcome made may have got it."""
    story = two_posts()
    story.change("ann:a", "ann:b", to="draft", during=(3, None))
    story.edit("ann:a", 1, "b/draft", during=(4, 5), told=2, status=412)
    story.edit("ann:a", 2, "c/archived", during=(6, None))
    story.change("ann:a", "ann:b", to="draft", during=(7, None))
    story.shows(8, 9, with_status("ann:b", "draft"), post("ann:a", digest="c/draft", version=4))
    assert story.found() == []


def test_i3_a_stranger_who_changes_many_is_named() -> None:
    """One of somebody else's is enough."""
    story = a_story()
    story.add("bob:b", 1, 2)
    story.change("ann:a", "bob:b", to="draft", during=(3, 4), absent=["bob:b"])
    story.shows(5, 6, "ann:a")
    assert story.found() == []
    story.change("bob:b", during=(7, 8))
    assert story.found() == ["I3: 2 5"]


def test_i3_a_stranger_who_edits_is_named() -> None:
    """A refusal is as it should be."""
    story = a_story()
    story.edit("ann:a", 1, "b", during=(3, 4), status=404, user="bob")
    assert story.found() == []
    story.edit("ann:a", 1, "b", during=(5, 6), user="bob")
    assert story.found() == ["I3: 1 3"]


# What follows is about all of it together.


def test_the_figures_are_counted() -> None:
    """What a run's summary says."""
    story = a_story()
    story.add("ann:b", 1, 2, status=413)
    story.add("ann:c", 1, None)
    story.add("ann:d", 1, 2)
    story.delete("ann:d", 3, 4)
    story.shows(5, 6, "ann:a")
    verdict = judge(story.operations)
    assert (verdict.operations, verdict.ok, verdict.fail, verdict.info) == (6, 4, 1, 1)
    assert (verdict.added, verdict.lost, verdict.never_read, verdict.stale_ms) == (2, 0, 1, 0)


@given(st.integers(0, 2**32))
def test_a_history_of_a_store_that_never_lies_passes(seed: int) -> None:
    """Whatever overlaps, and whatever the outcome that clients know: each operation takes effect at one moment."""
    assert judge(a_true_history(random.Random(seed), operations=60)[0]).violations == []


@given(st.integers(0, 2**32))
def test_a_list_that_is_wrong_is_found(seed: int) -> None:
    """Take from a list what it must show, or put into it what it must not show."""
    history, store = a_true_history(random.Random(seed), operations=60)
    last = max(each.completed for each in history)
    final = Operation("final", "1", "ann", Kind.LIST, last + 10, last + 11, Outcome.OK, shown=store)
    assert judge([*history, final]).violations == []
    asked = {post_id for each in history if each.is_deletion for post_id in each.changed}
    gone = {post_id for each in history if each.is_deletion and each.is_ok for post_id in each.changed}
    adds = [Item(each.post, each.uid, each.digest) for each in history if each.kind is Kind.ADD and each.is_ok]
    without = [[item for item in store if item.post != kept.post] for kept in adds if kept.post not in asked]
    with_old = [sorted([*store, old], reverse=True) for old in adds if old.post in gone]
    edited = {(each.post, each.version) for each in history if each.kind is Kind.EDIT and each.is_ok}
    older = [
        [item._replace(version=item.version - 1) if item == kept else item for item in store]
        for kept in store
        if (kept.post, kept.version) in edited
    ]
    for wrong in without + with_old + older:
        final.shown = wrong
        assert [each for each in judge([*history, final]).violations if final in each.operations]


def test_the_work_grows_with_the_history() -> None:
    """Four times as long takes about four times as long: twelve would be more than a straight line and much noise."""
    short, long = (a_true_history(random.Random(1), operations=size)[0] for size in (4_000, 16_000))
    assert min(seconds(long) for _ in range(3)) < 12 * min(seconds(short) for _ in range(3))


def seconds(history: Sequence[Operation]) -> float:
    """Return how long judging takes, in seconds of this process's own."""
    begun = time.process_time()
    judge(history)
    return time.process_time() - begun


def edit_one(store: dict[str, Item], edit: Operation, choose: random.Random, *, takes_effect: bool) -> None:
    """Edit some post of a store that never lies, from its version or from the one before."""
    kept = store[choose.choice(sorted(store))]
    edit.post, edit.digest = kept.post, f"edit {edit.name}/{choose.choice(STATUSES)}"
    edit.base = choose.randint(max(1, kept.version - 1), kept.version)
    if edit.base < kept.version:
        edit.outcome, edit.status, edit.version = Outcome.FAIL, 412, kept.version
    elif takes_effect:
        store[kept.post] = kept._replace(version=kept.version + 1, digest=edit.digest)
        edit.version = kept.version + 1 if edit.is_ok else 0


def change_some(store: dict[str, Item], many: Operation, choose: random.Random, *, takes_effect: bool) -> None:
    """Delete some posts of a store that never lies, or give them a status; one of them may be absent."""
    many.posts = choose.sample(sorted(store), min(len(store), choose.randint(1, 3)))
    many.change = choose.choice([DELETION, *STATUSES])
    if choose.random() < 0.1:
        many.posts.append("absent")
        many.outcome, many.status, many.absent = Outcome.FAIL, 404, ["absent"]
    elif takes_effect:
        for kept in [store[post_id] for post_id in many.posts]:
            if many.change == DELETION:
                del store[kept.post]
            elif status_in(kept.digest) != many.change:
                digest = f"{text_in(kept.digest)}/{many.change}"
                store[kept.post] = kept._replace(version=kept.version + 1, digest=digest)


def a_true_history(choose: random.Random, *, operations: int) -> tuple[list[Operation], list[Item]]:
    """Make a history by a store that has one moment for each operation's effect, seen by clients who overlap.

    Returns:
        The history, and what a list would show after it.
    """
    history: list[Operation] = []
    store: dict[str, Item] = {}
    for number in range(1, operations + 1):
        # Effects come one after another; that clients ask before and hear after them is all that they know.
        invoked, completed = number * 10 - choose.randint(1, 40), number * 10 + choose.randint(1, 40)
        outcome = choose.choices([Outcome.OK, Outcome.INFO], [8, 1])[0]
        kinds = [Kind.ADD, Kind.DELETE, Kind.LIST, Kind.EDIT, Kind.MANY]
        kind = choose.choice(kinds) if len(store) < 30 else Kind.DELETE
        operation = Operation(str(number), "1", "ann", kind, invoked, completed, outcome)
        takes_effect = operation.is_ok or choose.random() < 0.5 or len(store) == 30
        if kind is Kind.ADD:
            item = Item(f"{number:08}", f"ann:{number}", f"{number}/{choose.choice(STATUSES)}")
            operation.uid, operation.digest = item.uid, item.digest
            operation.post = item.post if operation.is_ok else ""
            if takes_effect:
                store[item.post] = item
        elif kind is Kind.DELETE and store:
            operation.post = choose.choice(sorted(store))
            if takes_effect:
                del store[operation.post]
        elif kind is Kind.EDIT and store:
            edit_one(store, operation, choose, takes_effect=takes_effect)
        elif kind is Kind.MANY and store:
            change_some(store, operation, choose, takes_effect=takes_effect)
        elif kind is not Kind.LIST:
            continue
        elif operation.is_ok:
            operation.shown = sorted(store.values(), reverse=True)
        history.append(operation)
    return sorted(history, key=lambda each: each.invoked), sorted(store.values(), reverse=True)
