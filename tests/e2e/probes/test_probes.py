"""The fuzzer itself: it finds what is planted for it, says how to see it again, and suspects nobody else."""

import asyncio
import random
import re
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.databases import free_port
from tests.e2e.probes.corpus import Request, request
from tests.e2e.probes.fuzzer import Fuzzer

CANARY = b"what-another-account-keeps"
CASES = 400

Answer = Callable[[bytes], bytes | None]


class Fixed:
    """The same requests all the time."""

    def pick(self, rng: random.Random) -> Request:
        """Return one of them."""
        body = {"text": "Bought milk.", "title": "Today", "status": "draft"}
        return rng.choice(
            (request("GET", "/getPosts", token="a.b.c"), request("POST", "/addPost", body, token="a.b.c"))
        )

    def renew(self, operation: str, *, succeeded: bool) -> None:
        """Nothing of them is ever used up."""


def problem(status: int, **changed: str) -> bytes:
    """Write an answer as the server would."""
    fields = {"content-type": "application/problem+json", "x-request-id": "a1", "www-authenticate": "Bearer", **changed}
    if status != 401:
        del fields["www-authenticate"]
    body = b'{"status": %d, "request_id": "a1"}' % status
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return f"HTTP/1.1 {status} Any\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body


def failing_at(mark: bytes, otherwise: bytes | None) -> Answer:
    """Answer as it should be, but for requests that hold this."""
    return lambda come: otherwise if mark in come else problem(401)


FAULTS: dict[str, tuple[Answer, str]] = {
    "a NUL in a header": (failing_at(b"\x00", problem(500)), "status 500"),
    "a lone surrogate": (failing_at(rb"\ud800", problem(502)), "status 502"),
    "no end": (failing_at(b"Transfer-Encoding", None), "hung"),
    "half an answer": (failing_at(b"Expect", problem(401)[:-5]), "a body of"),
    "not HTTP": (failing_at(b"Upgrade", b"hello"), "half a head"),
    "another one's post": (failing_at(b"status", problem(404, link=CANARY.decode())), "holds"),
    "an error that is a page": (failing_at(b"[[", problem(400, **{"content-type": "text/html"})), "as text/html"),
    "no request id": (failing_at(b"%", problem(404, **{"x-request-id": ""})), "no X-Request-ID"),
    "no Retry-After": (failing_at(b"9" * 101, problem(503)), "Retry-After"),
}


def fuzz(answer: Answer) -> list[str]:
    """Attack a server that answers like this; return the failures."""
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        come = b""
        with suppress(OSError):
            while b"\r\n\r\n" not in come and (part := await reader.read(65536)):
                come += part
            said = answer(come)
            if said is None:
                await asyncio.sleep(6)
            writer.write(said or b"")
            writer.write_eof()
            # Closing before the client has said everything would tear the connection down.
            await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async def run() -> list[str]:
        server = await asyncio.start_server(serve, "127.0.0.1", port := free_port())
        fuzzer = Fuzzer(port, Fixed(), seed=1, forbidden=[CANARY], deadline=3)
        await fuzzer.run(CASES)
        server.close()
        # The connections end, each by itself, before the loop does.
        await asyncio.gather(*filter(None, serving), return_exceptions=True)
        return fuzzer.failures

    return asyncio.run(run())


@pytest.mark.parametrize("fault", FAULTS)
def test_the_fuzzer_finds_what_is_wrong(fault: str) -> None:
    """A fuzzer that finds nothing in a server that is broken says nothing of one that is whole."""
    answer, said = FAULTS[fault]
    failures = fuzz(answer)
    assert failures
    assert all(re.match(r"seed 1 case \d+ \(", failure) for failure in failures)
    assert [failure for failure in failures if said in failure.splitlines()[0]]


def test_the_fuzzer_suspects_nobody_who_answers() -> None:
    """Whoever had to sort out false alarms would soon look at none."""
    assert fuzz(lambda _: problem(401)) == []


def test_the_same_seed_makes_the_same_cases() -> None:
    """What failed can be sent again."""
    first, second, other = (Fuzzer(0, Fixed(), seed, forbidden=[]) for seed in (1, 1, 2))
    assert [first.case(number) for number in range(300)] == [second.case(number) for number in range(300)]
    assert [first.case(number).sent for number in range(300)] != [other.case(number).sent for number in range(300)]
