"""Whom the server calls: its database and nobody else (CASES.md: OP-14, IV-10, TK-06)."""

import os
import re
import sys
from pathlib import Path

import pytest

from tests.databases import MariaDbServer
from tests.e2e.clients import Person, a_password, a_text, an_address
from tests.e2e.conftest import settings_for
from tests.e2e.forged import claims_for, header_for, key_of, signed
from tests.e2e.servers import AUDIT, PostkeepServer
from tests.e2e.test_hammer import serving

ELSEWHERE = "http://127.0.0.1:9/keys"

CALLING_OUT = """
import asyncio
from contextlib import suppress

from postkeep.main import app as postkeep


async def app(scope, receive, send):
    if scope["type"] == "http" and scope["path"] == "/api/v1/signup":
        with suppress(OSError):
            await asyncio.open_connection("127.0.0.1", 9)
        await asyncio.get_running_loop().getaddrinfo("localhost", 443)
    await postkeep(scope, receive, send)
"""


def noting(notes: Path) -> dict[str, str]:
    """Return settings that have a server's uses of the network noted in a file."""
    path = os.pathsep.join([str(AUDIT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return {"PYTHONPATH": path, "POSTKEEP_TEST_AUDIT": str(notes)}


def live_a_whole_life(server: PostkeepServer) -> None:
    """Do everything that an account can do, and what might make a server look somewhere."""
    person = Person.signs_up(server.http, email=an_address().replace("example.com", "bücher.example"))
    person.keep(person.login())
    person.keep(person.renew())
    post = person.add(a_text(), title="http://127.0.0.1:9/title")
    for path in ("/api/v1/me", "/api/v1/posts", f"/api/v1/posts/{post}", "/api/v1/sessions", "/docs", "/readyz"):
        assert person.gets(path).status_code == 200
    for name in ("jku", "x5u", "kid"):
        forged = signed({**header_for(server), name: ELSEWHERE}, claims_for(person), key_of(server))
        server.http.get("/api/v1/me", headers={"Authorization": f"Bearer {forged}"})
    assert person.delete(post).status_code == 204
    new = a_password()
    changed = {"current_password": person.password, "new_password": new}
    answers = [
        person.http.post("/api/v1/me/password", json=changed, headers=person.authorization),
        person.http.post("/api/v1/me/deletion", json={"password": new}, headers=person.authorization),
    ]
    assert [answer.status_code for answer in answers] == [204, 204]


@pytest.mark.parametrize("database", ["sqlite", "mariadb"])
def test_op_14_the_server_calls_its_database_and_nobody_else(
    request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> None:
    """Whoever can make a server call out reaches what only the server does; and each call tells somebody something."""
    mariadb: MariaDbServer | None = request.getfixturevalue("mariadb") if database == "mariadb" else None
    notes = tmp_path / "network"
    with serving(tmp_path, 1, mariadb, **noting(notes)) as server:
        live_a_whole_life(server)
        called = set(notes.read_text("ascii").splitlines())
    assert all(re.match(r"socket\.(connect|getaddrinfo) ", line) for line in called)
    database_at = None if mariadb is None else f"'127.0.0.1', {mariadb.url.port}"
    assert [line for line in called if database_at is None or database_at not in line] == []
    assert bool(called) == (mariadb is not None)


def test_iv_10_signing_up_asks_no_name_server(tmp_path: Path) -> None:
    """A lookup would tell others who signs up, and wait for servers of their choice. Nothing else calls out either."""
    notes = tmp_path / "network"
    with PostkeepServer(tmp_path, settings_for() | noting(notes)).running() as server:
        for domain in ("example.com", "bücher.example", "does-not-exist.example"):
            Person.signs_up(server.http, email=an_address().replace("example.com", domain))
    assert notes.read_text("ascii") == ""


def test_op_14_a_server_that_calls_out_is_seen(tmp_path: Path) -> None:
    """The event loop calls in ways of its own, and who watches must hear of them: of uvloop's nobody would."""
    notes = tmp_path / "network"
    (tmp_path / "calling_out.py").write_text(CALLING_OUT, "utf-8")
    command = (
        str(Path(sys.executable).with_name("uvicorn")),
        "calling_out:app",
        "--app-dir",
        str(tmp_path),
        "--no-server-header",
    )
    with PostkeepServer(tmp_path, settings_for() | noting(notes), command=command).running() as server:
        Person.signs_up(server.http)
    noted = notes.read_text("ascii")
    assert re.search(r"^socket\.connect .*\('127\.0\.0\.1', 9\)", noted, re.MULTILINE)
    assert re.search(r"^socket\.getaddrinfo \('localhost', 443,", noted, re.MULTILINE)
