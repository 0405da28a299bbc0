"""Postkeep behind nginx, with the file that operators copy: deploy/nginx.conf."""

import json
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.e2e.clients import Person, a_password, a_text, an_address, problem_of
from tests.e2e.conftest import settings_for
from tests.e2e.nginx import Nginx
from tests.e2e.servers import PostkeepServer

MEBIBYTE = 1024 * 1024
COUNT = 40


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """Serve on the embedded database behind nginx."""
    settings = {
        **settings_for(),
        "POSTKEEP_TRUSTED_HOSTS": "posts.example",
        "POSTKEEP_TRUSTED_PROXIES": "127.0.0.1",
    }
    server = PostkeepServer(tmp_path_factory.mktemp("served"), settings)
    with server.running(), Nginx(server, tmp_path_factory.mktemp("nginx")).running() as nginx:
        yield nginx


@pytest.fixture(scope="module")
def http(nginx: Nginx) -> Iterator[httpx2.Client]:
    """Call through nginx."""
    with nginx.client() as client:
        yield client


@pytest.fixture(scope="module")
def prolific(http: httpx2.Client) -> Person:
    """Return somebody with forty posts of a megabyte."""
    person = Person.signs_up(http)
    for number in range(COUNT):
        person.add(f"{number:03} " + "x" * 1_000_000)
    return person


def a_body(size: int) -> bytes:
    """Return a post's body of exactly so many bytes."""
    return b'{"text": "' + b"x" * (size - 12) + b'"}'


def sends(person: Person, body: bytes, *, is_chunked: bool = False) -> httpx2.Response:
    """Send a post's body as it is."""
    headers = {**person.authorization, "Content-Type": "application/json"}
    return person.http.post("/addPost", content=iter([body[:9], body[9:]]) if is_chunked else body, headers=headers)


def test_everything_works_through_it(http: httpx2.Client) -> None:
    """From signing up to deleting, as without it; the scheme is the only difference that a client sees."""
    person = Person.signs_up(http)
    assert person.keep(person.login()).keep(person.renew()).me().json()["email"] == person.email
    text = a_text()
    post_id = person.add(text)
    assert person.texts() == [text]
    answer = person.gets("/getPosts")
    again = http.get("/getPosts", headers={**person.authorization, "If-None-Match": answer.headers["etag"]})
    assert (again.status_code, answer.headers.get_list("strict-transport-security")) == (304, ["max-age=63072000"])
    assert http.delete(f"/deletePost/{post_id}", headers=person.authorization).status_code == 204
    assert person.posts() == []
    assert problem_of(person.delete(post_id)) == (404, "post_absent")


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_the_largest_post_passes(nginx: Nginx, http: httpx2.Client, *, is_chunked: bool) -> None:
    """What Postkeep takes nginx must not refuse, and it never touches a file on its way."""
    person = Person.signs_up(http)
    assert sends(person, a_body(MEBIBYTE), is_chunked=is_chunked).status_code == 201
    assert [len(text) for text in person.texts()] == [MEBIBYTE - 12]
    assert list((nginx.folder / "body").iterdir()) == []


@pytest.mark.parametrize("size", [MEBIBYTE + 1, 2 * MEBIBYTE])
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_one_byte_more_is_refused_in_postkeeps_words(http: httpx2.Client, size: int, *, is_chunked: bool) -> None:
    """The refusal is Postkeep's own, though it is said before the body is read, and its connection ends with it."""
    person = Person.signs_up(http)
    answers = [sends(person, a_body(size), is_chunked=is_chunked) for _ in range(5)]
    assert {problem_of(answer) for answer in answers} == {(413, "body_too_large")}
    assert all("1,048,576" in answer.json()["detail"] for answer in answers)
    assert person.posts() == []


def test_what_is_out_of_all_proportion_ends_at_nginx(nginx: Nginx, http: httpx2.Client) -> None:
    """Postkeep never hears of it, and a program reads the same problem."""
    person = Person.signs_up(http)
    answer = sends(person, a_body(2 * MEBIBYTE + 1))
    assert problem_of(answer) == (413, "body_too_large")
    assert answer.headers["x-request-id"] not in nginx.server.log


def test_the_longest_text_of_a_page_passes(nginx: Nginx) -> None:
    """A browser writes a letter of two bytes as six: what the page takes must not be lost on its way."""
    with nginx.reader() as browser:
        browser.headers.update({"Accept": "text/html", "Sec-Fetch-Site": "same-origin"})
        signed_up = browser.post("/sign-up", data={"email": an_address(), "password": a_password()})
        written = browser.post("/posts/new", data={"text": "ж" * (MEBIBYTE // 2)})
        assert (signed_up.status_code, written.status_code) == (303, 303)
    assert list((nginx.folder / "body").iterdir()) == []


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_what_is_brought_in_passes(nginx: Nginx, http: httpx2.Client, *, is_chunked: bool) -> None:
    """It may be far more than a post, and waits on Postkeep's disk alone."""
    person = Person.signs_up(http)
    headers = {**person.authorization, "Content-Type": "application/jsonl"}
    lines = [json.dumps({"text": f"{number} " + "x" * 1_000_000}).encode() + b"\n" for number in range(6)]
    content = iter(lines) if is_chunked else b"".join(lines)
    last = json.loads(http.post("/api/v1/import", content=content, headers=headers).text.splitlines()[-1])
    assert (last["added"], last["complete"], len(person.posts())) == (6, True, 6)
    assert list((nginx.folder / "body").iterdir()) == []


def test_what_is_brought_in_by_a_form_passes_likewise(nginx: Nginx) -> None:
    """A page takes the same files as the API."""
    lines = b"".join(json.dumps({"text": f"{number} " + "x" * 1_000_000}).encode() + b"\n" for number in range(6))
    with nginx.reader() as browser:
        browser.headers.update({"Accept": "text/html", "Sec-Fetch-Site": "same-origin"})
        browser.post("/sign-up", data={"email": an_address(), "password": a_password()})
        assert "6 posts are added." in browser.post("/account/import", files={"file": ("posts.jsonl", lines)}).text
    assert list((nginx.folder / "body").iterdir()) == []


def test_a_stranger_with_a_large_body_is_told_so(http: httpx2.Client) -> None:
    """401 comes before anything of the body is read; nginx must not make a 502 of the connection that ends then."""
    stranger = Person(http, access="nonsense")
    assert {problem_of(sends(stranger, a_body(MEBIBYTE))) for _ in range(5)} == {(401, "token_invalid")}


def test_a_problem_is_a_problem(http: httpx2.Client) -> None:
    """Status, media type and challenge come through as they were; see `look_at_refusal`."""
    answer = http.get("/getPosts")
    assert (problem_of(answer), answer.headers["content-type"]) == (
        (401, "token_missing"),
        "application/problem+json",
    )


def test_the_request_id_goes_through(nginx: Nginx, http: httpx2.Client) -> None:
    """One id in the client's hands and in both logs: nginx's has the client's address, Postkeep's the rest."""
    answer = http.get("/livez", headers={"X-Request-ID": "mine-1"})
    own = http.get("/livez").headers["x-request-id"]
    assert answer.headers["x-request-id"] == "mine-1"
    assert nginx.server.logged("mine-1")["path"] == nginx.server.logged(own)["path"] == "/livez"
    lines = (nginx.folder / "access.log").read_text("utf-8").splitlines()
    assert [line.split()[0] for line in lines if line.endswith((" mine-1", f" {own}"))] == ["127.0.0.1"] * 2


def heard(listener: socket.socket) -> dict[str, str]:
    """Answer one request with nothing, and return its headers."""
    connection, _ = listener.accept()
    with connection:
        lines = connection.recv(65536).decode("latin-1").split("\r\n")[1:-2]
        connection.sendall(b"HTTP/1.1 204 No Content\r\nX-Request-ID: a\r\n\r\n")
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def test_what_a_client_says_of_itself_goes_no_further(tmp_path: Path) -> None:
    """Whoever trusts these headers trusts nginx alone; the host that was asked for and the request's id go through."""
    claims = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "gopher", "Forwarded": "for=203.0.113.9"}
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        listener.settimeout(10)
        server = PostkeepServer(tmp_path, {}, port=listener.getsockname()[1])
        with Nginx(server, tmp_path).running() as nginx, nginx.client() as client:
            hearing = threads.submit(heard, listener)
            client.get("/livez", headers={**claims, "Host": "posts.example", "X-Request-ID": "mine-2"})
            got = hearing.result(10)
    names = ("host", "x-request-id", "x-forwarded-for", "x-forwarded-proto", "forwarded")
    assert [got.get(name) for name in names] == ["posts.example", "mine-2", "127.0.0.1", "https", None]


def test_op_09_postkeep_sees_the_client_s_own_address(nginx: Nginx) -> None:
    """And nothing that it says of itself: nginx writes down whom it saw, and Postkeep believes nginx."""
    claims = {"X-Forwarded-For": "203.0.113.9", "Host": "posts.example"}
    with nginx.reader(address="127.0.0.2") as client:
        person = Person(client)
        answer = client.post("/signup", json=person.credentials, headers=claims)
        sessions = client.get("/api/v1/sessions", headers={**claims, **person.keep(answer).authorization}).json()
        assert [session["address"] for session in sessions] == ["127.0.0.2"]
        assert problem_of(client.get("/livez", headers={"Host": "evil.example"})) == (400, "untrusted_host")


def test_a_long_list_is_whole_and_touches_no_file(nginx: Nginx, prolific: Person) -> None:
    """Forty megabytes begin to come before Postkeep has read them all, and wait in no file on their way."""
    with nginx.reader() as reader, reader.stream("GET", "/getPosts", headers=prolific.authorization) as answer:
        request_id = answer.headers["x-request-id"]
        parts = answer.iter_raw(65536)
        body = next(parts)
        assert [event for event in nginx.server.events("request") if event["request_id"] == request_id] == []
        body += b"".join(parts)
    assert [int(post["text"][:3]) for post in json.loads(body)] == list(range(COUNT))[::-1]
    assert nginx.server.logged(request_id)["status"] == 200
    assert list((nginx.folder / "proxy").iterdir()) == []


def test_old_clients_are_sent_to_https(nginx: Nginx) -> None:
    """With the method they came with, to the name that is set and not the one that they say."""
    answer = httpx2.post(f"http://127.0.0.1:{nginx.plain_port}/login?a=b", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers["location"]) == (308, "https://example.com/login?a=b")


def test_it_speaks_http_2(nginx: Nginx) -> None:
    """As browsers and apps do where they may."""
    shown = ["-o", "/dev/null", "-w", "%{http_version} %{http_code}"]
    command = ["curl", "-sS", "--http2", "--cacert", str(nginx.certificate), *shown, f"{nginx.url}/readyz"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "2 200"


@pytest.fixture
def doomed(tmp_path: Path) -> Iterator[Nginx]:
    """Serve behind nginx for a test that ends the server."""
    server = PostkeepServer(tmp_path / "served", settings_for())
    (tmp_path / "nginx").mkdir()
    try:
        with Nginx(server.start(), tmp_path / "nginx").running() as nginx:
            yield nginx
    finally:
        server.end()


def test_a_list_that_breaks_off_is_seen_to(doomed: Nginx) -> None:
    """A list is whole only if its HTTP body ended as it should: nginx must not put an end where Postkeep put none."""
    with doomed.client() as client:
        person = Person.signs_up(client)
        for _ in range(COUNT):
            person.add("x" * 1_000_000)
    with doomed.reader() as reader, reader.stream("GET", "/getPosts", headers=person.authorization) as answer:
        parts = answer.iter_raw(65536)
        next(parts)
        doomed.server.kill()
        with pytest.raises(httpx2.RemoteProtocolError):
            sum(len(part) for part in parts)


def test_a_server_that_is_away_is_a_problem_of_503(doomed: Nginx) -> None:
    """Between two releases, say: a program reads the same form, and when to try again."""
    doomed.server.kill()
    with doomed.client() as client:
        assert problem_of(client.get("/getPosts")) == (503, "unavailable")
