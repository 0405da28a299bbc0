"""The response cache: what it answers from memory, and what it never may (CASES.md 6, CA)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from postkeep.domain.accounts import AccountStatus
from postkeep.domain.posts import Status, Text
from postkeep.server.request_id import RequestId
from postkeep.services.ports import StorageUnavailable
from postkeep.services.posts import PostService
from postkeep.services.repositories import Unit, UnitOfWork
from tests.builders import a_post, an_account
from tests.fakes import a_world
from tests.unit.server.door import MIB, NAMES, Answer, Client, Door, Gate, Person

MISS, HIT, COLLAPSED = "postkeep; fwd=miss; stored", "postkeep; hit", "postkeep; fwd=miss; collapsed"


async def turns(number: int = 20) -> None:
    """Let whatever can go on go on."""
    for _ in range(number):
        await asyncio.sleep(0)


def content_of(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """Return what must be the same wherever an answer comes from."""
    return answer.status, {name: value for name, value in answer.headers.items() if name != "cache-status"}, answer.body


class TestHits:
    """What is answered from memory."""

    async def test_the_second_list_is_the_first_one_again(self) -> None:
        """Byte for byte, without a step of the application and without a query."""
        person = await (door := Door()).person("b", "a")
        first = await person.lists()
        door.world.journal.clear()
        second = await person.lists()
        assert (first.texts, first.cache_status) == (["b", "a"], MISS)
        assert (content_of(second), second.cache_status) == (content_of(first), HIT)
        assert (door.application.loads, door.world.journal) == (1, [])

    @pytest.mark.parametrize(("first", "second"), [NAMES, NAMES[::-1]])
    async def test_a_list_is_the_same_at_both_its_names(self, first: str, second: str) -> None:
        """It is remembered once."""
        person = await Door().person("a")
        assert (await person.lists(path=first)).cache_status == MISS
        assert (await person.lists(path=second)).cache_status == HIT

    async def test_pages_are_remembered_name_by_name(self) -> None:
        """Their Link header says the name."""
        person = await Door().person("a")
        asked = [(path, query) for path in NAMES for query in ("limit=1", "limit=2", "limit=01")]
        assert [(await person.lists(path=path, query=query)).cache_status for path, query in asked] == [MISS] * 6
        assert [(await person.lists(path=path, query=query)).cache_status for path, query in asked] == [HIT] * 6

    async def test_two_devices_of_one_user_share_a_list(self) -> None:
        """And a login of the other one costs the first its session check, not its list."""
        person = await (door := Door()).person("a")
        await person.lists()
        other = await person.device()
        assert [(await who.lists()).cache_status for who in (other, person)] == [HIT] * 2
        assert door.application.loads == 1

    async def test_a_stranger_s_write_costs_nobody_a_hit(self) -> None:
        """Stamps are per account."""
        ann, bob = await (door := Door()).person("a"), await door.person("b")
        await ann.lists()
        await bob.add("c")
        assert (await ann.lists()).cache_status == HIT

    async def test_everybody_gets_their_own_list(self) -> None:
        """I3: whoever asks in whatever order."""
        door = Door()
        people = [await door.person(f"of {number}") for number in range(5)]
        for _ in range(3):
            answers = await asyncio.gather(*(person.lists() for person in people))
            assert [answer.texts for answer in answers] == [[f"of {number}"] for number in range(5)]

    async def test_headers_of_the_layers_in_front_are_their_own(self) -> None:
        """A request id is another one each time, on a hit as on a miss."""
        person = await (door := Door()).person("a")
        layer, ids = RequestId(door.cache), set[str]()
        for _ in range(3):
            client = Client()
            scope = door.scope(person.authorization)
            await layer(scope, _nothing, client.send)
            ids.add(client.answer.headers["x-request-id"])
        assert len(ids) == 3

    async def test_what_is_counted(self) -> None:
        """For operators: hits, misses, what was stored and what was shared."""
        person = await (door := Door()).person("a")
        await asyncio.gather(*(person.lists() for _ in range(3)))
        await person.lists()
        counts = door.memory.counts
        assert (counts.misses, counts.collapsed, counts.hits, counts.stores) == (1, 2, 1, 1)
        assert 0 < door.memory.currsize < 16 * MIB


async def _nothing() -> Any:
    return {"type": "http.request"}


WRITES: dict[str, Callable[[Person], Awaitable[object]]] = {
    "add": lambda person: person.add("new"),
    "delete": lambda person: person.door.world.posts.delete(person.account_id, _newest(person).id),
}


def _newest(person: Person) -> Any:
    return next(post for post in person.door.world.kept if post.author == person.account_id)


class TestWrites:
    """I1 and I2: an acknowledged write is in every list that is asked for after it."""

    @pytest.mark.parametrize("write", WRITES)
    async def test_ca_01_ca_02_a_write_shows_on_every_worker(self, write: str) -> None:
        """Wherever it was done, and however warm the other workers' memory is."""
        here, *others = (first := Door()), Door(first.world), Door(first.world)
        person = await here.person("b", "a")
        for door in (here, *others):
            await person.lists(door)
        await WRITES[write](person)
        wanted = {"add": ["new", "b", "a"], "delete": ["a"]}[write]
        for door in (here, *others):
            assert [(await person.lists(door)).texts for _ in range(2)] == [wanted] * 2

    async def test_ca_19_hosts_with_other_clocks_serve_the_same(self) -> None:
        """Ten minutes apart, and started at different times: what counts are the account's numbers."""
        here, ahead = Door(), a_world()
        ahead.advance(timedelta(minutes=10))
        there = Door(ahead, kept=(here.world.storage, here.world.freshness))
        there.monotonic = 5.0
        person = await here.person("a")
        elsewhere = PostService(here.world.storage, ahead.clock)
        texts = {"a"}
        for turn in range(6):
            texts.add(text := f"{turn}")
            writer = (here.world.posts, elsewhere)[turn % 2]
            await writer.add(person.account_id, Text(text), title=None, status=Status.PUBLISHED)
            answers = [await person.lists(door) for door in (here, there, here, there)]
            assert [set(answer.texts) for answer in answers] == [texts] * 4
            assert [answer.cache_status for answer in answers] == [MISS, MISS, HIT, HIT]

    async def test_ca_06_ca_07_what_was_undone_changes_nothing(self) -> None:
        """The list stands, and it is still the one in memory."""
        person = await (door := Door()).person("a")
        await person.lists()

        async def unit(work: UnitOfWork) -> None:
            await work.posts.add(a_post(author=person.account_id))
            raise StorageUnavailable

        with pytest.raises(StorageUnavailable):
            await door.world.storage.transact(person.account_id, unit)
        answer = await person.lists()
        assert (answer.texts, answer.cache_status) == (["a"], HIT)

    @pytest.mark.parametrize("write", WRITES)
    async def test_ca_03_a_list_that_was_read_before_a_write_is_never_served_after_it(self, write: str) -> None:
        """A reader pauses between reading and storing, and a write is committed meanwhile."""
        person = await (door := Door()).person("b", "a")
        door.application.after = gate = Gate()
        slow = asyncio.create_task(person.lists())
        await gate.come.wait()
        await WRITES[write](person)
        door.application.after = None
        wanted = {"add": ["new", "b", "a"], "delete": ["a"]}[write]
        assert (await person.lists()).texts == wanted
        gate.open.set()
        assert (await slow).texts == ["b", "a"]
        assert [(await person.lists()).texts for _ in range(2)] == [wanted] * 2

    async def test_a_list_may_be_newer_than_its_stamp_and_is_asked_for_once_more(self) -> None:
        """A write between the stamp and the list: stored as older than it is, never as newer."""
        person = await (door := Door()).person("a")
        door.application.before = gate = Gate()
        slow = asyncio.create_task(person.lists())
        await gate.come.wait()
        await person.add("b")
        gate.open.set()
        assert (await slow).texts == ["b", "a"]
        answer = await person.lists()
        assert (answer.texts, answer.cache_status) == (["b", "a"], MISS)
        assert (await person.lists()).cache_status == HIT


class TestLoads:
    """CA-08: many who ask for one list at once."""

    async def test_200_parallel_misses_are_one_load(self) -> None:
        """In both codings, at both names: one query."""
        person = await (door := Door()).person(*"cba")
        await person.lists(query="warm")
        door.application.loads = 0
        codings = ("gzip", "identity", "gzip;q=0")
        asked = [person.lists(path=NAMES[n % 2], accept_encoding=codings[n % 3]) for n in range(200)]
        answers = await asyncio.gather(*asked)
        assert {tuple(answer.texts) for answer in answers} == {("c", "b", "a")}
        assert sorted({answer.cache_status for answer in answers}) == sorted([COLLAPSED, MISS])
        assert door.application.loads == 1

    async def test_a_request_does_not_join_a_load_that_is_older_than_it(self) -> None:
        """The load may have read the list before the write that this request's client was told of."""
        person = await (door := Door()).person("a")
        door.application.after = gate = Gate()
        leader = asyncio.create_task(person.lists())
        await gate.come.wait()
        follower = asyncio.create_task(person.lists())
        await turns()
        await person.add("b")
        door.application.after = None
        late = asyncio.create_task(person.lists())
        assert (await late).texts == ["b", "a"]
        gate.open.set()
        assert [(await leader).texts, (await follower).texts] == [["a"]] * 2
        assert door.application.loads == 2
        answer = await person.lists()
        assert answer.texts == ["b", "a"]

    async def test_a_follower_checks_its_own_token(self) -> None:
        """Whoever was logged out gets nothing from a load that others began."""
        person = await (door := Door()).person("a")
        other = await person.device()
        door.application.after = gate = Gate()
        leader = asyncio.create_task(person.lists())
        await gate.come.wait()
        await door.world.sessions.logout(other.authorization.decode().removeprefix("Bearer "))
        assert (await other.lists()).status == 401
        gate.open.set()
        assert (await leader).status == 200

    async def test_a_leader_that_fails_hands_over(self) -> None:
        """Whoever waits next asks the application, and the rest wait for that one."""
        person = await (door := Door()).person("a")
        door.application.before = gate = Gate()
        door.application.answers = [ValueError("no")]
        tasks = [asyncio.create_task(person.lists()) for _ in range(10)]
        await gate.come.wait()
        await turns()
        gate.open.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results].count(ValueError) == 1
        assert [result.texts for result in results if isinstance(result, Answer)] == [["a"]] * 9
        assert door.application.loads == 2

    async def test_a_leader_that_is_refused_hands_over(self) -> None:
        """An error is its own client's: it names that request."""
        person = await (door := Door()).person("a")
        door.application.before = gate = Gate()
        door.application.answers = [503]
        tasks = [asyncio.create_task(person.lists()) for _ in range(10)]
        await gate.come.wait()
        await turns()
        gate.open.set()
        answers = await asyncio.gather(*tasks)
        assert sorted(answer.status for answer in answers) == [200] * 9 + [503]
        assert door.application.loads == 2

    async def test_nobody_waits_for_a_long_row_of_leaders_that_fail(self) -> None:
        """A database that is down answers each after seconds: nobody may wait for more than two others."""
        person = await (door := Door()).person("a")
        door.application.before = gate = Gate()
        door.application.answers = [503] * 10
        tasks = [asyncio.create_task(person.lists()) for _ in range(10)]
        await gate.come.wait()
        await turns()
        gate.open.set()
        assert {answer.status for answer in await asyncio.gather(*tasks)} == {503}
        assert door.application.loads == 10
        assert (await person.lists()).texts == ["a"]

    @pytest.mark.parametrize("vanishes", ["cancelled", "gone"])
    async def test_a_leader_that_vanishes_hands_over(self, vanishes: str) -> None:
        """Its client is gone, and the application said nothing; or a shutdown cancelled it."""
        person = await (door := Door()).person("a")
        door.application.before = gate = Gate()
        door.application.answers = [None] if vanishes == "gone" else []
        leader = asyncio.create_task(door.cache(door.scope(person.authorization), _nothing, Client().send))
        await gate.come.wait()
        followers = [asyncio.create_task(person.lists()) for _ in range(5)]
        await turns()
        if vanishes == "cancelled":
            leader.cancel()
            await turns()
        gate.open.set()
        assert [answer.texts for answer in await asyncio.gather(*followers)] == [["a"]] * 5
        await asyncio.gather(leader, return_exceptions=True)
        assert door.application.loads == 2

    async def test_a_follower_that_vanishes_is_missed_by_nobody(self) -> None:
        """The others wait on."""
        person = await (door := Door()).person("a")
        door.application.after = gate = Gate()
        tasks = [asyncio.create_task(person.lists()) for _ in range(4)]
        await gate.come.wait()
        await turns()
        tasks[1].cancel()
        await turns()
        gate.open.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(answer, Answer) for answer in answers] == [True, False, True, True]

    async def test_nobody_waits_for_the_leader_s_client(self) -> None:
        """It may read a byte a minute."""
        person = await (door := Door()).person("a")
        door.application.after = gate = Gate()
        slow = Client()
        slow.reads.clear()
        leader = asyncio.create_task(door.ask(person.authorization, client=slow))
        await gate.come.wait()
        follower = asyncio.create_task(person.lists())
        await turns()
        gate.open.set()
        assert (await follower).texts == ["a"]
        assert not leader.done()
        assert (await person.lists()).cache_status == HIT
        slow.reads.set()
        assert (await leader).texts == ["a"]


class TestTokens:
    """Who may have a list: asked anew each time, at the cost of one stamp."""

    @pytest.mark.parametrize("coming", ["logout", "disable", "password", "delete"])
    async def test_tk_20_tk_32_whoever_may_not_get_in_any_more_does_not(self, coming: str) -> None:
        """On every worker, at once, though the list itself has not changed."""
        here = Door()
        there, account = Door(here.world), an_account()
        person = await here.person("a", account=account)
        for door in (here, there):
            assert [(await person.lists(door)).status for _ in range(2)] == [200, 200]
        now, token = here.now, person.authorization.decode().removeprefix("Bearer ")
        units: dict[str, Unit] = {
            "disable": lambda work: work.accounts.set_status(account.id, AccountStatus.DISABLED),
            "password": lambda work: _new_password(work, account.id, now),
            "delete": lambda work: work.accounts.remove(account.id),
        }
        if coming == "logout":
            await here.world.sessions.logout(token)
        else:
            await here.world.storage.transact(account.id, units[coming])
        for door in (here, there):
            assert [(await person.lists(door)).status for _ in range(2)] == [401, 401]

    async def test_a_token_that_expired_is_worth_nothing_though_it_is_remembered(self) -> None:
        """By the wall clock, at every hit; the stamp knows nothing of time."""
        person = await (door := Door()).person("a")
        await person.lists()
        door.world.advance(timedelta(seconds=899))
        assert (await person.lists()).cache_status == HIT
        door.world.advance(timedelta(seconds=1))
        assert (await person.lists()).status == 401

    async def test_tk_14_a_clock_that_was_set_forward_ends_a_token(self) -> None:
        """And set back again, the token is good again."""
        person = await (door := Door()).person("a")
        await person.lists()
        door.world.advance(timedelta(hours=1))
        assert (await person.lists()).status == 401
        door.world.advance(timedelta(hours=-1))
        assert (await person.lists()).status == 200

    async def test_a_session_that_ends_by_itself_is_not_outlived(self) -> None:
        """A token that says more than its session, for whatever reason, ends with it."""
        person = await (door := Door()).person("a")
        ends = replace(person.session, expires_date=door.now + timedelta(minutes=5))
        door.world.with_session(ends)
        assert (await person.lists()).status == 200
        door.world.advance(timedelta(minutes=5))
        assert (await person.lists()).status == 401

    async def test_a_stamp_that_cannot_be_read_is_a_miss(self) -> None:
        """A busy database: the caller is found out anew; the list that this finds current is served."""
        person = await (door := Door()).person("a")
        await person.lists()
        door.world.freshness.fails = True
        door.world.journal.clear()
        assert (await person.lists()).texts == ["a"]
        assert "read" in door.world.journal
        await person.add("b")
        assert (await person.lists()).texts == ["b", "a"]

    async def test_a_database_that_does_not_answer_is_no_hit(self) -> None:
        """Nobody may be answered from memory whose token cannot be looked at."""
        person = await (door := Door()).person("a")
        await person.lists()
        door.world.freshness.fails = True
        door.world.storage.fails = StorageUnavailable()
        assert (await person.lists()).status == 401  # what this test's application makes of any refusal

    @pytest.mark.parametrize("authorizations", [[], [b"Basic x"], [b"Bearer"], [b"Bearer nonsense"], [b""]])
    async def test_without_a_good_token_there_is_nothing(self, authorizations: list[bytes]) -> None:
        """The application refuses, and nothing of that is remembered."""
        person = await (door := Door()).person("a")
        await person.lists()
        size = door.memory.currsize
        assert [(await door.ask(*authorizations)).status for _ in range(2)] == [401] * 2
        assert door.memory.currsize == size

    async def test_two_authorization_headers_are_none(self) -> None:
        """Whichever a proxy looked at, the other one might have counted here."""
        ann, bob = await (door := Door()).person("a"), await door.person("b")
        for person in (ann, bob):
            await person.lists()
        for first, second in ((ann, bob), (ann, ann), (bob, ann)):
            assert (await door.ask(first.authorization, second.authorization)).status == 401

    async def test_an_error_nobody_expected_is_the_application_s_to_answer(self) -> None:
        """It has a place where these are logged and answered."""
        person = await (door := Door()).person("a")
        broken = _Broken()
        scope = {**door.scope(person.authorization), "state": {"callers": broken}}
        with pytest.raises(ZeroDivisionError):
            await door.cache(scope, _nothing, Client().send)


class _Broken:
    async def identify(self, _authorization: bytes) -> None:
        raise ZeroDivisionError


async def _new_password(work: UnitOfWork, account_id: Any, now: Any) -> None:
    await work.accounts.set_password(account_id, "other")
    await work.sessions.end_all(account_id, now)


class TestTime:
    """For how long anything is remembered."""

    @pytest.mark.parametrize(("age", "status"), [(0, HIT), (299.9, HIT), (300, MISS), (301, MISS), (1e6, MISS)])
    async def test_ca_09_a_list_is_remembered_for_five_minutes(self, age: float, status: str) -> None:
        """The specification's number, by a clock that nobody can set; then it is read anew."""
        person = await (door := Door()).person("a")
        await person.lists()
        door.monotonic += age
        assert (await person.lists()).cache_status == status
        assert (await person.lists()).cache_status == HIT

    async def test_ca_09_setting_the_wall_clock_back_makes_nothing_younger(self) -> None:
        """Time is what has passed."""
        person = await (door := Door()).person("a")
        await person.lists()
        door.world.advance(timedelta(hours=-1))
        door.monotonic += 301
        assert (await person.lists()).cache_status == MISS

    async def test_five_minutes_count_from_the_question(self) -> None:
        """A load that takes a minute leaves four."""
        person = await (door := Door()).person("a")
        door.application.after = gate = Gate()
        task = asyncio.create_task(person.lists())
        await gate.come.wait()
        door.monotonic += 60
        gate.open.set()
        await task
        door.monotonic += 240
        assert (await person.lists()).cache_status == MISS

    async def test_ca_12_without_memory_the_answers_are_the_same(self) -> None:
        """But for what the cache says of itself; and nothing is remembered or shared."""
        on = Door()
        off = Door(on.world, ttl=0)
        person = await on.person("b", "a")
        for asked in ({}, {"accept_encoding": "gzip"}, {"method": "HEAD"}, {"query": "limit=5"}):
            answers = [await person.lists(door, **asked) for door in (on, on, off, off)]
            assert len({str(content_of(answer)) for answer in answers}) == 1
            assert answers[2].cache_status == answers[3].cache_status == "postkeep; fwd=bypass"
        tag = (await person.lists(off)).headers["etag"]
        assert (await person.lists(off, if_none_match=tag)).status == 304
        await asyncio.gather(*(person.lists(off) for _ in range(3)))
        assert off.application.loads == 8 + 1 + 1 + 3
        assert (off.memory.currsize, off.memory.counts.hits, off.memory.counts.collapsed) == (0, 0, 0)


class TestOtherAnswers:
    """What passes through untouched."""

    @pytest.mark.parametrize("status", [204, 304, 400, 401, 404, 422, 500, 503])
    async def test_no_other_answer_is_kept(self, status: int) -> None:
        """Nor changed; the next request may do better."""
        person = await (door := Door()).person("a")
        door.application.answers = [status]
        refused = await person.lists()
        assert (refused.status, refused.body) == (status, b"no")
        assert refused.headers.keys() == {"content-type", "cache-control", "vary", "content-length"}
        assert (await person.lists()).texts == ["a"]

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get"])
    async def test_no_other_method_is_looked_up(self, method: str) -> None:
        """Whatever is remembered under that path."""
        person = await (door := Door()).person("a")
        await person.lists()
        assert (await door.ask(person.authorization, method=method)).status == 401
        assert door.memory.counts.hits == 0

    @pytest.mark.parametrize("path", ["/getPosts/", "/getposts", "//getPosts", "/api/v1/posts/1", "/", ""])
    async def test_no_other_path_is_looked_up(self, path: str) -> None:
        """Exactly these two names."""
        person = await (door := Door()).person("a")
        await person.lists()
        await door.ask(person.authorization, path=path)
        assert door.memory.counts.hits == 0

    async def test_other_protocols_pass(self) -> None:
        """The lifespan, and whatever else servers speak."""
        seen: list[str] = []

        async def application(scope: Any, _receive: Any, _send: Any) -> None:
            seen.append(scope["type"])

        door = Door()
        door.cache._app = application  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        for kind in ("lifespan", "websocket"):
            await door.cache({"type": kind}, _nothing, Client().send)
        assert seen == ["lifespan", "websocket"]


class TestRequests:
    """What else a request may say."""

    async def test_a_head_is_answered_from_the_list_and_fills_it(self) -> None:
        """The same headers, no body."""
        person = await (door := Door()).person("b", "a")
        for method, status in (("HEAD", MISS), ("GET", HIT), ("HEAD", HIT)):
            answer = await person.lists(method=method)
            assert answer.cache_status == status
            assert answer.headers["content-length"] == "10"
            assert answer.body == (b"" if method == "HEAD" else b'["b", "a"]')
        assert door.application.loads == 1

    async def test_a_range_is_passed_over(self) -> None:
        """A server may (RFC 9110 14.2): a list in pieces would be pieces of different lists."""
        person = await Door().person("a")
        for _ in range(2):
            answer = await person.lists(range="bytes=0-1", if_range="x")
            assert (answer.status, answer.texts) == (200, ["a"])
            assert "content-range" not in answer.headers

    @pytest.mark.parametrize("coding", ["identity", "gzip"])
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    async def test_who_has_the_list_is_not_sent_it_again(self, coding: str, method: str) -> None:
        """From memory and at a miss; with the headers that RFC 9110 15.4.5 wants, and no others."""
        texts = ["x" * 3000]
        person = await (door := Door()).person(*texts)
        tag = (await person.lists(accept_encoding=coding)).headers["etag"]
        for if_none_match in (tag, f"W/{tag}", f'"other", {tag}', f'"a,b" , W/{tag}', "*"):
            answer = await person.lists(accept_encoding=coding, if_none_match=if_none_match, method=method)
            assert (answer.status, answer.body, answer.cache_status) == (304, b"", HIT)
            assert answer.headers.keys() == {"cache-control", "etag", "vary", "cache-status"}
            assert answer.headers["etag"] == tag
        door.monotonic += 300
        answer = await person.lists(accept_encoding=coding, if_none_match=tag)
        assert (answer.status, answer.cache_status) == (304, MISS)

    @pytest.mark.parametrize("if_none_match", ['"other"', "", '"', "nonsense", "W/", '"*"', "**", "{tag}x", "{plain}"])
    async def test_who_has_another_list_is_sent_this_one(self, if_none_match: str) -> None:
        """Or another form of it, or what looks like its name."""
        person = await Door().person("a" * 3000)
        plain = (await person.lists()).headers["etag"]
        tag = (await person.lists(accept_encoding="gzip")).headers["etag"]
        sent = if_none_match.format(tag=tag.strip('"'), plain=plain)
        assert (await person.lists(accept_encoding="gzip", if_none_match=sent)).status == 200

    async def test_a_new_list_has_a_new_tag(self) -> None:
        """And the same list the same one, on every worker."""
        person = await (door := Door()).person("a")
        before = (await person.lists()).headers["etag"]
        assert (await person.lists(Door(door.world))).headers["etag"] == before
        await person.add("b")
        answer = await person.lists(if_none_match=before)
        assert (answer.status, answer.texts) == (200, ["b", "a"])

    async def test_ca_22_what_browsers_and_proxies_may_do_with_it_is_said(self) -> None:
        """Nobody else may keep it, and a browser asks again each time."""
        person = await Door().person("a")
        for answer in [await person.lists() for _ in range(2)]:
            assert answer.headers["cache-control"] == "private, no-cache"
            assert answer.headers["vary"] == "Authorization, Accept-Encoding"

    async def test_headers_that_come_in_several_lines_count_as_one(self) -> None:
        """RFC 9110 5.3."""
        person = await (door := Door()).person("x" * 3000)
        tag = (await person.lists(accept_encoding="gzip")).headers["etag"]
        scope = door.scope(person.authorization, accept_encoding="br", if_none_match='"other"')
        scope["headers"] += [(b"accept-encoding", b"gzip"), (b"if-none-match", tag.encode())]
        client = Client()
        await door.cache(scope, _nothing, client.send)
        assert client.answer.status == 304


class TestLength:
    """What is too long to be remembered, and how much is remembered in all."""

    async def test_a_list_that_is_too_long_goes_straight_through(self) -> None:
        """Piece by piece as it comes, with the same headers as far as they can be known; and it is not kept."""
        person = await (door := Door(size=MIB)).person(*["x" * 10_000] * 10)
        door.application.chunk = 1000
        client = Client()
        answer = await door.ask(person.authorization, client=client)
        assert len(answer.texts) == 10
        assert answer.cache_status == "postkeep; fwd=miss"
        assert (answer.headers["vary"], answer.headers["cache-control"]) == (
            "Authorization, Accept-Encoding",
            "private, no-cache",
        )
        assert "etag" not in answer.headers
        assert len(client.messages) > 20
        assert (await person.lists()).cache_status == "postkeep; fwd=miss"
        assert door.memory.counts.stores == 0

    async def test_nobody_waits_for_a_list_that_is_too_long(self) -> None:
        """Those who came for it get it by themselves, as soon as that is known, though its client reads nothing."""
        person = await (door := Door(size=MIB)).person("\\" * 60_000)
        door.application.chunk = 1000
        door.application.before = gate = Gate()
        slow = Client()
        slow.reads.clear()
        leader = asyncio.create_task(door.ask(person.authorization, client=slow))
        await gate.come.wait()
        followers = [asyncio.create_task(person.lists()) for _ in range(3)]
        await turns()
        gate.open.set()
        assert [len(answer.texts[0]) for answer in await asyncio.gather(*followers)] == [60_000] * 3
        slow.reads.set()
        assert len((await leader).texts[0]) == 60_000
        assert door.application.loads == 4

    async def test_a_list_that_is_known_to_be_too_long_is_never_taken_into_memory(self) -> None:
        """The stamp says how much text there is: its first piece goes on before the second one comes."""
        person = await (door := Door(size=MIB)).person("x" * 100_000)
        door.application.chunk = 1000
        client = Client()
        client.reads.clear()
        task = asyncio.create_task(door.ask(person.authorization, client=client))
        await turns(100)
        client.reads.set()
        await turns(3)
        assert len(client.messages[1]["body"]) == 1000
        await task

    async def test_ca_11_memory_is_bounded(self) -> None:
        """However many people have however long lists; the one who came last is remembered."""
        door = Door(size=MIB)
        for number in range(200):
            person = await door.person(str(number) * 5000)
            await person.lists()
            assert door.memory.currsize <= MIB
            assert (await person.lists()).cache_status == HIT
        assert door.memory.counts.evictions > 100

    async def test_who_comes_often_is_remembered(self) -> None:
        """What was not used for the longest time goes first."""
        door = Door(size=MIB)
        often = await door.person("a")
        for _ in range(200):
            await often.lists()
            await (await door.person("x" * 5000)).lists()
        assert (door.memory.counts.hits, door.memory.counts.evictions > 100) == (199, True)

    async def test_one_user_s_spellings_cost_others_their_hits_and_nothing_else(self) -> None:
        """Each query is another entry; whoever makes many pushes others out of memory, who are then answered anew."""
        door = Door(size=MIB)
        ann, eve = await door.person("a"), await door.person("e" * 5000)
        await ann.lists()
        for number in range(500):
            await eve.lists(query=f"x={number}")
        answer = await ann.lists()
        assert (answer.texts, answer.cache_status) == (["a"], MISS)
        assert door.memory.currsize <= MIB

    async def test_ca_11_what_a_list_was_asked_for_with_counts_too(self) -> None:
        """A query may have thousands of bytes, is kept with its list, and is as long as whoever sends it likes."""
        door = Door(size=MIB)
        eve = await door.person("e")
        sizes = [0.0]
        for query in ("x=1", "x=2", "x=3" + "3" * 7000):
            await eve.lists(query=query)
            sizes.append(door.memory.currsize)
        assert (sizes[3] - sizes[2]) - (sizes[2] - sizes[1]) == 7000

    async def test_a_token_that_is_too_long_is_not_remembered(self) -> None:
        """A header of a megabyte, should one ever be good."""
        door = Door(size=MIB)
        person = await door.person("a")
        padded = person.authorization + b" " * MIB
        assert (await door.ask(padded)).status == 401
        assert door.memory.currsize == 0


async def test_az_09_cancelled_requests_mix_up_nothing() -> None:
    """Whoever vanishes at whatever moment, everybody else gets their own list, as it is now."""
    door = Door()
    people = [await door.person(f"of {number}") for number in range(4)]
    for turn in range(100):
        tasks = [asyncio.create_task(people[n % 4].lists(query=f"{turn % 3}")) for n in range(12)]
        for at, task in enumerate(tasks):
            if (turn + at) % 3 == 0:
                await turns(turn % 7)
                task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        for at, answer in enumerate(answers):
            if isinstance(answer, Answer):
                assert answer.texts[-1] == f"of {at % 4}"
        await people[turn % 4].add(f"turn {turn}")
    for person in people:
        kept = [post.text for post in door.world.kept if post.author == person.account_id]
        assert (await person.lists()).texts == kept
