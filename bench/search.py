"""Searching among many others' posts, and what was asked for beside the plain list, from memory."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from bench.arena import Plan, databases
from bench.databases import Database, MariaDbHost
from bench.groups import Group
from bench.load import Playlist
from bench.people import POSTS, Api, Person
from bench.postkeep import Postkeep
from bench.processes import Server
from bench.requests import listing, write
from bench.sides import Reading, Side

_SIZES: Final = (10_000, 100_000)
_TEXT_BYTES: Final = 1024
_OTHERS: Final = 20_000
_POSTS_OF_OTHERS: Final = 50

_DIFFERENT: Final = 2000
"""So many different requests are asked in turn; none of them comes twice in one measurement."""

_WARM_SECONDS: Final = 5
"""Within that, any search is answered."""

_COMMON: Final = "defgh"
"""Stands in every post."""

_SEARCH: Final = (
    f"One connection. The posts that are searched have {_TEXT_BYTES:,} bytes each and are one account's; in the same"
    f" tables lie {_OTHERS * _POSTS_OF_OTHERS:,} posts of others. A rare word stands in one post, so that all are"
    " looked at; a common one in each, so that the newest 50 are enough. The log shows that each answer came from the"
    " database."
)

_MEMORY: Final = "One person's posts, remembered, each asked for in its own way."


@contextmanager
def opened(plan: Plan, folder: Path, host: MariaDbHost | None) -> Generator[Sequence[Group]]:
    """Fill each database, start Postkeep on it, and stop it in the end."""
    with ExitStack() as stack:
        groups: list[Group] = []
        for database in databases(plan.databases, folder, host, stack):
            postkeep = Postkeep(database, folder / database.name)
            searchers = [postkeep.crowd.settle(1, posts=size, text_bytes=_TEXT_BYTES)[0] for size in _SIZES]
            (reader,) = postkeep.crowd.settle(1, posts=POSTS)
            postkeep.crowd.settle(_OTHERS, posts=_POSTS_OF_OTHERS)
            server = stack.enter_context(postkeep.serve())
            groups += [
                Group(f"Searching, {database.name}", _SEARCH, list(_searches(server, searchers, database))),
                Group(f"Variants from memory, {database.name}", _MEMORY, list(_variants(server, reader, database))),
            ]
        yield groups


def _searches(server: Server, searchers: Sequence[Person], database: Database) -> Iterator[Side]:
    api = Api(server.port)
    for size, person in zip(_SIZES, searchers, strict=True):
        step = size // _DIFFERENT
        rare = [listing(api, person, f"?q={number * step:08d}") for number in range(_DIFFERENT)]
        common = [listing(api, person, f"?q={_COMMON}&nothing={number}") for number in range(_DIFFERENT)]
        for title, requests in (("a rare word", rare), ("a common word", common)):
            name = f"{title} in {size:,} posts"
            yield Reading(
                name, server, Playlist(requests), database, misses=True, connections=1, warm_seconds=_WARM_SECONDS
            )


def _variants(server: Server, reader: Person, database: Database) -> Iterator[Side]:
    api = Api(server.port)
    asked = {
        "getPosts": listing(api, reader),
        "status": listing(api, reader, "?status=published"),
        "sort": listing(api, reader, "?sort=-updated"),
        "limit": listing(api, reader, "?limit=50"),
        "q": listing(api, reader, f"?q={_COMMON}"),
        "getSummary": write("GET", f"{api.posts}/summary", reader.access),
    }
    for name, request in asked.items():
        yield Reading(name, server, Playlist([request]), database, misses=False)
