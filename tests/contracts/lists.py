"""The contract of lists and searches: `services.repositories.Posts` and `services.ports.Storage`."""

import asyncio
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postkeep.domain.accounts import AccountId
from postkeep.domain.lists import EVERYTHING, Listing, Place, Sort, Summary
from postkeep.domain.posts import LIGHT_BYTES, ListedPost, Post, Status, Text, Title
from postkeep.domain.search import WORDS_MAX, Query, parse_query
from postkeep.services.ports import Found, Storage
from tests.builders import a_post, an_account
from tests.contracts.kept import account_by_now, keep_account, keep_posts
from tests.contracts.posts import remove

LISTINGS = [
    pytest.param(Listing(sort, status), id=f"{sort.value} {status or 'all'}")
    for sort, status in product(Sort, [None, *Status])
]


async def keep_changed(storage: Storage) -> list[Post]:
    """Keep posts of somebody that were changed in another order than they were made in, some at one moment."""
    author, stranger = (await keep_account(storage)).id, (await keep_account(storage)).id
    posts = [a_post(author=author, status=list(Status)[number % 3], text=Text(str(number))) for number in range(12)]
    latest = posts[-1].updated_date
    changed = [
        replace(post, updated_date=latest + timedelta(microseconds=number * 5 % 7)) for number, post in enumerate(posts)
    ]
    await keep_posts(storage, *changed, a_post(author=stranger))
    return changed


def in_order(posts: Sequence[Post], listing: Listing) -> list[ListedPost]:
    """Return the posts that a listing has, in its order."""

    def key(post: Post) -> tuple[object, ...]:
        return (post.updated_date, post.id) if listing.sort.is_by_change else (post.id,)

    chosen = [post for post in posts if listing.status in {None, post.status}]
    return [ListedPost.of(post) for post in sorted(chosen, key=key, reverse=listing.sort.descends)]


async def page(
    storage: Storage, author: AccountId, listing: Listing, limit: int | None, before: Place | None
) -> list[ListedPost]:
    """Read a page."""
    return list(await storage.read(lambda work: work.posts.list_for(author, listing, limit=limit, before=before)))


async def find(  # noqa: PLR0913 - as in the port
    storage: Storage,
    author: AccountId,
    query: str | Query,
    listing: Listing = EVERYTHING,
    *,
    before: Place | None = None,
    limit: int = 1000,
    about_bytes: int = 2**30,
) -> Found:
    """Search somebody's posts."""
    sought = parse_query(query) if isinstance(query, str) else query
    return await storage.search(author, sought, listing, before=before, limit=limit, about_bytes=about_bytes)


class ListsContract:
    """What lists promise; `storage` is a fixture of the class that inherits this."""

    @pytest.mark.parametrize("listing", LISTINGS)
    async def test_a_list_has_its_posts_in_its_order(self, storage: Storage, listing: Listing) -> None:
        """Whole, in pages of any size, and in parts: the same posts, each once."""
        posts = await keep_changed(storage)
        author, wanted = posts[0].author, in_order(posts, listing)
        assert await page(storage, author, listing, None, None) == wanted
        for limit in (1, 2, 5, 12, 13):
            read: list[ListedPost] = []
            before = None
            while found := await page(storage, author, listing, limit, before):
                read += found
                before = listing.sort.place_of(found[-1])
            assert read == wanted
        assert [post async for part in storage.stream(author, listing) for post in part] == wanted

    @pytest.mark.parametrize("listing", LISTINGS)
    async def test_a_list_between_two_places(self, storage: Storage, listing: Listing) -> None:
        """Behind one, down to another, which counts."""
        posts = await keep_changed(storage)
        author, wanted = posts[0].author, in_order(posts, listing)
        first, last = listing.sort.place_of(wanted[0]), listing.sort.place_of(wanted[-2])
        between = [post async for part in storage.stream(author, listing, before=first, last=last) for post in part]
        assert between == wanted[1:-1]

    @pytest.mark.parametrize("listing", LISTINGS)
    async def test_sizes_and_light_pages_are_those_of_the_list(self, storage: Storage, listing: Listing) -> None:
        """Of this list, not of the one by creation."""
        posts = await keep_changed(storage)
        author, wanted = posts[0].author, in_order(posts, listing)
        bytes_of = {str(post.id): post.bytes for post in posts}
        before = listing.sort.place_of(wanted[0])
        sizes = await storage.read(lambda work: work.posts.list_sizes(author, listing, limit=2, before=before))
        assert sizes == [(listing.sort.place_of(post), bytes_of[post.id]) for post in wanted[1:3]]
        light = await storage.read(lambda work: work.posts.list_light(author, listing, limit=2, before=before))
        assert light == wanted[1:3]

    async def test_a_light_page_of_a_list_is_weighed_by_itself(self, storage: Storage) -> None:
        """What is long and not on it counts for nothing."""
        author = (await keep_account(storage)).id
        long = a_post(author=author, text=Text("x" * (LIGHT_BYTES + 1)))
        draft = a_post(author=author, status=Status.DRAFT)
        await keep_posts(storage, long, draft)

        async def light(listing: Listing) -> Sequence[ListedPost]:
            return await storage.read(lambda work: work.posts.list_light(author, listing, limit=5))

        assert await light(Listing(status=Status.DRAFT)) == [ListedPost.of(draft)]
        assert await light(Listing(status=Status.PUBLISHED)) == []
        assert await light(Listing(Sort.OLDEST_FIRST)) == []

    @pytest.mark.parametrize("sort", [pytest.param(sort, id=sort.value) for sort in Sort])
    async def test_pages_survive_changes(self, storage: Storage, sort: Sort) -> None:
        """Posts that were changed or removed between two pages make others neither come twice nor stay away."""
        posts = await keep_changed(storage)
        author, listing = posts[0].author, Listing(sort)
        wanted = in_order(posts, listing)
        first = await page(storage, author, listing, 5, None)
        by_id = {str(post.id): post for post in posts}
        # One that was shown, the last that was shown, and one that was not; each is changed last of all, or goes.
        for changed in (by_id[first[1].id], by_id[first[-1].id], by_id[wanted[7].id]):
            await remove(storage, changed)
            if changed.id != by_id[first[-1].id].id:
                later = max(post.updated_date for post in posts) + timedelta(seconds=1)
                await keep_posts(storage, replace(changed, version=2, updated_date=later))
        rest = await page(storage, author, listing, None, sort.place_of(first[-1]))
        unchanged = [post for post in wanted[5:] if post != wanted[7]]
        assert [post for post in rest if post.version == 1] == unchanged

    async def test_a_summary_counts_by_status(self, storage: Storage) -> None:
        """Exactly, of one's own, also of nothing; and of nobody there is none."""
        account, stranger = await keep_account(storage), await keep_account(storage)
        statuses = [Status.DRAFT] * 3 + [Status.PUBLISHED] * 2 + [Status.ARCHIVED]
        posts = [a_post(author=account.id, status=status, text=Text("ü")) for status in statuses]
        await keep_posts(storage, *posts)

        async def summary(author: AccountId) -> Summary | None:
            return await storage.read(lambda work: work.posts.summarise(author))

        counted = await summary(account.id)
        assert counted == Summary(3, 2, 1, (await account_by_now(storage, account)).bytes)
        assert counted is not None
        assert counted.posts == len(posts)
        await remove(storage, posts[0])
        assert await summary(account.id) == Summary(2, 2, 1, sum(post.bytes for post in posts[1:]))
        assert await summary(stranger.id) == Summary(0, 0, 0, 0)
        assert await summary(an_account().id) is None


SCRIPTS = [
    "Bought MILK and bread",
    "Купил МОЛОКО и ещё хлеба, ёлка ЕЛКА",
    "我买了牛奶和面包",
    "ΟΔΟΣ οδός Αθήνα ᾼ ᾳ ΐ",
    "Straße STRAẞE strasse Ärger İstanbul ısı I i",
    "한국어 " + unicodedata.normalize("NFD", "한국어 Việt й ё"),
    "Việt Nam; Ngữ pháp Ǆ ǅ ǆ",
    "ქართული ᲥᲐᲠᲗᲣᲚᲘ ᏣᎳᎩ ꮳꮃꭹ Ⰰⰰ 𐐀𐐨 Ϣϣ Աա",
    "100%_sure |pipe| back\\slash [a]*? 'quote' \"q\"; --",
    "300 \N{KELVIN SIGN} 5 \N{ANGSTROM SIGN} 7 \N{OHM SIGN} µ ſ ﬁ",
    "नमस्ते क़ शालोम שלום مرحبا 👩\u200d👩\u200d👧 e\u0301\u0323",
    "\u1c80\u1c82\u1c83 вос \ua64b \u1c88 Ꙋ",
]

characters = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
pieces = st.sampled_from(SCRIPTS).flatmap(
    lambda text: st.tuples(st.integers(0, len(text) - 1), st.integers(1, 6)).map(
        lambda cut: text[cut[0] : cut[0] + cut[1]]
    )
)
CHANGES: list[Callable[[str], str]] = [
    str,
    str.upper,
    str.lower,
    str.swapcase,
    str.title,
    partial(unicodedata.normalize, "NFD"),
    partial(unicodedata.normalize, "NFC"),
]


def changed(change: Callable[[str], str], word: str) -> str:
    """Write a word in another way."""
    return change(word)


words = st.builds(changed, st.sampled_from(CHANGES), pieces | st.text(characters, min_size=1, max_size=4))
queries = st.lists(words, min_size=1, max_size=3).map(" ".join).filter(lambda query: bool(query.split()))


@st.composite
def a_text_and_a_query(draw: st.DrawFn) -> tuple[str, str]:
    """Return any text, and some of it, written in another way."""
    text = draw(st.text(characters | st.sampled_from("".join(SCRIPTS)), min_size=1, max_size=30).filter(str.strip))
    begin = draw(st.integers(0, len(text) - 1))
    query = changed(draw(st.sampled_from(CHANGES)), text[begin : begin + draw(st.integers(1, 10))])
    return text, query if query.strip() else text


class SearchContract:
    """What searching promises; `storage` is a fixture of the class that inherits this."""

    async def test_searching_finds_what_the_rule_says(self, storage: Storage) -> None:
        """In every script, on every database: the words, their other cases, and what is not quite they."""
        author = (await keep_account(storage)).id
        posts = [a_post(author=author, text=Text(text), title=None) for text in SCRIPTS]
        posts += [a_post(author=author, text=Text("-"), title=Title(text[:200])) for text in SCRIPTS]
        await keep_posts(storage, *posts, a_post(text=Text(" ".join(SCRIPTS)), author=(await keep_account(storage)).id))

        @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(st.lists(queries, min_size=1, max_size=1))
        def draw(drawn: list[str]) -> None:
            asked.extend(drawn)

        asked: list[str] = [word for text in SCRIPTS for word in (text.split() + text.upper().split())]
        draw()
        for given_query in dict.fromkeys(asked):
            if len(given_query.split()) > 16 or len(given_query) > 200:
                continue
            query = parse_query(given_query)
            wanted = [ListedPost.of(post) for post in posts[::-1] if query.finds(post.title, post.text)]
            assert (await find(storage, author, query)) == Found(wanted, has_more=False), given_query

    async def test_searching_in_any_text_finds_what_the_rule_says(self, storage: Storage) -> None:
        """Whatever characters there are, and whatever a database takes them for."""
        author = (await keep_account(storage)).id
        drawn: list[tuple[str, str]] = []

        @settings(max_examples=60, deadline=None)
        @given(a_text_and_a_query())
        def draw(pair: tuple[str, str]) -> None:
            drawn.append(pair)

        draw()
        posts = [a_post(author=author, text=Text(text), title=None) for text, _ in drawn]
        await keep_posts(storage, *posts)
        for query in (parse_query(query) for _, query in drawn if len(query.split()) <= WORDS_MAX):
            wanted = [ListedPost.of(post) for post in posts[::-1] if query.finds(post.title, post.text)]
            assert (await find(storage, author, query)) == Found(wanted, has_more=False), query.given

    @pytest.mark.parametrize("listing", LISTINGS)
    async def test_a_search_is_in_a_list_and_in_pages(self, storage: Storage, listing: Listing) -> None:
        """In its order, of its status, each post once, and exactly as long as there are more."""
        posts = await keep_changed(storage)
        author = posts[0].author
        wanted = [post for post in in_order(posts, listing) if "1" in post.text]
        assert await find(storage, author, "1", listing) == Found(wanted, has_more=False)
        for limit in (1, 2, 4):
            read: list[ListedPost] = []
            before, has_more = None, True
            while has_more:
                found, has_more = await find(storage, author, "1", listing, before=before, limit=limit)
                assert len(found) == limit or not has_more
                read += found
                before = listing.sort.place_of(found[-1]) if found else None
            assert read == wanted

    async def test_each_of_16_words_is_looked_for(self, storage: Storage) -> None:
        """For however many there are statements."""
        author = (await keep_account(storage)).id
        named = [f"w{number:02}" for number in range(16)]
        whole = a_post(author=author, text=Text(" ".join(named)))
        lacking = [a_post(author=author, text=Text(" ".join(n for n in named if n != lost))) for lost in named]
        await keep_posts(storage, whole, *lacking)
        for count in range(1, 17):
            found = (await find(storage, author, " ".join(named[:count]))).posts
            assert len(found) == 17 - count
            assert ListedPost.of(whole) in found

    async def test_what_a_database_takes_for_the_same_is_left_out(self, storage: Storage) -> None:
        """However many posts that are not meant stand before those that are."""
        author = (await keep_account(storage)).id
        posts = [a_post(author=author, text=Text("café" if number % 25 == 0 else "cafe")) for number in range(60)]
        await keep_posts(storage, *posts)
        wanted = [ListedPost.of(post) for post in posts[::-1] if post.text == "café"]
        assert await find(storage, author, "café") == Found(wanted, has_more=False)
        assert await find(storage, author, "café", limit=1) == Found(wanted[:1], has_more=True)
        assert await find(storage, author, "CAFÉ", limit=3) == Found(wanted, has_more=False)

    async def test_a_page_of_long_posts_ends_early(self, storage: Storage) -> None:
        """At least one, and then as many as there is room for; the next page goes on behind them."""
        author = (await keep_account(storage)).id
        posts = [a_post(author=author, text=Text("ü" * 50_000 + str(number))) for number in range(7)]
        await keep_posts(storage, *posts)
        listed = [ListedPost.of(post) for post in posts[::-1]]

        async def found(about_bytes: int, before: Post | None = None) -> tuple[int, bool]:
            place = None if before is None else Place(before.id)
            some, has_more = await find(storage, author, "ü", before=place, about_bytes=about_bytes)
            behind = listed if before is None else listed[listed.index(ListedPost.of(before)) + 1 :]
            # Compared as a truth: pytest would print them.
            assert (list(some) == behind[: len(some)]) is True
            return len(some), has_more

        assert await found(1) == (1, True)
        assert await found(250_000) == (3, True)
        assert await found(250_000, posts[2]) == (2, False)
        assert await found(10**9) == (7, False)

    async def test_what_has_only_a_part_of_a_long_word_is_not_found(self, storage: Storage) -> None:
        """Databases look for a part of it; nor is what has only some of many words, whichever they are."""
        author = (await keep_account(storage)).id
        for word in (
            f"{'а' * 120}б",
            f"б{'a' * 120}",
            f"{'ä' * 60}o{'e' * 60}",
            "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
            "10" * 90,
        ):
            pieces = {word, word[1:], word[:-1], word[::-1], word[40:], word[:20], word[7:28], f"{word[:9]} {word[9:]}"}
            posts = [a_post(author=author, text=Text(f"{piece}.")) for piece in sorted(pieces)]
            await keep_posts(storage, *posts)
            wanted = [post.text for post in posts if parse_query(word).finds(post.title, post.text)]
            assert sorted(post.text for post in (await find(storage, author, word.upper())).posts) == wanted, word
        words = [f"{letter}{number}" for number, letter in enumerate("abcdefghijklmnop")]
        for missing in words:
            await keep_posts(storage, a_post(author=author, text=Text(" ".join(sorted({*words} - {missing})))))
        await keep_posts(storage, a_post(author=author, text=Text(whole := " ".join(words))))
        assert [post.text for post in (await find(storage, author, whole)).posts] == [whole]

    async def test_nobody_s_posts_are_searched(self, storage: Storage) -> None:
        """No account, or no posts: nothing is found."""
        account = await keep_account(storage)
        for author in (account.id, an_account().id):
            assert await find(storage, author, "a") == Found([], has_more=False)

    async def test_many_searches_at_once_do_not_mix(self, storage: Storage) -> None:
        """Each gets its own, in turn; and those that nobody waits for any more hold nothing."""
        authors = [(await keep_account(storage)).id for _ in range(4)]
        for author in authors:
            await keep_posts(storage, a_post(author=author, text=Text(f"mine {author}")))
        for _ in range(3):
            leaving = [asyncio.create_task(find(storage, author, "mine")) for author in authors]
            await asyncio.sleep(0)
            for task in leaving:
                task.cancel()
            await asyncio.gather(*leaving, return_exceptions=True)
        found = await asyncio.gather(*(find(storage, authors[number % 4], "mine") for number in range(12)))
        assert [post.text for each in found for post in each.posts] == [f"mine {authors[n % 4]}" for n in range(12)]
