"""Everything that is measured, started and filled; what was started is stopped in the end."""

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from bench.databases import Database, MariaDb, MariaDbHost, Sqlite
from bench.drivers import loop_mysql, loop_sqlite
from bench.load import CONNECTIONS, Void
from bench.peers import literal_api, serve_fixed, serve_literal, serve_on_driver
from bench.people import POSTS, Answer, Api, Person, account_of, ask, check_lists, count_posts, renew, sign_up, text_of
from bench.postkeep import Postkeep, check_log
from bench.processes import Server, usage_of
from bench.report import Start
from bench.requests import Additions, Lists, write
from bench.sides import Adding, Looping, Reading, Side

DATABASES: Final = ("sqlite", "mariadb")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure.

    Attributes:
        databases: Some of DATABASES.
        starts: How often Postkeep is started on each.
        readers: How many people list their posts in turn.
        writers: How many people add posts in turn.
        literal: Another implementation to measure, if any.
    """

    databases: Sequence[str]
    starts: int
    readers: int
    writers: int
    literal: Path | None


@dataclass(frozen=True, slots=True)
class House:
    """A running Postkeep with people.

    Attributes:
        database: Where it keeps posts.
        server: Its process.
        api: Where it has its operations.
        readers: Have posts, and list them.
        writers: Add posts, and have none before.
        strangers: Accounts whose posts the raw drivers add, past Postkeep.
    """

    database: Database
    server: Server
    api: Api
    readers: list[Person]
    writers: list[Person]
    strangers: list[bytes]


@dataclass(frozen=True, slots=True)
class Arena:
    """What was started.

    Attributes:
        houses: Postkeep on each database.
        starts: How long its starts took.
        reading: The sides that list posts; the others are held against the first.
        adding: The sides that add posts, likewise.
    """

    houses: list[House] = field(default_factory=list[House])
    starts: list[Start] = field(default_factory=list[Start])
    reading: list[Side] = field(default_factory=list[Side])
    adding: list[Side] = field(default_factory=list[Side])

    def check(self) -> None:
        """See in the end that Postkeep kept what it was given, counted it, and did not complain.

        Raises:
            Void: It did not.
        """
        for house in self.houses:
            check_log(house.server)
            people = [*house.readers, *house.writers]
            renew(house.api, people)
            check_lists(house.api, people[: len(house.readers)])
            told = count_posts(house.api, people)
            kept = house.database.count_posts(without=house.strangers)
            if told != kept:
                message = f"{house.database.name}: people are told of {told} posts, and {kept} are kept"
                raise Void(message)


@contextmanager
def opened(plan: Plan, folder: Path) -> Generator[Arena]:
    """Start and fill everything, and stop it in the end.

    Args:
        plan: What to start.
        folder: All data lie here.
    """
    arena = Arena()
    with ExitStack() as stack:
        host = stack.enter_context(MariaDbHost.started(folder / "mariadb")) if "mariadb" in plan.databases else None
        databases: list[Database] = [Sqlite(folder)] if "sqlite" in plan.databases else []
        if host is not None:
            databases.append(stack.enter_context(host.database()))
        for database in databases:
            postkeep = Postkeep(database, folder / database.name)
            start = postkeep.measure_starts(plan.starts)
            house = _fill(database, stack.enter_context(postkeep.serve()), plan)
            arena.starts.append(replace(start, used_mib=usage_of(house.server.pid).resident_mib))
            arena.houses.append(house)
        _add_fixed(arena, stack, folder)
        for house in arena.houses:
            _add_house(arena, house, stack, folder)
        if host is not None and plan.literal is not None:
            database = stack.enter_context(host.database())
            _add_literal(arena, stack.enter_context(serve_literal(folder, plan.literal, database)), database, plan)
        yield arena


def _fill(database: Database, server: Server, plan: Plan) -> House:
    api = Api(server.port)
    readers = sign_up(api, plan.readers, posts=POSTS)
    check_lists(api, readers)
    writers = sign_up(api, plan.writers)
    strangers = [account_of(api, person) for person in sign_up(api, CONNECTIONS)]
    return House(database, server, api, readers, writers, strangers)


def _add_fixed(arena: Arena, stack: ExitStack, folder: Path) -> None:
    """Add the bare ASGI function, which answers what Postkeep answers."""
    first = arena.houses[0]
    server = stack.enter_context(serve_fixed(folder, _typical_answers(first)))
    api = Api(server.port, refresh=None)
    arena.reading.append(Reading("bare ASGI function", server, Lists(api, first.readers)))
    arena.adding.append(Adding("bare ASGI function", server, Additions(api, first.writers)))


def _typical_answers(house: House) -> dict[str, Answer]:
    reader, writer = house.readers[0], house.writers[0]
    with house.api.connection() as connection:
        return {
            "GET": ask(connection, "GET", house.api.posts, reader.access),
            "POST": ask(connection, "POST", house.api.add, writer.access, {"text": text_of(0)}),
        }


def _add_house(arena: Arena, house: House, stack: ExitStack, folder: Path) -> None:
    """Add Postkeep on one database, and that database's raw driver."""
    api, database = house.api, house.database
    name = f"Postkeep, {database.name}"
    arena.reading.append(Reading(name, house.server, Lists(api, house.readers), database))
    arena.adding.append(Adding(name, house.server, Additions(api, house.writers), database))
    if isinstance(database, Sqlite):
        loop = partial(loop_sqlite, database.path, house.strangers)
        arena.adding.append(Looping("raw sqlite3 loop, 1 connection", loop, database))
    elif isinstance(database, MariaDb):
        loop = partial(loop_mysql, database.url, house.strangers)
        arena.adding.append(Looping(f"raw asyncmy loop, {CONNECTIONS} connections", loop, database))
        _add_on_driver(arena, house, stack, folder)


def _add_on_driver(arena: Arena, house: House, stack: ExitStack, folder: Path) -> None:
    """Add the ASGI function that runs the bare statements."""
    readers = [account_of(house.api, person) for person in house.readers]
    server = stack.enter_context(serve_on_driver(folder, house.database, readers[0]))
    lists = [write("GET", f"/{account.hex()}", "") for account in readers]
    additions = [write("POST", f"/{account.hex()}", "", {"text": text_of(0)}) for account in house.strangers]
    name = f"ASGI function on raw asyncmy, {house.database.name}"
    arena.reading.append(Reading(name, server, lambda: lists, house.database))
    arena.adding.append(Adding(name, server, lambda: additions, house.database))


def _add_literal(arena: Arena, server: Server, database: Database, plan: Plan) -> None:
    """Add the other implementation, with its cache warm: its best."""
    api = literal_api(server)
    readers = sign_up(api, plan.writers, posts=POSTS)
    check_lists(api, readers)
    writers = sign_up(api, plan.writers)
    arena.reading.append(Reading(f"literal, {database.name}, from its cache", server, Lists(api, readers), database))
    arena.adding.append(Adding(f"literal, {database.name}", server, Additions(api, writers), database))
