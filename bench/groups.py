"""The sides that are measured beside each other, by what they do."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from bench.arena import Arena, House
from bench.databases import Sqlite, count_versions
from bench.drivers import loop_mysql, loop_sqlite
from bench.load import CONNECTIONS, Playlist
from bench.people import POSTS, text_of
from bench.processes import Server
from bench.requests import BODIES, Additions, Editions, listing, look, write
from bench.sides import Adding, Looping, Reading, Side

_BARE: Final = "bare ASGI function"
_ON_DRIVER: Final = "ASGI function on raw asyncmy, MariaDB"
_LIMITS: Final = range(POSTS, 1001)
"""All of them answer the whole list, each at an address of its own."""

_DIFFERENT: Final = 36_000
"""How many such lists are asked for in turn."""


@dataclass(frozen=True, slots=True)
class Group:
    """Sides that do the same.

    Attributes:
        title: What they do.
        note: What else to know.
        sides: The others are held against the first.
    """

    title: str
    note: str
    sides: Sequence[Side]


def hits(arena: Arena) -> Iterator[Group]:
    """Lists from memory, beside the bare function; and the forms that they are sent in."""
    sides: list[Side] = []
    for house in arena.houses:
        one = [listing(house.api, house.people.readers[0])]
        many = [listing(house.api, person) for person in house.people.readers]
        if not sides and arena.fixed is not None:
            sides.append(Reading(_BARE, arena.fixed, Playlist(one)))
        name = f"Postkeep, {house.database.name}"
        sides.append(_remembered(f"{name}, one person's list", house, one))
        sides.append(_remembered(f"{name}, {len(many)} persons' lists in turn", house, many))
    note = "All lists are remembered. The bare function answers the same bytes."
    yield Group("getPosts from memory", note, sides)
    for house in arena.houses:
        yield Group(f"Forms of a list from memory, {house.database.name}", _FORMS, _forms(house))


def cold(arena: Arena) -> Iterator[Group]:
    """Lists that are not in memory, beside PocketBase, and beside the raw driver."""
    for house in arena.houses:
        people, name = house.people, f"Postkeep, {house.database.name}"
        sides: list[Side] = []
        if house.on_driver is not None:
            sides.append(_on_driver_lists(house, house.on_driver))
        elif arena.pocketbase is not None:
            users = arena.pocketbase.settle(len(people.strangers))
            lists = [user.listing() for user in users]
            sides.append(Reading("PocketBase", arena.pocketbase.server, Playlist(lists)))
        unknown = [listing(house.api, person) for person in people.strangers]
        lists_of = ((person, limit) for limit in _LIMITS for person in people.readers)
        known = [
            listing(house.api, person, f"?limit={limit}") for person, limit in itertools.islice(lists_of, _DIFFERENT)
        ]
        for title, lists in (("neither token nor list known", unknown), ("token known, list not", known)):
            side = Reading(f"{name}, {title}", house.server, Playlist(lists), house.database, misses=True)
            sides.append(side)
        if house.on_driver is not None and arena.literal is not None:
            literal = arena.literal
            lists = [listing(literal.api, person) for person in literal.readers]
            title = f"literal, {literal.database.name}, from its cache"
            sides.append(Reading(title, literal.server, Playlist(lists), literal.database))
        yield Group(f"Cold getPosts, {house.database.name}", _COLD.format(len(people.strangers)), sides)


def adds(arena: Arena) -> Iterator[Group]:
    """Adding, beside PocketBase or the raw driver."""
    for house in arena.houses:
        requests = Additions(house.api, house.people.writers)
        name = house.database.name
        postkeep = Adding(f"Postkeep, {name}", house.server, requests, house.database)
        beside, literal = _adding_beside(arena, house), _literal(arena, house)
        yield Group(f"addPost, {name}", "", [*beside, postkeep, _loop(house), *literal])


def edits(arena: Arena) -> Iterator[Group]:
    """Editing, beside adding."""
    for house in arena.houses:
        writers, name = house.people.writers, f"Postkeep, {house.database.name}"
        adding = Adding(f"{name}, addPost", house.server, Additions(house.api, writers), house.database)
        editing = Adding(
            f"{name}, editPost", house.server, Editions(house.api, writers), house.database, count_versions
        )
        yield Group(f"editPost beside addPost, {house.database.name}", _EDITS.format(len(writers)), [adding, editing])


_EDITS: Final = "{} persons, each of whom edits one post; the texts are as long as those that are added."
_FORMS: Final = "One person's list. A 304 goes to who has it already, gzip to who takes it."
_COLD: Final = (
    "Two kinds: {:,} persons in turn, more than memory holds, so that neither their tokens nor their lists are known"
    " when they come again; and persons whose tokens are known, with another `limit` each time, which is another list"
    " to the memory though it has the same posts. The log shows that each answer came from the database."
)


def _remembered(name: str, house: House, requests: Sequence[bytes], status: int = 200) -> Reading:
    return Reading(name, house.server, Playlist(requests), house.database, status=status, misses=False)


def _forms(house: House) -> list[Side]:
    reader, api = house.people.readers[0], house.api
    plain = [listing(api, reader)]
    tag = look(api.port, plain)[0].headers["etag"]
    return [
        _remembered("plain", house, plain),
        _remembered("gzip", house, [listing(api, reader, Accept_Encoding="gzip")]),
        _remembered("304", house, [listing(api, reader, If_None_Match=tag)], status=304),
    ]


def _on_driver_lists(house: House, server: Server) -> Side:
    lists = [write("GET", f"/{person.account.hex()}", "") for person in house.people.strangers]
    return Reading(_ON_DRIVER, server, Playlist(lists), house.database)


def _adding_beside(arena: Arena, house: House) -> Iterator[Side]:
    """Return what Postkeep's addPost is held against."""
    if house.on_driver is not None:
        said = {"text": text_of(0)}
        additions = Playlist([write("POST", f"/{account.hex()}", "", said) for account in house.outsiders])
        yield Adding(_ON_DRIVER, house.on_driver, lambda: additions, house.database)
    elif arena.pocketbase is not None:
        users = arena.pocketbase.settle(len(house.people.writers))
        playlist = Playlist([user.adding(text_of(number)) for number in range(BODIES) for user in users])
        yield Adding("PocketBase", arena.pocketbase.server, lambda: playlist, arena.pocketbase.database)


def _loop(house: House) -> Side:
    """Return a loop over the raw driver of a database."""
    database = house.database
    if isinstance(database, Sqlite):
        loop = partial(loop_sqlite, database.path, house.outsiders)
        return Looping("raw sqlite3 loop, 1 connection", loop, database)
    loop = partial(loop_mysql, database.url, house.outsiders)
    return Looping(f"raw asyncmy loop, {CONNECTIONS} connections", loop, database)


def _literal(arena: Arena, house: House) -> Iterator[Side]:
    """Return the other implementation's addPost, where it has the same kind of database."""
    literal = arena.literal
    if literal is not None and literal.database.name == house.database.name:
        requests = Additions(literal.api, literal.writers)
        yield Adding(f"literal, {literal.database.name}", literal.server, requests, literal.database)
