"""Processes: starting, ending, dying and starting again (CASES.md, SV; DESIGN.md 7)."""

import json
import os
import secrets
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import httpx2
import pytest

from tests.e2e.api.test_sessions import session_row
from tests.e2e.clients import Person, a_text, connect, problem_of
from tests.e2e.conftest import beside
from tests.e2e.crowds import at_once
from tests.e2e.memory_limits import memory_limited
from tests.e2e.raw import Wire
from tests.e2e.servers import PostkeepServer


@pytest.fixture
def another(server: PostkeepServer) -> Iterator[PostkeepServer]:
    """Return a process of this test's own on the database of `server`."""
    yield from beside(server)


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether something comes true; on a busy machine a process may take its time to start."""
    deadline = time.monotonic() + 60
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def refuses_connections(server: PostkeepServer) -> bool:
    """Whether nobody listens there any more."""
    try:
        Wire(server).close()
    except ConnectionRefusedError:
        return True
    return False


def workers_of(server: PostkeepServer) -> list[int]:
    """Return the worker processes of a server that has some."""
    assert server.process is not None
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text("ascii").split()
    return [int(child) for child in children if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text("ascii")]


def adds_until_it_dies(person: Person, acknowledged: list[str]) -> None:
    """Add posts one after another for as long as there is an answer."""
    with suppress(httpx2.TransportError):
        while True:
            text = a_text()
            person.add(text)
            acknowledged.append(text)


def kept_by(server: PostkeepServer, person: Person) -> Sequence[dict[str, object]]:
    """Return the texts that the database has of somebody, newest first."""
    return server.rows.ask(
        "SELECT text FROM posts JOIN accounts ON accounts.id = account_id WHERE email = :email ORDER BY posts.id DESC",
        email=person.email,
    )


def test_a_killed_server_has_lost_nothing_it_acknowledged(server: PostkeepServer, another: PostkeepServer) -> None:
    """CA-05: 201 means kept, even if the power goes the moment after; nothing is there by half, or counted twice.

    Nor does memory hide it: who listed all the time lists what is there, though a COMMIT may land late.
    """
    person = Person.signs_up(server.http)
    acknowledged: list[str] = []
    writers = [
        threading.Thread(target=adds_until_it_dies, args=(person.at(another.http), acknowledged)) for _ in range(8)
    ]
    for writer in writers:
        writer.start()
    while len(acknowledged) < 100:
        person.texts()
    another.kill()
    for writer in writers:
        writer.join()
    assert eventually(lambda: person.texts() == [row["text"] for row in kept_by(server, person)])
    texts = person.texts()
    assert set(acknowledged) <= set(texts)
    assert len(texts) == len(set(texts)) <= len(acknowledged) + len(writers)
    me = person.me().json()
    assert (me["posts"], me["bytes"]) == (len(texts), sum(len(text.encode()) for text in texts))
    assert person.add("still writable")


def test_a_killed_server_starts_again_with_everything(tmp_path: Path) -> None:
    """The embedded database after kill -9: posts, accounts, sessions and secret are there, the file is whole."""
    server = PostkeepServer(tmp_path, {}, umask=0).start()
    try:
        person = Person.signs_up(server.http)
        post_id = person.add("the last word")
        server.kill()
        server.start()
        assert person.at(server.http).gets(f"/api/v1/posts/{post_id}").json()["text"] == "the last word"
        assert person.at(server.http).login().status_code == 200
        assert person.at(server.http).renew().status_code == 200
        assert server.rows.ask("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
        secret = server.data_folder / "secret.key"
        assert (stat.S_IMODE(secret.stat().st_mode), len(secret.read_text("ascii")) >= 43) == (0o600, True)
        assert secret.read_text("ascii") not in server.log
    finally:
        server.end()


def post_in_two(person: Person, text: str) -> tuple[bytes, bytes]:
    """Return a request that adds a post, cut in the middle of its body."""
    body = json.dumps({"text": text}).encode()
    lines = [
        "POST /api/v1/posts HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {person.access}",
        "Content-Type: application/json",
    ]
    whole = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body
    return whole[:-10], whole[-10:]


def test_sv_01_sigterm_answers_what_is_under_way(server: PostkeepServer, another: PostkeepServer) -> None:
    """A deployment cuts nobody off: requests that have begun are answered, also those that wait for a thread."""
    person, failed = Person.signs_up(server.http), len(server.events("failed"))
    first, rest = post_in_two(person, "under way")
    with Wire(another) as wire, Wire(another) as idle, ThreadPoolExecutor(8) as threads:
        wire.send(first)
        idle.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.answer().status == 200
        signups = [threads.submit(Person(another.http).signup) for _ in range(8)]
        assert eventually(lambda: bool(another.events("signed_up")))
        begun = time.monotonic()
        another.signal(signal.SIGTERM)
        assert eventually(lambda: refuses_connections(another))
        # A client's pause, longer than any that the server makes by itself.
        time.sleep(0.5)
        wire.send(rest)
        answer = wire.answer()
        assert (answer.status, answer.header("connection")) == (201, "close")
        assert wire.is_closed()
        assert idle.is_closed()
        assert [signup.result().status_code for signup in signups] == [201] * 8
    assert another.wait() in {0, -signal.SIGTERM}
    assert time.monotonic() - begun < 10
    assert person.texts() == ["under way"]
    assert len(another.events("failed")) <= failed


def test_sv_03_an_endless_upload_does_not_keep_the_server_from_ending(tmp_path: Path) -> None:
    """Whoever sends for ever is cut off after the time that is set."""
    server = PostkeepServer(tmp_path, {"POSTKEEP_SHUTDOWN_SECONDS": "1"}).start()
    try:
        person = Person.signs_up(server.http)
        with Wire(server) as wire:
            wire.send(post_in_two(person, "never ends")[0])
            assert person.me().status_code == 200
            begun = time.monotonic()
            server.signal(signal.SIGTERM)
            assert server.wait() in {0, -signal.SIGTERM}
            assert 1 < time.monotonic() - begun < 8
            with suppress(ConnectionError):
                assert wire.answer().status >= 400
        assert server.rows.ask("SELECT id FROM posts") == []
    finally:
        server.end()


def trickle(wires: Sequence[Wire], ended: threading.Event) -> None:
    """Send 4 KiB a second over each, as long as the server takes it."""
    while not ended.wait(0.25):
        for wire in wires:
            wire.send_as_taken(b"x" * 1024)


def test_sv_03_by_default_a_server_ends_within_ten_seconds(tmp_path: Path) -> None:
    """Container engines wait so long before they kill, unless told otherwise; an upload is still coming meanwhile."""
    defaults = {"POSTKEEP_DRAIN_SECONDS": "", "POSTKEEP_SHUTDOWN_SECONDS": ""}
    with ExitStack() as stack:
        servers = [
            stack.enter_context(PostkeepServer(tmp_path / count, defaults, options=("--workers", count)).running())
            for count in ("1", "2")
        ]
        wires = [stack.enter_context(Wire(server)) for server in servers]
        for wire, server in zip(wires, servers, strict=True):
            wire.send(post_in_two(Person.signs_up(server.http), "x" * 900_000)[0][:-800_000])
        stack.callback((ended := threading.Event()).set)
        threading.Thread(target=trickle, args=(wires, ended)).start()
        assert eventually(lambda: len(servers[1].events("started")) == 2)
        begun = time.monotonic()
        for server in servers:
            server.signal(signal.SIGTERM)
        for server in servers:
            assert server.wait() in {0, -signal.SIGTERM}
            # Not before: whoever needs a few seconds has them.
            assert 6 < time.monotonic() - begun < 10
        assert [server.rows.ask("SELECT id FROM posts") for server in servers] == [[], []]


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostkeepServer]:
    """Serve with two worker processes; when they are told to end, none stays behind."""
    server = PostkeepServer(tmp_path_factory.mktemp("workers"), {}, options=("--workers", "2"))
    with server.running():
        assert eventually(lambda: len(server.events("started")) == 2)
        yield server
        workers = workers_of(server)
        assert len(workers) == 2
    assert [worker for worker in workers if Path(f"/proc/{worker}").exists()] == []


def test_two_workers_serve_one_database(two_workers: PostkeepServer) -> None:
    """What one process wrote the other one lists, at once."""
    person = Person.signs_up(two_workers.http)
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(two_workers.url, connections=1)) for _ in range(8)]
        expected: list[str] = []
        for turn in range(40):
            expected.insert(0, person.at(clients[turn % 8]).add(a_text()))
            assert [post["id"] for post in person.at(clients[(turn + 3) % 8]).posts()] == expected
        person.at(clients[0]).logout()
        assert [person.at(client).me().status_code for client in clients] == [401] * 8


def test_ca_21_workers_share_no_connection_to_the_database(server: PostkeepServer, tmp_path: Path) -> None:
    """Two that read one socket would get each other's rows; the one that they listen on is all they share."""
    url = server.database_url.render_as_string(hide_password=False)
    settings = {**server.settings, "POSTKEEP_DATABASE_URL": url}
    with PostkeepServer(tmp_path, settings, options=("--workers", "2")).running() as workers:
        assert eventually(lambda: len(workers.events("started")) == 2)
        person = Person.signs_up(workers.http)
        with ExitStack() as stack, ThreadPoolExecutor(16) as pool:
            elsewhere = [person.at(stack.enter_context(connect(workers.url, connections=1))) for _ in range(16)]
            assert list(pool.map(Person.texts, elsewhere)) == [[]] * 16
            one, other = (sockets_of(worker) for worker in workers_of(workers))
    assert len(one & other) == 1
    if server.database_url.get_backend_name() != "sqlite":
        assert len(one | other) > 1


def sockets_of(process: int) -> set[str]:
    """Return the sockets that a process has, by their numbers, without pairs of its own."""
    inet = {line.split()[9] for line in Path(f"/proc/{process}/net/tcp").read_text("ascii").splitlines()[1:]}
    open_files = [str(link.readlink()) for link in Path(f"/proc/{process}/fd").iterdir()]
    return inet & {name.removeprefix("socket:[").rstrip("]") for name in open_files if name.startswith("socket:[")}


def add_by_key(people: Sequence[Person], text: str, number: int) -> dict[str, object]:
    """Have one of them add a text, with a key that is made of it; return what the answer says."""
    answered: dict[str, object] = people[number].adds_at_last({"text": text}, key=text.replace(" ", "-")).json()
    return answered


def test_sv_13_two_workers_add_once(two_workers: PostkeepServer) -> None:
    """Whichever of them a repetition comes to, also at the same time."""
    person = Person.signs_up(two_workers.http)
    with ExitStack() as stack:
        people = [person.at(stack.enter_context(connect(two_workers.url, connections=1))) for _ in range(16)]
        for text in [a_text() for _ in range(10)]:
            answers = at_once(16, partial(add_by_key, people, text))
            assert answers == [answers[0]] * 16
    assert len(person.posts()) == 10


def test_sv_04_a_dead_worker_comes_back(two_workers: PostkeepServer) -> None:
    """One that is killed is replaced, and what it acknowledged is there."""
    person = Person.signs_up(two_workers.http)
    before = len(two_workers.events("started"))
    os.kill(workers_of(two_workers)[0], signal.SIGKILL)
    assert eventually(lambda: len(two_workers.events("started")) == before + 1)
    with connect(two_workers.url) as one, connect(two_workers.url) as other:
        person.at(one).add("after")
        assert person.at(other).texts() == ["after"]


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    """Nobody would ever end them, and who starts the server anew finds its port taken. They drain as at SIGTERM."""
    server = PostkeepServer(tmp_path, {"POSTKEEP_DRAIN_SECONDS": "1"}, options=("--workers", "2")).start()
    assert server.process is not None
    group = server.process.pid
    try:
        person = Person.signs_up(server.http)
        person.add("kept")
        assert eventually(lambda: len(server.events("started")) == 2)
        workers = workers_of(server)
        server.kill()
        assert eventually(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
        assert len(server.events("draining")) == len(server.events("stopped")) == 2
        with server.running():
            assert person.at(server.http).texts() == ["kept"]
    finally:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


def test_sv_05_a_worker_that_takes_too_much_memory_is_replaced(two_workers: PostkeepServer) -> None:
    """The kernel kills it, another one takes its place, and what it acknowledged is there."""
    people = [Person.signs_up(two_workers.http) for _ in range(4)]
    acknowledged: list[list[str]] = [[] for _ in people]
    before, greedy = len(two_workers.events("started")), workers_of(two_workers)[0]
    with memory_limited(greedy, 8) as is_limited:
        if not is_limited:
            pytest.skip("this process may not limit another one's memory")
        deadline = time.monotonic() + 60
        while greedy in workers_of(two_workers):
            assert time.monotonic() < deadline
            at_once(8, partial(add_much, two_workers, people, acknowledged))
        assert eventually(lambda: len(two_workers.events("started")) == before + 1)
    for person, ids in zip(people, acknowledged, strict=True):
        assert {*ids} <= {post["id"] for post in person.posts()}
    assert sum(map(len, acknowledged)) > 0


def add_much(server: PostkeepServer, people: Sequence[Person], acknowledged: list[list[str]], number: int) -> None:
    """Add a post of almost a megabyte over a connection of its own, as one of several, if there is an answer."""
    mine = number % len(people)
    with connect(server.url, connections=1) as http, suppress(httpx2.TransportError):
        answer = people[mine].at(http).adds({"text": f"{number} " + "x" * 900_000})
        assert answer.status_code == 201, answer.text
        acknowledged[mine].append(answer.json()["postID"])


def test_sv_06_while_no_worker_lives_the_next_ones_are_awaited(two_workers: PostkeepServer) -> None:
    """Not one connection is refused: the listening socket is the parent's, and its queue waits."""
    person = Person.signs_up(two_workers.http)
    person.add("kept")
    dead = workers_of(two_workers)
    for worker in dead:
        os.kill(worker, signal.SIGKILL)
    with ThreadPoolExecutor(8) as pool, ExitStack() as stack:
        elsewhere = [person.at(stack.enter_context(connect(two_workers.url))) for _ in range(8)]
        assert list(pool.map(Person.texts, elsewhere)) == [["kept"]] * 8
    assert eventually(lambda: len(workers_of(two_workers)) == 2)
    assert not set(dead) & set(workers_of(two_workers))


def test_tk_33_a_secret_is_changed_without_logging_anybody_out(tmp_path: Path) -> None:
    """Tokens of the old one count while it is known, and those that they buy are of the new one."""
    old, new = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    data = {"POSTKEEP_DATA_DIR": str(tmp_path / "data")}

    def server(current: str, *previous: str) -> PostkeepServer:
        keys = {"POSTKEEP_SECRET_KEY": current, "POSTKEEP_PREVIOUS_SECRET_KEYS": " ".join(previous)}
        return PostkeepServer(tmp_path, {**data, **keys})

    with server(old).running() as before:
        person = Person.signs_up(before.http)
    with server(new, secrets.token_urlsafe(32), old).running() as between:
        person = person.at(between.http)
        assert person.me().status_code == 200
        known = person.at(between.http)
        person.keep(person.renew())
    with server(new).running() as after:
        assert person.at(after.http).me().status_code == 200
        assert person.at(after.http).renew().status_code == 200
        assert problem_of(known.at(after.http).me()) == (401, "token_invalid")


def test_the_database_in_memory_is_one_setting_away(tmp_path: Path) -> None:
    """Everything works, and nothing touches the disk ("save in memory", taken literally)."""
    server = PostkeepServer(tmp_path, {"POSTKEEP_DATABASE_URL": "sqlite://"})
    with server.running():
        person = Person.signs_up(server.http)
        ids = set(at_once(50, lambda number: person.add(str(number)), threads=8))
        read = set(at_once(50, lambda _: len(person.posts()), threads=8))
        assert ({post["id"] for post in person.posts()}, read) == (ids, {50})
        assert {person.delete(post_id).status_code for post_id in ids} == {204}
        assert person.keep(person.login()).renew().status_code == 200
        assert server.http.get("/readyz").status_code == 200
    assert [path.name for path in tmp_path.iterdir()] == [server.log_file.name]


def renewals(server: PostkeepServer, person: Person) -> int:
    """Return how often a person's session was renewed, as the database has it."""
    return int(str(session_row(server, person)["counter"]))


@pytest.mark.parametrize("pause", [None, 0.001], ids=["after-the-commit", "somewhere"])
def test_tk_28_a_refresh_whose_answer_is_lost_can_be_repeated(
    server: PostkeepServer, another: PostkeepServer, pause: float | None
) -> None:
    """A process killed between the commit and the answer must neither lock anybody out nor leave two successors."""
    person = Person.signs_up(server.http)
    used = renewals(server, person)
    body = json.dumps({"refresh_token": person.refresh})
    head = f"POST /api/v1/refresh HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    with Wire(another) as wire:
        wire.send(f"{head}\r\n\r\n{body}")
        if pause is None:
            assert eventually(lambda: renewals(server, person) == used + 1)
        else:
            time.sleep(pause)
        another.kill()
    after = person.at(server.http).keep(person.renew())
    assert renewals(server, person) == used + 1
    assert after.me().status_code == 200
    assert person.renew().json()["refresh_token"] == after.refresh
    assert after.at(server.http).keep(after.renew()).me().status_code == 200


def keyed_post(person: Person, text: str, key: str) -> str:
    """Return a request that adds a post with a key, as it goes over the wire."""
    body = json.dumps({"text": text})
    head = f"POST /addPost HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.access}\r\nIdempotency-Key: {key}"
    return f"{head}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"


@pytest.mark.parametrize("pause", [None, 0.001], ids=["after-the-commit", "somewhere"])
def test_sv_13_a_post_whose_answer_died_with_its_server_can_be_sent_again(
    server: PostkeepServer, another: PostkeepServer, pause: float | None
) -> None:
    """Killed between the commit and the answer: the repetition finds it, and there is one."""
    person, text = Person.signs_up(server.http), a_text()
    with Wire(another) as wire:
        wire.send(keyed_post(person, text, "k"))
        if pause is None:
            assert eventually(lambda: len(kept_by(server, person)) == 1)
        else:
            time.sleep(pause)
        another.kill()
    answer = person.adds_at_last({"text": text}, key="k")
    assert answer.status_code == 201
    assert [post["id"] for post in person.posts()] == [answer.json()["postID"]]
    assert len(kept_by(server, person)) == person.me().json()["posts"] == 1
    assert person.adds({"text": text}, key="k").json() == answer.json()


def test_sv_12_whoever_hangs_up_can_send_it_again(server: PostkeepServer) -> None:
    """The post may be there by then, or be added just now: its repetition gets its id, and there is one."""
    person = Person.signs_up(server.http)
    texts = [a_text() for _ in range(20)]
    for number, text in enumerate(texts):
        with Wire(server) as wire:
            wire.send(keyed_post(person, text, f"key-{number}"))
        answer = person.adds_at_last({"text": text}, key=f"key-{number}")
        assert answer.status_code == 201
        assert answer.json()["postID"] == person.posts()[0]["id"]
    assert person.texts() == texts[::-1]


def test_sv_02_what_a_server_that_ends_did_not_take_is_sent_again(
    server: PostkeepServer, another: PostkeepServer
) -> None:
    """An idle connection is closed; a client that just sent a post on it cannot know whether it was added."""
    person, text = Person.signs_up(server.http), a_text()
    with Wire(another) as wire:
        wire.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.answer().status == 200
        another.signal(signal.SIGTERM)
        assert wire.is_closed()
        wire.send_as_taken(keyed_post(person, text, "k").encode())
    another.wait()
    answers = [person.adds({"text": text}, key="k") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201] * 2
    assert answers[0].json() == answers[1].json()
    assert person.texts() == [text]


def test_op_10_nothing_of_development_is_on(tmp_path: Path) -> None:
    """One process that watches no files, and a failure that tells its client nothing but an id."""
    with PostkeepServer(tmp_path, {}).running() as server:
        assert server.process is not None
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text("ascii")
        assert children.split() == []
        watched = [str(link.readlink()) for link in Path(f"/proc/{server.process.pid}/fd").iterdir()]
        assert [name for name in watched if "inotify" in name] == []
        person = Person.signs_up(server.http)
        server.rows.change("DROP TABLE posts")
        answer = person.gets()
        assert problem_of(answer)[0] in {500, 503}
        assert "posts" not in answer.json()["detail"]


def test_op_10_the_documentation_can_be_switched_off(strict_server: PostkeepServer) -> None:
    """An operator may not want to show it."""
    answers = [strict_server.http.get(path).status_code for path in ("/docs", "/openapi.json", "/redoc", "/")]
    assert answers[:3] == [404, 404, 404]


def test_the_access_log_can_be_switched_off(strict_server: PostkeepServer) -> None:
    """A line per request is more than some want to keep."""
    person = Person.signs_up(strict_server.http)
    assert [event for event in strict_server.events("signed_up") if event["account"] == person.claims["sub"]]
    assert strict_server.events("request") == []
