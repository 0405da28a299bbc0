"""Logs: one event per line, whatever is in it."""

import json
import logging
import os
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from io import StringIO
from typing import Any, Literal

import pytest

from postkeep import logs
from postkeep.server.request_id import current_request_id
from tests.builders import an_account_id

STEERING = "a\nb\r\x1b[31m\x00\x07\x85\u2028\u202e\x7f\x9b"


class Terminal(StringIO):
    """Standard error where somebody watches."""

    def isatty(self) -> bool:
        """Say that it is a terminal."""
        return True


def fail() -> None:
    """Raise what a client had its hand in."""
    raise RuntimeError(STEERING)


@pytest.fixture(autouse=True)
def _logging_put_back() -> Iterator[None]:
    """Leave the loggers as they were."""
    root = logging.getLogger()
    names = ("uvicorn", "uvicorn.error", "uvicorn.asgi", "uvicorn.access", "asyncmy", "alembic")
    before = (root.handlers, root.level)
    told = (logging.logThreads, logging.logProcesses, logging.logMultiprocessing)
    levels = {name: (logging.getLogger(name).level, logging.getLogger(name).disabled) for name in names}
    yield
    root.handlers, level = before
    root.setLevel(level)
    logging.logThreads, logging.logProcesses, logging.logMultiprocessing = told
    for name, (level, disabled) in levels.items():
        logging.getLogger(name).setLevel(level)
        logging.getLogger(name).disabled = disabled


def lines_of(
    form: Literal["auto", "json", "text"],
    monkeypatch: pytest.MonkeyPatch,
    event: str = "something_happened",
    *,
    logger: str = "postkeep.tests",
    on_terminal: bool = False,
    **fields: Any,
) -> list[str]:
    """Log an event and return the lines that are written."""
    written = Terminal() if on_terminal else StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    logs.configure("info", form)
    logging.getLogger(logger).info(event, extra=fields)
    return written.getvalue().removesuffix("\n").split("\n")


def test_json_is_one_object_per_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time in UTC, level, event, and the event's fields under their names."""
    account_id = an_account_id()
    (line,) = lines_of("json", monkeypatch, account=account_id, bytes=7, address="192.0.2.7")
    said = json.loads(line)
    assert said.pop("time").endswith("+00:00")
    assert said == {
        "level": "info",
        "event": "something_happened",
        "account": str(account_id),
        "bytes": 7,
        "address": "192.0.2.7",
    }


def test_text_is_one_line_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields as name=value, quoted where that is clearer."""
    account_id = an_account_id()
    (line,) = lines_of("text", monkeypatch, account=account_id, bytes=7, reason="two words")
    assert line.endswith(f'info     something_happened account={account_id} bytes=7 reason="two words"')


def test_auto_is_json_where_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    """And text on a terminal."""
    assert json.loads(lines_of("auto", monkeypatch)[0])["event"] == "something_happened"
    assert lines_of("auto", monkeypatch, on_terminal=True)[0].endswith("info     something_happened")


@pytest.mark.parametrize("form", ["json", "text"])
def test_iv_07_what_a_client_sent_stays_in_its_line(
    form: Literal["json", "text"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can neither forge a line nor act on a terminal."""
    (line,) = lines_of(form, monkeypatch, device=STEERING)
    assert line.isprintable()
    assert line.isascii()


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_foreign_logger_s_sentence_stays_in_its_line(
    form: Literal["json", "text"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries log what they were sent."""
    (line,) = lines_of(form, monkeypatch, STEERING, logger="httpx")
    assert line.isprintable()
    assert "httpx" in line


def test_the_request_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """OP-06: one id finds all that one request did."""
    token = current_request_id.set("5f3c9a0e")
    try:
        (line,) = lines_of("json", monkeypatch)
    finally:
        current_request_id.reset(token)
    assert json.loads(line)["request_id"] == "5f3c9a0e"


def test_a_trace_is_in_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON stays one line per event."""
    written = StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    logs.configure("info", "json")
    try:
        fail()
    except RuntimeError:
        logging.getLogger("postkeep.tests").exception("failed")
    (line,) = written.getvalue().splitlines()
    assert "RuntimeError" in json.loads(line)["exception"]
    assert line.isprintable()


def test_a_trace_for_people_does_not_act_on_their_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has lines of its own, and nothing else that does not print."""
    written = StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    logs.configure("info", "text")
    try:
        fail()
    except RuntimeError:
        logging.getLogger("postkeep.tests").exception("failed")
    text = written.getvalue()
    assert "Traceback" in text
    assert all(line.isprintable() for line in text.split("\n"))


def test_the_level_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is below it is not written."""
    written = StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    logs.configure("warning", "json")
    logging.getLogger("postkeep.tests").info("too_quiet")
    logging.getLogger("postkeep.tests").warning("loud_enough")
    assert [json.loads(line)["event"] for line in written.getvalue().splitlines()] == ["loud_enough"]


def test_values_of_any_kind_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log call must never fail."""
    for form in ("json", "text"):
        (line,) = lines_of(form, monkeypatch, nothing=None, words=["a", "b"], error=ValueError("x"), number=1.5)
        assert "something_happened" in line


@contextmanager
def full_pipe(monkeypatch: pytest.MonkeyPatch) -> Generator[int]:
    """Have standard error be a pipe that is full, and give its other end."""
    kept, (reads, writes) = os.dup(2), os.pipe()
    os.dup2(writes, 2)
    os.set_blocking(writes, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writes, bytes(4096))
    os.set_blocking(writes, True)
    with open(2, "w", encoding="utf-8", closefd=False) as stream, monkeypatch.context() as changed:
        changed.setattr(sys, "stderr", stream)
        yield reads
    os.dup2(kept, 2)
    for each in (reads, writes, kept):
        os.close(each)


def test_whoever_stops_reading_the_log_does_not_stop_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waited for that, and did not even hear SIGTERM; what is not in the log is said there at least."""
    monkeypatch.setattr(logs, "_PATIENCE_MILLISECONDS", 10)
    log = logging.getLogger("postkeep.tests")
    with full_pipe(monkeypatch) as pipe:
        logs.configure("info", "json")
        log.info("lost")
        log.info("lost")
        os.read(pipe, 1 << 20)
        log.info("kept")
        first, second = (json.loads(line) for line in os.read(pipe, 1 << 20).splitlines())
    assert (first["event"], first["lines"]) == ("log_lines_left_out", 2)
    assert second["event"] == "kept"
