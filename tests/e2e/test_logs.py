"""What the log says, and what it does not (CASES.md, OP-02, OP-04, OP-05, OP-13)."""

import json
import re
import stat
import uuid
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from tests.e2e.api.test_sessions import let_pass
from tests.e2e.clients import Person, a_password, a_text, an_address, secrets_in
from tests.e2e.forged import claims_for, header_for, key_of, signed
from tests.e2e.servers import LOGS, PostkeepServer


def all_that_can_go_wrong(person: Person, text: str) -> list[httpx2.Response]:
    """Send a text, a password and tokens in every way that is refused."""
    http, token = person.http, person.authorization
    json_type = {**token, "Content-Type": "application/json"}
    quoted = json.dumps(text)
    bodies = [
        f'{{"text": {quoted}',
        f'{{"text": {quoted}, "text": {quoted}}}',
        f'{{"text": {quoted}, "{uuid.uuid4()}": {quoted}}}',
        f'{{"text": [{quoted}]}}',
        f'{{"text": {quoted[:-1]}\\u0000"}}',
        f'{{"text": {quoted[:-1]}\\ud800"}}',
        f'{{"text": "x", "title": {json.dumps(text * 9)}}}',
        f'{{"text": "x", "status": {quoted}}}',
        quoted,
        text,
    ]
    sent = [http.post("/api/v1/posts", content=body.encode(), headers=json_type) for body in bodies]
    sent += [http.post("/addPost", content=text.encode() + b"\xff", headers=json_type)]
    sent += [http.post("/addPost", content=text.encode(), headers={**token, "Content-Type": "text/plain"})]
    sent += [http.post("/addPost", content=(text * 40_000).encode(), headers=json_type)]
    sent += [http.post("/addPost", json={"text": text}, headers={"Authorization": f"Bearer {person.access}x"})]
    sent += [http.post("/addPost", json={"text": text}, headers={"Authorization": f"Basic {person.access}"})]
    sent += [http.post("/addPost", json={"text": text}), http.get("/addPost", params={"text": text})]
    sent += [
        http.get("/getPosts", params={"cursor": text, "limit": text, "access_token": person.access}, headers=token)
    ]
    sent += [http.post("/login", json={"email": person.email, "password": person.password + text})]
    sent += [http.post("/login", json={"email": text, "password": person.password})]
    sent += [http.post("/signup", json={"email": text, "password": person.password})]
    sent += [
        http.post("/signup", json=person.credentials),
        http.post("/signup", json={"email": an_address(), "password": text * 3}),
    ]
    sent += [http.post("/api/v1/refresh", json={"refresh_token": person.refresh[:-1]})]
    sent += [
        http.post(
            "/api/v1/token", data={"grant_type": text, "password": person.password, "refresh_token": person.refresh}
        )
    ]
    return sent


def test_op_04_no_password_token_or_text_stands_in_the_log(server: PostkeepServer) -> None:
    """Logs are kept longer and read by more people than any of these; whatever happens, they hold ids only."""
    person, text = Person.signs_up(server.http), f"{a_text()} сокровенное \U0001f986"
    first = person.at(server.http)
    person.keep(person.login())
    person.keep(person.renew())
    person.delete(person.add(text, title=text[:200]))
    refused = all_that_can_go_wrong(person, text)
    first.renew()
    let_pass(server, first, timedelta(minutes=1))
    first.renew()
    person.logout()
    assert [answer.status_code for answer in refused if answer.status_code < 400] == []
    told = [text, text.split()[3], "сокровенное", json.dumps("сокровенное")[1:-1], person.password, person.email]
    told += [token for one in (first, person) for token in (one.access, one.refresh, one.access.rpartition(".")[2])]
    assert [secret for secret in told if secret in server.log] == []
    assert server.secret.decode() not in server.log
    assert [answer.text for answer in refused if any(secret in answer.text for secret in told)] == []


@pytest.mark.parametrize("spelling", ["{}", '{{"said": "{}"}}', "a{}b"])
@pytest.mark.parametrize(
    "secret",
    [
        *("geheim сокровенное", 'quotes " and \\ and \n', "\U0001f986 duck duck", a_password(), a_text()),
        *(
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLW9mLXRoaXMtdG9rZW4",
            "kid-sid-0123456789_abcdefghijklmnop",
        ),
    ],
    ids=["plain", "escaped", "emoji", "password", "text", "access-token", "refresh-token"],
)
def test_op_04_a_secret_in_a_log_is_found(secret: str, spelling: str) -> None:
    """A search that finds nothing where there is something would say of every log that it is clean."""
    used = {secret, "another secret altogether"}
    logs = [spelling.format(each) for each in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1])]
    is_word = re.fullmatch(r"[A-Za-z0-9._-]+", secret) is not None
    assert all(secrets_in(log, used) for log in logs if not (is_word and spelling.startswith("a")))
    assert secrets_in('{"event": "request", "path": "/getPosts", "ms": 1.5}', used) == []


def test_op_04_the_logs_of_all_servers_are_searched(sqlite_server: PostkeepServer) -> None:
    """The search at the end of the run looks at what is in this list, and every server that starts is."""
    assert sqlite_server.log_file in LOGS
    assert sqlite_server.log_file.stat().st_size > 0


def test_op_05_who_did_what_is_in_the_log(server: PostkeepServer) -> None:
    """After a break-in somebody must be able to tell who was where, from which address, with which result."""
    person = Person(server.http)
    asked = {"signed_up": person.signup(), "logged_in": person.login()}
    person.keep(asked["logged_in"])
    asked["login_failed"] = Person(server.http, person.email, a_password()).login()
    asked["refreshed"] = person.renew()
    asked["post_added"] = person.adds({"text": "x"})
    asked["post_deleted"] = person.delete(asked["post_added"].json()["postID"])
    asked["logged_out"] = person.logout()
    for event, answer in asked.items():
        (line,) = [line for line in server.events(event) if line["request_id"] == answer.headers["x-request-id"]]
        assert line["account"] == person.claims["sub"]
        assert line["time"].endswith("+00:00")
        if event in {"signed_up", "logged_in", "login_failed"}:
            assert line["address"] == "127.0.0.1"


def test_a_request_is_one_line_that_says_what_came_of_it(sqlite_server: PostkeepServer) -> None:
    """Whoever looks for a slow or a failed one has the route to sum up by, and the account and the id to find it by."""
    person = Person.signs_up(sqlite_server.http)
    lists = [sqlite_server.http.get("/getPosts?limit=5", headers=person.authorization) for _ in range(2)]
    missed, hit = (sqlite_server.logged(answer.headers["x-request-id"]) for answer in lists)
    assert (missed["cache"], hit["cache"]) == ("miss", "hit")
    for line, answer in zip((missed, hit), lists, strict=True):
        told = {name: line[name] for name in ("method", "path", "route", "status", "bytes", "account")}
        assert told == {
            "method": "GET",
            "path": "/getPosts",
            "route": "/getPosts",
            "status": 200,
            "bytes": len(answer.content),
            "account": person.claims["sub"],
        }
        assert line["ms"] > 0


@pytest.mark.parametrize(
    "path", ["/a%0ab", "/a%0d%0a{%22event%22:1}", "/%1b%5b31m", "/%e2%80%ae", "/%ff", "/%F0%9F%A6%86", '/"}']
)
def test_a_log_line_is_one_line_whatever_is_asked_for(sqlite_server: PostkeepServer, path: str) -> None:
    """Nobody may write lines of their own into the log, or act on the terminal of who reads it."""
    answer = sqlite_server.http.get(path)
    assert sqlite_server.logged(answer.headers["x-request-id"])["status"] == 404
    said = [line for line in sqlite_server.log.splitlines() if not line.startswith("  ")]
    assert all(json.loads(line).keys() >= {"time", "level", "event"} and line.isascii() for line in said)


def rights(path: Path) -> int:
    """Return who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_op_02_op_13_the_secret_and_the_posts_are_for_the_owner_only(tmp_path: Path) -> None:
    """Other users of the machine see neither, in no file, process list or log; whatever the umask is."""
    secret = "a-secret-of-this-test-0123456789-abcdefghij"
    (tmp_path / "key").touch(0o600)
    (tmp_path / "key").write_text(f"{secret}\n", "utf-8")
    server = PostkeepServer(tmp_path / "run", {"POSTKEEP_SECRET_KEY_FILE": str(tmp_path / "key")}, umask=0)
    with server.running():
        person = Person.signs_up(server.http)
        person.add(a_text())
        assert server.process is not None
        command = Path(f"/proc/{server.process.pid}/cmdline").read_text("utf-8")
        kept = {path.name: rights(path) for path in server.data_folder.iterdir()}
        shown = [server.http.get(path).text for path in ("/", "/openapi.json", "/livez", "/readyz", "/nothing")]
        server.settings = {"POSTKEEP_SECRET_KEY": secret}
        by_hand = signed(header_for(server), claims_for(person), key_of(server))
        known = server.http.get("/api/v1/me", headers={"Authorization": f"Bearer {by_hand}"})
    assert known.status_code == 200
    assert rights(server.data_folder) == 0o700
    assert {"postkeep.db", "postkeep.db-wal", "postkeep.db-shm"} <= kept.keys()
    assert set(kept.values()) == {0o600}
    assert [text for text in (command, server.log, *shown) if secret in text] == []


def test_op_01_op_13_what_is_made_is_for_the_owner_only_and_stays(tmp_path: Path) -> None:
    """Without a setting, a secret is made once, as strong as one that is given; a token outlives a restart."""
    server = PostkeepServer(tmp_path / "run", {}, umask=0)
    with server.running():
        person = Person.signs_up(server.http)
        kept = server.data_folder / "secret.key"
        made = kept.read_text("ascii")
    assert (rights(kept), rights(server.data_folder)) == (0o600, 0o700)
    assert {rights(path) for path in server.data_folder.iterdir()} == {0o600}
    assert len(made) >= 43
    with server.running():
        assert person.at(server.http).me().status_code == 200
        assert kept.read_text("ascii") == made
    assert made not in server.log


def test_op_13_a_backup_that_was_put_back_is_closed_to_others(tmp_path: Path) -> None:
    """Copied as files are, open to all, with passwords' hashes in it."""
    server = PostkeepServer(tmp_path / "run", {}, umask=0)
    with server.running():
        person = Person.signs_up(server.http)
    copied = [server.data_folder / name for name in ("postkeep.db", "postkeep.db.lock")]
    for path in copied:
        path.chmod(0o666)
    with server.running():
        assert person.at(server.http).me().status_code == 200
        assert {rights(path) for path in server.data_folder.iterdir()} == {0o600}
