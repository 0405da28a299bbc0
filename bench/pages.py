"""Pages of long lists, and of short ones beside many others."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from bench.arena import Plan, databases
from bench.databases import Database, MariaDbHost
from bench.groups import Group
from bench.load import Playlist
from bench.people import Api, Person
from bench.postkeep import Postkeep
from bench.requests import listing
from bench.sides import Reading, Side

LONG: Final = 100_000
SHORT: Final = 100
PAGE: Final = 50

_SHORT_LISTS: Final = 100
"""So many people have short lists: their pages together are more than memory holds."""

_OTHERS: Final = 20_000
_POSTS_OF_OTHERS: Final = 50

_NOTE: Final = (
    f"One connection. Every answer is {PAGE} posts of 200 bytes from somewhere in the list: another page each time, and"
    " more of them than memory holds, so that each comes from the database (the log shows it); the tokens are known."
    f" The short lists are those of {_SHORT_LISTS} persons. The others are {_OTHERS:,} accounts with"
    f" {_OTHERS * _POSTS_OF_OTHERS:,} posts in the same tables."
)


@contextmanager
def opened(plan: Plan, folder: Path, host: MariaDbHost | None) -> Generator[Sequence[Group]]:
    """Fill databases with and without others, start Postkeep on each, and stop it in the end."""
    with ExitStack() as stack:
        sides: dict[str, list[Side]] = {}
        for others in (0, _OTHERS):
            place = folder / f"{others}"
            place.mkdir()
            for database in databases(plan.databases, place, host, stack):
                sides.setdefault(database.name, []).extend(_sides(database, place, others, stack))
        yield [Group(f"A page of {PAGE} posts, {name}", _NOTE, found) for name, found in sides.items()]


def _sides(database: Database, folder: Path, others: int, stack: ExitStack) -> Iterator[Side]:
    postkeep = Postkeep(database, folder / database.name)
    crowd = postkeep.crowd
    short = crowd.settle(_SHORT_LISTS, posts=SHORT)
    (long,) = crowd.settle(1, posts=LONG)
    if others:
        crowd.settle(others, posts=_POSTS_OF_OTHERS)
    server = stack.enter_context(postkeep.serve())
    among = f", among {others * _POSTS_OF_OTHERS:,} posts of others" if others else ""

    def pages(people: Sequence[Person], behind: Sequence[int]) -> list[bytes]:
        return [
            listing(Api(server.port), person, f"?limit={PAGE}&cursor={crowd.cursor(person, post)}")
            for post in behind
            for person in people
        ]

    of_short = pages(short, range(PAGE + 1, SHORT))
    of_long = pages([long], range(LONG - 1, PAGE, -(LONG // len(of_short))))
    for title, requests in ((f"of {SHORT}", of_short), (f"of {LONG:,}", of_long)):
        yield Reading(title + among, server, Playlist(requests), database, misses=True, connections=1)
