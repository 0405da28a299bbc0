"""Large texts: whose turn it is, and what is made of them where."""

import asyncio
import threading
import weakref
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, get_args
from urllib.parse import urlencode

import pytest
from fastapi import Request
from starlette.responses import Response

from postkeep.controllers.api import lists as api_lists
from postkeep.controllers.api.posts import get_post
from postkeep.controllers.bodies import Bodies
from postkeep.controllers.large_texts import FOUND_BYTES, LARGE_BYTES, LargeTexts
from postkeep.controllers.web import dependencies, edits, form_reading, lists, posts
from postkeep.controllers.web.dependencies import Visit
from postkeep.domain.lists import EVERYTHING
from postkeep.domain.posts import Post, PostAbsent, Text
from postkeep.domain.search import Query, parse_query
from postkeep.services.ports import StorageUnavailable
from postkeep.services.posts import PostService
from postkeep.services.repositories import Stamp
from postkeep.services.search import SearchService
from postkeep.services.sessions import Caller
from postkeep.views.cursors import Cursors
from postkeep.views.forms import Entered
from postkeep.views.posts import PostView, found_list
from tests.builders import a_post, a_session, an_account, an_account_id
from tests.fakes import NOON, World, a_world

ANN, BOB = an_account_id(), an_account_id()
LARGE = LARGE_BYTES + 1


async def test_something_small_is_made_at_once() -> None:
    """In this thread, whoever else has a turn."""
    large = LargeTexts(patience_seconds=0)
    async with large.turn(ANN, LARGE), large.turn(ANN, LARGE_BYTES):
        assert await large.make(LARGE_BYTES, threading.current_thread) is threading.current_thread()


async def test_something_large_is_made_in_another_thread() -> None:
    """In which it keeps nobody waiting."""
    large = LargeTexts()
    async with large.turn(ANN, LARGE):
        assert await large.make(LARGE, threading.current_thread) is not threading.current_thread()


async def test_nothing_of_what_was_made_stays() -> None:
    """Hundreds of pages are asked for in seconds, and each would keep its text of a megabyte."""

    class Template:
        def __init__(self) -> None:
            self.itself = self

    template = await LargeTexts().make(LARGE, lambda: weakref.ref(Template()))
    assert template() is None


async def test_who_has_much_made_stands_in_the_line_once() -> None:
    """Others wait for one of theirs, not for all that came before."""
    large, made = LargeTexts(), list[str]()

    async def make(whose: object, name: str) -> None:
        async with large.turn(whose, LARGE):
            await large.make(LARGE, lambda: made.append(name))

    async with asyncio.TaskGroup() as all_at_once:
        for name in ("1", "2", "3"):
            all_at_once.create_task(make(ANN, name))
        for name in ("nobody's", "nobody's second"):
            all_at_once.create_task(make(None, name))
        all_at_once.create_task(make(BOB, "other"))
    assert made.index("other") < made.index("2")
    assert made.index("nobody's") < made.index("2")
    assert made.index("other") < made.index("nobody's second")


async def test_who_waits_too_long_is_told_to_come_again() -> None:
    """Behind another text of the same account, or behind another account's that is being made; then all goes on."""
    large, may_end = LargeTexts(patience_seconds=0.01), threading.Event()

    async def make(whose: object) -> None:
        async with large.turn(whose, LARGE):
            await large.make(LARGE, lambda: may_end.wait(30))

    slow = asyncio.create_task(make(ANN))
    await asyncio.sleep(0)
    for whose in (ANN, BOB):
        with pytest.raises(StorageUnavailable) as refused:
            await make(whose)
        assert refused.value.retry_after == 1
    may_end.set()
    await slow
    await make(ANN)


async def test_no_answer_waits_for_forms() -> None:
    """Ten accounts with forms of nothing but escapes must not keep others from their posts."""
    large, may_end = LargeTexts(patience_seconds=0.01), threading.Event()
    slow = asyncio.create_task(large.read(LARGE, lambda: may_end.wait(30)))
    await asyncio.sleep(0)
    made = await large.make(LARGE, threading.current_thread)
    with pytest.raises(StorageUnavailable):
        await large.read(LARGE, threading.current_thread)
    may_end.set()
    await slow
    assert made is not threading.current_thread()


def of(post: Post, *, list_bytes: int | None = None) -> Caller:
    """Return the author of a post, who has nothing else."""
    stamp = Stamp.of(an_account(posts=1, bytes=post.bytes))
    stamp = stamp if list_bytes is None else stamp._replace(list_bytes=list_bytes)
    return Caller(post.author, a_session().id, stamp, NOON)


def a_large_post() -> Post:
    """Return a post whose text is large."""
    return a_post(text=Text("x" * LARGE))


async def test_who_has_nothing_large_is_asked_for_nothing_more() -> None:
    """One query, and no turn."""
    world, large = a_world().with_post(post := a_post()), LargeTexts(patience_seconds=0)
    async with large.turn(post.author, LARGE), large.post(world.posts, of(post), post.id) as found:
        assert found == post
    assert world.journal == ["read"]


async def test_a_small_post_of_who_has_much_takes_no_turn() -> None:
    """Only how long it is is asked before."""
    world, large = a_world().with_post(post := a_post()), LargeTexts(patience_seconds=0)
    caller = of(post, list_bytes=10**9)
    async with large.turn(post.author, LARGE), large.post(world.posts, caller, post.id) as found:
        assert found == post
    assert world.storage.read_weights == [0, post.bytes]
    with pytest.raises(PostAbsent):
        async with large.post(world.posts, caller, a_post().id):
            pass


async def test_who_waits_for_a_turn_holds_no_text_yet() -> None:
    """A large post is read in its account's turn, by a query that counts as heavy."""
    world, large = a_world().with_post(post := a_large_post()), LargeTexts(patience_seconds=0.01)
    async with large.post(world.posts, of(post), post.id):
        assert world.storage.read_weights == [0, post.bytes]
        with pytest.raises(StorageUnavailable):
            async with large.post(world.posts, of(post), post.id):
                pass
    assert world.storage.read_weights == [0, post.bytes, 0]


class Threads:
    """In which thread something was made of a post."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.seen = list[threading.Thread]()

    def show(self, *_given: object, **_named: object) -> Response:
        """Make a page."""
        self.seen.append(threading.current_thread())
        return Response()

    def here_for(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return what does the same and is seen."""

        def seen(*given: Any) -> Any:
            self.seen.append(threading.current_thread())
            return work(*given)

        return seen

    @property
    def are_others(self) -> bool:
        """Whether something was made, and nothing of it here."""
        return len(self.seen) > 0 and threading.current_thread() not in self.seen


def a_visit(
    threads: Threads,
    caller: Caller | None,
    body: Mapping[str, str] | None = None,
    *,
    query: Mapping[str, str] | None = None,
) -> Visit:
    """Return a visit whose pages are seen."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": urlencode(body or {}).encode()}

    shared = SimpleNamespace(large_texts=LargeTexts(), bodies=Bodies(10**9))
    state = {"visitor": caller, "shared": shared}
    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    scope: dict[str, Any] = {"type": "http", "method": "POST", "headers": headers, "state": state}
    scope["query_string"] = urlencode(query or {}).encode()
    return Visit(Request(scope, receive), SimpleNamespace(show=threads.show), caller)  # type: ignore[arg-type]  # pages that only show


Shown = Callable[[Visit, Caller, Post, PostService], Awaitable[Response]]

SHOWN: Mapping[str, Shown] = {
    "post": lambda visit, caller, post, service: posts.show_post(str(post.id), caller, visit, service),
    "deletion": lambda visit, caller, post, service: posts.show_deletion(str(post.id), caller, visit, service),
    "edit": lambda visit, caller, post, service: edits.show_edit(str(post.id), caller, visit, service),
    "refused edit": lambda visit, _caller, post, service: edits.edit_post(
        str(post.id), visit, Entered({"text": post.text, "status": "gone"}), service
    ),
    "refused post": lambda visit, _caller, post, service: posts.add_post(
        visit, Entered({"text": post.text, "status": "gone"}), service
    ),
    "theirs": lambda visit, _caller, post, service: edits.edit_post(
        str(post.id), visit, Entered({"text": "mine", "version": "7"}), service
    ),
}


@pytest.mark.parametrize("name", SHOWN)
async def test_a_page_with_a_large_text_is_made_in_another_thread(name: str) -> None:
    """Also one that gives back what was typed."""
    world = a_world().with_account(account := an_account())
    world.with_post(post := replace(a_large_post(), author=account.id))
    threads, caller = Threads(), of(post)
    visit = a_visit(threads, caller)
    await SHOWN[name](visit, caller, post, world.posts)
    assert threads.are_others


async def test_what_was_typed_beside_a_small_post_may_be_large() -> None:
    """A conflict shows both."""
    world = a_world().with_account(account := an_account()).with_post(post := a_post(author=account.id))
    threads = Threads()
    visit, mine = a_visit(threads, of(post)), Entered({"text": "y" * LARGE, "version": "7"})
    await edits.edit_post(str(post.id), visit, mine, world.posts)
    assert threads.are_others
    visit = a_visit(threads, None)
    await posts.add_post(visit, mine, world.posts)
    assert threads.are_others


async def test_a_large_post_is_written_in_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """As JSON, for the API."""
    world, threads = a_world().with_post(post := a_large_post()), Threads()
    monkeypatch.setattr(PostView, "of", threads.here_for(PostView.of))
    answer = await get_post(str(post.id), of(post), world.posts, LargeTexts())
    assert bytes(answer.body) == PostView.of(post).model_dump_json().encode()
    assert threads.seen.pop() is threading.current_thread()
    assert threads.are_others


async def test_a_large_form_is_read_in_its_account_s_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Escapes take a while: one form of each account at a time."""
    threads = Threads()
    monkeypatch.setattr(dependencies, "parse_form", threads.here_for(form_reading.parse_form))
    read, post = get_args(dependencies.WritingForm)[1].dependency, a_large_post()
    visit = a_visit(threads, of(post), {"text": post.text})
    large = visit.large
    async with large.turn(post.author, LARGE):
        reading = asyncio.create_task(anext(read(visit.request)))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not threads.seen
    assert (await reading)["text"] == post.text
    assert threads.are_others


@pytest.mark.parametrize("words", [None, "x"])
async def test_a_large_list_is_written_in_another_thread(monkeypatch: pytest.MonkeyPatch, words: str | None) -> None:
    """As JSON, and what the pages show of it; also what was found."""
    world, threads = a_world().with_account(account := an_account()), Threads()
    for _ in range(3):
        world.with_post(replace(a_large_post(), author=account.id))
    caller = of(a_post(author=account.id), list_bytes=4 * LARGE)
    query, search = words and parse_query(words), SearchService(world.storage)
    for module, names in ((api_lists, ("post_list", "found_list")), (lists, ("excerpts", "found_excerpts"))):
        for name in names:
            monkeypatch.setattr(module, name, threads.here_for(getattr(module, name)))
    visit = a_visit(Threads(), caller, query={"q": words or ""})
    answer = await get_posts(world, visit, caller, query or None)
    assert bytes(answer.body).count(b'"id"') == 3
    assert len(threads.seen) == 1
    assert threads.are_others
    await lists.show_posts(visit, world.posts, search, Cursors([bytes(32)]))
    assert len(threads.seen) == 2
    assert threads.are_others


async def test_many_posts_that_were_found_are_marked_in_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand of one line each have less text than one long post, and took half a second."""
    world, threads = a_world().with_account(account := an_account()), Threads()
    for _ in range(LARGE_BYTES // FOUND_BYTES + 1):
        world.with_post(a_post(author=account.id, text=Text("x")))
    monkeypatch.setattr(api_lists, "found_list", threads.here_for(found_list))
    caller = of(a_post(author=account.id))
    await get_posts(world, a_visit(Threads(), caller), caller, parse_query("x"), limit=1000)
    assert threads.are_others


async def get_posts(
    world: World, visit: Visit, caller: Caller, query: Query | None, limit: int | None = None
) -> Response:
    """Ask for a list."""
    return await api_lists.get_posts(
        caller=caller,
        posts=world.posts,
        search=SearchService(world.storage),
        cursors=Cursors([bytes(32)]),
        large=visit.large,
        request=visit.request,
        listing=EVERYTHING,
        query=query,
        limit=limit,
    )
