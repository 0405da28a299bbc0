"""Attempts to get in: networks, counts and delays (CASES.md: PW-15, PW-16, PW-17)."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postkeep.domain.attempts import (
    FORSAKEN,
    KEY_BYTES,
    LONGEST_DELAY,
    Network,
    Rule,
    Success,
    Tally,
    TooManyAttempts,
    Verdict,
    delay,
)
from tests.builders import MIDNIGHT

QUARTER = timedelta(minutes=15)
SECOND = timedelta(seconds=1)
MOST = 2**31 - 1

GROWING = Rule("login", 3, QUARTER, grows=True, success=Success.FORGIVES)
"""As for one account from one network, with fewer failures."""

FIXED = Rule("account", 3, QUARTER)
"""As for one account from everywhere."""

COUNTING = Rule("signup", 3, QUARTER, success=Success.COUNTS)
"""As for sign-ups."""


def tallied(rule: Rule, outcomes: str) -> Tally:
    """Return what is kept after attempts at one moment, each "+" where it got in and "-" where it failed."""
    tally: Tally | None = None
    for outcome in outcomes:
        tally = rule.taken(tally, MIDNIGHT)
        tally = (rule.succeeded if outcome == "+" else rule.failed)(tally, MIDNIGHT)
    assert tally is not None
    return tally


class TestNetwork:
    """Who counts as coming from the same place."""

    @pytest.mark.parametrize(
        ("address", "other"),
        [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
            ("2001:db8:1:2::1", "2001:DB8:0001:2:0::5"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("::ffff:c000:207", "192.0.2.7"),
            ("64:ff9b::192.0.2.7", "192.0.2.7"),
            ("64:ff9b::1:0:0:1", "64:ff9b::1:0:0:2"),
            ("fe80::1%eth0", "fe80::2%eth1"),
            ("", "testclient"),
            ("", "192.0.2.7:443"),
            ("", "192.0.2.07"),
            ("fe80::1%eth0", "fe80::2"),
        ],
    )
    def test_addresses_of_one_customer_are_one_network(self, address: str, other: str) -> None:
        """Half of an IPv6 address is the customer's to choose; whoever has none shares one count."""
        assert Network.of(address) == Network.of(other)

    @pytest.mark.parametrize(
        ("address", "other"),
        [
            ("192.0.2.7", "192.0.2.8"),
            ("2001:db8:1:2::1", "2001:db8:1:3::1"),
            ("::1", "127.0.0.1"),
            ("::ffff:192.0.2.7", "::ffff:192.0.2.8"),
            ("64:ff9b::192.0.2.7", "64:ff9b::192.0.2.8"),
            ("", "0.0.0.0"),  # noqa: S104 - nobody listens there
        ],
    )
    def test_others_are_others(self, address: str, other: str) -> None:
        """A neighbour's guesses are not mine, nor is one whole internet behind a /64 for IPv4 addresses."""
        assert Network.of(address) != Network.of(other)

    @given(st.text(max_size=45))
    def test_whatever_the_address_is_it_has_a_network(self, address: str) -> None:
        """Servers behind sockets have none, and proxies may write anything."""
        assert isinstance(Network.of(address).name, str)

    @given(st.ip_addresses())
    def test_every_address_has_a_network_of_its_own_kind(self, address: object) -> None:
        """None is lumped together with those that cannot be read."""
        assert Network.of(str(address)).name != ""


class TestKeys:
    """What a count is kept under."""

    def test_a_key_tells_nothing(self) -> None:
        """It stands in backups and dumps."""
        key = GROWING.key("ann@example.com", "192.0.2.7")
        assert len(key) == KEY_BYTES
        assert key.find(b"ann") == -1

    def test_every_kind_and_each_of_its_parts_counts(self) -> None:
        """No two things share a count, wherever one name ends and the next begins."""
        keys = {
            GROWING.key("ann@example.com", "192.0.2.7"),
            GROWING.key("ann@example.com", "192.0.2.8"),
            GROWING.key("ann@example.co", "m192.0.2.7"),
            GROWING.key("ann@example.com"),
            FIXED.key("ann@example.com"),
            COUNTING.key("192.0.2.7"),
            FIXED.key("192.0.2.7"),
        }
        assert len(keys) == 7


class TestJudging:
    """Who is let through."""

    @pytest.mark.parametrize("rule", [GROWING, FIXED, COUNTING])
    def test_as_many_as_the_limit_are_let_through(self, rule: Rule) -> None:
        """And not one more."""
        assert rule.judge(None, MIDNIGHT) == Verdict(is_free=True)
        assert rule.judge(tallied(rule, "--"), MIDNIGHT).is_free
        assert rule.judge(tallied(rule, "---"), MIDNIGHT).blocked_for > timedelta()

    @pytest.mark.parametrize("rule", [GROWING, FIXED, COUNTING])
    def test_attempts_under_way_take_room_but_refuse_nobody_for_good(self, rule: Rule) -> None:
        """They may come to a success: whoever comes next waits for that."""
        tally = rule.failed(None, MIDNIGHT)
        for _ in range(2):
            assert rule.judge(tally, MIDNIGHT).is_free
            tally = rule.taken(tally, MIDNIGHT)
        assert rule.judge(tally, MIDNIGHT) == Verdict(is_free=False)
        assert rule.judge(rule.given_back(tally, MIDNIGHT), MIDNIGHT).is_free

    def test_pw_15_beyond_the_limit_delays_grow(self) -> None:
        """One attempt after 30 seconds, the next after 60, up to 15 minutes, for as long as it goes on."""
        tally, now, delays = tallied(GROWING, "---"), MIDNIGHT, list[int]()
        for _ in range(8):
            verdict = GROWING.judge(tally, now)
            delays.append(verdict.retry_after)
            assert not GROWING.judge(tally, now + verdict.blocked_for - timedelta(microseconds=1)).is_free
            now += verdict.blocked_for
            assert GROWING.judge(tally, now).is_free
            tally = GROWING.taken(tally, now)
            assert GROWING.judge(tally, now) == Verdict(is_free=False)
            tally = GROWING.failed(tally, now)
        assert delays == [30, 60, 120, 240, 480, 900, 900, 900]

    def test_a_refusal_changes_nothing(self) -> None:
        """Whoever keeps knocking does not wait longer than who does not."""
        tally = tallied(GROWING, "---")
        first = GROWING.judge(tally, MIDNIGHT).blocked_for
        assert GROWING.judge(tally, MIDNIGHT + 10 * SECOND).blocked_for == first - 10 * SECOND

    @pytest.mark.parametrize("rule", [FIXED, COUNTING])
    def test_where_delays_do_not_grow_one_waits_for_the_window_s_end(self, rule: Rule) -> None:
        """Retry-After says so."""
        tally = tallied(rule, "---")
        assert rule.judge(tally, MIDNIGHT + SECOND).blocked_for == QUARTER - SECOND
        assert rule.judge(tally, MIDNIGHT + QUARTER).is_free

    @pytest.mark.parametrize("rule", [GROWING, FIXED, COUNTING])
    def test_failures_count_for_a_window_from_the_first_one(self, rule: Rule) -> None:
        """One mistake every few minutes must not add up for ever."""
        tally = rule.failed(None, MIDNIGHT)
        tally = rule.failed(tally, MIDNIGHT + QUARTER - SECOND)
        assert rule.failed(tally, MIDNIGHT + QUARTER).failures == 1

    def test_who_was_blocked_is_remembered_for_a_window_longer(self) -> None:
        """Or whoever waits a block out would begin anew with all the room there was."""
        tally = tallied(GROWING, "---")
        until = MIDNIGHT + GROWING.judge(tally, MIDNIGHT).blocked_for
        assert GROWING.failed(tally, until + QUARTER - SECOND).failures == 4
        assert GROWING.failed(tally, until + QUARTER).failures == 1

    def test_what_is_under_way_at_a_window_s_end_is_under_way_in_the_next(self) -> None:
        """Or twice as many could be under way at the turn."""
        tally = GROWING.failed(None, MIDNIGHT)
        for _ in range(2):
            tally = GROWING.taken(tally, MIDNIGHT + QUARTER - SECOND)
        later = MIDNIGHT + QUARTER + SECOND
        assert GROWING.judge(GROWING.taken(tally, later), later) == Verdict(is_free=False)

    def test_retry_after_is_whole_seconds_and_at_least_one(self) -> None:
        """Rounded up: who comes after so many seconds must not come too early. Source: RFC 9110 10.2.3."""
        waits = [timedelta(), timedelta(microseconds=1), SECOND, SECOND + timedelta(microseconds=1)]
        assert [Verdict(is_free=False, blocked_for=wait).retry_after for wait in waits] == [1, 1, 1, 2]
        assert TooManyAttempts(retry_after=7).retry_after == 7


class TestSettling:
    """What becomes of an attempt."""

    def test_a_success_forgives(self) -> None:
        """The owner who found the right password after all begins anew, also after a block."""
        assert tallied(GROWING, "--+").is_empty
        blocked = GROWING.taken(tallied(GROWING, "---"), MIDNIGHT + timedelta(minutes=1))
        forgiven = GROWING.succeeded(blocked, MIDNIGHT + timedelta(minutes=1))
        assert forgiven.is_empty
        assert forgiven.blocked_until is None

    def test_a_success_forgives_no_other_attempt_under_way(self) -> None:
        """Those take their room until they are settled themselves."""
        tally = GROWING.taken(GROWING.taken(GROWING.taken(None, MIDNIGHT), MIDNIGHT), MIDNIGHT)
        assert GROWING.succeeded(tally, MIDNIGHT).under_way == 2

    def test_pw_17_where_a_success_is_ignored_failures_stay(self) -> None:
        """Whoever guesses at a thousand accounts and has one would otherwise begin anew at will."""
        assert tallied(FIXED, "--+").failures == 2
        assert tallied(FIXED, "+").is_empty

    def test_where_a_success_counts_it_counts(self) -> None:
        """A sign-up costs a hash and a row, whatever comes of it."""
        assert tallied(COUNTING, "+-+").failures == 3

    def test_giving_back_leaves_nothing(self) -> None:
        """As if nobody had come."""
        assert GROWING.given_back(GROWING.taken(None, MIDNIGHT), MIDNIGHT).is_empty

    def test_what_nobody_settles_counts_as_failed(self) -> None:
        """A process that was killed in the middle of a guess must not have given one away."""
        tally = GROWING.taken(GROWING.taken(GROWING.taken(None, MIDNIGHT), MIDNIGHT), MIDNIGHT)
        assert not GROWING.judge(tally, MIDNIGHT + FORSAKEN).is_free
        later = MIDNIGHT + FORSAKEN + SECOND
        assert GROWING.judge(tally, later).is_free
        tally = GROWING.failed(GROWING.taken(tally, later), later)
        assert (tally.failures, tally.under_way) == (4, 0)
        assert GROWING.judge(tally, later).retry_after == 60

    def test_settling_twice_lets_nobody_else_through(self) -> None:
        """A unit may run again after a COMMIT of unknown outcome."""
        tally = GROWING.taken(GROWING.taken(None, MIDNIGHT), MIDNIGHT)
        twice = GROWING.failed(GROWING.failed(tally, MIDNIGHT), MIDNIGHT)
        assert (twice.failures, twice.under_way) == (2, 0)
        assert GROWING.failed(None, MIDNIGHT).under_way == 0


class TestLimitsOfNumbers:
    """What a row may hold, by whatever mistake or hand."""

    @pytest.mark.parametrize("rule", [GROWING, FIXED, COUNTING])
    def test_the_largest_numbers_do_no_harm(self, rule: Rule) -> None:
        """A column's end is no error; one waits as long as one ever does."""
        now = MIDNIGHT + timedelta(minutes=2)
        full = Tally(MOST, MOST, MIDNIGHT, MIDNIGHT + QUARTER)
        tally = rule.failed(rule.taken(full, now), now)
        assert 0 <= tally.failures <= MOST
        assert tally.under_way <= MOST
        assert timedelta() < rule.judge(tally, now).blocked_for <= QUARTER
        assert rule.failed(Tally(MOST, MOST, now, now + QUARTER), now).failures <= MOST

    def test_delays_end_somewhere(self) -> None:
        """Whatever the number is."""
        assert [delay(0), delay(4), delay(5), delay(MOST)] == [
            timedelta(seconds=30),
            timedelta(minutes=8),
            LONGEST_DELAY,
            LONGEST_DELAY,
        ]

    @pytest.mark.parametrize("rule", [GROWING, FIXED, COUNTING])
    @pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=400)])
    def test_a_clock_that_is_set_back_blocks_nobody_for_longer(self, rule: Rule, back: timedelta) -> None:
        """Nor does it let through who was blocked."""
        tally = tallied(rule, "---")
        blocked_for = rule.judge(tally, MIDNIGHT).blocked_for
        assert rule.judge(tally, MIDNIGHT - back).blocked_for == blocked_for
        assert rule.failed(rule.taken(tally, MIDNIGHT - back), MIDNIGHT - back).expires_date < MIDNIGHT

    def test_a_clock_that_is_set_forward_forgets(self) -> None:
        """As time does."""
        assert GROWING.judge(tallied(GROWING, "---"), MIDNIGHT + timedelta(days=400)).is_free


MOVES = st.lists(
    st.tuples(st.sampled_from(["take", "fail", "succeed", "give back", "pass"]), st.integers(0, 2000)), max_size=60
)


@pytest.mark.parametrize("rule", [GROWING, FIXED, COUNTING])
@given(moves=MOVES)
def test_pw_16_however_attempts_interleave_no_more_than_the_limit_are_let_through(
    rule: Rule, moves: list[tuple[str, int]]
) -> None:
    """Within one window: whoever was let through and has not been forgiven takes room, whatever others do meanwhile."""
    tally, now, under_way, let_through = Tally(0, 0, MIDNIGHT, MIDNIGHT + QUARTER), MIDNIGHT, 0, 0
    settle = {"fail": rule.failed, "succeed": rule.succeeded, "give back": rule.given_back}
    for move, milliseconds in moves:
        # All of it within a window, and before the first delay is over.
        now += timedelta(milliseconds=milliseconds) / 5
        if move == "take" and rule.judge(tally, now).is_free:
            tally, under_way, let_through = rule.taken(tally, now), under_way + 1, let_through + 1
        elif move in settle and under_way:
            tally, under_way = settle[move](tally, now), under_way - 1
            if move == "give back" or (move == "succeed" and rule.success is not Success.COUNTS):
                let_through -= 1
            if move == "succeed" and rule.success is Success.FORGIVES:
                let_through = under_way
        assert tally.under_way == under_way
        assert let_through <= rule.limit
        assert tally.failures + tally.under_way == let_through


@given(moves=MOVES)
def test_a_tally_is_always_one_that_can_be_kept(moves: list[tuple[str, int]]) -> None:
    """Whatever happens in whatever order, also without having been let through: the table's rules hold."""
    tally, now = Tally(0, 0, MIDNIGHT, MIDNIGHT), MIDNIGHT
    do: dict[str, Callable[[Tally, datetime], Tally]] = {
        "take": GROWING.taken,
        "fail": GROWING.failed,
        "succeed": GROWING.succeeded,
        "give back": GROWING.given_back,
        "pass": lambda kept, _: kept,
    }
    for move, seconds in moves:
        now += timedelta(seconds=seconds)
        tally = do[move](tally, now)
        assert min(tally.failures, tally.under_way) >= 0
        assert tally.changed_date <= now
        assert GROWING.judge(tally, now).blocked_for <= LONGEST_DELAY
