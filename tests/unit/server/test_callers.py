"""Who calls: what is remembered of it, for every operation."""

import sys
import tracemalloc
from datetime import timedelta

import pytest

from postkeep.domain.posts import LISTED_BYTES
from postkeep.domain.sessions import TokenInvalid, TokenMissing
from postkeep.server.memory import ENTRY_BYTES
from tests.unit.server.door import Door


async def test_a_repeated_token_costs_one_stamp() -> None:
    """Neither a signature nor a query."""
    person = await (door := Door()).person("a")
    first = await door.callers.identify(person.authorization)
    door.world.journal.clear()
    door.world.freshness.asked = 0
    assert await door.callers.identify(person.authorization) == first
    assert (door.world.journal, door.world.freshness.asked) == ([], 1)


async def test_a_caller_has_the_newest_stamp() -> None:
    """A write changes what the caller's posts are, not who the caller is: no query for that."""
    person = await (door := Door()).person()
    await door.callers.identify(person.authorization)
    for number in range(1, 4):
        post = await person.add("ä")
        door.world.journal.clear()
        for _ in range(2):
            caller = await door.callers.identify(person.authorization)
            account = door.world.account(person.account_id)
            size = number * (post.bytes + LISTED_BYTES)
            assert caller.stamp == (account.access_version, account.posts_version, size)
        assert door.world.journal == []


async def test_a_change_of_who_may_get_in_costs_one_query() -> None:
    """Then the token is known again."""
    person = await (door := Door()).person()
    await door.callers.identify(person.authorization)
    await person.device()
    door.world.journal.clear()
    for _ in range(3):
        assert (await door.callers.identify(person.authorization)).session_id == person.session.id
    assert door.world.journal == ["read"]


async def test_a_token_s_last_seconds_are_looked_at_each_time() -> None:
    """A signer may take an expired token for a while, for clocks that differ; memory does not."""
    person = await (door := Door()).person()
    caller = await door.callers.identify(person.authorization)
    assert caller.until == door.now + timedelta(seconds=900)
    door.world.advance(timedelta(seconds=900))
    door.world.freshness.asked = 0
    with pytest.raises(TokenInvalid):
        await door.callers.identify(person.authorization)
    assert door.world.freshness.asked == 0


async def test_without_memory_each_request_is_looked_at() -> None:
    """POSTKEEP_CACHE_TTL=0."""
    person = await (door := Door(ttl=0)).person()
    door.world.journal.clear()
    for _ in range(3):
        await door.callers.identify(person.authorization)
    assert door.world.journal == ["read"] * 3
    assert door.memory.currsize == 0


@pytest.mark.parametrize(
    ("authorization", "error"),
    [
        (b"", TokenMissing),
        (b"Basic abc", TokenMissing),
        (b"Bearer", TokenInvalid),
        (b"Bearer ", TokenInvalid),
        (b"Bearer  x", TokenInvalid),
        (b"Bearer x y", TokenInvalid),
        (b"Bearer \xff", TokenInvalid),
        (b"Bearer x, Bearer y", TokenInvalid),
        (b"bearer nonsense", TokenInvalid),
    ],
)
async def test_what_is_no_good_token_is_refused_and_forgotten(authorization: bytes, error: type[Exception]) -> None:
    """Strangers fill no memory."""
    door = Door()
    for _ in range(2):
        with pytest.raises(error):
            await door.callers.identify(authorization)
    assert door.memory.currsize == 0


async def test_everything_that_remembering_costs_is_counted() -> None:
    """Keys, objects and tables: ten thousand tiny lists take no more than half as much again as is counted."""
    door = Door(size=64 * 1024 * 1024)
    people = [await door.person() for _ in range(2000)]
    await people[0].lists()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        counted = door.memory.currsize
        for person in people[1:]:
            # As from the wire: each request's bytes are its own.
            await door.ask(bytes(bytearray(person.authorization)))
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    counted = door.memory.currsize - counted
    assert sys.getsizeof(people[0].authorization) < ENTRY_BYTES
    assert grown <= 1.5 * counted
