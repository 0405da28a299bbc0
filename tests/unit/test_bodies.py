"""The room for bodies: what has come is counted, and given back."""

import pytest

from postkeep.controllers.bodies import Bodies, BodiesFull


def test_bodies_share_the_room() -> None:
    """Whoever takes the last byte has it; the next one is told to come again."""
    bodies = Bodies(100)
    with bodies.room() as first, bodies.room() as second:
        first.take(60)
        second.take(40)
        with pytest.raises(BodiesFull):
            first.take(1)
    assert bodies.size == 0


def test_room_is_given_back_whatever_happens() -> None:
    """Also by a request that fails, or that found none: otherwise the room would shrink with each."""
    bodies = Bodies(100)

    def fail(size: int) -> None:
        with bodies.room() as room:
            room.take(size)
            raise ValueError

    for size, error in ((100, ValueError), (101, BodiesFull)):
        with pytest.raises(error):
            fail(size)
        assert bodies.size == 0


def test_who_sends_little_takes_little() -> None:
    """A thousand slow clients with a byte each leave room for a large post."""
    bodies = Bodies(2000)
    rooms = [bodies.room() for _ in range(1000)]
    for room in rooms:
        room.__enter__().take(1)
    with bodies.room() as large:
        large.take(1000)
    for room in rooms:
        room.__exit__(None, None, None)
    assert bodies.size == 0
