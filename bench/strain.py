"""What others notice while a server is strained: getPosts from memory, with and without."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bench.arena import Plan, databases
from bench.databases import MariaDbHost
from bench.figures import Noticed, Strain, Strained
from bench.load import Playlist
from bench.people import POSTS, Api, Person, sign_up
from bench.postkeep import Postkeep
from bench.processes import peak_mib_of, reset_peak
from bench.requests import listing, look
from bench.strainers import Strainer, large_posts, logins, slow, together

_READERS: Final = 200
_LOGINS: Final = 200
_SLOW: Final = 500
_AUTHORS: Final = 64

_WARM_SECONDS: Final = 1
_SETTLE_SECONDS: Final = 1.0

_NOTE: Final = (
    "32 connections ask for the remembered lists of {} persons in turn, first alone, then while others strain the"
    " server. No request of theirs may fail. Who is answered with 503 or 429 waits as long as Retry-After says, up to"
    " twice as long. Slow ones send about a byte a second, and begin anew when they are cut off. All of these have what"
    " the server and who measures leave of the processors (SCHED_IDLE), as if they were elsewhere."
)


@dataclass(frozen=True, slots=True)
class _Others:
    """Those who strain the server.

    Attributes:
        emails: Of those who log in.
        authors: Those who add posts.
    """

    emails: Sequence[str]
    authors: Sequence[Person]


_STRAINS: Final[Sequence[Callable[[_Others, Api], Strainer]]] = (
    lambda others, api: logins(api, others.emails),
    lambda others, api: slow(api, others.authors[0], _SLOW),
    lambda others, api: together(large_posts(api, others.authors), logins(api, others.emails)),
)


def strained(plan: Plan, folder: Path, host: MariaDbHost | None, seconds: int) -> Strain:
    """Measure readers on a new server for each kind of strain, as often as there are repeats."""
    rows: list[Strained] = []
    with ExitStack() as stack:
        for database in databases(plan.databases, folder, host, stack):
            postkeep = Postkeep(database, folder / database.name)
            readers = postkeep.crowd.settle(_READERS, posts=POSTS)
            with postkeep.serve() as server:
                emails = [person.email for person in sign_up(Api(server.port), _LOGINS)]
            others = _Others(emails, postkeep.crowd.settle(_AUTHORS))
            for strain in _STRAINS:
                repeats = [_measure(postkeep, readers, partial(strain, others), seconds) for _ in range(plan.repeats)]
                rows.append(Strained(f"{database.name}: {repeats[0].strainer.name}", repeats))
    return Strain("What others notice", _NOTE.format(_READERS), rows)


def _measure(postkeep: Postkeep, readers: Sequence[Person], strain: Callable[[Api], Strainer], seconds: int) -> Noticed:
    """Measure once, on a new server."""
    with postkeep.serve() as server:
        api = Api(server.port)
        playlist = Playlist([listing(api, reader) for reader in readers])
        look(server.port, playlist.requests)
        playlist.play(server.port, _WARM_SECONDS)
        reset_peak(server.pid)
        alone = playlist.play(server.port, seconds)
        strainer = strain(api)
        with strainer.at_work():
            time.sleep(_SETTLE_SECONDS)
            meanwhile = playlist.play(server.port, seconds)
        return Noticed(alone, meanwhile, peak_mib_of(server.pid), strainer)
