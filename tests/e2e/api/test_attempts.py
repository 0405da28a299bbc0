"""Guessing passwords, through real processes and databases (CASES.md: PW-10, PW-15..18, PW-21, PW-22, OP-05, OP-15)."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event

import httpx2
import pytest

from tests.databases import Server
from tests.e2e.clients import Person, a_password, an_address, comparable, problem_of
from tests.e2e.conftest import MANY_ATTEMPTS, on_server, settings_for
from tests.e2e.crowds import at_once
from tests.e2e.servers import PostkeepServer

USUAL = dict.fromkeys(MANY_ATTEMPTS, "")
"""An empty value is none: the limits are the usual ones."""


@dataclass
class Sites:
    """Servers that start as they are asked for, each on a fresh database, with limits as usual but those changed."""

    request: pytest.FixtureRequest
    factory: pytest.TempPathFactory
    stack: ExitStack
    started: dict[tuple[str, int], PostkeepServer] = field(default_factory=dict[tuple[str, int], PostkeepServer])

    def start(self, database: str, workers: int = 1, **changed: str) -> PostkeepServer:
        """Start another one."""
        folder, options = self.factory.mktemp("attempts"), ("--workers", str(workers))
        settings = settings_for() | USUAL | changed
        if database == "sqlite":
            return self.stack.enter_context(PostkeepServer(folder, settings, options).running())
        server: Server = self.request.getfixturevalue("mariadb" if database == "mariadb" else "outside_server")
        return self.stack.enter_context(contextmanager(on_server)(server, folder, options, USUAL | changed))

    def shared(self, database: str, workers: int) -> PostkeepServer:
        """Return one that many tests share: what each network may do is not limited, since all are on one."""
        if (database, workers) not in self.started:
            open_doors = {"POSTKEEP_LOGIN_FAILURES_PER_NETWORK": "0", "POSTKEEP_SIGNUPS_PER_HOUR": "0"}
            self.started[database, workers] = self.start(database, workers, **open_doors)
        return self.started[database, workers]


@pytest.fixture(scope="module")
def sites(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """Return what starts servers, and stop them in the end."""
    with ExitStack() as stack:
        yield Sites(request, tmp_path_factory, stack)


@pytest.fixture
def limited(sites: Sites, database_name: str) -> PostkeepServer:
    """Return a server on each database, where each account has the usual ten failures."""
    return sites.shared(database_name, 1)


def guess(server: PostkeepServer, email: str, **headers: str) -> httpx2.Response:
    """Log in with a password that is wrong."""
    return server.http.post(
        "/api/v1/login", json={"email": email, "password": a_password()}, headers={"Connection": "close", **headers}
    )


def verified(server: PostkeepServer) -> int:
    """Return how many wrong passwords were verified."""
    return len(server.events("login_failed"))


def rows(server: PostkeepServer) -> int:
    """Return how many counts are kept."""
    return len(server.rows.ask("SELECT attempt_key FROM login_attempts"))


def under_way(server: PostkeepServer) -> int:
    """Return how many attempts are counted as under way."""
    return int(server.rows.one("SELECT COALESCE(SUM(under_way), 0) AS n FROM login_attempts")["n"])


@pytest.mark.parametrize("workers", [1, 3])
def test_pw_16_op_15_of_many_parallel_guesses_ten_are_verified(sites: Sites, database_name: str, workers: int) -> None:
    """Also over several processes, which share nothing but the database; everybody else is told when to come again."""
    server = sites.shared(database_name, workers)
    person, before = Person.signs_up(server.http), verified(server)
    answers = at_once(120, lambda _: guess(server, person.email), threads=60)
    assert Counter(problem_of(answer) for answer in answers) == {
        (401, "invalid_credentials"): 10,
        (429, "too_many_attempts"): 110,
    }
    assert verified(server) == before + 10
    assert under_way(server) == 0
    assert {1 <= int(answer.headers["retry-after"]) <= 30 for answer in answers if answer.status_code == 429} == {True}
    assert problem_of(person.login()) == (429, "too_many_attempts")


@pytest.mark.long
def test_pw_16_of_a_thousand_parallel_guesses_ten_are_verified(sites: Sites, database_name: str) -> None:
    """As the case has it."""
    server = sites.shared(database_name, 3)
    person, before = Person.signs_up(server.http), verified(server)
    answers = at_once(1000, lambda _: guess(server, person.email).status_code, threads=200)
    assert Counter(answers) == {401: 10, 429: 990}
    assert verified(server) == before + 10


@pytest.mark.parametrize("workers", [1, 3])
def test_pw_10_many_logins_at_once_all_get_in(sites: Sites, database_name: str, workers: int) -> None:
    """Twice as many as may fail: who is right waits for the others, in whatever process they are."""
    server = sites.shared(database_name, workers)
    person = Person.signs_up(server.http)
    before = rows(server)
    # Each on a connection of its own, so that they reach all the processes.
    answers = at_once(
        20,
        lambda _: (
            server.http.post("/api/v1/login", json=person.credentials, headers={"Connection": "close"}).status_code
        ),
    )
    assert answers == [200] * 20
    assert rows(server) <= before


def test_pw_15_pw_22_every_way_to_try_a_password_counts(limited: PostkeepServer) -> None:
    """Login, the short name, the OAuth form, a new password, leaving: one count, and one answer beyond it."""
    server = limited
    person, wrong = Person.signs_up(server.http), a_password()

    def ways(password: str) -> list[httpx2.Response]:
        credentials = {"email": person.email.upper(), "password": password}
        form = {"grant_type": "password", "username": person.email, "password": password}
        change = {"current_password": password, "new_password": a_password()}
        return [
            server.http.post("/api/v1/login", json=credentials),
            server.http.post("/login", json=credentials),
            server.http.post("/api/v1/token", data=form),
            server.http.post("/api/v1/me/password", json=change, headers=person.authorization),
            server.http.post("/api/v1/me/deletion", json={"password": password}, headers=person.authorization),
        ]

    for _ in range(2):
        assert [answer.status_code for answer in ways(wrong)] == [401, 401, 400, 401, 401]
    assert [problem_of(answer) for answer in ways(person.password)] == [(429, "too_many_attempts")] * 5
    assert person.me().status_code == 200


def test_pw_12_a_refusal_does_not_tell_who_has_an_account(limited: PostkeepServer) -> None:
    """The same number of attempts, the same answer then, whoever it is: known, unknown, disabled, no address at all."""
    server = limited
    known, disabled = Person.signs_up(server.http), Person.signs_up(server.http)
    server.rows.change("UPDATE accounts SET status = 'disabled' WHERE email = :email", email=disabled.email)
    seen: list[tuple[int, dict[str, str], dict[str, object]]] = []
    for email in (known.email, disabled.email, an_address(), "nobody"):
        answers = [guess(server, email) for _ in range(12)]
        assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
        seen.append(comparable(answers[-1]))
        # In seconds, of which some may pass between two of them.
        assert 20 <= int(seen[-1][1].pop("retry-after")) <= 30
    assert seen == [seen[0]] * 4


def test_pw_15_the_next_attempt_counts_after_the_delay(limited: PostkeepServer) -> None:
    """As Retry-After said; here the table is told that it is over, since nobody wants to wait for it."""
    server, person = limited, Person.signs_up(limited.http)
    assert [guess(server, person.email).status_code for _ in range(11)] == [401] * 10 + [429]
    for delay in (60, 120):
        pass_the_delay(server)
        assert guess(server, person.email).status_code == 401
        refused = guess(server, person.email)
        assert refused.status_code == 429
        assert delay - 10 <= int(refused.headers["retry-after"]) <= delay
    pass_the_delay(server)
    assert person.login().status_code == 200
    assert guess(server, person.email).status_code == 401


def pass_the_delay(server: PostkeepServer) -> None:
    """Have all delays be over."""
    server.rows.change("UPDATE login_attempts SET blocked_until = '2020-01-01 00:00:00.000000'")


def test_pw_17_one_network_at_many_accounts_whatever_it_says_of_itself(sites: Sites) -> None:
    """The address that counts is the connection's; nobody told this server to believe a header."""
    server = sites.start("sqlite", POSTKEEP_LOGIN_FAILURES_PER_NETWORK="20")
    chance = random.Random(17)

    def disguised(_: int) -> int:
        address = ".".join(str(chance.randrange(1, 255)) for _ in range(4))
        names = ("X-Forwarded-For", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP", "Forwarded")
        headers = dict.fromkeys(names, address) | {"Forwarded": f"for={address}"}
        return guess(server, an_address(), **headers).status_code

    assert Counter(at_once(100, disguised, threads=20)) == {401: 20, 429: 80}
    assert verified(server) == 20


def test_pw_21_op_15_sign_ups_are_limited_for_all_processes_together(sites: Sites, database_name: str) -> None:
    """Also those that only ask whether an address is taken."""
    server = sites.start(database_name, 3, POSTKEEP_SIGNUPS_PER_HOUR="10")
    person = Person.signs_up(server.http)
    answers = at_once(30, lambda number: Person(server.http, person.email if number % 2 else an_address()).signup())
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[429] == 21
    assert statuses[201] + statuses[409] == 9
    assert {3500 <= int(answer.headers["retry-after"]) <= 3600 for answer in answers if answer.status_code == 429} == {
        True
    }
    assert len(server.rows.ask("SELECT id FROM accounts")) == 1 + statuses[201]
    assert person.login().status_code == 200


def test_pw_18_lists_are_answered_while_logins_come_by_the_hundred(sites: Sites, database_name: str) -> None:
    """Beyond the queue they are told to come again, nothing fails, and nothing of them stays behind."""
    server = sites.start(database_name, POSTKEEP_HASH_QUEUE="4", POSTKEEP_SIGNUPS_PER_HOUR="0")
    people = [Person.signs_up(server.http) for _ in range(40)]
    reader = people[0]
    reader.add("here")
    with ThreadPoolExecutor(40) as pool:
        begun = [pool.submit(people[number % 40].login) for number in range(200)]
        meanwhile = 0
        while not all(login.done() for login in begun):
            assert len(reader.posts()) == 1
            meanwhile += sum(not login.done() for login in begun) > 0
        answers = [login.result() for login in begun]
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {200, 503}
    assert {problem_of(answer) for answer in answers if answer.status_code == 503} == {(503, "hashing_busy")}
    assert meanwhile > 10
    assert rows(server) == 0
    assert [person.login().status_code for person in people] == [200] * 40


def test_pw_18_a_crowd_from_one_network_keeps_nobody_else_from_logging_in(sites: Sites, database_name: str) -> None:
    """They get in one by one, and those of others between them: nobody else hears of a full queue, nor waits for it."""
    server = sites.start(database_name, POSTKEEP_HASH_QUEUE="4", POSTKEEP_SIGNUPS_PER_HOUR="0")
    elsewhere = httpx2.HTTPTransport(local_address="127.0.0.7", trust_env=False)
    is_over = Event()

    def crowd(_: int) -> set[int]:
        seen: set[int] = set()
        while not is_over.is_set():
            seen.add(Person(server.http).signup().status_code)
        return seen

    with httpx2.Client(base_url=server.url, transport=elsewhere) as http, ThreadPoolExecutor(32) as pool:
        person = Person.signs_up(http)
        crowds = [pool.submit(crowd, number) for number in range(32)]
        try:
            answers = [person.login() for _ in range(10)]
        finally:
            is_over.set()
    assert [answer.status_code for answer in answers] == [200] * 10
    assert max(answer.elapsed for answer in answers) < timedelta(seconds=3)
    assert set[int]().union(*(each.result() for each in crowds)) == {201, 503}


def test_a_process_that_is_killed_gives_no_guess_away(sites: Sites, database_name: str) -> None:
    """Whatever it was verifying counts as failed; and the owner is not locked out for long by that."""
    slow = {"POSTKEEP_HASH_PASSES": "8"}
    server = sites.start(database_name, 1, POSTKEEP_SIGNUPS_PER_HOUR="0", **slow)
    person = Person.signs_up(server.http)
    with ThreadPoolExecutor(8) as pool:
        guesses = [pool.submit(guess, server, person.email) for _ in range(8)]
        await_under_way(server)
        server.kill()
    assert any(isinstance(guess.exception(), httpx2.TransportError) for guess in guesses)
    server.start()
    (counted,) = {row["n"] for row in server.rows.ask("SELECT failures + under_way AS n FROM login_attempts")}
    assert under_way(server) > 0
    assert [guess(server, person.email).status_code for _ in range(11 - counted)] == [401] * (10 - counted) + [429]
    later(server, seconds=3600)
    assert person.at(server.http).login().status_code == 200


def await_under_way(server: PostkeepServer) -> None:
    """Wait until some attempts are under way."""
    deadline = time.monotonic() + 20
    while under_way(server) < 3 * 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def later(server: PostkeepServer, *, seconds: int) -> None:
    """Have everything that is counted be so much older."""
    for column in ("changed_date", "expires_date", "blocked_until"):
        shifted = (
            f"strftime('%Y-%m-%d %H:%M:%f000', {column}, '-{seconds} seconds')"
            if server.database == "sqlite"
            else f"{column} - INTERVAL {seconds} SECOND"
        )
        server.rows.change(f"UPDATE login_attempts SET {column} = {shifted}")  # noqa: S608 - ours


def test_whoever_hangs_up_has_guessed(limited: PostkeepServer) -> None:
    """A client that does not wait for the answer gets no more guesses than one that does."""
    server = limited
    person, before = Person.signs_up(server.http), verified(limited)
    with httpx2.Client(base_url=server.url, trust_env=False, timeout=httpx2.Timeout(5, read=0.001)) as impatient:
        for _ in range(15):
            with pytest.raises(httpx2.ReadTimeout):
                impatient.post("/api/v1/login", json={"email": person.email, "password": a_password()})
    await_verified(server, before + 10)
    assert problem_of(person.login()) == (429, "too_many_attempts")
    assert verified(server) == before + 10


def await_verified(server: PostkeepServer, attempts: int) -> None:
    """Wait until so many were verified."""
    deadline = time.monotonic() + 20
    while verified(server) < attempts:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_op_05_refusals_are_logged_with_where_and_how_long(sites: Sites) -> None:
    """Who guesses is seen by the operator; whom they guess at is nobody's, and in no log."""
    server = sites.start("sqlite", POSTKEEP_LOGIN_FAILURES="1", POSTKEEP_SIGNUPS_PER_HOUR="1")
    person = Person.signs_up(server.http)
    assert [guess(server, person.email).status_code for _ in range(2)] == [401, 429]
    assert Person(server.http).signup().status_code == 429
    (failed,) = server.events("login_failed")
    (refused,) = server.events("login_refused")
    (signup,) = server.events("signup_refused")
    assert failed["address"] == refused["address"] == signup["address"] == "127.0.0.1"
    assert 20 <= refused["retry_after"] <= 30
    assert {line["level"] for line in (failed, refused, signup)} == {"warning"}
    assert person.email not in server.log


def test_every_limit_can_be_switched_off(sites: Sites) -> None:
    """For load and for tests, in so many words; then nothing is kept either."""
    server = sites.start("sqlite", 1, **dict.fromkeys(MANY_ATTEMPTS, "0"))
    person = Person.signs_up(server.http)
    assert [guess(server, person.email).status_code for _ in range(15)] == [401] * 15
    assert rows(server) == 0


def test_a_row_at_the_end_of_its_numbers_is_no_error(limited: PostkeepServer) -> None:
    """Whoever wrote it, by whatever mistake."""
    server, person = limited, Person.signs_up(limited.http)
    assert guess(server, person.email).status_code == 401
    server.rows.change("UPDATE login_attempts SET failures = 2147483647, under_way = 2147483647")
    assert guess(server, person.email).status_code == 429
    later(server, seconds=100)
    assert guess(server, person.email).status_code in {401, 429}
    later(server, seconds=100_000)
    assert person.login().status_code == 200
