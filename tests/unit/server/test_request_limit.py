"""How many requests a client may send, by a clock that does as it is told."""

import logging

import pytest

from postkeep.server.request_limit import RequestLimit

SECOND = 10**9


class Time:
    """A clock."""

    def __init__(self) -> None:
        """Begin somewhere."""
        self.now = 12_345 * SECOND

    def __call__(self) -> int:
        """Return the time."""
        return self.now

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.now += int(seconds * SECOND)


def taken(limit: RequestLimit, client: str, times: int) -> int:
    """Return how many of so many requests at once are taken."""
    return sum(limit.hit(client) == 0 for _ in range(times))


@pytest.mark.parametrize("rate", [1, 3, 7, 300, 999, 1000])
def test_sz_21_ten_seconds_worth_may_come_at_once_and_not_one_more(rate: int) -> None:
    """A client that imports its posts is no attack; one that never stops is."""
    limit = RequestLimit("account", rate, monotonic_ns=Time())
    assert taken(limit, "ann", 11 * rate) == 10 * rate


@pytest.mark.parametrize("rate", [1, 7, 300])
def test_sz_21_over_a_long_time_it_is_the_rate(rate: int) -> None:
    """Three times as much is sent for a minute: the burst passes, and then the rate."""
    time = Time()
    limit = RequestLimit("account", rate, monotonic_ns=time)
    passed = 0
    for _ in range(60):
        passed += taken(limit, "ann", 3 * rate)
        time.pass_by(1)
    assert passed in range(69 * rate, 70 * rate + 1)


def test_sz_21_another_client_has_its_own() -> None:
    """Whoever sends too much harms nobody else."""
    limit = RequestLimit("account", 5, monotonic_ns=Time())
    taken(limit, "ann", 1000)
    assert limit.hit("ann") > 0
    assert taken(limit, "bob", 100) == 50


def test_retry_after_is_when_the_next_is_taken() -> None:
    """In whole seconds, as the header has it; never a promise that is not kept."""
    time = Time()
    limit = RequestLimit("account", 1, monotonic_ns=time)
    taken(limit, "ann", 10)
    assert limit.hit("ann") == 1
    time.pass_by(0.999)
    assert limit.hit("ann") == 1
    time.pass_by(0.001)
    assert limit.hit("ann") == 0


def test_what_is_refused_is_not_counted() -> None:
    """Or whoever tries again and again would never get in."""
    time = Time()
    limit = RequestLimit("account", 1, monotonic_ns=time)
    taken(limit, "ann", 10_000)
    time.pass_by(10)
    assert taken(limit, "ann", 100) == 10


def test_zero_is_no_limit() -> None:
    """It can be switched off, for a proxy that has limits of its own."""
    assert taken(RequestLimit("account", 0, monotonic_ns=Time()), "ann", 100_000) == 100_000


def test_memory_is_bounded_and_who_comes_often_is_remembered() -> None:
    """However many clients there are; the one that is being refused is not the one that is forgotten."""
    limit = RequestLimit("address", 1, kept=100, monotonic_ns=Time())
    taken(limit, "ann", 11)
    for number in range(1000):
        assert limit.hit(number) == 0
        if number % 90 == 0:
            assert limit.hit("ann") > 0
    assert len(limit) == 100
    for number in range(1000, 1100):
        limit.hit(number)
    assert limit.hit("ann") == 0


def test_op_05_who_sends_too_much_is_logged_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    """With who it is; a line for each would be what the limit is to spare us."""
    time = Time()
    limit = RequestLimit("account", 1, monotonic_ns=time)
    with caplog.at_level(logging.WARNING):
        taken(limit, "ann", 500)
        time.pass_by(1)
        taken(limit, "ann", 500)
    assert [(record.getMessage(), vars(record)["account"]) for record in caplog.records] == [
        ("too_many_requests", "ann"),
        ("too_many_requests", "ann"),
    ]
