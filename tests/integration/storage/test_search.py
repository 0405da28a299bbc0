"""Searching on real databases: what they take for the same letter, and how long they may take."""

import asyncio
import re
import sqlite3
import threading
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from asyncmy.errors import OperationalError
from sqlalchemy import Engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.mysql.asyncmy import dialect as asyncmy_dialect

from postkeep.domain.accounts import AccountId
from postkeep.domain.lists import EVERYTHING, Listing, Place, Sort
from postkeep.domain.posts import ListedPost, PostId, Text
from postkeep.domain.search import fold, parse_query, variants
from postkeep.services.ports import Found, SearchUnavailable, StorageUnavailable
from postkeep.storage import account_turns as turns_module
from postkeep.storage import server_search as server_search_module
from postkeep.storage.embedded_file import connect
from postkeep.storage.embedded_search import EmbeddedSearch
from postkeep.storage.limits import SEARCHES
from postkeep.storage.lists import SUMMARY, list_statement
from postkeep.storage.search import (
    Finds,
    embedded_search,
    end_of_slice,
    glob_pattern,
    like_pattern,
    server_pattern,
    server_search,
    telling_part,
)
from postkeep.storage.server_driver import Connection
from postkeep.storage.server_pool import Connections
from postkeep.storage.server_search import ServerSearch
from postkeep.storage.statements import Parameters, Statement, compiled
from tests.builders import MIDNIGHT, a_post, an_account_id
from tests.contracts.kept import keep_account, keep_posts
from tests.contracts.lists import LISTINGS, find, keep_changed
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
        patterns = [str(value) for name, value in values.items() if name.startswith("word_") and value is not None]
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


def never() -> bool:
    """Say that nobody waits."""
    return False


async def test_a_search_that_takes_too_long_is_given_up(server: Opened) -> None:
    """By the server's own word for it, which is no failure of the database."""
    author = (await keep_account(server.storage)).id
    await keep_posts(server.storage, *(a_post(author=author, text=Text("ü" * 500_000)) for _ in range(6)))
    search = ServerSearch(server.url, statement_seconds=0.001)
    try:
        finds = Finds(parse_query(f"{'ü' * 190}x"), limit=1, about_bytes=1)
        with pytest.raises(SearchUnavailable):
            await search.run(author, EVERYTHING, finds, before=None, has_to_end=never)
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
                await hurried.run(*statement, Finds(query, limit=1, about_bytes=1), never)
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
            statement = embedded_search(author, EVERYTHING, query, before=None)
            with pytest.raises(SearchUnavailable):
                await hurried.run(*statement, Finds(query, limit=1, about_bytes=1), never)
        finally:
            await hurried.close()


LONG_TEXT = "а" * 500_000
SLOW_QUERY = f"{'а' * 120}б"


async def keep_long_posts(opened: Opened, count: int = 16) -> AccountId:
    """Keep somebody's posts that take long to search for the slow query, and are no quick find either."""
    author = (await keep_account(opened.storage)).id
    for _ in range(count):
        await keep_posts(opened.storage, a_post(author=author, text=Text(f"{LONG_TEXT} {'а' * 20}б")))
    return author


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have searches give way early, on servers between slices of a post or a few."""
    monkeypatch.setattr(turns_module, "UNDISTURBED_SECONDS", 0.2)
    monkeypatch.setattr(server_search_module, "_FIRST_SLICE", 1)
    monkeypatch.setattr(server_search_module, "_SLICE_SECONDS", 0.02)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("opened", ["embedded", *SERVERS], indirect=True)
async def test_searches_that_take_long_give_way(opened: Opened) -> None:
    """One or two who search for what takes long would take searching away from everybody else."""
    slow = [await keep_long_posts(opened) for _ in range(SEARCHES)]
    stranger = (await keep_account(opened.storage)).id
    await keep_posts(opened.storage, a_post(author=stranger, text=Text("Milk")))
    searches = [asyncio.create_task(find(opened.storage, author, SLOW_QUERY)) for author in slow]
    await asyncio.sleep(0.4)
    assert not any(search.done() for search in searches)
    begun = time.monotonic()
    assert len((await find(opened.storage, stranger, "milk")).posts) == 1
    assert time.monotonic() - begun < 2.5
    ended = await asyncio.gather(*searches, return_exceptions=True)
    assert any(isinstance(each, SearchUnavailable) for each in ended), ended


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("opened", ["embedded", *SERVERS], indirect=True)
async def test_a_search_that_nobody_is_kept_from_takes_its_time(opened: Opened) -> None:
    """Neither its own account's next one, nor that there was somebody who waited before, is a reason to end it."""
    slow, other = [await keep_long_posts(opened, 5) for _ in range(SEARCHES)]
    assert (
        await asyncio.gather(*(find(opened.storage, author, SLOW_QUERY) for author in (slow, slow, other)))
        == [Found([], has_more=False)] * 3
    )


@pytest.mark.parametrize("opened", ["embedded", *SERVERS], indirect=True)
async def test_a_search_that_nobody_waits_for_any_more_keeps_nobody_waiting(opened: Opened) -> None:
    """Whoever hangs up and comes again does not begin one more."""
    slow = [await keep_long_posts(opened) for _ in range(SEARCHES)]
    stranger = (await keep_account(opened.storage)).id
    for _ in range(3):
        searches = [asyncio.create_task(find(opened.storage, author, SLOW_QUERY)) for author in slow]
        await asyncio.sleep(0.1)
        for search in searches:
            search.cancel()
        await asyncio.gather(*searches, return_exceptions=True)
    begun = time.monotonic()
    assert (await find(opened.storage, stranger, "milk")).posts == []
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("listing", LISTINGS)
async def test_slices_together_are_the_whole(server: Opened, listing: Listing, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many posts each has, and wherever the pages begin."""
    posts = await keep_changed(server.storage)
    wanted = (await find(server.storage, posts[0].author, "1", listing)).posts
    for size in (1, 2, 5, 11, 12, 13):
        monkeypatch.setattr(server_search_module, "_FIRST_SLICE", size)
        monkeypatch.setattr(server_search_module, "_SLICE_GROWTH", 1)
        for limit in (1, 2, 1000):
            before, found = None, list[ListedPost]()
            while True:
                page = await find(server.storage, posts[0].author, "1", listing, before=before, limit=limit)
                found += page.posts
                if not page.has_more:
                    break
                before = listing.sort.place_of(page.posts[-1])
            assert found == wanted, (size, limit)


async def test_what_is_too_much_at_once_is_looked_at_in_smaller_slices(
    server: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends what takes too long, as it does here with more than four posts; each is found once."""
    posts = await keep_changed(server.storage)
    wanted = await find(server.storage, posts[0].author, "1", EVERYTHING)
    look = server_search_module.Look
    shrink, slices, shrunk = look.shrink, look.at_slice, list[int | None]()

    def watch(search: server_search_module.Look) -> None:
        shrunk.append(search.size)
        shrink(search)

    async def take_too_long(search: server_search_module.Look, connection: Any, last: Place | None) -> None:
        if search.size is None or search.size > 4:
            raise OperationalError(1969, "Query execution was interrupted (max_statement_time exceeded)")
        await slices(search, connection, last)

    monkeypatch.setattr(look, "shrink", watch)
    monkeypatch.setattr(look, "at_slice", take_too_long)
    search = ServerSearch(server.url)
    try:
        finds = Finds(parse_query("1"), limit=99, about_bytes=2**30)
        found = await search.run(posts[0].author, EVERYTHING, finds, before=None, has_to_end=never)
    finally:
        await search.close()
    assert shrunk[:2] == [None, 16]
    assert list(found.posts) == list(wanted.posts)


async def test_slices_are_of_one_moment(server: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """A post that is changed meanwhile would else be found twice, or not at all."""
    posts = await keep_changed(server.storage)
    author, listing = posts[0].author, Listing(Sort.FIRST_CHANGED_FIRST)
    wanted = await find(server.storage, author, "1", listing)
    monkeypatch.setattr(server_search_module, "_FIRST_SLICE", 3)
    look = server_search_module.Look
    end_of_slice_of = look.end_of_slice

    async def move_first(search: Any, connection: Connection, size: int) -> Place | None:
        if search.before is not None:
            moved = UUID(wanted.posts[0].id).bytes
            await server.rows("UPDATE posts SET updated_date = '2036-01-01' WHERE id = :id", id=moved)
        return await end_of_slice_of(search, connection, size)

    monkeypatch.setattr(look, "end_of_slice", move_first)
    assert await find(server.storage, author, "1", listing) == wanted


# MySQL's SLEEP takes its end for an answer.
@pytest.mark.parametrize("server", ["mariadb"], indirect=True)
async def test_the_next_search_does_not_see_the_moment_of_one_that_the_server_ended(
    server: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transaction goes on behind the error: whoever got its connection would look at posts that are gone."""
    author = (await keep_account(server.storage)).id
    look = server_search_module.Look
    end_of_slice_of, sleeps = look.end_of_slice, ["SELECT SLEEP(2) FROM accounts"]

    async def take_too_long(search: Any, connection: Connection, size: int) -> Place | None:
        if sleeps:
            await connection.query(sleeps.pop())
        return await end_of_slice_of(search, connection, size)

    async def found() -> int:
        finds = Finds(parse_query("word"), limit=9, about_bytes=2**30)
        return len((await search.run(author, EVERYTHING, finds, before=None, has_to_end=never)).posts)

    monkeypatch.setattr(server_search_module, "_FIRST_SLICE", 1)
    monkeypatch.setattr(look, "end_of_slice", take_too_long)
    search = ServerSearch(server.url, statement_seconds=0.5)
    try:
        with pytest.raises(SearchUnavailable):
            await found()
        await keep_posts(server.storage, a_post(author=author, text=Text("word")))
        assert await found() == 1
    finally:
        await search.close()


async def test_the_rule_looks_at_long_texts_in_another_thread(server: Opened) -> None:
    """A database may be made to find much for nothing; the event loop has others to answer meanwhile."""
    author = await keep_long_posts(server, 2)
    threads = list[int]()

    class Watched(Finds):
        def take(self, posts: Iterable[ListedPost]) -> None:
            threads.append(threading.get_ident())
            super().take(posts)

    search = ServerSearch(server.url)
    try:
        await search.run(
            author, EVERYTHING, Watched(parse_query("аб"), limit=9, about_bytes=2**30), before=None, has_to_end=never
        )
    finally:
        await search.close()
    assert len(threads) == 2
    assert threading.get_ident() not in threads


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
    searches = [embedded_search(author, EVERYTHING, query, before=before)]
    if opened.is_server:
        end = Place(PostId(UUID(int=0)))
        searches = [
            server_search(author, EVERYTHING, query, before=before, limit=2),
            server_search(author, EVERYTHING, query, before=before, last=end, limit=2),
            end_of_slice(author, Sort.NEWEST_FIRST, before=before, size=64),
        ]
    for search in searches:
        plan = await plan_of(opened, *search)
        assert re.search("(?i)primary|autoindex", plan), plan
        assert not re.search("filesort|TEMP B-TREE|SCAN", plan), plan
    if opened.is_server:
        plan = await plan_of(opened, *end_of_slice(author, Sort.LAST_CHANGED_FIRST, before=before, size=64))
        assert not re.search("filesort", plan), plan


@pytest.mark.parametrize("opened", ["embedded", *SERVERS], indirect=True)
async def test_posts_are_counted_in_an_index(opened: Opened) -> None:
    """No text is read for it."""
    author = (await keep_account(opened.storage)).id
    await keep_posts(opened.storage, *(a_post(author=author) for _ in range(100)))
    plan = await plan_of(opened, SUMMARY, {"owner": author})
    assert re.search("COVERING INDEX ix_posts|ix_posts_account_id_updated_date_id_status.*Using index", plan), plan
