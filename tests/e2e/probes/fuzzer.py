"""The fuzzer: mutated requests over raw sockets, many at once, the same ones for the same seed."""

import asyncio
import random
import socket
import struct
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

from tests.e2e.probes.answers import AnswerBroken, answers_in, complaints
from tests.e2e.probes.bodies import mutate_body
from tests.e2e.probes.corpus import Request
from tests.e2e.probes.heads import mutate_headers, mutate_line
from tests.e2e.probes.wires import Ending, Sent, chunked, mutate_wire, segmented

CONNECTIONS: Final = 24
QUIET_SECONDS: Final = 0.5
"""How long an answer is waited for before the client says that nothing more comes."""

_HALF: Final = -1

_MUTATIONS: Final[tuple[Callable[[random.Random, Request], Request], ...]] = (
    *(mutate_line, mutate_headers, mutate_headers, mutate_body, mutate_body, mutate_body),
)


class Requests(Protocol):
    """Where the fuzzer's requests come from."""

    def pick(self, rng: random.Random) -> Request:
        """Return a request of any operation."""
        ...

    def renew(self, operation: str, *, succeeded: bool) -> None:
        """Take note that it was sent."""
        ...


@dataclass(frozen=True)
class Case:
    """One connection's worth.

    Attributes:
        number: Which one of its seed's.
        operations: What its requests asked for before they were changed.
        sent: What goes over the wire.
        is_intact: Whether nothing was changed, so that it must be answered, however long that takes.
    """

    number: int
    operations: tuple[str, ...]
    sent: Sent
    is_intact: bool


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        come: What came back.
        is_ended: Whether the server ended the connection in time.
        is_reset: Whether it did so by tearing it down, which takes what was not yet read.
    """

    come: bytes
    is_ended: bool = True
    is_reset: bool = False


@dataclass
class Fuzzer:
    """Sends mutated requests and looks at what comes back.

    Attributes:
        port: Of the server, on loopback.
        requests: What is mutated.
        seed: Which cases there are.
        forbidden: Bytes that no answer may hold: secrets, and what another account keeps.
        deadline: How many seconds the server may take to end a connection that its client has ended.
        failures: What was wrong, each with its seed, its number and what was sent.
        answered: How often each operation was answered with each status.
    """

    port: int
    requests: Requests
    seed: int
    forbidden: Sequence[bytes]
    deadline: float = 20.0
    failures: list[str] = field(default_factory=list[str])
    answered: Counter[tuple[str, int]] = field(default_factory=Counter[tuple[str, int]])
    cases: int = 0

    async def run(self, count: int, first: int = 0) -> None:
        """Send as many cases, beginning with a number."""
        numbers = iter(range(first, first + count))

        async def work() -> None:
            for number in numbers:
                await self.try_one(number)

        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(work())

    async def try_one(self, number: int) -> tuple[Case, Outcome]:
        """Send one case and judge what comes back."""
        case = self.case(number)
        outcome = await exchange(self.port, case, self.deadline)
        self.cases += 1
        statuses = self._judge(case, outcome)
        for operation in case.operations:
            succeeded = any(200 <= status < 300 for status in statuses)
            await asyncio.to_thread(self.requests.renew, operation, succeeded=succeeded)
        return case, outcome

    def case(self, number: int) -> Case:
        """Make the case of a number: the same for the same seed, but for tokens and ids."""
        rng = random.Random(f"{self.seed}/{number}")
        requests = [self.requests.pick(rng) for _ in range(2 if rng.random() < 0.15 else 1)]
        wire = b"".join(mutated(rng, each) for each in requests)
        ending: Ending = "reset" if rng.random() < 0.03 else "half-close"
        is_intact = wire == b"".join(each.wire for each in requests)
        return Case(number, tuple(each.operation for each in requests), Sent(segmented(rng, wire), ending), is_intact)

    def _judge(self, case: Case, outcome: Outcome) -> list[int]:
        """Note what is wrong with an outcome; return the statuses of its answers."""
        if case.sent.ending == "reset":
            return []
        if not outcome.is_ended:
            self._fail(case, outcome, f"the connection hung for {self.deadline} s")
            return []
        try:
            answers = answers_in(outcome.come, to_head=_has_head(case))
        except AnswerBroken as error:
            if not outcome.is_reset:
                self._fail(case, outcome, str(error))
            return []
        for answer in answers:
            for complaint in complaints(answer, self.forbidden):
                self._fail(case, outcome, complaint)
        if answers:
            self.answered[case.operations[0], answers[0].status] += 1
        return [answer.status for answer in answers]

    def _fail(self, case: Case, outcome: Outcome, what: str) -> None:
        """Note a failure with all that is needed to see it again."""
        how = f"seed {self.seed} case {case.number} ({', '.join(case.operations)}, {case.sent.ending})"
        self.failures.append(f"{how}: {what}\n  sent {case.sent.segments!r}\n  got {outcome.come[:2000]!r}")


def mutated(rng: random.Random, given: Request) -> bytes:
    """Change a request at one level or several; one of twelve stays as it is."""
    if rng.random() < 1 / 12:
        return given.wire
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        given = rng.choice(_MUTATIONS)(rng, given) if rng.random() < 0.85 else given
    wire = chunked(rng, given) if given.body and rng.random() < 0.15 else given.wire
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        wire = mutate_wire(rng, wire)
    return wire


async def exchange(port: int, case: Case, deadline: float) -> Outcome:
    """Send what a case sends on a connection of its own, and take what comes until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**26)
    come = bytearray()
    try:
        # Who answers early may close early, and what was not yet sent is lost with that.
        with suppress(OSError, TimeoutError):
            await _send(writer, case.sent)
        if case.sent.ending == "reset":
            _reset_at_close(writer)
            return Outcome(b"")
        async with asyncio.timeout(deadline):
            await _take(reader, come, case)
            with suppress(OSError):
                writer.write_eof()
            await _take_rest(reader, come)
        return Outcome(bytes(come))
    except TimeoutError:
        return Outcome(bytes(come), is_ended=False)
    except ConnectionError:
        return Outcome(bytes(come), is_reset=True)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _send(writer: asyncio.StreamWriter, sent: Sent) -> None:
    """Send segment by segment, each by itself."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for segment in sent.segments:
        writer.write(segment)
        async with asyncio.timeout(QUIET_SECONDS):
            await writer.drain()
        if len(sent.segments) > 1:
            await asyncio.sleep(0.0005)


async def _take(reader: asyncio.StreamReader, come: bytearray, case: Case) -> None:
    """Take what comes until as many answers are there, or no more came for a while; half an answer is waited for."""
    while not reader.at_eof():
        whole = _count(come, case)
        if whole == len(case.operations):
            return
        try:
            # A password takes its time, all the more where others use the processors, too.
            async with asyncio.timeout(None if whole == _HALF or case.is_intact else QUIET_SECONDS):
                come += await reader.read(65536)
        except TimeoutError:
            return


def _count(come: bytearray, case: Case) -> int:
    """Return how many answers have come, or `_HALF` if one of them is not there as a whole."""
    try:
        return len([answer for answer in answers_in(bytes(come), to_head=_has_head(case)) if answer.status >= 200])
    except AnswerBroken:
        return _HALF


def _has_head(case: Case) -> bool:
    """Whether one of the requests may be a HEAD."""
    return b"HEAD " in case.sent.wire


async def _take_rest(reader: asyncio.StreamReader, come: bytearray) -> None:
    """Take what comes until the server ends the connection."""
    while part := await reader.read(65536):
        come += part


def _reset_at_close(writer: asyncio.StreamWriter) -> None:
    """Have closing tear the connection down, as a client does that died."""
    connection: socket.socket = writer.get_extra_info("socket")
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
