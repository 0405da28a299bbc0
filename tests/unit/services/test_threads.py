"""Threads where the system has none to spare."""

import threading

import pytest

from postkeep.services.ports import StorageUnavailable
from postkeep.services.threads import Threads


@pytest.fixture
def no_thread(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Have the system give none, until this is undone."""

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")  # noqa: EM101, TRY003 - as the system says it

    monkeypatch.setattr(threading.Thread, "start", fail)
    return monkeypatch


def test_who_can_have_no_thread_is_told_to_come_again(
    no_thread: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It was an error that nobody expected (500), and the work was done later, for nobody."""
    done: list[str] = []
    with Threads(1) as threads:
        with pytest.raises(StorageUnavailable):
            threads.submit(done.append, "refused")
        assert caplog.messages == ["storage_busy"]
        no_thread.undo()
        threads.submit(done.append, "taken").result(10)
    assert done == ["taken"]


def test_the_threads_that_are_there_do_the_work_of_those_that_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One at a time is slower than several, and better than a refusal."""
    held = threading.Event()
    with Threads(2) as threads:
        first = threads.submit(held.wait, 10)

        def fail(_: threading.Thread) -> None:
            raise RuntimeError

        monkeypatch.setattr(threading.Thread, "start", fail)
        second = threads.submit(lambda: "done")
        held.set()
        assert (first.result(10), second.result(10)) == (True, "done")
    assert caplog.messages == []
