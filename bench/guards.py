"""What our protocol class costs beside the one that uvicorn brings."""

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from bench.arena import Plan
from bench.databases import Sqlite
from bench.groups import Group
from bench.load import Playlist
from bench.people import POSTS, Api
from bench.postkeep import Postkeep
from bench.processes import Server
from bench.requests import listing
from bench.sides import Reading, Side

_NOTE: Final = (
    "Remembered lists of {} persons in turn, from SQLite: the same application on uvicorn's own protocol class, which"
    " has no limits and no deadlines, and on ours, which has them, and sends what is remembered in one message."
)


@contextmanager
def opened(plan: Plan, folder: Path) -> Generator[Sequence[Group]]:
    """Start the application on both, over one database, and stop it in the end."""
    with ExitStack() as stack:
        postkeep = Postkeep(Sqlite(folder / "postkeep.db"), folder / "data")
        readers = postkeep.crowd.settle(plan.readers, posts=POSTS)

        def side(name: str, server: Server) -> Side:
            requests = [listing(Api(server.port), reader) for reader in readers]
            return Reading(name, server, Playlist(requests), misses=False)

        plain = stack.enter_context(postkeep.serve(guarded=False))
        guarded = stack.enter_context(postkeep.serve())
        sides = [side("uvicorn's own protocol", plain), side("postkeep serve", guarded)]
        yield [Group("What the guard costs", _NOTE.format(len(readers)), sides)]
