"""Every row of the table, on `postkeep serve` itself and behind the proxies whose configurations we ship."""

import fnmatch
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e import behind_proxies, wire_table
from tests.e2e.clients import Person
from tests.e2e.conftest import settings_for
from tests.e2e.haproxy import Haproxy
from tests.e2e.nginx import Nginx
from tests.e2e.raw import Door, RawAnswer, Wire
from tests.e2e.reverse_proxies import ReverseProxy
from tests.e2e.servers import PostkeepServer
from tests.e2e.wire_table import SMUGGLED, Outcome, Row, rows

ROWS = list(rows())


@dataclass(frozen=True)
class Entrance:
    """A way to the server."""

    door: Door
    person: Person
    tls: ssl.SSLContext | None = None


@pytest.fixture(scope="module")
def ann(sqlite_server: PostkeepServer) -> Person:
    """Return somebody who is signed in."""
    return Person.signs_up(sqlite_server.http)


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostkeepServer]:
    """Serve for both proxies."""
    with PostkeepServer(tmp_path_factory.mktemp("served"), settings_for()).running() as server:
        yield server


@pytest.fixture(scope="module", params=[Nginx, Haproxy], ids=lambda proxy: proxy.program)
def through(
    request: pytest.FixtureRequest, behind: PostkeepServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Entrance]]:
    """Reach it through each proxy, and say which."""
    kind: type[ReverseProxy] = request.param
    with kind(behind, tmp_path_factory.mktemp(kind.program)).running() as proxy:
        tls = ssl.create_default_context(cafile=str(proxy.certificate))
        yield kind.program, Entrance(proxy, Person.signs_up(behind.http), tls)


@pytest.mark.parametrize("row", list(wire_table.sizes()), ids=lambda row: row.id)
def test_sz_01_sz_02_sz_03_sz_04_sz_18_sz_22_sz_26_a_body(sqlite_server: PostkeepServer, ann: Person, row: Row) -> None:
    """Bodies that are too much, not wanted, or in a form that nobody reads."""
    run_directly(sqlite_server, ann, row)


@pytest.mark.parametrize("row", list(wire_table.framing()), ids=lambda row: row.id)
def test_sz_06_sz_07_sz_08_the_end_of_a_body(sqlite_server: PostkeepServer, ann: Person, row: Row) -> None:
    """Where two readers might disagree, nothing is read on."""
    run_directly(sqlite_server, ann, row)


@pytest.mark.parametrize("row", list(wire_table.heads()), ids=lambda row: row.id)
def test_sz_09_sz_11_tk_15_br_18_a_head(sqlite_server: PostkeepServer, ann: Person, row: Row) -> None:
    """Lines that are none, and more of them than anybody needs."""
    run_directly(sqlite_server, ann, row)


@pytest.mark.parametrize("row", list(wire_table.hosts()), ids=lambda row: row.id)
def test_sz_10_who_is_asked(sqlite_server: PostkeepServer, ann: Person, row: Row) -> None:
    """One host, one token, and a target that means a path."""
    run_directly(sqlite_server, ann, row)


@pytest.mark.parametrize("row", list(wire_table.methods()), ids=lambda row: row.id)
def test_sz_24_az_10_a_method(sqlite_server: PostkeepServer, ann: Person, row: Row) -> None:
    """The one in the request line counts, and unknown ones are told what there is."""
    run_directly(sqlite_server, ann, row)


@pytest.mark.parametrize("row", list(wire_table.pipelines()), ids=lambda row: row.id)
def test_requests_in_a_row(sqlite_server: PostkeepServer, ann: Person, row: Row) -> None:
    """A refusal comes in its turn, and is the last answer."""
    run_directly(sqlite_server, ann, row)


@pytest.mark.parametrize("row", list(wire_table.other_protocols()), ids=lambda row: row.id)
def test_another_protocol(sqlite_server: PostkeepServer, ann: Person, row: Row) -> None:
    """Whatever else knocks is told so, once."""
    run_directly(sqlite_server, ann, row)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_behind_a_proxy(through: tuple[str, Entrance], row: Row) -> None:
    """What the proxy makes of it is no worse, and Postkeep is not led to believe it."""
    run_behind(*through, row)


@pytest.mark.parametrize("proxy", behind_proxies.DIFFERENCES)
def test_every_difference_is_one_of_a_row(proxy: str) -> None:
    """Patterns that match nothing would hide that a row has gone."""
    ids = [row.id for row in ROWS]
    assert len(set(ids)) == len(ids)
    patterns = [pattern for difference in behind_proxies.DIFFERENCES[proxy] for pattern in difference.rows]
    assert [pattern for pattern in patterns if not fnmatch.filter(ids, pattern)] == []


def run_directly(server: PostkeepServer, person: Person, row: Row) -> None:
    """Run a row on the server itself: what is refused is a problem like any other."""
    for answer in run(Entrance(server, person), row, row.direct):
        if answer.status >= 400:
            look_at(answer)
    assert SMUGGLED not in person.texts()
    assert server.events("failed") == []


def run_behind(proxy: str, entrance: Entrance, row: Row) -> None:
    """Run a row behind a proxy. What was smuggled may be there only if it was answered, as a request of its own."""
    answers = run(entrance, row, behind_proxies.outcome(proxy, row))
    kept = [post["id"] for post in entrance.person.posts() if post["text"] == SMUGGLED]
    assert len(kept) == len([answer for answer in answers[1:] if answer.status == 201])
    for post_id in kept:
        entrance.person.delete(post_id)


def run(entrance: Entrance, row: Row, outcome: Outcome) -> list[RawAnswer]:
    """Send what a row sends, and hold what comes to what is to come of it."""
    with Wire(entrance.door, timeout=30, tls=entrance.tls) as wire:
        wire.send_as_taken(row.sent(entrance.person))
        answers = [wire.answer() for _ in outcome.answers]
        wrong = [
            answer.status
            for answer, allowed in zip(answers, outcome.answers, strict=True)
            if answer.status not in allowed
        ]
        assert wrong == []
        wire.set_timeout(5)
        hold_end(wire, outcome)
    return answers


def hold_end(wire: Wire, outcome: Outcome) -> None:
    """See that the connection ends, or that it does not."""
    if outcome.end == "closed":
        assert wire.is_closed()
    elif outcome.end == "open":
        wire.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert wire.answer().status == 200


def look_at(answer: RawAnswer) -> None:
    """Hold a refusal to what is true of all of them."""
    assert answer.header("content-type") == "application/problem+json"
    assert answer.header("date")
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("cache-control") == "no-store"
    assert answer.header("server") is None
    assert (answer.header("allow") is not None) == (answer.status == 405)
    said = json.loads(answer.body)
    assert (said["status"], said["request_id"]) == (answer.status, answer.header("x-request-id"))
