"""Taking out and bringing in, over any storage: import(export(x)) = x."""

from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postkeep.controllers.incoming import slices
from postkeep.controllers.incoming_files import IncomingFiles
from postkeep.controllers.incoming_lines import IncomingLines
from postkeep.domain.accounts import AccountId
from postkeep.domain.ids import derived_id
from postkeep.domain.incoming import MAX_VERSION
from postkeep.domain.posts import Post
from postkeep.services.entries import Kind, Outcome
from postkeep.services.exports import ExportService
from postkeep.services.imports import ImportService
from postkeep.services.ports import Storage
from postkeep.views.exports import FORMATS, Format
from tests.builders import MIDNIGHT, a_post
from tests.contracts.kept import account_by_now, assert_counted, assert_unchanged, keep_account, keep_posts, posts_of
from tests.fakes import FakeClock
from tests.strategies import a_post_of

SUPPRESSED = [HealthCheck.function_scoped_fixture, HealthCheck.differing_executors, HealthCheck.too_slow]
NOBODY = AccountId(derived_id(MIDNIGHT, b"nobody"))

_moments = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2026, 11, 20), timezones=st.just(UTC))  # noqa: DTZ001 - strategies add the zone themselves


@st.composite
def a_transferable(draw: st.DrawFn) -> Post:
    """Return a post as a server may hold it: its id minted from its creation, and no date in the future."""
    created, updated = sorted((draw(_moments), draw(_moments)))
    post_id = derived_id(created, draw(st.binary(max_size=4)))
    version = draw(st.integers(1, MAX_VERSION))
    post = draw(a_post_of(NOBODY, post_id))
    return replace(post, version=version, created_date=created, updated_date=updated)


async def taken_out(storage: Storage, author: AccountId, form: Format) -> bytes:
    """Return everything of somebody's, as it is sent."""
    export = await ExportService(storage).begin(author)
    async with aclosing(FORMATS[form].write(export.parts)) as pieces:
        return b"".join([piece async for piece in pieces])


async def brought_in(storage: Storage, author: AccountId, form: Format, sent: bytes) -> list[Outcome]:
    """Bring it in, and return what became of each entry."""
    file = BytesIO(sent)
    incoming = IncomingFiles(file) if form is Format.MARKDOWN else IncomingLines(file)
    service = ImportService(storage, FakeClock())
    outcomes = await service.begin(author, slices(incoming.parts()))
    async with aclosing(outcomes):
        return [outcome async for some in outcomes for outcome in some]


class TransferContract:
    """What taking out and bringing in promise together; `storage` is a fixture of the class that inherits this."""

    @pytest.mark.parametrize("form", Format)
    @settings(max_examples=15, suppress_health_check=SUPPRESSED, deadline=None)
    @given(posts=st.lists(a_transferable(), max_size=6, unique_by=lambda post: post.id))
    async def test_what_was_taken_out_comes_in_as_it_was(
        self, storage: Storage, form: Format, posts: list[Post]
    ) -> None:
        """Every byte of every text, every title, status, version and moment, and the order; and again adds nothing."""
        giver, taker = await keep_account(storage), await keep_account(storage)
        mine = [replace(post, author=giver.id) for post in posts]
        await keep_posts(storage, *mine)
        sent = await taken_out(storage, giver.id, form)

        came = await brought_in(storage, taker.id, form, sent)

        assert [(outcome.kind, outcome.code) for outcome in came] == [(Kind.ADDED, None)] * len(posts)
        expected = [replace(post, author=taker.id) for post in mine]
        # Compared as truths: pytest would print megabytes.
        found = await posts_of(storage, taker.id)
        assert (found == sorted(expected, key=lambda post: post.id, reverse=True)) is True
        assert (await taken_out(storage, taker.id, form) == sent) is True
        by_now = await account_by_now(storage, taker)
        again = await brought_in(storage, taker.id, form, sent)
        assert [(outcome.kind, outcome.code) for outcome in again] == [(Kind.EXISTING, None)] * len(posts)
        assert await account_by_now(storage, taker) == by_now

    async def test_an_import_of_many_goes_on_where_it_was_left(self, storage: Storage) -> None:
        """Whatever was committed stays, and the next time it is there."""
        account = await keep_account(storage)
        lines = b"".join(b'{"text":"note %d","created_date":"2026-01-01T00:00:00Z"}\n' % n for n in range(250))
        half = lines[: len(lines) // 2]
        first = await brought_in(storage, account.id, Format.JSON, half[: half.rindex(b"\n") + 1])
        second = await brought_in(storage, account.id, Format.JSON, lines)
        assert {outcome.kind for outcome in first} == {Kind.ADDED}
        kinds = [outcome.kind for outcome in second]
        assert kinds == [Kind.EXISTING] * len(first) + [Kind.ADDED] * (250 - len(first))
        assert (await account_by_now(storage, account)).posts == 250

    async def test_a_broken_line_keeps_nobody_out(self, storage: Storage) -> None:
        """It is named, and nothing of it is there."""
        account = await keep_account(storage)
        lines = b'{"text":"first"}\n{"text":"second","status":"lost"}\n{"text":"third"}\n'
        outcomes = await brought_in(storage, account.id, Format.JSON, lines)
        assert [(outcome.entry, outcome.kind, outcome.code) for outcome in outcomes] == [
            (1, Kind.ADDED, None),
            (2, Kind.REFUSED, "status_invalid"),
            (3, Kind.ADDED, None),
        ]
        assert {post.text for post in await posts_of(storage, account.id)} == {"first", "third"}

    async def test_a_post_that_is_there_is_never_changed(self, storage: Storage) -> None:
        """It is told that what came was another one; a stranger's with the same id is nobody's business."""
        mine, theirs = await keep_account(storage), await keep_account(storage)
        post = a_post(author=theirs.id)
        await keep_posts(storage, post)
        sent = await taken_out(storage, theirs.id, Format.JSON)
        (added,) = await brought_in(storage, mine.id, Format.JSON, sent)
        assert (added.kind, added.post_id) == (Kind.ADDED, post.id)
        by_now = await account_by_now(storage, mine)
        (there,) = await brought_in(storage, mine.id, Format.JSON, sent.replace(b"milk", b"silk"))
        assert (there.kind, there.code, there.post_id) == (Kind.EXISTING, "differs", post.id)
        await assert_unchanged(storage, by_now, replace(post, author=mine.id))
        await assert_counted(storage, theirs, post)
