"""The room for bodies: what has come is counted, and given back."""

import pytest

from postkeep.controllers.bodies import SMALL_BYTES, Bodies, BodiesFull
from postkeep.domain.posts import MAX_BODY_BYTES

ROOM = 8 * MAX_BODY_BYTES
LARGE = MAX_BODY_BYTES + SMALL_BYTES
"""A body that takes a megabyte of the room: its beginning is not counted."""


def test_bodies_share_the_room() -> None:
    """Whoever takes the last byte has it; the next one is told to come again."""
    bodies = Bodies(ROOM)
    rooms = [bodies.room(number) for number in range(8)]
    for room in rooms:
        room.__enter__().take(LARGE)
    with bodies.room("another") as last:
        last.take(SMALL_BYTES)
        with pytest.raises(BodiesFull):
            last.take(1)
    for room in rooms:
        room.__exit__(None, None, None)
    assert bodies.size == 0


def test_one_account_takes_a_share_only() -> None:
    """A quarter of the room, in however many bodies; everybody else gets in."""
    bodies = Bodies(ROOM)
    with bodies.room("ann") as first, bodies.room("ann") as second, bodies.room("ann") as third:
        first.take(LARGE)
        second.take(LARGE)
        third.take(SMALL_BYTES)
        with pytest.raises(BodiesFull):
            third.take(1)
        with bodies.room("bob") as other:
            other.take(LARGE)
    with bodies.room("ann") as again:
        again.take(LARGE)
    assert bodies.size == 0


def test_room_is_given_back_whatever_happens() -> None:
    """Also by a request that fails, or that found none: otherwise the room would shrink with each."""
    bodies = Bodies(MAX_BODY_BYTES)

    def fail(size: int) -> None:
        with bodies.room("ann") as room:
            room.take(size)
            raise ValueError

    for size, error in ((LARGE, ValueError), (LARGE + 1, BodiesFull)):
        with pytest.raises(error):
            fail(size)
        assert bodies.size == 0


def test_who_sends_little_always_gets_in() -> None:
    """Logins, say, while the room is full."""
    bodies = Bodies(MAX_BODY_BYTES)
    with bodies.room("ann") as large:
        large.take(LARGE)
        with bodies.room(None) as small:
            for _ in range(SMALL_BYTES):
                small.take(1)
    assert bodies.size == 0
