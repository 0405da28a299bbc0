"""Listing, adding and deleting at once."""

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, TypeVar

from bench.arena import Arena
from bench.databases import Sqlite
from bench.groups import Group
from bench.load import Playlist
from bench.people import POSTS, text_of
from bench.pocketbase import User
from bench.requests import adding, deleting, listing
from bench.sides import Mixing, Side

Somebody = TypeVar("Somebody")

_MOST_PER_SECOND: Final = 12_000
"""So many requests of a mix are made at most."""

_LISTED, _ADDED, _DELETED = 0, 1, -1
_SHARES: Final = {_LISTED: 90, _ADDED: 9, _DELETED: 1}

_MIX: Final = (
    "200 persons with 20 posts each in the beginning, others in each repeat; who adds often has longer lists to send."
)


def mixes(arena: Arena, seconds: int) -> Iterator[Group]:
    """Listing, adding and deleting at once, on SQLite, beside PocketBase."""
    for house in arena.houses:
        if not isinstance(house.database, Sqlite):
            continue
        sides: list[Side] = []
        if arena.pocketbase is not None:
            pocketbase = arena.pocketbase
            blocks = [pocketbase.settle(len(people)) for people in house.people.mixers]
            theirs = (_mix(users, seconds, User.listing, User.adding, User.deleting) for users in blocks)
            sides.append(Mixing("PocketBase", pocketbase.server, theirs, pocketbase.database))
        words = [partial(each, house.api) for each in (listing, adding, deleting)]
        mine = (_mix(people, seconds, *words) for people in house.people.mixers)
        sides.append(Mixing(f"Postkeep, {house.database.name}", house.server, mine, house.database))
        yield Group(f"90 % getPosts, 9 % addPost, 1 % deletePost, {house.database.name}", _MIX, sides)


def _mix(
    people: Sequence[Somebody],
    seconds: int,
    list_: Callable[[Somebody], bytes],
    add: Callable[[Somebody, str], bytes],
    delete: Callable[[Somebody, int], bytes],
) -> tuple[Playlist, Sequence[int]]:
    """Make the requests of one repeat, and what each does to the number of posts; nothing is deleted twice."""
    chance = random.Random(len(people))
    count = min((seconds + 1) * _MOST_PER_SECOND, 90 * POSTS * len(people))
    changes = chance.choices(list(_SHARES), list(_SHARES.values()), k=count)
    remaining = [list(range(POSTS)) for _ in people]
    requests: list[bytes] = []
    for number, (change, index) in enumerate(zip(changes, itertools.cycle(range(len(people))), strict=False)):
        person = people[index]
        if change == _DELETED and remaining[index]:
            requests.append(delete(person, remaining[index].pop()))
        elif change == _ADDED:
            requests.append(add(person, text_of(number)))
        else:
            changes[number] = _LISTED
            requests.append(list_(person))
    return Playlist(requests), changes
