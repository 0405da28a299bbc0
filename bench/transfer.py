"""Taking very many posts out and bringing them in, beside the raw driver that reads and inserts as many."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

from bench.arena import Plan, databases
from bench.databases import Database, MariaDbHost, Sqlite, count_miscounted, counts_of_posts
from bench.drivers import new_row
from bench.dumps import dump_mysql, dump_sqlite, load_mysql, load_sqlite
from bench.figures import Carried, Carrying
from bench.growth import ALLOWED_MIB, grown
from bench.load import Void
from bench.people import Api, Person, text_of
from bench.postkeep import Postkeep
from postkeep.views.exports import FORMATS, Format

_TEXT_BYTES: Final = 1_000
_AT_ONCE: Final = 100
"""So many posts Postkeep adds in one transaction, where they are as long as these."""

_READ_AT_ONCE: Final = 256 * 1024

_OUT: Final = (
    "All {:,} posts of somebody, {:,} bytes each, in one exportPosts, which a client writes to a file as fast as it"
    " comes. The raw driver reads the same rows as they come, and does nothing with them. Each repeat is a new server."
)
_IN: Final = (
    "The file that was taken out of {:,} posts, {:,} bytes each, in one importPosts of somebody who has none: from its"
    " first byte to the last line of the report. The raw driver inserts as many rows, {} of them in a transaction and"
    " in a statement, as Postkeep does. Each repeat is a new server."
)


def of_all(plan: Plan, folder: Path, host: MariaDbHost | None, posts: int) -> list[Carrying]:
    """Have one person take so many posts out, and others bring them in."""
    tables: list[Carrying] = []
    with ExitStack() as stack:
        for database in databases(plan.databases, folder, host, stack):
            postkeep = Postkeep(database, folder / database.name)
            (author,) = postkeep.crowd.settle(1, posts=posts, text_bytes=_TEXT_BYTES)
            tables.append(_taken_out(postkeep, database, author, plan.repeats))
            tables.append(_brought_in(postkeep, database, len(author.texts), plan.repeats))
    return tables


def _taken_out(postkeep: Postkeep, database: Database, author: Person, repeats: int) -> Carrying:
    """Have somebody take everything out, in each format."""
    posts = len(author.texts)
    rows = [Carried("raw driver", [_timed(partial(_dump, database, author)) for _ in range(repeats)])]
    for form in Format:
        found = grown("", postkeep, partial(_take, author, _file_of(postkeep, form), form), repeats)
        rows.append(Carried(f"Postkeep, {FORMATS[form].media_type}", found.seconds, found.growth_mib))
    note = _OUT.format(posts, _TEXT_BYTES)
    return Carrying(f"Taking posts out, {database.name}", note, posts, ALLOWED_MIB, rows)


def _brought_in(postkeep: Postkeep, database: Database, posts: int, repeats: int) -> Carrying:
    """Have others bring in what was taken out, each once.

    Raises:
        Void: Somebody has another number of posts afterwards.
    """
    outsiders = [person.account for person in postkeep.crowd.settle(repeats)]
    rows = [Carried("raw driver", [_load(database, account, posts) for account in outsiders])]
    people = postkeep.crowd.settle(len(Format) * repeats)
    takers = iter(people)
    for form in Format:
        found = grown("", postkeep, partial(_bring, takers, _file_of(postkeep, form), form, posts), repeats)
        rows.append(Carried(f"Postkeep, {FORMATS[form].media_type}", found.seconds, found.growth_mib))
    kept = counts_of_posts(database)
    owners = [*outsiders, *(person.account for person in people)]
    if {kept.get(owner) for owner in owners} != {posts} or count_miscounted(database, without=outsiders):
        message = f"{database.name}: not everybody has {posts} posts, or they are counted wrong"
        raise Void(message)
    note = _IN.format(posts, _TEXT_BYTES, _AT_ONCE)
    return Carrying(f"Bringing posts in, {database.name}", note, posts, ALLOWED_MIB, rows)


def _file_of(postkeep: Postkeep, form: Format) -> Path:
    """Return where a client keeps what it took out."""
    return postkeep.folder / f"posts.{FORMATS[form].ending}"


def _timed(work: Callable[[], None]) -> float:
    """Return how many seconds something takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _dump(database: Database, author: Person) -> None:
    """Read all rows of somebody.

    Raises:
        Void: They are not all there.
    """
    if isinstance(database, Sqlite):
        count = dump_sqlite(database.path, author.account)
    else:
        count = dump_mysql(database.url, author.account)
    if count != len(author.texts):
        message = f"the raw driver read {count} rows of {len(author.texts)}"
        raise Void(message)


def _load(database: Database, account: bytes, posts: int) -> float:
    """Insert as many rows, made beforehand, and return how many seconds that took."""
    rows = [new_row(account, text_of(number, _TEXT_BYTES)) for number in range(posts)]
    parts = [rows[begin : begin + _AT_ONCE] for begin in range(0, posts, _AT_ONCE)]
    if isinstance(database, Sqlite):
        return _timed(partial(load_sqlite, database.path, parts))
    return _timed(partial(load_mysql, database.url, parts))


def _take(author: Person, path: Path, form: Format, port: int) -> None:
    """Take everything out, into a file.

    Raises:
        Void: It was refused.
    """
    with Api(port).connection() as connection, path.open("wb") as file:
        connection.request("GET", f"/api/v1/export?format={form}", headers=_known(author))
        answer = connection.getresponse()
        while part := answer.read(_READ_AT_ONCE):
            file.write(part)
    if answer.status != 200:  # noqa: PLR2004 - HTTP's own number
        message = f"an export was answered with {answer.status}"
        raise Void(message)


def _bring(takers: Iterator[Person], path: Path, form: Format, posts: int, port: int) -> None:
    """Have the next one bring in what is in a file.

    Raises:
        Void: Not all of it was added.
    """
    headers = {"Content-Type": FORMATS[form].media_type, "Content-Length": str(path.stat().st_size)}
    with Api(port).connection() as connection, path.open("rb") as file:
        connection.request("POST", "/api/v1/import", file, {**_known(next(takers)), **headers})
        last = b""
        for line in connection.getresponse():
            last = line
    told = json.loads(last)
    if (told.get("added"), told.get("complete")) != (posts, True):
        message = f"an import of {posts} posts ended with {told}"
        raise Void(message)


def _known(person: Person) -> dict[str, str]:
    return {"Authorization": f"Bearer {person.access}"}
