"""Turns to hash, by network (CASES.md: PW-18)."""

import asyncio
from asyncio import Task

import pytest

from postkeep.adapters.hashing_turns import HashingTurns
from postkeep.domain.attempts import Network
from postkeep.services.ports import HashingBusy

CROWD, OTHER, THIRD = (Network.of(f"192.0.2.{number}") for number in (1, 2, 3))


class Counter:
    """One turn at a time, and those who wait for it.

    Attributes:
        begun: Whose turn it was, in order.
    """

    def __init__(self, room: int) -> None:
        """Have room for so many who wait."""
        self.turns = HashingTurns(1, room)
        self.begun: list[str] = []

    async def joined_by(self, name: str, network: Network) -> Task[None]:
        """Let somebody come."""

        async def wait() -> None:
            await self.turns.take(network)
            self.begun.append(name)

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        return task

    async def joined_by_crowd(self, size: int) -> list[Task[None]]:
        """Let so many of one network come, named 1, 2, 3, ..."""
        return [await self.joined_by(str(number + 1), CROWD) for number in range(size)]

    async def finish(self) -> list[str]:
        """Let all have their turn, and return whose it was."""
        while self.turns.running:
            self.turns.end()
            await asyncio.sleep(0.001)
        return self.begun


async def left(*tasks: Task[None]) -> None:
    """Have somebody go away."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_pw_18_the_first_of_each_network_comes_before_the_second_of_any() -> None:
    """Somebody alone waits for one of a crowd, not for all of it."""
    counter = Counter(room=10)
    await counter.joined_by_crowd(5)
    for name, network in (("a", OTHER), ("b", OTHER), ("x", THIRD)):
        await counter.joined_by(name, network)
    assert await counter.finish() == ["1", "2", "a", "x", "3", "b", "4", "5"]


async def test_pw_18_where_there_is_no_room_the_last_of_the_longest_line_is_sent_away() -> None:
    """A crowd has all the room until somebody else comes; then it is the crowd that has to come again."""
    counter = Counter(room=4)
    crowd = await counter.joined_by_crowd(5)
    for name, network in (("a", OTHER), ("b", OTHER), ("x", THIRD)):
        await counter.joined_by(name, network)
        assert counter.turns.waiting == 4
    assert await counter.finish() == ["1", "2", "a", "x", "b"]
    came_of_it = await asyncio.gather(*crowd, return_exceptions=True)
    assert [type(each) for each in came_of_it[2:]] == [HashingBusy] * 3


async def test_who_would_be_the_last_of_the_longest_line_is_refused_at_once() -> None:
    """Nobody is sent away for somebody who has as many before them."""
    counter = Counter(room=4)
    await counter.joined_by_crowd(3)
    for name in ("a", "b"):
        await counter.joined_by(name, OTHER)
    for network in (CROWD, OTHER):
        with pytest.raises(HashingBusy):
            counter.turns.refuse_if_full(network)
        with pytest.raises(HashingBusy):
            await counter.turns.take(network)
    counter.turns.refuse_if_full(THIRD)
    assert await counter.finish() == ["1", "2", "a", "3", "b"]


async def test_without_room_to_wait_only_those_come_in_whose_turn_is_free() -> None:
    """Room for nobody is room for nobody, wherever they come from."""
    counter = Counter(room=0)
    await counter.turns.take(CROWD)
    with pytest.raises(HashingBusy):
        await counter.turns.take(OTHER)
    counter.turns.end()
    await counter.turns.take(OTHER)


async def test_who_goes_away_makes_room_and_is_passed_over() -> None:
    """Also where a whole line does."""
    counter = Counter(room=4)
    crowd = await counter.joined_by_crowd(4)
    other = await counter.joined_by("a", OTHER)
    await left(crowd[1], other)
    assert counter.turns.waiting == 2
    assert await counter.finish() == ["1", "3", "4"]


async def test_going_away_gets_nobody_a_better_place() -> None:
    """Or whoever hangs up again and again would have a crowd of firsts."""
    counter = Counter(room=10)
    await counter.joined_by_crowd(2)
    await counter.joined_by("a", OTHER)
    for _ in range(5):
        await left(await counter.joined_by("gone", CROWD))
    await counter.joined_by("3", CROWD)
    await counter.joined_by("b", OTHER)
    assert await counter.finish() == ["1", "2", "a", "3", "b"]


async def test_a_turn_that_comes_as_somebody_goes_away_is_the_next_ones() -> None:
    """A turn that nobody has and nobody ends would keep everybody from hashing for ever."""
    counter = Counter(room=4)
    crowd = await counter.joined_by_crowd(3)
    counter.turns.end()
    await left(crowd[1])
    await asyncio.sleep(0)
    assert counter.begun == ["1", "3"]
    assert (counter.turns.running, counter.turns.waiting) == (1, 0)


async def test_who_is_sent_away_while_going_ends_nobodys_turn() -> None:
    """It had none."""
    counter = Counter(room=2)
    crowd = await counter.joined_by_crowd(3)
    other = asyncio.create_task(counter.turns.take(OTHER))
    crowd[2].get_loop().call_soon(crowd[2].cancel)
    await asyncio.wait([crowd[2]])
    assert crowd[2].cancelled()
    assert (counter.turns.running, counter.turns.waiting) == (1, 2)
    await counter.finish()
    await other


async def test_all_have_ended_once_nobody_waits() -> None:
    """A server that ends lets those finish who are in line."""
    counter = Counter(room=4)
    await counter.turns.ended()
    await counter.joined_by_crowd(3)
    ended = asyncio.create_task(counter.turns.ended())
    for _ in range(2):
        counter.turns.end()
        await asyncio.sleep(0.001)
        assert not ended.done()
    await counter.finish()
    await ended
