"""Searching on real databases: what they take for the same letter, and how long they may take."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from asyncmy.errors import OperationalError
from sqlalchemy import Engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.mysql.asyncmy import dialect as asyncmy_dialect

from postkeep.domain.lists import EVERYTHING, Listing, Place, Sort
from postkeep.domain.posts import Text
from postkeep.domain.search import fold, parse_query, variants
from postkeep.services.ports import SearchUnavailable, StorageUnavailable
from postkeep.storage.embedded_file import connect
from postkeep.storage.embedded_search import EmbeddedSearch
from postkeep.storage.lists import SUMMARY, list_statement
from postkeep.storage.search import (
    Finds,
    embedded_search,
    glob_pattern,
    like_pattern,
    server_pattern,
    server_search,
    telling_part,
)
from postkeep.storage.server_pool import Connections
from postkeep.storage.server_search import ServerSearch
from postkeep.storage.statements import Parameters, Statement, compiled
from tests.builders import MIDNIGHT, a_post, an_account_id
from tests.contracts.kept import keep_account, keep_posts
from tests.contracts.lists import find
from tests.integration.storage.opened import SERVERS, Opened, open_embedded

EVERY = [chr(code) for code in range(1, 0x20000) if not 0xD800 <= code <= 0xDFFF]
CASED = [
    (folded, each) for folded in sorted(set(map(fold, EVERY))) for each in variants(folded) if variants(folded)[1:]
]


async def test_servers_find_each_letter_in_each_of_its_cases(server: Opened) -> None:
    """All letters that have cases, once; a server that knows one less would find less than others do."""
    assert len(CASED) > 2700
    missed: list[tuple[str, str]] = []
    for begin in range(0, len(CASED), 400):
        some = CASED[begin : begin + 400]
        columns = ", ".join(f":t{n} COLLATE utf8mb4_general_ci LIKE :p{n} ESCAPE '|' AS c{n}" for n in range(len(some)))
        values = {f"t{n}": each for n, (_, each) in enumerate(some)}
        values |= {f"p{n}": server_pattern(folded) for n, (folded, _) in enumerate(some)}
        row = (await server.rows(f"SELECT {columns}", **values))[0]
        missed += [pair for pair, is_found in zip(some, row.values(), strict=True) if not is_found]
    assert missed == []


async def test_servers_find_each_other_character(server: Opened) -> None:
    """As itself, whatever it is: in pieces of a thousand."""
    caseless = [each for each in EVERY if each.upper() == each and fold(each) == each]
    for begin in range(0, len(caseless), 1000):
        piece = "".join(caseless[begin : begin + 1000])
        found = "SELECT :piece COLLATE utf8mb4_general_ci LIKE :pattern ESCAPE '|'"
        assert await server.value(found, piece=piece, pattern=server_pattern(piece)), hex(ord(piece[0]))


async def test_servers_find_words_of_ascii_in_bytes(server: Opened) -> None:
    """Each character in each of its cases, whatever stands around it."""
    for each in map(chr, range(1, 0x80)):
        if fold(each) in "ik":
            continue
        found = (
            "SELECT CAST(CAST(:text AS BINARY) AS CHAR CHARACTER SET latin1) COLLATE latin1_swedish_ci LIKE :pattern"
        )
        pattern = like_pattern(fold(each) * 2)
        for text in (f"\u044f{each}{each}\U0001f986", f"{each}{each.swapcase()}"):
            assert await server.value(f"{found} ESCAPE '|'", text=text, pattern=pattern), hex(ord(each))
        assert not await server.value(f"{found} ESCAPE '|'", text=f"{each}-{each}", pattern=pattern) or each == "-"


@pytest.mark.parametrize(
    "given", [f"{'а' * 120}б", "ab" * 90 + "c", "a" * 80 + " " + "ä" * 80, " ".join(map(str, range(100, 116)))]
)
def test_a_database_is_not_asked_to_compare_much(given: str) -> None:
    """With long words and many, one search of long texts would take a processor for minutes."""
    for _, values in (
        embedded_search(a_post().author, EVERYTHING, parse_query(given), before=None),
        server_search(a_post().author, EVERYTHING, parse_query(given), before=None, limit=1),
    ):
        patterns = [value for name, value in values.items() if name.startswith("word_") and value is not None]
        compared = [re.sub(r"\[.*?\]", "?", pattern).strip("%*") for pattern in patterns]
        assert max(map(len, compared)) <= 12
        assert len({*compared}) <= 4


@pytest.mark.parametrize(
    ("form", "part"),
    [
        (f"{'а' * 120}б", f"{'а' * 11}б"),
        (f"{'k' * 20}cab", "kkkkkkkkkcab"),
        ("internationalisation", "ernationalis"),
        ("мама", "мама"),
    ],
)
def test_a_long_word_is_looked_for_by_what_tells_most(form: str, part: str) -> None:
    """Or a database would find much for nothing."""
    assert telling_part(form) == part


def test_sqlite_finds_each_letter_in_each_of_its_cases() -> None:
    """By LIKE where that is enough, and by GLOB, which finds nothing else."""
    connection = sqlite3.connect(":memory:")
    for folded, each in CASED:
        assert connection.execute("SELECT ? GLOB ?", (f"a{each}b", glob_pattern(folded))).fetchone()[0], each
        if folded.isascii():
            found = connection.execute("SELECT ? LIKE ? ESCAPE '|'", (f"a{each}b", like_pattern(folded)))
            assert found.fetchone()[0], each
    for each in EVERY:
        found = connection.execute(
            "SELECT ? GLOB ?, ? GLOB ?", (each, glob_pattern(fold(each)), "", glob_pattern(each))
        )
        assert found.fetchone() == (1, 0), each
    connection.close()


async def test_a_search_on_a_server_ends_by_itself(server: Opened) -> None:
    """The server ends the statement, so that nothing goes on after whoever asked has given up."""
    connections = Connections(server.url, size=1, autocommit=True, statement_seconds=0.2)
    try:
        async with connections.lent() as connection, connection.cursor() as cursor:
            with pytest.raises(OperationalError) as caught:
                # MySQL takes the end of a SLEEP beside the columns for its answer, and of one in WHERE for an error.
                await cursor.execute("SELECT 1 FROM (SELECT 1 UNION SELECT 2) AS two WHERE SLEEP(20)", ())
            assert caught.value.args[0] in {1969, 3024}
    finally:
        await connections.close()


async def test_a_search_that_takes_too_long_is_given_up(server: Opened) -> None:
    """By the server's own word for it, which is no failure of the database."""
    author = (await keep_account(server.storage)).id
    await keep_posts(server.storage, *(a_post(author=author, text=Text("ü" * 500_000)) for _ in range(6)))
    search = ServerSearch(server.url, seconds=0.001)
    try:
        query = parse_query(f"{'ü' * 190}x")

        def ask(before: Place | None, at_most: int) -> tuple[Statement, Parameters]:
            return server_search(author, EVERYTHING, query, before=before, limit=at_most)

        finds = Finds(query, limit=1, about_bytes=1)
        with pytest.raises(SearchUnavailable):
            await search.run(ask, Sort.NEWEST_FIRST.place_of, finds, before=None, limit=2)
    finally:
        await search.close()
    assert (await find(server.storage, author, "ü", limit=1)).has_more


async def test_a_search_in_a_file_ends_by_itself(tmp_path: Path) -> None:
    """In the middle; the next one is answered."""
    async with open_embedded(tmp_path / "postkeep.db") as opened:
        author = (await keep_account(opened.storage)).id
        await keep_posts(opened.storage, *(a_post(author=author, text=Text("ü" * 1000)) for _ in range(300)))
        query = parse_query("ж")
        hurried = EmbeddedSearch(tmp_path / "postkeep.db", seconds=0)
        try:
            statement = embedded_search(author, EVERYTHING, query, before=None)
            with pytest.raises(SearchUnavailable):
                await hurried.run(*statement, Finds(query, limit=1, about_bytes=1))
        finally:
            await hurried.close()
        assert len((await find(opened.storage, author, "ü")).posts) == 300


async def test_a_search_in_a_few_long_posts_ends_by_itself(tmp_path: Path) -> None:
    """To look for one long word in one long text may take a second, so the time is looked at after each."""
    async with open_embedded(tmp_path / "postkeep.db") as opened:
        author = (await keep_account(opened.storage)).id
        await keep_posts(opened.storage, *(a_post(author=author, text=Text("a" * 1000)) for _ in range(3)))
        query = parse_query("a" * 150 + "b")
        hurried = EmbeddedSearch(tmp_path / "postkeep.db", seconds=0)
        try:
            with pytest.raises(SearchUnavailable):
                await hurried.run(
                    *embedded_search(author, EVERYTHING, query, before=None), Finds(query, limit=1, about_bytes=1)
                )
        finally:
            await hurried.close()


async def test_a_broken_file_is_no_search_that_takes_too_long(tmp_path: Path) -> None:
    """Whoever looks at the answers must be able to tell."""
    async with open_embedded(tmp_path / "postkeep.db") as opened:
        author = (await keep_account(opened.storage)).id
        await opened.rows("DROP TABLE posts")
        with pytest.raises(StorageUnavailable):
            await find(opened.storage, author, "a")


async def test_a_closed_storage_searches_no_more(tmp_path: Path) -> None:
    """Like everything else."""
    async with open_embedded(tmp_path / "postkeep.db") as opened:
        pass
    with pytest.raises(StorageUnavailable):
        await find(opened.storage, an_account_id(), "a")


async def plan_of(opened: Opened, statement: Statement, values: Parameters) -> str:
    """Return how a database would run a statement of ours."""
    if isinstance(opened.engine, Engine):
        form = compiled(statement, sqlite.dialect())
        with closing(connect(Path(opened.url.database or ""))) as file:
            return str(file.execute(f"EXPLAIN QUERY PLAN {form.sql}", form.values(values)).fetchall())
    form = compiled(statement, asyncmy_dialect())
    connections = Connections(opened.url, size=1, autocommit=True)
    try:
        async with connections.lent() as connection, connection.cursor() as cursor:
            await cursor.execute(f"EXPLAIN FORMAT=TRADITIONAL {form.sql}", form.values(values))
            return str(await cursor.fetchall())
    finally:
        await connections.close()


@pytest.mark.parametrize("opened", ["embedded", *SERVERS], indirect=True)
@pytest.mark.parametrize("before", [None, Place(a_post().id, MIDNIGHT)], ids=["first page", "next page"])
async def test_one_s_own_posts_are_read_in_order(opened: Opened, before: Place | None) -> None:
    """From an index that begins with the account, and without sorting: others' posts cost nothing, nor do one's own."""
    author = (await keep_account(opened.storage)).id
    await keep_posts(opened.storage, *(a_post(author=author) for _ in range(100)))
    for sort in Sort:
        plan = await plan_of(opened, *list_statement(author, Listing(sort), before=before, limit=2))
        index = "ix_posts_account_id_updated_date_id_status" if sort.is_by_change else "(?i)primary|autoindex"
        assert re.search(index, plan), plan
        assert not re.search("filesort|TEMP B-TREE|SCAN", plan), plan
    query = parse_query("milk")
    search = server_search(author, EVERYTHING, query, before=before, limit=2)
    if not opened.is_server:
        search = embedded_search(author, EVERYTHING, query, before=before)
    plan = await plan_of(opened, *search)
    assert re.search("(?i)primary|autoindex", plan), plan
    assert not re.search("filesort|TEMP B-TREE|SCAN", plan), plan


@pytest.mark.parametrize("opened", ["embedded", *SERVERS], indirect=True)
async def test_posts_are_counted_in_an_index(opened: Opened) -> None:
    """No text is read for it."""
    author = (await keep_account(opened.storage)).id
    await keep_posts(opened.storage, *(a_post(author=author) for _ in range(100)))
    plan = await plan_of(opened, SUMMARY, {"owner": author})
    assert re.search("COVERING INDEX ix_posts|ix_posts_account_id_updated_date_id_status.*Using index", plan), plan
