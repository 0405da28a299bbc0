"""What is said of a run, and when it says nothing."""

from dataclasses import replace

import pytest

from tests.faults.figures import LEAST_OK, Figures, outages
from tests.faults.history import Kind
from tests.faults.nemeses import NEMESES
from tests.faults.plans import CI, phase_of
from tests.faults.verdict import judge
from tests.unit.faults.histories import Story


def figures_of(story: Story, *, ok: int = LEAST_OK, flaws: tuple[str, ...] = ()) -> Figures:
    """Return the figures of a run in which so much succeeded."""
    verdict = replace(judge(story.operations), ok=ok)
    return Figures("sqlite", 1, verdict, 10, strikes={}, unavailable_ms=[], slowest_ms=0, statuses={}, flaws=flaws)


def test_a_run_without_a_fault_is_good() -> None:
    """As long as enough of it succeeded."""
    assert figures_of(Story()).is_good
    assert not figures_of(Story(), ok=LEAST_OK - 1).is_good
    assert "VOID" in str(figures_of(Story(), ok=LEAST_OK - 1))


def test_a_run_with_a_violation_or_a_flaw_is_not_good() -> None:
    """And it says which."""
    story = Story()
    story.shows(1, 2, "ann:a")
    assert not figures_of(story).is_good
    assert "ann:a" in str(figures_of(story))
    assert not figures_of(Story(), flaws=("it did not end",)).is_good
    assert "it did not end" in str(figures_of(Story(), flaws=("it did not end",)))


def test_unavailability_is_counted_from_a_kill_to_the_first_post_that_was_sent_after_it() -> None:
    """One that was sent before it may have been answered by whoever died."""
    story = Story()
    story.add("ann:a", 1_000_000, 9_000_000)
    story.add("ann:b", 3_000_000, None)
    story.add("ann:c", 4_000_000, 8_000_000)
    story.add("ann:d", 5_000_000, 6_000_000)
    assert outages(story.operations, [2_000_000, 4_500_000, 7_000_000]) == [4.0, 1.5]
    assert [each.kind for each in story.operations] == [Kind.ADD] * 4


def test_a_phase_is_named_by_what_strikes() -> None:
    """How often at least, and at what pace, where that is said."""
    often, usual = phase_of("kill-worker*20@3+latency", 5).nemeses
    assert (often.name, often.least, often.every) == ("kill-worker", 20, 3)
    assert (usual.name, usual.least, usual.every) == ("latency", 0, NEMESES["latency"].every)
    with pytest.raises(ValueError, match="'rain' is none of kill-worker"):
        phase_of("rain", 5)


def test_ci_strikes_with_everything() -> None:
    """Each nemesis at least once on each database that it can strike."""
    for database, phases in CI.items():
        struck = {nemesis.name for words in phases for nemesis in phase_of(words, 1).nemeses}
        assert {
            each.name for each in NEMESES.values() if database in each.databases and database != "mariadb"
        } <= struck
    assert {each.name for each in NEMESES.values()} == {
        nemesis.name for phases in CI.values() for words in phases for nemesis in phase_of(words, 1).nemeses
    }
