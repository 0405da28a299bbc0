"""What one machine carries: throughput and latency against the number of clients, cost against the number of posts."""

import itertools
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from bench.arena import Plan, databases
from bench.databases import Database, MariaDbHost
from bench.figures import Comparison
from bench.groups import Group
from bench.load import Playlist
from bench.machine import describe
from bench.measure import Measured
from bench.people import POSTS, TEXT_BYTES, Api, Person, text_of
from bench.postkeep import Postkeep, check_log
from bench.processes import Server
from bench.requests import BODIES, adding, listing
from bench.sides import Adding, Reading, Side

CLIENTS: Final = (1, 2, 4, 8, 16, 32, 64, 128)
LENGTHS: Final = (100, 1_000, 10_000, 100_000)

BY_CLIENTS: Final = "Clients"
BY_POSTS: Final = "Posts"

HITS: Final = "getPosts from memory"
READ: Final = "getPosts that is read"
ADDS: Final = "addPost"
PAGES: Final = "a page of 50 posts"

_PAGE: Final = 50
_ROOM: Final = {"POSTKEEP_QUOTA_POSTS": "1000000"}
_NO_MEMORY: Final = {**_ROOM, "POSTKEEP_CACHE_TTL": "0"}
"""Each list is read."""

_CLIENTS_NOTE: Final = (
    f"Each client sends its next request when the last was answered. Lists have {POSTS} posts of {TEXT_BYTES} bytes."
)
_POSTS_NOTE: Final = (
    "One account with so many posts, and one client: several would wait for each other at the account's row."
    " Pages are read from the database."
)


@contextmanager
def opened(plan: Plan, folder: Path, host: MariaDbHost | None) -> Generator[Sequence[Group]]:
    """Fill a database of each kind, start Postkeep on it with and without memory, and stop it in the end.

    Raises:
        Void: Postkeep complained.
    """
    with ExitStack() as stack:
        found: list[Group] = []
        servers: list[Server] = []
        for database in databases(plan.databases, folder, host, stack):
            postkeep = Postkeep(database, folder / database.name, _ROOM)
            without = Postkeep(database, folder / f"{database.name}-without", _NO_MEMORY)
            readers = postkeep.crowd.settle(plan.readers, posts=POSTS)
            writers = postkeep.crowd.settle(plan.writers)
            owners = [postkeep.crowd.settle(1, posts=length)[0] for length in LENGTHS]
            server, bare = stack.enter_context(postkeep.serve()), stack.enter_context(without.serve())
            found += _by_clients(database, server, bare, readers, writers)
            pages: list[Side] = []
            adds: list[Side] = []
            for owner, length in zip(owners, LENGTHS, strict=True):
                asked = Playlist(list(_pages(postkeep, bare, owner, length)))
                pages.append(Reading(f"{length:,}", bare, asked, database, misses=True, connections=1))
                adds.append(
                    Adding(f"{length:,}", server, partial(_additions, server, [owner]), database, connections=1)
                )
            found.append(Group(f"{BY_POSTS}: {PAGES}, {database.name}", _POSTS_NOTE, pages))
            found.append(Group(f"{BY_POSTS}: {ADDS}, {database.name}", _POSTS_NOTE, adds))
            servers += [server, bare]
        yield found
        for server in servers:
            check_log(server)


def written(begun: datetime, comparisons: Sequence[Comparison]) -> str:
    """Return what was measured, for `bench.plots`: medians over the repeats."""
    series = [
        {
            "title": comparison.title,
            "points": [
                {
                    "at": int(name.replace(",", "")),
                    "rate": _median(repeats, lambda each: each.rate),
                    "p50_ms": _median(repeats, lambda each: each.load.p50_ms),
                    "p99_ms": _median(repeats, lambda each: each.load.p99_ms),
                    "cpu_us": _median(repeats, lambda each: each.cpu_us),
                    "database_us": _median(repeats, lambda each: each.database_us),
                }
                for name, repeats in comparison.sides
            ],
        }
        for comparison in comparisons
    ]
    everything = [each for comparison in comparisons for _, repeats in comparison.sides for each in repeats]
    said = {
        "begun": f"{begun:%Y-%m-%d}",
        "machine": describe(),
        "busy": _median(everything, lambda each: each.others_cores),
        "series": series,
    }
    return json.dumps(said, indent=1) + "\n"


def _by_clients(
    database: Database, server: Server, bare: Server, readers: list[Person], writers: list[Person]
) -> Iterator[Group]:
    """Ask and add with more and more clients."""
    remembered = [listing(Api(server.port), reader) for reader in readers]
    read = [listing(Api(bare.port), reader) for reader in readers]
    kinds: dict[str, Callable[[int], Side]] = {
        HITS: lambda clients: Reading(
            f"{clients}", server, Playlist(remembered), database, misses=False, connections=clients
        ),
        READ: lambda clients: Reading(f"{clients}", bare, Playlist(read), database, misses=True, connections=clients),
        ADDS: lambda clients: Adding(
            f"{clients}", server, partial(_additions, server, writers), database, connections=clients
        ),
    }
    for kind, side in kinds.items():
        yield Group(f"{BY_CLIENTS}: {kind}, {database.name}", _CLIENTS_NOTE, [side(each) for each in CLIENTS])


def _additions(server: Server, writers: Sequence[Person]) -> Playlist:
    """Make additions, each writer's in turn."""
    texts = [text_of(number) for number in range(BODIES)]
    pairs = itertools.product(texts, writers)
    return Playlist([adding(Api(server.port), writer, text) for text, writer in pairs])


def _pages(postkeep: Postkeep, server: Server, owner: Person, length: int) -> Iterator[bytes]:
    """Ask for pages from everywhere in a list."""
    for post in range(_PAGE + 1, length, max(1, length // 500)):
        yield listing(Api(server.port), owner, f"?limit={_PAGE}&cursor={postkeep.crowd.cursor(owner, post)}")


def _median(repeats: Sequence[Measured], figure: Callable[[Measured], float]) -> float:
    return round(median(map(figure, repeats)), 3)
