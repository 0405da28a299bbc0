"""Mutated requests over raw sockets: whatever comes, the server answers, tells nothing and lives."""

import asyncio
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.clients import Person, a_text, secrets_in
from tests.e2e.probes.corpus import Corpus
from tests.e2e.probes.fuzzer import Fuzzer
from tests.e2e.servers import PostkeepServer
from tests.e2e.test_hammer import serving

SEED = 20261122
CASES = 5_000
MANY_CASES = 100_000
WARM_UP = 1_000
GROWTH = 50 * 1024 * 1024

SETTINGS = {"POSTKEEP_ACCESS_LOG": "misses", "POSTKEEP_CACHE_BYTES": str(4 * 1024 * 1024)}
"""What a cache holds is no leak: it is filled before the memory is measured."""


def fuzz(server: PostkeepServer, cases: int) -> None:
    """Attack a server, and see that it answered, told nothing, lives, and kept what others have."""
    victim = Person.signs_up(server.http)
    canary = secrets.token_hex(16)
    victim.add(f"{a_text()} {canary}")
    before = victim.posts()
    corpus = Corpus(server.http)
    forbidden = [
        canary.encode(),
        server.secret,
        victim.password.encode(),
        victim.access.encode(),
        victim.refresh.encode(),
    ]
    forbidden += [person.password.encode() for person in (corpus.reader, corpus.writer, corpus.caller, corpus.roamer)]
    fuzzer = Fuzzer(server.port, corpus, SEED, forbidden)

    asyncio.run(fuzzer.run(WARM_UP))
    warm = server.resident_bytes()
    asyncio.run(fuzzer.run(cases - WARM_UP, WARM_UP))
    grown = server.resident_bytes() - warm

    assert fuzzer.failures == [], "\n\n".join(fuzzer.failures[:5])
    assert server.process is not None
    assert server.process.poll() is None
    assert [line[-600:] for line in server.log.splitlines() if '"level": "error"' in line or "Traceback" in line] == []
    assert grown < GROWTH
    assert victim.posts() == before
    live_an_ordinary_life(server)
    assert secrets_in(server.log) == []
    # What fails early proves little of what lies behind: each operation must have been got to.
    assert successes(fuzzer) == set(corpus.ready)
    assert fuzzer.cases == cases


def live_an_ordinary_life(server: PostkeepServer) -> None:
    """Do what everybody does, from the first to the last."""
    person = Person.signs_up(server.http)
    post = person.add(text := a_text())
    person.keep(person.login())
    person.keep(person.renew())
    assert person.texts() == [text]
    assert person.delete(post).status_code == 204
    assert person.texts() == []
    assert person.logout().status_code == 204
    assert person.me().status_code == 401


def successes(fuzzer: Fuzzer) -> set[str]:
    """Return the operations of which some request succeeded."""
    return {operation for operation, status in fuzzer.answered if 200 <= status < 300}


@contextmanager
def fuzzed(request: pytest.FixtureRequest, database: str, folder: Path) -> Generator[PostkeepServer]:
    """Serve on a database of this test's own."""
    mariadb = request.getfixturevalue("mariadb") if database == "mariadb" else None
    with serving(folder, 1, mariadb, **SETTINGS) as server:
        yield server


@pytest.mark.timeout(300)
def test_no_request_breaks_the_server(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Five thousand connections with anything on them: no 500, no hang, no leak of memory or of what is another's."""
    with fuzzed(request, "sqlite", tmp_path) as server:
        fuzz(server, CASES)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("database", ["sqlite", "mariadb"])
def test_no_request_breaks_the_server_for_long(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> None:
    """A hundred thousand."""
    with fuzzed(request, database, tmp_path) as server:
        fuzz(server, MANY_CASES)
