"""How memory grows: while one very long list is answered, and while very many short ones are remembered."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

from bench.arena import Plan, databases
from bench.databases import MariaDbHost
from bench.figures import Grown, Growth
from bench.load import Void
from bench.people import POSTS, Api, Person
from bench.postkeep import Postkeep, check_log
from bench.processes import Server, peak_mib_of, reset_peak, usage_of
from bench.requests import listing, look

_LONG: Final = 100_000
_LONG_BYTES: Final = 1_000
_READ_AT_ONCE: Final = 256 * 1024

_PEOPLE: Final = 10_000
ALLOWED_MIB: Final = 64

_WARM_PEOPLE: Final = 10
_SETTLE_SECONDS: Final = 1.0


def of_long_list(plan: Plan, folder: Path, host: MariaDbHost | None) -> Growth:
    """Have one person list very many posts."""
    servers: list[Grown] = []
    with ExitStack() as stack:
        for database in databases(plan.databases, folder, host, stack):
            postkeep = Postkeep(database, folder / database.name)
            authors = postkeep.crowd.settle(1, posts=_LONG, text_bytes=_LONG_BYTES)
            servers.append(grown(f"Postkeep, {database.name}", postkeep, partial(_take, authors[0]), plan.repeats))
    note = (
        f"All {_LONG:,} posts of {_LONG_BYTES:,} bytes in one getPosts, to a client that reads as fast as it can, from"
        f" a server that has answered {_WARM_PEOPLE} short lists. Each repeat is a new server."
    )
    return Growth("A very long list", note, ALLOWED_MIB, servers)


def of_memory(plan: Plan, folder: Path, host: MariaDbHost | None) -> Growth:
    """Have very many people list their posts once each."""
    servers: list[Grown] = []
    with ExitStack() as stack:
        for database in databases(plan.databases, folder, host, stack):
            postkeep = Postkeep(database, folder / database.name)
            people = postkeep.crowd.settle(_PEOPLE, posts=POSTS)
            servers.append(grown(f"Postkeep, {database.name}", postkeep, partial(_list_all, people), 1))
    note = (
        f"{_PEOPLE:,} persons list their {POSTS} posts once each, one after the other; POSTKEEP_CACHE_BYTES is at its"
        " default. Once, on a new server."
    )
    return Growth("Remembering", note, ALLOWED_MIB, servers)


def grown(name: str, postkeep: Postkeep, work: Callable[[int], None], repeats: int) -> Grown:
    """Have a server do something, a new one each time, and watch its memory.

    Args:
        name: What the report calls it.
        postkeep: What is served.
        work: What to do with a server, told its port.
        repeats: How often.
    """
    others = postkeep.crowd.settle(_WARM_PEOPLE, posts=POSTS)
    seconds, before, peak = list[float](), list[float](), list[float]()
    for _ in range(repeats):
        with postkeep.serve() as server:
            _warm(server, others)
            reset_peak(server.pid)
            before.append(usage_of(server.pid).resident_mib)
            begun = time.perf_counter()
            work(server.port)
            seconds.append(time.perf_counter() - begun)
            peak.append(peak_mib_of(server.pid))
            check_log(server)
    return Grown(name, seconds, before, peak)


def _warm(server: Server, people: Sequence[Person]) -> None:
    look(server.port, [listing(Api(server.port), person) for person in people])
    time.sleep(_SETTLE_SECONDS)


def _take(author: Person, port: int) -> None:
    """Read a list as it comes, and count its posts without keeping it.

    Raises:
        Void: They are not all there.
    """
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", Api(port).posts, headers={"Authorization": f"Bearer {author.access}"})
    answer = connection.getresponse()
    parts = iter(lambda: answer.read(_READ_AT_ONCE), b"")
    # A name may be cut in two where one part ends.
    count, tail, mark = 0, b"", b'"created_date"'
    for part in parts:
        joined = tail + part
        count += joined.count(mark)
        tail = joined[-(len(mark) - 1) :]
    connection.close()
    if answer.status != 200 or count != len(author.texts) or not tail.endswith(b"]"):  # noqa: PLR2004 - HTTP's own number
        message = f"a list of {len(author.texts)} posts had {count}"
        raise Void(message)


def _list_all(people: Sequence[Person], port: int) -> None:
    """Have each list their posts once.

    Raises:
        Void: A list is not as long as the others.
    """
    looked = look(port, [listing(Api(port), person) for person in people])
    if {each.status for each in looked} != {200} or len({each.size for each in looked}) != 1:
        message = "not everybody was answered with a list of the same length"
        raise Void(message)
