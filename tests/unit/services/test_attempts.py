"""Attempts to get in: who is let through, who waits, who is refused (CASES.md: PW-15..PW-18, PW-21, OP-05)."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postkeep.domain.accounts import Account, AccountStatus, Email, EmailTaken, Password, PasswordCompromised
from postkeep.domain.attempts import NOWHERE, Network, TooManyAttempts
from postkeep.domain.sessions import CredentialsInvalid, Origin, PasswordWrong
from postkeep.services import attempts as attempts_module
from postkeep.services.attempt_rules import AttemptLimits
from postkeep.services.attempts import PURGE_EVERY
from postkeep.services.ports import HashingBusy, StorageUnavailable
from postkeep.services.repositories import Unit
from tests.builders import an_account, an_email
from tests.fakes import World, a_world

PHRASE = "five purple ducks"
DUCKS, GEESE = Password.parse(PHRASE), Password.parse("six green geese")
HOME, AWAY = Origin("curl/8", "192.0.2.7"), Origin("curl/8", "198.51.100.9")
HALF_MINUTE = timedelta(seconds=30)


def world_with(account: Account, **limits: int) -> World:
    """Return a world with an account that DUCKS opens."""
    return a_world(attempt_limits=AttemptLimits(**limits)).with_account(account, PHRASE)


def number(count: int) -> Origin:
    """Return where nobody else comes from."""
    return Origin("curl/8", f"2001:db8:0:{count:x}::1")


async def outcome(attempt: Awaitable[object]) -> str:
    """Say what came of an attempt: the error's name, or that there was none."""
    try:
        await attempt
    except (CredentialsInvalid, TooManyAttempts, HashingBusy, EmailTaken, PasswordWrong) as error:
        return type(error).__name__
    return "in"


async def guess(world: World, email: Email | None, times: int = 1, origin: Origin = HOME) -> list[str]:
    """Log in with a wrong password so often, one after the other."""
    return [await outcome(world.sessions.login(email, GEESE, origin)) for _ in range(times)]


async def login(world: World, account: Account, origin: Origin = HOME) -> str:
    """Log in with the right password."""
    return await outcome(world.sessions.login(account.email, DUCKS, origin))


class TestOneAccountFromOneNetwork:
    """What most people will ever see of it."""

    async def test_pw_15_ten_failures_are_answered_as_such_and_no_more(self) -> None:
        """Also with the right password: whoever guesses must not learn that this one would have been it."""
        world = world_with(account := an_account())
        assert await guess(world, account.email, 12) == ["CredentialsInvalid"] * 10 + ["TooManyAttempts"] * 2
        assert await login(world, account) == "TooManyAttempts"

    async def test_pw_15_the_delay_grows_and_the_owner_gets_in_after_it(self) -> None:
        """30 seconds, then one attempt, then 60; the right password ends all that."""
        world = world_with(account := an_account())
        await guess(world, account.email, 10)
        world.advance(HALF_MINUTE)
        assert await guess(world, account.email, 2) == ["CredentialsInvalid", "TooManyAttempts"]
        world.advance(HALF_MINUTE)
        assert await login(world, account) == "TooManyAttempts"
        world.advance(HALF_MINUTE)
        assert await login(world, account) == "in"
        assert await guess(world, account.email, 11) == ["CredentialsInvalid"] * 10 + ["TooManyAttempts"]

    async def test_retry_after_says_when(self) -> None:
        """And a second later is soon enough."""
        world = world_with(account := an_account())
        await guess(world, account.email, 10)
        world.advance(timedelta(seconds=0.5))
        with pytest.raises(TooManyAttempts) as caught:
            await world.sessions.login(account.email, DUCKS, HOME)
        assert caught.value.retry_after == 30
        world.advance(timedelta(seconds=caught.value.retry_after))
        assert await login(world, account) == "in"

    async def test_pw_15_the_owner_elsewhere_is_not_locked_out(self) -> None:
        """A stranger's guesses are the stranger's."""
        world = world_with(account := an_account())
        await guess(world, account.email, 20)
        assert await login(world, account, AWAY) == "in"

    async def test_a_success_begins_anew(self) -> None:
        """Somebody who types wrongly now and then never waits."""
        world = world_with(account := an_account())
        for _ in range(3):
            assert await guess(world, account.email, 9) == ["CredentialsInvalid"] * 9
            assert await login(world, account) == "in"

    async def test_successes_leave_nothing_behind(self) -> None:
        """The table holds what failed and what is under way."""
        world = world_with(account := an_account())
        for _ in range(30):
            assert await login(world, account) == "in"
        assert world.storage.state.attempts == {}

    @pytest.mark.parametrize("typed", ["ANN@Ex.COM", " ann@ex.com".strip(), "Ann@EX.com"])
    async def test_one_account_has_one_count_however_it_is_typed(self, typed: str) -> None:
        """Or letters' cases would be so many guesses more."""
        world = world_with(account := an_account(email=Email.parse("ann@ex.com")))
        await guess(world, Email.parse(typed), 10)
        assert await login(world, account) == "TooManyAttempts"

    async def test_one_domain_has_one_count_in_both_its_forms(self) -> None:
        """As people write it, and as the mail does; letters composed or not."""
        world = world_with(account := an_account(email=Email.parse("ann@bücher.example")))
        await guess(world, Email.parse("ann@xn--bcher-kva.example"), 5)
        await guess(world, Email.parse("ann@bu\u0308cher.example"), 5)
        assert await login(world, account) == "TooManyAttempts"

    @pytest.mark.parametrize("nobody", ["unknown", "malformed", "disabled"])
    async def test_pw_12_who_has_no_account_is_counted_the_same(self, nobody: str) -> None:
        """Or the eleventh answer would tell who has one. Nothing is looked up once it is refused."""
        disabled = an_account(status=AccountStatus.DISABLED)
        world = world_with(disabled)
        email = {"unknown": an_email(), "malformed": None}.get(nobody, disabled.email)
        assert await guess(world, email, 11) == ["CredentialsInvalid"] * 10 + ["TooManyAttempts"]
        assert world.journal.count("verify") == 10
        world.journal.clear()
        await guess(world, email, 1)
        assert world.journal == ["read"]

    async def test_pw_22_guesses_at_one_s_own_password_count_together_with_logins(self) -> None:
        """A stolen token is a way to guess, too: at a new password, and at leaving."""
        world = world_with(account := an_account())
        session = await world.sessions.login(account.email, DUCKS, HOME)
        for _ in range(4):
            change = world.accounts.change_password(account.id, session.id, GEESE, DUCKS, HOME)
            assert await outcome(change) == "PasswordWrong"
            assert await outcome(world.accounts.leave(account.id, GEESE, HOME)) == "PasswordWrong"
        await guess(world, account.email, 2)
        change = world.accounts.change_password(account.id, session.id, DUCKS, GEESE, HOME)
        assert await outcome(change) == "TooManyAttempts"
        assert await outcome(world.accounts.leave(account.id, DUCKS, HOME)) == "TooManyAttempts"

    async def test_a_new_password_that_is_refused_is_no_failure(self) -> None:
        """The current one was right."""
        world = world_with(account := an_account())
        session = await world.sessions.login(account.email, DUCKS, HOME)
        for _ in range(12):
            with pytest.raises(PasswordCompromised):
                await world.accounts.change_password(account.id, session.id, DUCKS, Password.parse("password1"), HOME)
        assert world.storage.state.attempts == {}


class TestManyAtOnce:
    """Attempts that do not wait for each other's outcome."""

    async def test_pw_16_a_thousand_parallel_guesses_are_ten(self) -> None:
        """Counting after the verification would let all of them through before the first has failed."""
        world = world_with(account := an_account())
        outcomes = await asyncio.gather(*(guess(world, account.email) for _ in range(1000)))
        assert outcomes.count(["CredentialsInvalid"]) == world.journal.count("verify") == 10

    async def test_pw_10_parallel_logins_with_the_right_password_all_get_in(self) -> None:
        """More than may fail: they wait for each other instead of being refused."""
        world = world_with(account := an_account())
        assert await asyncio.gather(*(login(world, account) for _ in range(50))) == ["in"] * 50
        assert world.storage.state.attempts == {}

    async def test_who_waits_too_long_is_told_to_come_back(self) -> None:
        """Attempts under way in a process that died leave no room; nobody waits for it for ever."""
        world = world_with(account := an_account())
        await die_in_the_middle(world, account, times=10)
        assert await login(world, account) == "TooManyAttempts"
        assert 4 <= world.waited < 5
        assert world.journal.count("verify") == 10

    async def test_what_a_dead_process_left_behind_counts_as_failures(self) -> None:
        """A crash gives no guess away; and after a minute the owner gets in."""
        world = world_with(account := an_account())
        await die_in_the_middle(world, account, times=10)
        world.advance(timedelta(seconds=61))
        assert await guess(world, account.email, 2) == ["CredentialsInvalid", "TooManyAttempts"]
        world.advance(timedelta(minutes=1))
        assert await login(world, account) == "in"

    @given(script=st.lists(st.tuples(st.booleans(), st.integers(0, 2), st.integers(0, 12)), max_size=40))
    async def test_pw_16_however_they_interleave_no_more_are_verified_than_may_fail(
        self, script: list[tuple[bool, int, int]]
    ) -> None:
        """Whoever comes when, and is cancelled when; a busy hasher verifies nothing."""
        world = world_with(account := an_account())
        tasks: list[asyncio.Task[list[str]]] = []
        for is_cancelled, turns, which in script:
            tasks.append(asyncio.create_task(guess(world, account.email)))
            world.passwords.is_busy = which == 12
            for _ in range(turns):
                await asyncio.sleep(0)
            if is_cancelled:
                tasks[which % len(tasks)].cancel()
        world.passwords.is_busy = False
        await asyncio.gather(*tasks, return_exceptions=True)
        assert world.journal.count("verify") <= 10


async def die_in_the_middle(world: World, account: Account, *, times: int) -> None:
    """Have a process end while attempts are under way: nothing of it settles them."""

    def die() -> None:
        world.passwords.meanwhile = None
        world.storage.fails = StorageUnavailable()

    for _ in range(times):
        world.passwords.meanwhile = die
        assert await guess(world, account.email) == ["CredentialsInvalid"]
        world.storage.fails = None


class TestWhatIsNoFailure:
    """What is counted, and what is given back."""

    async def test_pw_18_who_finds_the_hasher_busy_has_not_tried(self) -> None:
        """503 and 429 together would lock people out because others log in; and the database has nothing to do."""
        world = world_with(account := an_account())
        world.passwords.is_busy = True
        assert await guess(world, account.email, 30) == ["HashingBusy"] * 30
        assert await outcome(world.accounts.signup(an_email(), DUCKS, HOME)) == "HashingBusy"
        assert world.storage.state.attempts == {}
        assert world.storage.journal == []

    async def test_pw_18_every_password_is_hashed_in_the_turn_of_its_own_network(self) -> None:
        """Or a crowd would have others' turns; operators are in a network of their own."""
        world = world_with(account := an_account())
        world.passwords.strengthen()
        session = await world.sessions.login(account.email, DUCKS, HOME)
        await world.accounts.change_password(account.id, session.id, DUCKS, GEESE, HOME)
        await world.accounts.leave(account.id, GEESE, HOME)
        await world.accounts.signup(account.email, DUCKS, HOME)
        assert world.passwords.networks == {HOME.network}
        world.passwords.networks.clear()
        await world.administration.reset_password(account.email, DUCKS)
        await world.administration.create(an_email(), DUCKS)
        assert world.passwords.networks == {NOWHERE}

    async def test_a_cancelled_guess_counts(self) -> None:
        """Whoever hangs up after sending has guessed all the same; the hash runs on."""
        world = world_with(account := an_account())
        for _ in range(10):
            task = asyncio.create_task(guess(world, account.email))
            world.passwords.meanwhile = task.cancel
            with pytest.raises(asyncio.CancelledError):
                await task
        assert await login(world, account) == "TooManyAttempts"
        assert {tally.under_way for tally in world.storage.state.attempts.values()} == {0}

    async def test_whoever_got_in_is_in_even_if_that_cannot_be_counted(self, caplog: pytest.LogCaptureFixture) -> None:
        """The password was right; that the count is off is the operator's to know."""
        world = world_with(an_account())
        async with world.attempts.proving(an_email(), HOME):
            world.storage.fails = StorageUnavailable()
        assert [record.getMessage() for record in caplog.records] == ["attempt_unsettled"]

    async def test_without_a_database_nothing_is_hashed(self) -> None:
        """What cannot be counted is not let through."""
        world = world_with(account := an_account())
        world.storage.fails = StorageUnavailable()
        with pytest.raises(StorageUnavailable):
            await world.sessions.login(account.email, DUCKS, HOME)
        assert world.journal == []


class TestASilentDatabase:
    """Who asks one is told so within five seconds, however many ask, and is not taken for a guesser."""

    async def test_one_waits_for_all_who_stand_behind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One after the other they would wait for minutes; whoever comes later finds out anew."""
        world = world_with(account := an_account())
        silence = Silence()
        monkeypatch.setattr(world.storage, "count", silence.wait)
        crowd = [asyncio.create_task(login(world, account)) for _ in range(20)]
        await silence.begins(1)
        silence.ends()
        outcomes = await asyncio.gather(*crowd, return_exceptions=True)
        assert {type(each) for each in outcomes} == {StorageUnavailable}
        assert silence.waits == 1
        later = asyncio.create_task(login(world, account))
        await silence.begins(2)
        silence.ends()
        with pytest.raises(StorageUnavailable):
            await later

    @pytest.mark.parametrize("answers", [1, 3])
    async def test_nobody_is_waited_for_longer_than_that(
        self, answers: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Neither before the password is looked at nor after it, when the attempt only remains to be counted."""
        monkeypatch.setattr(attempts_module, "PATIENCE_SECONDS", 0.01)
        monkeypatch.setattr(attempts_module, "_LEAST_SECONDS", 0.01)
        monkeypatch.setattr(attempts_module, "SETTLE_SECONDS", 0.01)
        world = world_with(account := an_account())
        silence, count = Silence(), world.storage.count

        async def fall_silent(unit: Unit, **_how: object) -> None:
            nonlocal answers
            answers -= 1
            await (count(unit) if answers > 0 else silence.wait(unit))

        monkeypatch.setattr(world.storage, "count", fall_silent)
        if answers == 1:
            with pytest.raises(StorageUnavailable):
                await login(world, account)
        else:
            assert await login(world, account) == "in"
            assert [record.getMessage() for record in caplog.records].count("attempt_unsettled") == 1

    async def test_who_was_refused_because_of_that_has_not_tried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A unit that comes to its turn all the same would leave an attempt under way that nobody settles."""
        monkeypatch.setattr(attempts_module, "PATIENCE_SECONDS", 0.01)
        monkeypatch.setattr(attempts_module, "_LEAST_SECONDS", 0.01)
        world = world_with(account := an_account())
        count, late = world.storage.count, list[Unit]()

        async def answer_late(unit: Unit, **_how: object) -> None:
            late.append(unit)
            await asyncio.Event().wait()

        monkeypatch.setattr(world.storage, "count", answer_late)
        with pytest.raises(StorageUnavailable):
            await login(world, account)
        for unit in late:
            with suppress(Exception):
                await count(unit)
        assert world.storage.state.attempts == {}


class Silence:
    """A database that does not answer.

    Attributes:
        waits: How many have asked it.
    """

    def __init__(self) -> None:
        """Begin."""
        self.waits = 0
        self._given_up = asyncio.Event()

    async def wait(self, _: Unit, **_how: object) -> None:
        """Wait for an answer in vain."""
        self.waits += 1
        await self._given_up.wait()
        raise StorageUnavailable

    async def begins(self, waits: int) -> None:
        """Let others run until so many have asked."""
        async with asyncio.timeout(5):
            while self.waits < waits:  # noqa: ASYNC110 - a few turns at most
                await asyncio.sleep(0)

    def ends(self) -> None:
        """Have whoever asks give up."""
        self._given_up.set()


class TestOneNetwork:
    """Guesses at many accounts."""

    async def test_pw_15_the_database_is_told_whose_attempts_it_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """And which of them make room: those wait for nobody who is still to be let through."""
        world = world_with(account := an_account())
        count, told = world.storage.count, list[tuple[Network, bool]]()

        async def listen(unit: Unit, *, asker: Network = NOWHERE, makes_room: bool = False) -> None:
            told.append((asker, makes_room))
            await count(unit)

        monkeypatch.setattr(world.storage, "count", listen)
        assert await login(world, account) == "in"
        # The first attempt of a process clears away what has expired.
        assert told == [(HOME.network, False), (HOME.network, True), (HOME.network, True)]

    async def test_pw_17_a_thousand_accounts_from_one_network_are_a_hundred_guesses(self) -> None:
        """One password each, for all that are listed somewhere."""
        world = a_world()
        outcomes = [await guess(world, an_email()) for _ in range(1000)]
        assert [name for (name,) in outcomes] == ["CredentialsInvalid"] * 100 + ["TooManyAttempts"] * 900
        assert world.journal.count("verify") == 100

    async def test_pw_17_also_when_they_come_all_at_once(self) -> None:
        """Under way counts, as for one account."""
        world = a_world()
        await asyncio.gather(*(guess(world, an_email()) for _ in range(300)))
        assert world.journal.count("verify") == 100

    async def test_pw_17_successes_between_do_not_help(self) -> None:
        """Whoever guesses may have an account, too."""
        world = world_with(account := an_account())
        outcomes: list[str] = []
        for _ in range(20):
            await guess(world, an_email(), 5)
            outcomes.append(await login(world, account))
        assert outcomes == ["in"] * 19 + ["TooManyAttempts"]
        assert world.journal.count("verify") == 100 + 19

    async def test_pw_17_other_networks_get_in(self) -> None:
        """An IPv6 customer's addresses are one network; a neighbour's are another."""
        world = world_with(account := an_account())
        for count in range(10):
            await guess(world, an_email(), 10, Origin("curl/8", f"2001:db8::{count + 1:x}"))
        assert await login(world, account, Origin("curl/8", "2001:db8::ffff")) == "TooManyAttempts"
        assert await login(world, account, Origin("curl/8", "2001:db8:0:1::1")) == "in"

    async def test_people_behind_one_address_get_in_at_once(self) -> None:
        """An office's logins on Monday morning are no guesses."""
        accounts = [an_account() for _ in range(150)]
        world = a_world()
        for account in accounts:
            world.with_account(account, PHRASE)
        assert await asyncio.gather(*(login(world, account) for account in accounts)) == ["in"] * 150


class TestOneAccountFromEverywhere:
    """Guesses at one account from many networks."""

    async def test_pw_15_after_a_hundred_only_networks_that_the_account_knows_may_try(self) -> None:
        """The owner at home gets in; everybody else waits, the owner in a new place too."""
        world = world_with(account := an_account())
        assert await login(world, account, HOME) == "in"
        for count in range(10):
            assert await guess(world, account.email, 10, number(count)) == ["CredentialsInvalid"] * 10
        assert await guess(world, account.email, 1, number(99)) == ["TooManyAttempts"]
        assert await login(world, account, AWAY) == "TooManyAttempts"
        assert await login(world, account, HOME) == "in"
        assert await guess(world, account.email, 11, HOME) == ["CredentialsInvalid"] * 10 + ["TooManyAttempts"]

    async def test_pw_15_a_network_is_known_by_any_of_its_addresses(self) -> None:
        """Telephones take a new IPv6 address every day; and a session that has ended still says where it began."""
        world = world_with(account := an_account())
        session = await world.sessions.login(account.email, DUCKS, Origin("curl/8", "2001:db8:1:1::5"))
        await world.sessions.end(account.id, session.id)
        for count in range(10):
            await guess(world, account.email, 10, number(count))
        assert await login(world, account, Origin("curl/8", "2001:db8:1:1:ffff::")) == "in"
        assert await login(world, account, Origin("curl/8", "2001:db8:1:2::5")) == "TooManyAttempts"

    async def test_pw_12_an_address_without_an_account_is_refused_in_the_same_way(self) -> None:
        """Or a hundred guesses would tell who has one."""
        world, email = a_world(), an_email()
        for count in range(10):
            await guess(world, email, 10, number(count))
        assert await guess(world, email, 1, number(99)) == ["TooManyAttempts"]

    async def test_it_ends_a_day_after_it_began(self) -> None:
        """Retry-After says so."""
        world = world_with(account := an_account())
        for count in range(10):
            await guess(world, account.email, 10, number(count))
        with pytest.raises(TooManyAttempts) as caught:
            await world.sessions.login(account.email, DUCKS, AWAY)
        assert caught.value.retry_after == 24 * 60 * 60
        world.advance(timedelta(days=1))
        assert await login(world, account, AWAY) == "in"

    async def test_what_cannot_be_an_address_has_no_such_count(self) -> None:
        """There is nothing to guard, and all the world shares it."""
        world = a_world()
        for count in range(11):
            assert await guess(world, None, 10, number(count)) == ["CredentialsInvalid"] * 10


class TestSignups:
    """Accounts made by the thousand."""

    async def test_pw_21_sign_ups_from_one_network_are_limited_whatever_comes_of_them(self) -> None:
        """Asking which addresses are taken is a sign-up, too; and what is refused is not hashed."""
        world = world_with(account := an_account(), signups=4)
        emails = [an_email(), account.email, account.email, an_email(), an_email()]
        outcomes = [await outcome(world.accounts.signup(email, DUCKS, HOME)) for email in emails]
        assert outcomes == ["in", "EmailTaken", "EmailTaken", "in", "TooManyAttempts"]
        assert world.journal.count("hash") == 4
        assert await outcome(world.accounts.signup(an_email(), DUCKS, AWAY)) == "in"
        world.advance(timedelta(hours=1))
        assert await outcome(world.accounts.signup(an_email(), DUCKS, HOME)) == "in"

    async def test_many_at_once_are_no_more(self) -> None:
        """Counted before hashing."""
        world = a_world(attempt_limits=AttemptLimits(signups=10))
        await asyncio.gather(*(outcome(world.accounts.signup(an_email(), DUCKS, HOME)) for _ in range(100)))
        assert world.journal.count("hash") == len(world.storage.state.accounts) == 10

    async def test_a_password_that_is_refused_is_no_sign_up(self) -> None:
        """Nothing is hashed for it."""
        world = a_world()
        with pytest.raises(PasswordCompromised):
            await world.accounts.signup(an_email(), Password.parse("password1"), HOME)
        assert world.storage.state.attempts == {}

    async def test_sign_ups_and_logins_have_counts_of_their_own(self) -> None:
        """Whoever guessed may sign up, and the other way round."""
        world = world_with(account := an_account(), signups=1)
        await guess(world, account.email, 10)
        assert await outcome(world.accounts.signup(an_email(), DUCKS, HOME)) == "in"


class TestSettingsAndUpkeep:
    """What is around it."""

    async def test_every_count_can_be_switched_off(self) -> None:
        """For tests and for load; then nothing is asked and nothing kept."""
        world = world_with(account := an_account(), failures=0, network_failures=0, signups=0)
        assert await guess(world, account.email, 150) == ["CredentialsInvalid"] * 150
        assert await outcome(world.accounts.signup(an_email(), DUCKS, HOME)) == "in"
        assert "count" not in world.journal

    async def test_one_count_switched_off_leaves_the_others(self) -> None:
        """Each setting is its own."""
        world = world_with(an_account(), failures=0, network_failures=3)
        assert await guess(world, an_email(), 4) == ["CredentialsInvalid"] * 3 + ["TooManyAttempts"]

    async def test_what_has_expired_is_cleared_away_by_whoever_comes(self) -> None:
        """The table is bounded by what was tried lately; nobody has to sweep."""
        world = a_world()
        for _ in range(20):
            await guess(world, an_email())
        world.advance(timedelta(days=2))
        before = set(world.storage.state.attempts)
        for _ in range(PURGE_EVERY):
            await guess(world, an_email())
        assert len(before & world.storage.state.attempts.keys()) <= 1

    async def test_lines_are_forgotten_when_nobody_stands_in_them(self) -> None:
        """Memory does not grow with what was tried."""
        world = a_world()
        await asyncio.gather(*(guess(world, an_email()) for _ in range(50)))
        assert len(world.attempts._lines) == 0  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - nobody else can tell

    async def test_op_05_a_refusal_is_logged_with_where_and_how_long(self, caplog: pytest.LogCaptureFixture) -> None:
        """And without the address that was typed, which may be a password."""
        world = world_with(account := an_account(), failures=1, signups=1)
        await guess(world, account.email, 2)
        email = an_email()
        for _ in range(2):
            await outcome(world.accounts.signup(email, DUCKS, HOME))
        refusals = [vars(record) for record in caplog.records if "refused" in record.getMessage()]
        assert [(said["msg"], said["address"], said["retry_after"]) for said in refusals] == [
            ("login_refused", HOME.address, 30),
            ("signup_refused", HOME.address, 3600),
        ]
        assert account.email.key not in str(refusals)
        assert email.key not in str(refusals)
