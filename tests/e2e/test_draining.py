"""Ending on SIGTERM without cutting anybody off (CASES.md: SV-01, SV-02, SV-09)."""

import asyncio
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from tests.e2e.clients import Person
from tests.e2e.conftest import beside, settings_for
from tests.e2e.haproxy import Haproxy
from tests.e2e.raw import Wire
from tests.e2e.servers import PostkeepServer
from tests.e2e.test_processes import eventually, workers_of

DRAIN_SECONDS = 3
READINESS = "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def draining(server: PostkeepServer) -> Iterator[PostkeepServer]:
    """Return a process on the database of `server` that drains for three seconds."""
    yield from beside(server, POSTKEEP_DRAIN_SECONDS=str(DRAIN_SECONDS))


def readiness(server: PostkeepServer) -> int:
    """Ask a server, on a connection of its own, whether requests should come to it."""
    with Wire(server) as wire:
        wire.send(READINESS)
        return wire.answer().status


def await_draining(server: PostkeepServer) -> None:
    """Wait until a server that was told to end says so."""
    deadline = time.monotonic() + 5
    while readiness(server) != 503:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_sv_09_readiness_turns_before_the_listener_closes(server: PostkeepServer, draining: PostkeepServer) -> None:
    """Everything is served all the same; what was asked on a connection is the last thing there, and says so."""
    person = Person.signs_up(server.http)
    with Wire(draining) as kept, Wire(draining) as silent:
        kept.send(READINESS)
        assert (answer := kept.answer()).status == 200
        assert answer.header("connection") is None
        begun = time.monotonic()
        draining.signal(signal.SIGTERM)
        await_draining(draining)
        with Wire(draining) as fresh:
            fresh.send(READINESS)
            refusal = fresh.answer()
            assert (refusal.status, refusal.header("connection")) == (503, "close")
            assert b'"code": "draining"' in refusal.body
            assert fresh.is_closed()
        for wire, path in ((kept, "/livez"), (silent, "/getPosts")):
            authorization = person.authorization["Authorization"]
            wire.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n\r\n")
            answer = wire.answer()
            assert (answer.status, answer.header("connection")) == (200, "close")
            assert wire.is_closed()
        assert person.at(draining.http).adds({"text": "late"}).status_code == 201
        assert draining.wait() in {0, -signal.SIGTERM}
    assert DRAIN_SECONDS <= time.monotonic() - begun < 10
    assert person.texts() == ["late"]
    assert [event["seconds"] for event in draining.events("draining")] == [DRAIN_SECONDS]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_end_in_good_order_is_exit_code_0(tmp_path: Path, number: signal.Signals) -> None:
    """As with several workers; and a terminal that is closed cuts off nobody who is being served."""
    with PostkeepServer(tmp_path, {**settings_for(), "POSTKEEP_DRAIN_SECONDS": "1"}).running() as server:
        server.signal(number)
        assert server.wait() == 0
        assert [len(server.events(name)) for name in ("draining", "stopped")] == [1, 1]


def test_a_second_sigterm_does_not_wait(tmp_path: Path) -> None:
    """Whoever is in a hurry says it twice."""
    with PostkeepServer(tmp_path, {**settings_for(), "POSTKEEP_DRAIN_SECONDS": "300"}).running() as server:
        server.signal(signal.SIGTERM)
        await_draining(server)
        server.signal(signal.SIGTERM)
        assert server.wait() in {0, -signal.SIGTERM}


def test_ctrl_c_does_not_wait(tmp_path: Path) -> None:
    """A person looks on."""
    with PostkeepServer(tmp_path, {**settings_for(), "POSTKEEP_DRAIN_SECONDS": "300"}).running() as server:
        server.signal(signal.SIGINT)
        assert server.wait() in {0, 130, -signal.SIGINT}


def test_all_workers_drain(tmp_path: Path) -> None:
    """Each for itself, and the server ends when all have."""
    settings = {**settings_for(), "POSTKEEP_DRAIN_SECONDS": "2"}
    with PostkeepServer(tmp_path, settings, options=("--workers", "2")).running() as server:
        assert eventually(lambda: len(server.events("started")) == 2)
        server.signal(signal.SIGTERM)
        await_draining(server)
        assert {readiness(server) for _ in range(8)} == {503}
        assert server.wait() in {0, -signal.SIGTERM}
        assert len(server.events("draining")) == 2


def test_a_frozen_worker_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """It would hear of it when it is thawed; whoever waits kills after ten seconds, and then it is left behind."""
    settings = {**settings_for(), "POSTKEEP_DRAIN_SECONDS": "1", "POSTKEEP_SHUTDOWN_SECONDS": "1"}
    with PostkeepServer(tmp_path, settings, options=("--workers", "2")).running() as server:
        assert eventually(lambda: len(server.events("started")) == 2)
        frozen, other = workers_of(server)
        os.kill(frozen, signal.SIGSTOP)
        begun = time.monotonic()
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert time.monotonic() - begun < 10
        assert [worker for worker in (frozen, other) if Path(f"/proc/{worker}").exists()] == []
        assert len(server.events("stopped")) == 1


async def calls_until_nobody_listens(server: PostkeepServer, outcomes: Counter[str]) -> None:
    """Ask again and again, each time over a new connection, and count what comes of it."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            outcomes["reset while connecting"] += 1
            return
        try:
            writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = await reader.readuntil(b"\r\n\r\n")
            outcomes[answer.split(b" ")[1].decode()] += 1
        except (OSError, asyncio.IncompleteReadError) as error:
            outcomes[type(error).__name__] += 1
        finally:
            writer.close()


@pytest.mark.parametrize("workers", [1, 2])
async def test_sv_01_whoever_was_let_in_is_answered(tmp_path: Path, workers: int) -> None:
    """Many come anew all the time, up to the end: each is answered or finds the door closed."""
    settings = {**settings_for(), "POSTKEEP_DRAIN_SECONDS": "1", "POSTKEEP_ACCESS_LOG": "off"}
    server = PostkeepServer(tmp_path, settings, options=("--workers", str(workers)))
    outcomes = Counter[str]()
    with server.running():
        callers = [asyncio.create_task(calls_until_nobody_listens(server, outcomes)) for _ in range(16)]
        await asyncio.sleep(0.5)
        server.signal(signal.SIGTERM)
        await asyncio.gather(*callers)
    assert outcomes.keys() == {"200"}, outcomes


def test_sv_01_a_request_that_has_begun_to_come_is_answered(tmp_path: Path) -> None:
    """Half a head is there when the door closes; the rest of it comes a little later, as over a slow line."""
    with PostkeepServer(tmp_path, {**settings_for(), "POSTKEEP_DRAIN_SECONDS": "1"}).running() as server:
        with Wire(server) as wire:
            wire.send(READINESS[:20])
            server.signal(signal.SIGTERM)
            await_nobody_listening(server)
            wire.send(READINESS[20:])
            answer = wire.answer()
            assert (answer.status, answer.header("connection")) == (503, "close")
        assert server.wait() in {0, -signal.SIGTERM}


def await_nobody_listening(server: PostkeepServer) -> None:
    """Wait until a server has closed its door."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            Wire(server).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.05)
    pytest.fail("somebody still listens")


@dataclass
class Client:
    """Somebody who adds and lists all the time, through a proxy.

    Attributes:
        person: Who.
        added: The ids of what was acknowledged.
        outcomes: What came of the requests: the statuses, and connections' errors.
    """

    person: Person
    added: list[str] = field(default_factory=list[str])
    outcomes: Counter[str] = field(default_factory=Counter[str])

    def run(self, ended: threading.Event) -> None:
        """Go on until it is over."""
        while not ended.is_set():
            try:
                answer = self.person.adds({"text": f"post {len(self.added)}"})
                self.outcomes[str(answer.status_code)] += 1
                if answer.status_code == 201:
                    self.added.append(answer.json()["postID"])
                self.outcomes[str(self.person.gets("/getPosts?limit=3").status_code)] += 1
            except httpx2.HTTPError as error:
                self.outcomes[repr(error)] += 1


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("restarts", [2, pytest.param(50, marks=pytest.mark.long)])
def test_sv_01_rolling_restarts_behind_a_proxy_cut_nobody_off(
    server: PostkeepServer, tmp_path: Path, restarts: int
) -> None:
    """Two servers of one database, restarted in turn while people add and list: every answer is whole and no error."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                PostkeepServer(tmp_path / str(number), two_of(server), start_seconds=90).running()  # a hundred starts
            )
            for number in range(2)
        ]
        (folder := tmp_path / "haproxy").mkdir()
        haproxy = stack.enter_context(Haproxy(servers[0], folder, more=servers[1:]).running())
        clients = [Client(Person.signs_up(server.http).at(stack.enter_context(haproxy.client()))) for _ in range(4)]
        ended = threading.Event()
        threads = [threading.Thread(target=client.run, args=(ended,)) for client in clients]
        for thread in threads:
            thread.start()
        try:
            for turn in range(restarts):
                restarted = servers[turn % 2]
                assert restarted.stop() in {0, -signal.SIGTERM}
                restarted.start()
                # Until the proxy has seen that it is back; the other one is next.
                time.sleep(1.5)
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        assert sum((client.outcomes for client in clients), Counter[str]()).keys() == {"200", "201"}
        for client in clients:
            kept = [post["id"] for post in client.person.at(server.http).gets().json()]
            assert kept == client.added[::-1]


def two_of(server: PostkeepServer) -> dict[str, str]:
    """Return the settings of another process on a server's database that drains for two seconds, behind a proxy."""
    url = server.database_url.render_as_string(hide_password=False)
    behind = {"POSTKEEP_TRUSTED_PROXIES": "127.0.0.1", "POSTKEEP_TRUSTED_HOSTS": "127.0.0.1"}
    return {**server.settings, "POSTKEEP_DATABASE_URL": url, "POSTKEEP_DRAIN_SECONDS": "2", **behind}
