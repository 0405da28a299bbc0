"""Everything that answers side by side, started and filled; what was started is stopped in the end."""

import itertools
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.databases import Database, MariaDbHost, Sqlite, count_miscounted, counts_of_posts
from bench.load import CONNECTIONS, Void
from bench.peers import literal_api, serve_fixed, serve_literal, serve_on_driver
from bench.people import POSTS, Api, Person, ask, check_lists, sign_up, text_of
from bench.pocketbase import PocketBase
from bench.postkeep import Postkeep, check_log
from bench.processes import Server

DATABASES: Final = ("sqlite", "mariadb")

STRANGERS_TO_MEMORY: Final = 12_000
"""Who list their posts in turn where memory is to be of no use: nearly twice as many lists as it holds."""

MIXERS: Final = 200
"""How many people list, add and delete in one repeat."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start.

    Attributes:
        databases: Some of DATABASES.
        repeats: How often all is measured.
        readers: How many people list their posts in turn where memory is to help.
        writers: How many people add posts in turn.
        literal: Another implementation to measure, if any.
        pocketbase: The program of PocketBase, if it is to be measured.
    """

    databases: Sequence[str]
    repeats: int
    readers: int
    writers: int
    literal: Path | None
    pocketbase: Path | None


@dataclass(frozen=True, slots=True)
class People:
    """Who uses one server.

    Attributes:
        readers: List their posts again and again.
        strangers: Are so many that memory has forgotten each when it is their turn.
        writers: Add posts.
        mixers: Do everything, others in each repeat.
    """

    readers: list[Person]
    strangers: list[Person]
    writers: list[Person]
    mixers: list[list[Person]]


@dataclass(frozen=True, slots=True)
class House:
    """A running Postkeep with people.

    Attributes:
        database: Where it keeps posts.
        server: Its process.
        api: Where it has its operations.
        people: Who uses it.
        outsiders: Accounts whose posts the raw drivers add, past Postkeep.
        on_driver: The ASGI function on the same database, where there is one.
    """

    database: Database
    server: Server
    api: Api
    people: People
    outsiders: list[bytes]
    on_driver: Server | None


@dataclass(frozen=True, slots=True)
class Literal:
    """Another implementation, with people."""

    database: Database
    server: Server
    api: Api
    readers: list[Person]
    writers: list[Person]


@dataclass(slots=True)
class Arena:
    """What was started.

    Attributes:
        houses: Postkeep on each database.
        fixed: The bare ASGI function, which answers what Postkeep answers.
        literal: Another implementation, if given.
        pocketbase: PocketBase, if given.
    """

    houses: list[House] = field(default_factory=list[House])
    fixed: Server | None = None
    literal: Literal | None = None
    pocketbase: PocketBase | None = None

    def check(self) -> None:
        """See in the end that Postkeep kept what it was given, counted it, lists it, and did not complain.

        Raises:
            Void: It did not.
        """
        for house in self.houses:
            check_log(house.server)
            check_lists(house.api, house.people.readers)
            if miscounted := count_miscounted(house.database, without=house.outsiders):
                message = f"{house.database.name}: {miscounted} accounts have other numbers of posts than are kept"
                raise Void(message)
            _check_mixers(house)


@contextmanager
def opened(plan: Plan, folder: Path, host: MariaDbHost | None) -> Generator[Arena]:
    """Start and fill everything, and stop it in the end.

    Args:
        plan: What to start.
        folder: All data lie here.
        host: Makes databases, if MariaDB is to be measured.
    """
    arena = Arena()
    with ExitStack() as stack:
        for database in databases(plan.databases, folder, host, stack):
            arena.houses.append(_house(database, folder, plan, stack))
        first = arena.houses[0]
        with first.api.connection() as connection:
            ask(connection, "GET", first.api.posts, first.people.readers[0].access)
            answers = {
                "GET": ask(connection, "GET", first.api.posts, first.people.readers[0].access),
                "POST": ask(connection, "POST", first.api.add, first.people.writers[0].access, {"text": text_of(0)}),
            }
        arena.fixed = stack.enter_context(serve_fixed(folder, answers))
        if host is not None and plan.literal is not None:
            database = stack.enter_context(host.database())
            server = stack.enter_context(serve_literal(folder, plan.literal, database))
            arena.literal = _literal(database, server, plan)
        if plan.pocketbase is not None:
            arena.pocketbase = stack.enter_context(PocketBase.started(plan.pocketbase, folder / "pocketbase"))
        yield arena


def databases(names: Sequence[str], folder: Path, host: MariaDbHost | None, stack: ExitStack) -> Iterator[Database]:
    """Make an empty database of each kind.

    Args:
        names: Some of DATABASES.
        folder: Where files lie.
        host: Makes those on MariaDB.
        stack: Drops those in the end.
    """
    if "sqlite" in names:
        yield Sqlite(folder / "postkeep.db")
    if host is not None:
        yield stack.enter_context(host.database())


def _settle(postkeep: Postkeep, plan: Plan, writers: list[Person]) -> People:
    """Write everybody but the writers into the tables."""
    crowd = postkeep.crowd
    return People(
        readers=crowd.settle(plan.readers, posts=POSTS),
        strangers=crowd.settle(STRANGERS_TO_MEMORY, posts=POSTS),
        writers=writers,
        mixers=[crowd.settle(MIXERS, posts=POSTS) for _ in range(plan.repeats)],
    )


def _house(database: Database, folder: Path, plan: Plan, stack: ExitStack) -> House:
    postkeep = Postkeep(database, folder / database.name)
    server = stack.enter_context(postkeep.serve())
    api = Api(server.port)
    people = _settle(postkeep, plan, sign_up(api, plan.writers))
    outsiders = [person.account for person in postkeep.crowd.settle(CONNECTIONS)]
    check_lists(api, people.readers)
    on_driver = None
    if database.url.get_backend_name() != "sqlite":
        on_driver = stack.enter_context(serve_on_driver(folder, database, people.readers[0].account))
    return House(database, server, api, people, outsiders, on_driver)


def _literal(database: Database, server: Server, plan: Plan) -> Literal:
    """Make people of the other implementation, few enough for its cache: its best."""
    api = literal_api(server)
    readers = sign_up(api, plan.writers, posts=POSTS)
    check_lists(api, readers)
    return Literal(database, server, api, readers, sign_up(api, plan.writers))


def _check_mixers(house: House) -> None:
    """See that who added and deleted is listed as many posts as are kept.

    Raises:
        Void: Somebody is not.
    """
    kept = counts_of_posts(house.database)
    with house.api.connection() as connection:
        for person in itertools.chain.from_iterable(house.people.mixers):
            listed = len(ask(connection, "GET", house.api.posts, person.access).json())
            if listed != kept.get(person.account, 0):
                message = f"{house.database.name}: {listed} posts are listed, not those that are kept"
                raise Void(message)
