"""Deadlines and room, look by look: time is counted in looks, so no test waits."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from postkeep.server.connection import Phase
from postkeep.server.connections import (
    LEAST_BODY_RATE,
    LEAST_LONG_BODY_RATE,
    MOST_AHEAD_BYTES,
    MOST_UNSENT_BYTES,
    Connections,
    Deadlines,
)

DEADLINES = Deadlines(head=8, body=24, answer=16, idle=80)
LOOK = DEADLINES.look


@dataclass(eq=False)
class Fake:
    """A connection that is at whatever it is told to be at.

    Attributes:
        at: What it is at.
        request: With which request.
        waiting: Whether it waits for its client.
        come: How much of a body has come.
        unread: How much waits to be sent.
        kept: What is kept for that, and how much it is; by itself, as much, and its own.
        long: Whether that may take long.
        early: How much of what it sent ahead is kept.
        answering: Whether an earlier request is being answered.
        answer: What stands for that answer, or the last one.
        ended: What was done to it, in order.
    """

    at: Phase = Phase.SILENT
    request: object = None
    waiting: bool = True
    come: int = 0
    long: bool = False
    unread: int = 0
    kept: tuple[str, int] | None = None
    early: int = 0
    answering: bool = False
    answer: object = None
    ended: list[Phase | str] = field(default_factory=list[Phase | str])

    def ahead(self) -> int:
        """Return what it is told."""
        return self.early

    def is_answering(self) -> bool:
        """Return what it is told."""
        return self.answering

    def last_answer(self) -> object:
        """Return what it is told."""
        return self.answer

    def end_with_answer(self) -> None:
        """Take it down."""
        self.ended.append("with its answer")

    def phase(self) -> tuple[Phase, object]:
        """Return what it is told."""
        return self.at, self.request

    def waits_for_client(self) -> bool:
        """Return what it is told."""
        return self.waiting

    def received(self) -> int:
        """Return what it is told."""
        return self.come

    def takes_long_body(self) -> bool:
        """Return what it is told."""
        return self.long

    def unsent(self) -> int:
        """Return what it is told."""
        return self.unread

    def held(self) -> tuple[Hashable, int]:
        """Return what it is told."""
        return self.kept or (self, self.unread)

    def expire(self, phase: Phase) -> None:
        """Remember."""
        self.ended.append(phase)

    def cut(self) -> None:
        """Remember."""
        self.ended.append("cut")


def watched(*fakes: Fake, limit: int = 10) -> Connections:
    """Return connections that have all been admitted, and seen once."""
    connections = Connections(DEADLINES, limit)
    for fake in fakes:
        assert connections.admit(fake)
    list(connections.look())
    return connections


def look(connections: Connections, seconds: float) -> None:
    """Look as often as in so many seconds."""
    for _ in range(round(seconds / LOOK)):
        list(connections.look())


@pytest.mark.parametrize(
    ("at", "seconds"), [(Phase.SILENT, 8), (Phase.HEAD, 8), (Phase.BODY, 24), (Phase.IDLE, 80)], ids=str
)
def test_each_thing_has_its_time_and_not_a_moment_less(at: Phase, seconds: int) -> None:
    """A client that keeps within its time is never cut off, however the looks fall."""
    fake = Fake(at, come=10**9)
    connections = watched(fake)
    look(connections, seconds)
    assert fake.ended == []
    look(connections, LOOK)
    assert fake.ended == [at]


def test_an_answer_that_is_being_made_has_no_deadline_here() -> None:
    """That is the application's to keep."""
    fake = Fake(Phase.ANSWER)
    look(watched(fake), 1000)
    assert fake.ended == []


def test_the_first_head_has_no_more_time_for_having_begun_late() -> None:
    """Eight seconds of silence and a byte do not buy eight more."""
    fake = Fake(Phase.SILENT)
    connections = watched(fake)
    look(connections, 6)
    fake.at = Phase.HEAD
    look(connections, 2 + 2 * LOOK)
    assert fake.ended[0] is Phase.HEAD


def test_the_next_request_has_its_own_time() -> None:
    """Though the connection is at the same thing again."""
    fake = Fake(Phase.HEAD, request=1)
    connections = watched(fake)
    for request in range(2, 6):
        look(connections, 6)
        fake.request = request
    assert fake.ended == []


@pytest.mark.parametrize("at", [Phase.HEAD, Phase.BODY, Phase.IDLE], ids=str)
def test_time_in_which_nobody_listens_is_not_the_clients(at: Phase) -> None:
    """While reading is paused, or the client waits to be told to go on."""
    fake = Fake(at, waiting=False)
    look(watched(fake), 1000)
    assert fake.ended == []


def test_a_body_must_come_at_a_rate_after_a_while() -> None:
    """A sixth of the time is for whoever begins slowly; from then on the average counts."""
    slow, steady = Fake(Phase.BODY), Fake(Phase.BODY)
    connections = watched(slow, steady)
    for second in range(1, 6):
        slow.come = (LEAST_BODY_RATE - 1) * second
        steady.come = (LEAST_BODY_RATE + 1) * (second + 1)
        assert slow.ended == []
        look(connections, 1)
    assert (slow.ended[0], steady.ended) == (Phase.BODY, [])


def test_a_long_body_that_came_fast_at_first_must_go_on_coming() -> None:
    """What was sent in the first seconds buys no hours in which others find no room."""
    connections, stalled = Connections(DEADLINES, 10), Fake(Phase.BODY, long=True, come=256 * 1024 * 1024 - 1)
    connections.admit(stalled)
    for _ in range(int(2 * DEADLINES.body / LOOK)):
        list(connections.look())
    assert stalled.ended == [Phase.BODY]


def test_a_long_body_may_take_as_long_as_it_keeps_coming() -> None:
    """At a rate of its own, which leaves nobody much time to keep others out."""
    slow, steady, other = (Fake(Phase.BODY, long=long) for long in (True, True, False))
    connections = watched(slow, steady, other)
    for second in range(1, 100):
        slow.come = (LEAST_LONG_BODY_RATE - 1) * second
        steady.come = other.come = (LEAST_LONG_BODY_RATE + 1) * (second + 1)
        look(connections, 1)
        assert bool(slow.ended) == (second >= 5)
        assert bool(other.ended) == (second > 24)
    assert steady.ended == []


def test_an_answer_must_be_taken_in_time() -> None:
    """However much of it is taken now and then, as long as something waits."""
    reader, taker = Fake(Phase.ANSWER, unread=1), Fake(Phase.ANSWER, unread=1)
    connections = watched(reader, taker)
    look(connections, 15 - LOOK)
    taker.unread = 0
    look(connections, LOOK)
    taker.unread = 1
    assert reader.ended == []
    look(connections, 2)
    assert (reader.ended[0], taker.ended) == ("cut", [])


def test_each_answer_has_its_own_time() -> None:
    """Whoever asks for the next page as soon as there is one is caught taking something at every look."""
    fake = Fake(Phase.ANSWER, unread=1)
    connections = watched(fake)
    for number in range(10):
        fake.answer = number
        look(connections, 10)
    assert fake.ended == []
    look(connections, 8)
    assert fake.ended[0] == "cut"


def test_who_still_takes_an_answer_is_not_idle() -> None:
    """It was written long ago, and is read slowly: that has its own deadline."""
    fake = Fake(Phase.IDLE, unread=1)
    connections = Connections(Deadlines(head=8, body=8, answer=1000, idle=8), 10)
    assert connections.admit(fake)
    look(connections, 100)
    assert fake.ended == []


def test_beyond_the_limit_the_oldest_that_does_nothing_makes_room() -> None:
    """One with a request under way never does."""
    busy, idle, silent = Fake(Phase.ANSWER), Fake(Phase.IDLE), Fake(Phase.SILENT)
    connections = watched(busy, idle, silent, limit=3)
    assert [connections.admit(Fake(Phase.BODY)) for _ in range(3)] == [True, True, False]
    assert (busy.ended, len(idle.ended), len(silent.ended), len(connections)) == ([], 1, 1, 3)


def test_one_that_still_takes_its_answer_makes_no_room() -> None:
    """It looks idle, and would lose half of what it asked for."""
    fake = Fake(Phase.IDLE, unread=1)
    assert not watched(fake, limit=1).admit(Fake())
    assert fake.ended == []


def test_beyond_the_limit_the_head_that_takes_longest_makes_room() -> None:
    """Whoever opens all connections there may be and begins a request on each keeps nobody out."""
    body = Fake(Phase.BODY, come=10**9)
    fakes = [body, Fake(Phase.ANSWER), Fake(Phase.HEAD), Fake(Phase.IDLE), Fake(Phase.HEAD)]
    connections = watched(*fakes, limit=5)
    look(connections, 2)
    fakes[3].at = Phase.HEAD
    look(connections, 2)
    assert connections.admit(Fake(Phase.HEAD))
    assert [fake.ended for fake in fakes] == [[], [], [Phase.HEAD], [], []]
    fakes[4].at = Phase.ANSWER
    assert connections.admit(Fake(Phase.HEAD))
    assert [fake.ended for fake in fakes] == [[], [], [Phase.HEAD], [Phase.HEAD], []]
    # Those that have only just come keep their places.
    assert not connections.admit(Fake())


def test_beyond_the_limit_the_body_that_does_not_come_makes_room() -> None:
    """Whoever announces one on each connection there may be, and sends a byte of it, keeps nobody out."""
    begun: dict[str, Any] = {"request": 1, "answer": 1, "answering": True}
    fakes = [Fake(Phase.BODY, **begun) for _ in range(3)] + [Fake(Phase.BODY, request=2, answer=1, answering=True)]
    connections = watched(*fakes, limit=4)
    # Those that have only just come keep their places, and so do those that go on coming.
    assert not connections.admit(Fake())
    for second in range(1, 4):
        fakes[0].come, fakes[1].come = LEAST_BODY_RATE * second, LEAST_BODY_RATE * second - 1
        look(connections, 1)
    assert connections.admit(Fake(Phase.ANSWER))
    assert connections.admit(Fake(Phase.ANSWER))
    assert not connections.admit(Fake())
    # The last one is behind an answer that nobody would watch over any more.
    assert [fake.ended for fake in fakes] == [[], [Phase.BODY], [Phase.BODY], []]


def test_who_has_only_just_come_is_not_ended_unheard() -> None:
    """A crowd comes in the same moment: what the first of them ask has not been read when the last of them come."""
    connections, crowd = Connections(DEADLINES, 3), [Fake(Phase.SILENT) for _ in range(5)]
    assert [connections.admit(fake) for fake in crowd] == [True] * 3 + [False] * 2
    crowd[1].at = Phase.IDLE
    assert connections.admit(Fake())
    assert [fake.ended for fake in crowd] == [[], [Phase.IDLE], [], [], []]
    look(connections, LOOK)
    assert connections.admit(Fake())
    assert [len(fake.ended) for fake in crowd] == [1, 1, 0, 0, 0]


def test_who_asks_now_and_then_keeps_the_place_of_who_does_not() -> None:
    """A proxy keeps connections for days, and uses them all the time: it may just have sent a request on one."""
    used, unused = Fake(Phase.IDLE, request=1), Fake(Phase.IDLE, request=1)
    connections = watched(used, unused, limit=2)
    used.request = 2
    look(connections, LOOK)
    assert connections.admit(Fake())
    assert (used.ended, unused.ended) == ([], [Phase.IDLE])


def test_beyond_the_limit_who_takes_nothing_makes_room() -> None:
    """Whoever opens all connections there may be, and reads none of the answers, keeps nobody out."""
    fakes = [Fake(Phase.ANSWER), *(Fake(Phase.IDLE, unread=3) for _ in range(3))]
    connections = watched(*fakes, limit=4)
    for unread in (2, 1):
        # The system takes much at a time, so a slow client is not seen to take something at each look.
        assert not connections.admit(Fake())
        fakes[2].unread = unread
        look(connections, 2)
    fakes[1].unread = 2
    look(connections, LOOK)
    assert connections.admit(Fake(Phase.BODY))
    assert [fake.ended for fake in fakes] == [[], [], [], ["cut"]]
    # Those that still take something keep their places.
    fakes[1].unread, fakes[2].unread = 1, 2
    look(connections, LOOK)
    assert not connections.admit(Fake())


@pytest.mark.parametrize("busy", [{"unread": 1}, {"answering": True}], ids=str)
def test_a_head_behind_an_answer_makes_no_room(busy: dict[str, Any]) -> None:
    """Nobody would watch over that answer any more, however long its client takes for it."""
    fakes = [Fake(Phase.HEAD, **busy) for _ in range(5)]
    connections = watched(*fakes, limit=5)
    look(connections, 2)
    for fake in fakes:
        fake.unread *= 2
    look(connections, LOOK)
    assert not connections.admit(Fake())
    assert [fake.ended for fake in fakes] == [[]] * 5


def test_who_leaves_makes_room() -> None:
    """And is not looked at any more."""
    fake = Fake(Phase.BODY)
    connections = watched(fake, limit=1)
    connections.leave(fake)
    assert connections.admit(Fake(Phase.BODY))
    look(connections, 100)
    assert fake.ended == []


def test_a_crowd_at_the_door_is_not_searched_for_each_time() -> None:
    """A search among forty costs; after one in vain the next two are refused unseen, and then it is tried again."""
    fakes = [Fake(Phase.BODY) for _ in range(40)]
    connections = watched(*fakes, limit=40)
    assert not connections.admit(Fake())
    fakes[5].at = Phase.IDLE
    assert [connections.admit(Fake(Phase.BODY)) for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize(("crowd", "at_once"), [(100, 1), (2500, 3)])
def test_a_crowd_is_not_ended_all_at_once(crowd: int, at_once: int) -> None:
    """Others are served in between; each is ended all the same, and who is gone by then is left alone."""
    fakes = [Fake(Phase.HEAD) for _ in range(crowd)]
    connections = watched(*fakes, limit=crowd)
    look(connections, DEADLINES.head - 2 * LOOK)
    ended = [0]
    for _ in range(4):
        for _ in connections.look():
            ended.append(sum(bool(fake.ended) for fake in fakes))
            connections.leave(fakes[-1])
    assert max(after - before for before, after in pairwise(ended)) == at_once
    assert [bool(fake.ended) for fake in fakes] == [True] * (crowd - 1) + [False]


def test_what_waits_for_clients_is_bounded() -> None:
    """Whoever has taken nothing of it for the longest is cut, and no more of them than must be."""
    part = MOST_UNSENT_BYTES // 4
    fakes = [Fake(Phase.ANSWER, unread=unread) for unread in (part, part, 0, part, part)]
    connections = watched(*fakes)
    connections.shed()
    assert [fake.ended for fake in fakes] == [[]] * 5
    fakes[0].unread = 0
    look(connections, 2)
    fakes[0].unread, fakes[2].unread = part, part // 2
    look(connections, 1)
    connections.shed()
    assert [fake.ended for fake in fakes] == [[], ["cut"], [], [], []]


def test_who_takes_what_waits_is_not_cut_for_who_does_not() -> None:
    """A download takes minutes: whoever asks for much at once, and reads none of it, must not be able to end it."""
    part = MOST_UNSENT_BYTES // 8
    download = Fake(Phase.ANSWER, unread=4 * part)
    first, then = ([Fake(Phase.IDLE, unread=part, answer=number) for number in range(3)] for _ in range(2))
    connections = watched(download, *first)
    for taken in range(3):
        download.unread -= taken
        look(connections, LOOK)
    assert [connections.admit(fake) for fake in then] == [True] * 3
    connections.shed()
    assert [fake.ended for fake in (download, *first, *then)] == [[], ["cut"], ["cut"], [], [], [], []]
    for fake in first:
        fake.unread = 0
    download.unread = 8 * part
    connections.shed()
    assert [fake.ended for fake in (download, *then)] == [[], ["cut"], ["cut"], ["cut"]]


def test_what_many_are_sent_from_memory_counts_once() -> None:
    """It takes no more room for a hundred of them, who may all read as fast as they can; and all must go to free it.

    Nor does it take less once all have taken some.
    """
    crowd = [Fake(Phase.ANSWER, unread=1, kept=("the list", MOST_UNSENT_BYTES // 2)) for _ in range(4)]
    alone = Fake(Phase.ANSWER, unread=MOST_UNSENT_BYTES // 2)
    connections = watched(*crowd, alone)
    connections.shed()
    assert [fake.ended for fake in [*crowd, alone]] == [[]] * 5
    for fake in crowd:
        fake.kept = ("the list", MOST_UNSENT_BYTES // 2 + 1)
    connections.shed()
    assert [fake.ended for fake in [*crowd, alone]] == [["cut"]] * 4 + [[]]


def test_what_is_sent_ahead_is_bounded() -> None:
    """Whoever sends most of it is cut, and no more of them than must be; who sends little is nobody's trouble."""
    few, many = (MOST_AHEAD_BYTES // 8, MOST_AHEAD_BYTES // 2)
    fakes = [Fake(Phase.ANSWER, early=early) for early in (few, many, 0, many - few, few // 2)]
    connections = watched(*fakes)
    fakes[4].early = 0
    connections.shed_ahead()
    assert [fake.ended for fake in fakes] == [[]] * 5
    fakes[4].early = 1
    connections.shed_ahead()
    assert [fake.ended for fake in fakes] == [[], ["cut"], [], [], []]


def test_draining_ends_each_with_its_answer() -> None:
    """Those that are there are told; those that come find out."""
    fakes = [Fake(Phase.BODY), Fake(Phase.IDLE)]
    connections = watched(*fakes)
    assert not connections.is_draining
    connections.drain()
    assert connections.is_draining
    assert [fake.ended for fake in fakes] == [["with its answer"]] * 2


def test_one_that_cannot_be_looked_at_does_not_spoil_it_for_the_others() -> None:
    """Deadlines that stop being kept are found out by attackers first."""

    class Broken(Fake):
        def phase(self) -> tuple[Phase, object]:
            """Fail."""
            raise RuntimeError

    broken, late = Broken(), Fake(Phase.HEAD)
    connections = Connections(DEADLINES, 10)
    assert connections.admit(broken)
    assert connections.admit(late)
    look(connections, 10)
    assert (broken.ended, late.ended[0], len(connections)) == (["cut"], Phase.HEAD, 1)
