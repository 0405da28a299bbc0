"""How many requests a client may send (CASES.md, SZ-21, PW-17, OP-15)."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import httpx2
import pytest

from postkeep.server.request_limit import BURST_SECONDS
from tests.e2e.clients import Person, a_text, problem_of
from tests.e2e.conftest import settings_for
from tests.e2e.crowds import at_once
from tests.e2e.raw import Wire
from tests.e2e.servers import PostkeepServer

FLOODED = (429, "too_many_requests")


def on_limits(tmp_path_factory: pytest.TempPathFactory, **limits: str) -> Iterator[PostkeepServer]:
    """Serve with these limits, behind a proxy on loopback that gives each client of a test an address."""
    changed = {f"POSTKEEP_{name}": value for name, value in limits.items()}
    settings = {**settings_for(), "POSTKEEP_TRUSTED_PROXIES": "127.0.0.1", **changed}
    with PostkeepServer(tmp_path_factory.mktemp("limited"), settings).running() as server:
        yield server


@pytest.fixture(scope="module")
def per_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostkeepServer]:
    """Serve with a limit of 50 requests at once for each account."""
    yield from on_limits(tmp_path_factory, ACCOUNT_RATE="5")


@pytest.fixture(scope="module")
def per_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostkeepServer]:
    """Serve with a limit of 10 requests at once for each address."""
    yield from on_limits(tmp_path_factory, ADDRESS_RATE="1")


def asks(server: PostkeepServer, address: str, times: int = 1, path: str = "/no") -> Counter[int]:
    """Ask from an address, so many times, and count the statuses."""
    said = {"X-Forwarded-For": address}
    return Counter(server.http.get(path, headers=said).status_code for _ in range(times))


def told_of(server: PostkeepServer, name: str, client: str, ask: Callable[[], object]) -> set[str]:
    """Return of whom the log says that they ask too often, once it says so of a client who goes on asking.

    A line a second at most is written, and somebody else of this server's clients may have had the last one.
    """
    deadline = time.monotonic() + 20
    while client not in (told := {event[name] for event in server.events("too_many_requests")}):
        assert time.monotonic() < deadline
        ask()
    return told


def test_sz_21_a_thousand_writes_by_one_user_harm_nobody_else(per_account: PostkeepServer) -> None:
    """The burst is taken and kept, the rest is told when to go on; whoever else writes meanwhile notices nothing."""
    flooder, other = (Person.signs_up(per_account.http) for _ in range(2))
    ids = [person.me().json()["id"] for person in (flooder, other)]

    def write(number: int) -> httpx2.Response:
        return (other if number % 50 == 49 else flooder).adds({"text": a_text()})

    answers = at_once(1000, write, threads=16)
    assert [answer.status_code for answer in answers[49::50]] == [201] * 20
    flood = Counter(answer.status_code for number, answer in enumerate(answers) if number % 50 != 49)
    assert flood.keys() == {201, 429}
    assert flood[201] >= 49
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {(*problem_of(answer), answer.headers["retry-after"]) for answer in refused} == {(*FLOODED, "1")}
    assert ids[1] not in told_of(per_account, "account", ids[0], flooder.me)
    kept = [per_account.rows.one("SELECT posts FROM accounts WHERE id = :id", id=UUID(name).bytes) for name in ids]
    assert [row["posts"] for row in kept] == [flood[201], 20]


def test_sz_21_a_refused_body_is_not_read(per_account: PostkeepServer) -> None:
    """A megabyte that nobody asked for: the answer comes before it, and ends the connection."""
    person = Person.signs_up(per_account.http)
    assert {person.me().status_code for _ in range(60)} == {200, 429}
    head = f"POST /addPost HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.access}\r\n"
    with Wire(per_account) as wire:
        wire.send(f"{head}Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n")
        answer = wire.answer()
        assert (answer.status, answer.header("connection")) == (429, "close")
        assert wire.is_closed()


def test_a_bad_token_counts_for_no_account(per_account: PostkeepServer) -> None:
    """Or anybody could use up what somebody else may send; and 401 comes before 429."""
    person = Person.signs_up(per_account.http)
    forged = {"Authorization": f"Bearer {person.access[:-4]}AAAA"}
    assert {per_account.http.get("/api/v1/me", headers=forged).status_code for _ in range(100)} == {401}
    assert person.me().status_code == 200


def test_lists_from_memory_count_for_nobody(per_account: PostkeepServer) -> None:
    """They cost next to nothing, and an app may ask as often as it likes; nothing of a refusal is remembered."""
    person = Person.signs_up(per_account.http)
    person.add(a_text())
    assert [person.gets("/getPosts").status_code for _ in range(200)] == [200] * 200
    flood = Counter(person.me().status_code for _ in range(100))
    assert flood.keys() == {200, 429}
    assert person.gets("/getPosts").headers["cache-status"] == "postkeep; hit"
    refused = [person.gets(f"/getPosts?limit={limit}") for limit in (*range(1, 40), *range(1, 40))]
    assert {problem_of(answer) for answer in refused if answer.status_code != 200} == {FLOODED}
    assert {answer.status_code for answer in refused if "hit" in answer.headers.get("cache-status", "")} <= {200}


def test_an_address_has_a_limit_whoever_asks(per_address: PostkeepServer) -> None:
    """With a token or without one, for a path that is there or not; then 429 with when to go on.

    Whoever looks whether the process lives may ask from the same address, and one that is flooded does.
    """
    paths = ("/no", "/", "/log-in", "/getPosts", "/static/icon.svg")
    answers = [
        per_address.http.get(paths[number % 5], headers={"X-Forwarded-For": "203.0.113.1"}) for number in range(40)
    ]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert [answer.status_code for answer in answers[:10]] == [404, 200, 200, 401, 200] * 2
    assert len(refused) >= 20
    assert asks(per_address, "203.0.113.1", 30, "/livez") == {200: 30}
    assert {(*problem_of(answer), answer.headers["retry-after"]) for answer in refused} == {(*FLOODED, "1")}
    assert asks(per_address, "203.0.113.2", 10) == {404: 10}
    assert "203.0.113.2" not in told_of(
        per_address, "address", "203.0.113.1", lambda: asks(per_address, "203.0.113.1", 20)
    )


def test_pw_17_other_words_on_the_left_make_no_other_client(per_address: PostkeepServer) -> None:
    """What a client writes into X-Forwarded-For itself stands left of what the proxy writes."""
    statuses = Counter[int]()
    for number in range(60):
        statuses += asks(per_address, f"198.51.100.{number}, 203.0.113.3")
    assert statuses[429] >= 40


def test_pw_17_a_stranger_s_header_makes_no_other_client(tmp_path: Path) -> None:
    """Without a proxy that is trusted the connection's own address counts, whatever the header says."""
    with PostkeepServer(tmp_path, {**settings_for(), "POSTKEEP_ADDRESS_RATE": "1"}).running() as server:
        statuses = Counter[int]()
        for number in range(60):
            statuses += asks(server, f"203.0.113.{number}")
    assert statuses[429] >= 40


def test_pw_17_whoever_has_a_network_of_ipv6_is_one_client(per_address: PostkeepServer) -> None:
    """A /64 is what one household gets; the next one is somebody else."""
    statuses = Counter[int]()
    for number in range(60):
        statuses += asks(per_address, f"2001:db8:0:1::{number:x}")
    assert statuses[429] >= 40
    assert asks(per_address, "2001:db8:0:2::1", 10) == {404: 10}


def test_lists_from_memory_are_answered_beyond_the_limit(per_address: PostkeepServer) -> None:
    """The limit stands behind the memory."""
    said = {"X-Forwarded-For": "203.0.113.4"}
    person = Person(per_address.http)
    signed_up = per_address.http.post("/signup", json=person.credentials, headers={"X-Forwarded-For": "203.0.113.5"})
    asked = {**person.keep(signed_up).authorization, **said}
    answers = [per_address.http.get("/getPosts", headers=asked) for _ in range(60)]
    assert {answer.status_code for answer in answers} == {200}
    assert asks(per_address, "203.0.113.4", 60)[429] >= 40
    assert per_address.http.get("/getPosts", headers=asked).headers["cache-status"] == "postkeep; hit"


def test_op_15_each_process_counts_by_itself(tmp_path: Path) -> None:
    """As docs/settings.md says: with N workers it is N times as much, and no more."""
    settings = {**settings_for(), "POSTKEEP_ADDRESS_RATE": "1", "POSTKEEP_WORKERS": "2"}
    statuses = Counter[int]()
    with PostkeepServer(tmp_path, settings).running() as server:
        begun = time.monotonic()
        for _ in range(200):
            with Wire(server) as wire:
                wire.send("GET /no HTTP/1.1\r\nHost: x\r\n\r\n")
                statuses[wire.answer().status] += 1
    assert statuses.keys() == {404, 429}
    seconds = time.monotonic() - begun
    assert statuses[404] <= 2 * (BURST_SECONDS + seconds + 1)
