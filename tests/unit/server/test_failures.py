"""The last resort: what nobody expected is answered, and the process lives on (CASES.md: SV-07)."""

import asyncio
import json
import logging

import pytest
from starlette.types import Receive, Scope, Send

from postkeep.server.failures import Failures
from tests.unit.server.asgi import Behind, a_scope, ask


class Unexpected(Exception):
    """What nobody expected, and nobody else should read."""

    def __str__(self) -> str:
        """Say it."""
        return "secret: 4711"


async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Fail before a word is said."""
    raise Unexpected


async def broken_halfway(scope: Scope, receive: Receive, send: Send) -> None:
    """Fail with half an answer sent."""
    await Behind(Behind().answer[:1])(scope, receive, send)
    raise Unexpected


async def test_sv_07_an_error_that_nobody_expected_is_a_problem_without_a_word_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """500 with the request's id, under which the log has the rest; the next request is served."""
    start, body = await ask(Failures(broken), a_scope())
    said = json.loads(body["body"])
    assert (start["status"], said["code"], said["request_id"]) == (500, "internal_error", "7")
    assert dict(start["headers"])[b"content-type"] == b"application/problem+json"
    assert "4711" not in str(body)
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "failed")
    assert (await ask(Failures(Behind()), a_scope()))[0]["status"] == 200


@pytest.mark.parametrize("said", [0, 1])
async def test_whoever_outstays_the_end_of_the_server_hears_of_it(said: int, caplog: pytest.LogCaptureFixture) -> None:
    """What was done is left open, as by any 503; it was a 500 in plain text, and a trace in the log."""

    async def cancelled(scope: Scope, receive: Receive, send: Send) -> None:
        await Behind(Behind().answer[:said])(scope, receive, send)
        raise asyncio.CancelledError

    answer = await ask(Failures(cancelled), a_scope())
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [(logging.WARNING, "answer_cut")]
    if said:
        assert answer == list(Behind().answer[:said])
    else:
        start, body = answer
        assert (start["status"], json.loads(body["body"])["code"]) == (503, "server_ending")
        assert (b"retry-after", b"1") in start["headers"]


async def test_sv_07_half_an_answer_is_cut_off() -> None:
    """Nobody may take it for whole."""
    with pytest.raises(Unexpected):
        await ask(Failures(broken_halfway), a_scope())
