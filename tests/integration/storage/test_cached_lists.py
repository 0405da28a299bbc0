"""The response cache over each database, held between its steps while writes are committed (CASES.md 6, CA)."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from postkeep.bootstrap.wiring import freshness_of
from postkeep.domain.posts import Post, Text
from postkeep.services.ports import Storage
from postkeep.services.repositories import UnitOfWork
from tests.builders import a_post, a_session
from tests.contracts.kept import keep_account, keep_posts, keep_sessions
from tests.fakes import World, a_world
from tests.integration.storage.opened import Opened
from tests.unit.server.door import Answer, Door, Gate, Person


@dataclass(frozen=True)
class Workers:
    """Two processes that serve one database: each has its own memory, and reads stamps by itself."""

    storage: Storage
    doors: tuple[Door, Door]

    async def person(self) -> "Writer":
        """Have somebody who is logged in."""
        now = self.doors[0].now
        account = await keep_account(self.storage)
        session = a_session(account_id=account.id, created_date=now, refreshed_date=now)
        await keep_sessions(self.storage, session)
        return Writer(self, Person.of(self.doors[0], session))


@dataclass(frozen=True)
class Writer:
    """Somebody with an account and a token, on real storage."""

    workers: Workers
    person: Person

    async def lists(self, worker: int = 0, query: str = "") -> Answer:
        """Ask a process for the list."""
        return await self.workers.doors[worker].ask(self.person.authorization, query=query)

    async def add(self, text: str) -> Post:
        """Add a post."""
        post = a_post(author=self.person.account_id, text=Text(text))
        await keep_posts(self.workers.storage, post)
        return post

    async def delete(self, post: Post) -> None:
        """Delete a post."""

        async def unit(work: UnitOfWork) -> None:
            assert await work.posts.remove(post.author, post.id)

        await self.workers.storage.transact(post.author, unit)


@pytest.fixture
async def workers(opened: Opened) -> AsyncIterator[Workers]:
    """Return two processes on each database in turn."""
    readers = [freshness_of(opened.storage, opened.url) for _ in range(2)]
    world: World = a_world()
    first, second = (Door(world, kept=(opened.storage, reader)) for reader in readers)
    yield Workers(opened.storage, (first, second))
    for reader in readers:
        await reader.close()


async def test_ca_01_ca_02_each_write_shows_on_both_workers(workers: Workers) -> None:
    """Fifty adds and deletes, each listed on both at once, twice, with every memory warm."""
    ann = await workers.person()
    kept: list[Post] = []
    for turn in range(50):
        if turn % 3 == 2:
            await ann.delete(kept.pop(turn % len(kept)))
        else:
            kept.append(await ann.add(f"no. {turn}"))
        answers = await asyncio.gather(*(ann.lists(number % 2) for number in range(4)))
        answers += [await ann.lists(worker) for worker in (0, 1)]
        assert [answer.texts for answer in answers] == [[post.text for post in kept[::-1]]] * 6
        assert [answer.cache_status for answer in answers[4:]] == ["postkeep; hit"] * 2


@pytest.mark.parametrize("where", ["before", "after"])
async def test_ca_03_a_reader_that_pauses_never_brings_an_old_list_back(workers: Workers, where: str) -> None:
    """Between its stamp and its list, or between its list and the storing of it, a delete is committed."""
    ann = await workers.person()
    old, _ = await ann.add("old"), await ann.add("new")
    application, gate = workers.doors[0].application, Gate()
    setattr(application, where, gate)
    slow = asyncio.create_task(ann.lists())
    await gate.come.wait()
    setattr(application, where, None)
    await ann.delete(old)
    assert (await ann.lists()).texts == ["new"]
    gate.open.set()
    assert (await slow).texts == (["new"] if where == "before" else ["new", "old"])
    for _ in range(2):
        assert [(await ann.lists(worker)).texts for worker in (0, 1)] == [["new"]] * 2


async def test_a_request_joins_no_load_that_is_older_than_it(workers: Workers) -> None:
    """Its client was told of a write that the load may have missed."""
    ann = await workers.person()
    application, gate = workers.doors[0].application, Gate()
    application.after = gate
    leader = asyncio.create_task(ann.lists())
    await gate.come.wait()
    application.after = None
    await ann.add("new")
    assert (await ann.lists()).texts == ["new"]
    gate.open.set()
    assert (await leader).texts == []


async def test_tk_20_a_session_that_ended_is_over_on_both_workers(workers: Workers) -> None:
    """At the next request."""
    ann = await workers.person()
    for worker in (0, 1):
        assert [(await ann.lists(worker)).status for _ in range(2)] == [200] * 2

    async def unit(work: UnitOfWork) -> None:
        await work.accounts.claim_access(ann.person.account_id)
        await work.sessions.end(ann.person.session, workers.doors[0].now)

    await workers.storage.transact(ann.person.account_id, unit)
    assert [(await ann.lists(worker)).status for worker in (0, 1)] == [401] * 2


async def test_ca_08_200_parallel_misses_are_one_list(workers: Workers, opened: Opened) -> None:
    """The database is asked for the list once."""
    ann = await workers.person()
    await ann.add("a")
    await ann.lists(query="warm")
    with opened.statements() as sent:
        answers = await asyncio.gather(*(ann.lists() for _ in range(200)))
    assert {tuple(answer.texts) for answer in answers} == {("a",)}
    assert len([statement for statement in sent if "posts.text" in statement]) == 1


async def test_az_09_who_is_cancelled_leaves_no_rows_to_others(workers: Workers, opened: Opened) -> None:
    """In mid-query, at random: whoever is answered gets their own list, and exactly what it is."""
    people = [await workers.person() for _ in range(5)]
    for number, person in enumerate(people):
        await person.add(f"of {number}")
    dice, cancelled = random.Random(9), 0
    for turn in range(60):
        # A query of its own for each turn, so that memory answers nothing.
        tasks = [asyncio.create_task(people[n % 5].lists(n % 2, query=f"{turn}")) for n in range(20)]
        for task in dice.sample(tasks, 10):
            await asyncio.sleep(dice.choice([0, 0, 0.0002]))
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        cancelled += sum(isinstance(answer, asyncio.CancelledError) for answer in answers)
        seen = [(n % 5, answer.texts) for n, answer in enumerate(answers) if isinstance(answer, Answer)]
        assert seen == [(number, [f"of {number}"]) for number, _ in seen]
    # A file is read at once, without a moment to vanish in.
    assert cancelled > 100 or not opened.is_server
