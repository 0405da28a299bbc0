"""Histories that nobody thought of: people, devices, workers and time in any order, against a model (CASES.md 11)."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, rule, run_state_machine_as_test

from postkeep.domain.posts import Post
from tests.unit.server.door import MIB, NAMES, Answer, Door, Gate, Person

WHO, WORKER, DEVICE = st.integers(0, 1), st.integers(0, 2), st.integers(0, 1)

TURNS = 100
"""As many turns of the event loop as a request takes that nothing stops, and more."""


@dataclass
class User:
    """What the model knows of somebody: their devices, and their posts."""

    devices: list[Person]
    posts: list[Post] = field(default_factory=list[Post])

    @property
    def texts(self) -> list[str]:
        """What their list shows."""
        return [post.text for post in sorted(self.posts, key=lambda post: post.id, reverse=True)]


@dataclass
class Held:
    """A request for a list that is stopped on its way.

    Attributes:
        user: Who asks.
        task: The request.
        is_let_in: Whether it must be answered.
        possible: What with: all that the list was since it was asked for.
    """

    user: User
    task: "asyncio.Task[Answer]"
    is_let_in: bool
    possible: list[list[str]]


class Histories(RuleBasedStateMachine):
    """Three workers on one database: one remembers much, one little, one nothing. Every list is as the model says."""

    held = Bundle("held")

    def __init__(self) -> None:
        """Begin with an event loop of its own."""
        super().__init__()
        self.runner = asyncio.Runner()
        self.gates: list[Gate] = []
        self.pending: list[Held] = []
        self.ended: set[object] = set()
        self.expiry: dict[object, float] = {}

    @initialize()
    def begin(self) -> None:
        """Have two people with two devices each."""
        self.doors = [first := Door(), Door(first.world, size=MIB), Door(first.world, ttl=0)]
        self.world = first.world
        self.users: list[User] = []
        for _ in range(2):
            person = self.runner.run(first.person())
            self.users.append(User([person, self.runner.run(person.device())]))
            for device in self.users[-1].devices:
                self.note_expiry(device)

    def teardown(self) -> None:
        """Let everything come to its end."""
        self.runner.run(self.until_done([held.task for held in self.pending]))
        self.runner.close()

    @rule(who=WHO, length=st.integers(1, 50))
    def adds(self, who: int, length: int) -> None:
        """Add a post."""
        user = self.users[who]
        user.posts.append(self.runner.run(user.devices[0].add(f"{len(user.posts)} of {who} " * length)))
        self.note_change()

    @rule(who=WHO, at=st.integers(0, 3))
    def deletes(self, who: int, at: int) -> None:
        """Delete a post."""
        user = self.users[who]
        if at < len(user.posts):
            post = user.posts.pop(at)
            self.runner.run(self.world.posts.delete(post.author, post.id))
            self.note_change()

    @rule(
        who=WHO,
        device=DEVICE,
        worker=WORKER,
        path=st.sampled_from(NAMES),
        query=st.sampled_from(["", "", "a=1"]),
        coding=st.sampled_from(["identity", "gzip"]),
        times=st.integers(1, 3),
    )
    def lists(  # noqa: PLR0913 - all that a request may be
        self, *, who: int, device: int, worker: int, path: str, query: str, coding: str, times: int
    ) -> None:
        """Ask for a list, some times at once: each answer is exactly what the list is."""
        user, door = self.users[who], self.doors[worker]
        person = user.devices[device]

        async def ask() -> list[Answer]:
            asked = [person.lists(door, path=path, query=query, accept_encoding=coding) for _ in range(times)]
            return await self.until_done([asyncio.create_task(each) for each in asked])

        for answer in self.runner.run(ask()):
            self.look_at(answer, is_let_in=self.is_let_in(person), possible=[user.texts])

    @rule(target=held, who=WHO, device=DEVICE, worker=WORKER, where=st.sampled_from(["before", "after"]))
    def is_stopped(self, who: int, device: int, worker: int, where: str) -> Held:
        """Ask for a list that is stopped before or after it is read from the database, if it comes to that."""
        user, door, gate = self.users[who], self.doors[worker], Gate()
        person = user.devices[device]

        async def ask() -> "asyncio.Task[Answer]":
            task = asyncio.create_task(person.lists(door))
            for _ in range(TURNS):
                await asyncio.sleep(0)
            return task

        setattr(door.application, where, gate)
        held = Held(user, self.runner.run(ask()), self.is_let_in(person), [user.texts])
        setattr(door.application, where, None)
        self.gates.append(gate)
        self.pending.append(held)
        return held

    @rule(held=consumes(held))
    def goes_on(self, held: Held) -> None:
        """Let it go on: it answers what the list was at some moment since it was asked for."""
        (answer,) = self.runner.run(self.until_done([held.task]))
        self.look_at(answer, is_let_in=held.is_let_in, possible=held.possible)
        self.pending.remove(held)

    @rule(held=consumes(held))
    def vanishes(self, held: Held) -> None:
        """Cancel it; nobody else notices."""

        async def cancel() -> None:
            held.task.cancel()
            await asyncio.wait({held.task})

        self.runner.run(cancel())
        self.pending.remove(held)

    @rule(who=WHO, device=DEVICE)
    def logs_out(self, who: int, device: int) -> None:
        """End a session; that of the other device lives on."""
        person = self.users[who].devices[device]
        self.runner.run(self.world.sessions.logout(person.authorization.decode().removeprefix("Bearer ")))
        self.ended.add(person.session.id)

    @rule(who=WHO, device=DEVICE)
    def logs_in(self, who: int, device: int) -> None:
        """Log in anew on a device."""
        user = self.users[who]
        user.devices[device] = self.runner.run(user.devices[device].device())
        self.note_expiry(user.devices[device])

    @rule(who=WHO)
    def is_disabled_and_enabled(self, who: int) -> None:
        """Switch an account off, which ends its sessions, and on again."""
        email = self.world.account(self.users[who].devices[0].account_id).email
        for switch in (self.world.administration.disable, self.world.administration.enable):
            self.runner.run(switch(email))
        self.ended |= {device.session.id for device in self.users[who].devices}

    @rule(seconds=st.sampled_from([1, 60, 299, 300, 899, -60]))
    def the_clock_moves(self, seconds: int) -> None:
        """The one on the wall, also back."""
        self.world.advance(timedelta(seconds=seconds))

    @rule(seconds=st.sampled_from([1, 299, 300, 301]))
    def time_passes(self, seconds: int) -> None:
        """By the clock that nobody sets."""
        for door in self.doors:
            door.monotonic += seconds

    @rule()
    def stamps_fail_or_come_back(self) -> None:
        """Whether the database is busy makes no difference to what is answered."""
        self.world.freshness.fails = not self.world.freshness.fails

    def look_at(self, answer: Answer, *, is_let_in: bool, possible: list[list[str]]) -> None:
        """Hold an answer to the model."""
        assert answer.status == (200 if is_let_in else 401)
        assert not is_let_in or answer.texts in possible

    def is_let_in(self, person: Person) -> bool:
        """Whether a request would be answered now."""
        is_over = self.world.clock.now().timestamp() >= self.expiry[person.session.id]
        return not is_over and person.session.id not in self.ended

    def note_expiry(self, person: Person) -> None:
        """Remember when a token that was made now expires."""
        self.expiry[person.session.id] = self.world.clock.now().timestamp() // 1 + 900

    def note_change(self) -> None:
        """Let requests on their way answer with what is true by now, too."""
        for held in self.pending:
            held.possible.append(held.user.texts)

    async def until_done(self, tasks: "list[asyncio.Task[Answer]]") -> list[Answer]:
        """Wait for requests; if they wait for others that are stopped, let those go on."""
        for _ in range(TURNS):
            await asyncio.sleep(0)
        if not all(task.done() for task in tasks):
            for gate in self.gates:
                gate.open.set()
        return await asyncio.gather(*tasks)


def test_every_list_is_what_the_model_says() -> None:
    """Whatever happened before, in whatever order, on whichever worker."""
    run_state_machine_as_test(Histories, settings=settings(max_examples=100, stateful_step_count=40, deadline=None))
