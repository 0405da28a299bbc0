"""HTTP itself: methods, heads, request ids, and what no client library sends (CASES.md, SZ, OP-06, OP-08)."""

import json
import re
import threading
from contextlib import suppress
from http import HTTPStatus

import httpx2
import pytest

from tests.e2e.clients import Person, a_text, problem_of
from tests.e2e.crowds import at_once
from tests.e2e.raw import RawAnswer, Wire
from tests.e2e.servers import PostkeepServer

AN_ID = "01a1f6e0-0000-7000-8000-000000000001"

PAGES = ("/", "/docs", "/openapi.json", "/static/icon.svg", "/static/swagger-ui/swagger-ui.css")


@pytest.fixture(scope="module")
def ann(sqlite_server: PostkeepServer) -> Person:
    """Return somebody who is signed in."""
    return Person.signs_up(sqlite_server.http)


def paths(server: PostkeepServer) -> dict[str, set[str]]:
    """Return the methods of each path: those of the API's own description, and the pages."""
    described = server.http.get("/openapi.json").json()["paths"]
    found = {path.replace("{postID}", AN_ID): {method.upper() for method in item} for path, item in described.items()}
    found |= {path: {"GET"} for path in PAGES}
    return {path: methods | ({"HEAD"} if "GET" in methods else set()) for path, methods in found.items()}


@pytest.mark.parametrize(
    "method",
    ["TRACE", "OPTIONS", "PUT", "PATCH", "POST", "DELETE", "GET", "HEAD", "PROPFIND", "MKCOL", "PURGE", "QUERY"],
)
def test_sz_24_another_method_is_405_with_all_that_there_are(sqlite_server: PostkeepServer, method: str) -> None:
    """Allow names every method of the path, which may be spread over several routes (RFC 9110 10.2.1)."""
    for path, methods in paths(sqlite_server).items():
        if method in methods:
            continue
        answer = sqlite_server.http.request(method, path)
        assert answer.status_code == 405, path
        assert {allowed.strip() for allowed in answer.headers["allow"].split(",")} == methods, path
        assert method == "HEAD" or answer.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"])
@pytest.mark.parametrize("path", ["/nothing", "/api/v1/nothing", "/api/v1/posts/x/y", "/static/nothing"])
def test_an_unknown_path_is_404_for_every_method(sqlite_server: PostkeepServer, method: str, path: str) -> None:
    """A problem like any other."""
    answer = sqlite_server.http.request(method, path)
    allowed = {404, 405} if path.startswith("/static/") and method not in {"GET", "HEAD"} else {404}
    assert answer.status_code in allowed
    assert method == "HEAD" or answer.status_code == 405 or problem_of(answer) == (404, "not_found")


@pytest.mark.parametrize(
    "target",
    [
        "CONNECT x:443",
        "CONNECT /getPosts",
        "OPTIONS *",
        "FOO /getPosts",
        "get /getPosts",
        "GET http://evil.example/getPosts",
        "GET getPosts",
        "GET *",
        "GET //",
        "PRI *",
        "GETX /",
        "G@T /",
        " GET /",
    ],
)
def test_odd_request_lines_are_refused(sqlite_server: PostkeepServer, target: str) -> None:
    """Proxies' words, invented ones, and addresses of elsewhere: an answer with 4xx, and no other server's posts."""
    with Wire(sqlite_server) as wire:
        wire.send(f"{target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = wire.answer()
    assert 400 <= answer.status < 500


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: \0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    ],
    ids=["nonsense", "nul", "tls"],
)
def test_what_is_no_http_is_refused_as_everything_else_is(sqlite_server: PostkeepServer, sent: bytes) -> None:
    """A problem with an id, so that whoever built the client finds the line in our log; then the connection ends."""
    with Wire(sqlite_server) as wire:
        wire.send_as_taken(sent)
        answer = wire.answer()
        assert (answer.status, answer.header("connection")) == (400, "close")
        assert wire.is_closed()
    assert (answer.header("content-type"), answer.header("cache-control")) == ("application/problem+json", "no-store")
    said = json.loads(answer.body)
    assert answer.header("date")
    assert (said["status"], said["request_id"]) == (400, answer.header("x-request-id"))


@pytest.mark.parametrize("path", ["/api/v1/posts", "/getPosts", "/api/v1/me", "/livez", "/readyz", *PAGES])
def test_head_is_get_without_the_body(sqlite_server: PostkeepServer, ann: Person, path: str) -> None:
    """The same status and headers (RFC 9110 9.3.2), and the connection is good for the next request."""
    ann.add(a_text())
    got, headed = (sqlite_server.http.request(method, path, headers=ann.authorization) for method in ("GET", "HEAD"))
    own = {"date", "x-request-id", "cache-status"}
    assert (got.status_code, headed.status_code, headed.content) == (200, 200, b"")
    assert {(name, value) for name, value in got.headers.items() if name not in own} == {
        (name, value) for name, value in headed.headers.items() if name not in own
    }
    request = f"HEAD {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ann.access}\r\n\r\n"
    with Wire(sqlite_server) as wire:
        wire.send(request * 2)
        assert [wire.answer(to_head=True).status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("path", ["/api/v1/posts", "/nothing", "/addPost"])
def test_head_of_a_refusal_has_no_body_either(sqlite_server: PostkeepServer, path: str) -> None:
    """What is sent behind the head would be taken for the next answer."""
    with Wire(sqlite_server) as wire:
        wire.send(f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.answer(to_head=True).status in {401, 404, 405}
        assert wire.answer().status == 200


@pytest.mark.parametrize("given", ["a", "A-1", "0" * 64, "3f2c9a7e-5b1d-4c8e-9f60-7d2a1b3c4e5f"])
def test_op_06_a_harmless_request_id_is_kept(sqlite_server: PostkeepServer, given: str) -> None:
    """A caller finds its own id in our log."""
    answer = sqlite_server.http.get("/nothing", headers={"X-Request-ID": given})
    assert (answer.headers["x-request-id"], answer.json()["request_id"]) == (given, given)
    assert sqlite_server.logged(given)["path"] == "/nothing"


@pytest.mark.parametrize(
    "given",
    ["", "0" * 65, "a b", "a_b", "a.b", "a/b", "a;b", '"', "<x>", "{}", "\u00e9", "a,b", "%0a", "a\tb", "\u0661"],
)
def test_op_06_another_request_id_is_replaced(sqlite_server: PostkeepServer, given: str) -> None:
    """What stands in a log line and in an answer's head is not for strangers to choose."""
    answer = sqlite_server.http.get("/nothing", headers={b"X-Request-ID": given.encode()})
    assert answer.headers["x-request-id"] != given
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])


def test_op_06_every_answer_has_an_id_of_its_own(sqlite_server: PostkeepServer) -> None:
    """Also those that the server gives by itself; and the log knows them, with no word of the query."""
    asked = [
        sqlite_server.http.get(path)
        for path in ("/", "/docs", "/nothing?secret=1", "/getPosts", "/static/icon.svg", "/livez") * 3
    ]
    ids = [answer.headers["x-request-id"] for answer in asked]
    assert len(set(ids)) == len(ids)
    logged = [sqlite_server.logged(one) for one in ids]
    assert [(event["path"], event["status"]) for event in logged] == [
        (answer.url.path, answer.status_code) for answer in asked
    ]


def test_the_description_travels_once_and_compressed(sqlite_server: PostkeepServer) -> None:
    """Every client that is generated reads its 83 KB; serialising them keeps everybody waiting for a millisecond."""
    plain, packed = (
        sqlite_server.http.get("/openapi.json", headers={"Accept-Encoding": coding}) for coding in ("identity", "gzip")
    )
    assert plain.json() == packed.json()
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 4
    assert plain.headers["etag"] != packed.headers["etag"]
    known = sqlite_server.http.get("/openapi.json", headers={"If-None-Match": packed.headers["etag"]})
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", packed.headers["etag"])
    assert sqlite_server.http.head("/openapi.json").status_code == 200
    assert sqlite_server.http.post("/openapi.json").headers["allow"] == "GET, HEAD"


def test_op_08_no_answer_names_its_software(sqlite_server: PostkeepServer) -> None:
    """Versions tell which holes to try."""
    for path in ("/", "/docs", "/getPosts", "/nothing", "/livez", "/openapi.json", "/static/icon.svg"):
        answer = sqlite_server.http.get(path)
        head = str(answer.headers).lower()
        assert not [word for word in ("uvicorn", "starlette", "fastapi", "python", "server:") if word in head]
    with Wire(sqlite_server) as wire:
        wire.send("nonsense\r\n\r\n")
        broken = wire.answer()
    assert broken.status == 400
    assert b"uvicorn" not in broken.body
    assert broken.header("server") is None


@pytest.mark.parametrize(
    "value",
    [
        "bytes=0-0",
        "bytes=5-1",
        "bytes=999999999-",
        "bytes=-0",
        "bytes=x",
        "bytes=" + ",".join(["0-1"] * 500),
        "items=0-1",
        "bytes=0-" + "9" * 5000,
        "bytes=-" + "9" * 5000,
        "bytes=0-1,5-6",
    ],
)
@pytest.mark.parametrize("path", ["/", "/static/swagger-ui/swagger-ui.css"])
def test_odd_ranges_of_a_page_are_no_server_error(sqlite_server: PostkeepServer, path: str, value: str) -> None:
    """Files can be asked for in pieces; impossible pieces are refused as everything else is."""
    answer = sqlite_server.http.get(path, headers={"Range": value})
    assert answer.status_code in {200, 206, 400, 416}


@pytest.mark.parametrize(
    "headers",
    [
        {"If-None-Match": "*"},
        {"If-None-Match": "x" * 5000},
        {"If-Modified-Since": "nonsense"},
        {"If-Modified-Since": "Mon, 01 Jan 0000 00:00:00 GMT"},
        {"If-Range": "x"},
        {"Accept": "x/y;q=z"},
        {"Accept-Encoding": "gzip;q=999"},
        {"Accept-Language": "x" * 5000},
        {"Cookie": "a=b;" * 1000},
        {"TE": "trailers"},
        {"Upgrade": "websocket", "Connection": "Upgrade"},
        {"Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAAP__", "Connection": "Upgrade, HTTP2-Settings"},
        {"Origin": "null"},
        {"X-Forwarded-For": "x" * 999},
        {"Forwarded": "for=evil"},
        {"X-Forwarded-Prefix": "/evil"},
        {"X-Original-URL": "/livez"},
        {"X-Rewrite-URL": "/livez"},
    ],
)
def test_odd_headers_change_nothing(sqlite_server: PostkeepServer, ann: Person, headers: dict[str, str]) -> None:
    """Whatever else a request says, the answer is that to the request."""
    assert sqlite_server.http.get("/nothing", headers=headers).status_code == 404
    assert sqlite_server.http.get("/api/v1/me", headers={**ann.authorization, **headers}).json()["email"] == ann.email
    assert sqlite_server.http.get("/static/icon.svg", headers=headers).status_code in {200, 304}


def websocket(path: str, ann: Person) -> str:
    """Return the head with which a browser opens a websocket."""
    lines = [
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ]
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {ann.access}", *lines, "", ""])


@pytest.mark.parametrize("path", ["/", "/api/v1/posts", "/nothing", "/livez"])
def test_a_websocket_is_not_to_be_had(sqlite_server: PostkeepServer, ann: Person, path: str) -> None:
    """There is none; asking ends like asking for the page, or is refused."""
    with Wire(sqlite_server) as wire:
        wire.send(websocket(path, ann))
        assert wire.answer().status in {200, 400, 403, 404, 426}


def add_by_hand(person: Person, text: str, *, head: str = "", body: bytes | None = None) -> bytes:
    """Return an addPost as bytes."""
    content = json.dumps({"text": text}).encode() if body is None else body
    lines = [
        "POST /api/v1/posts HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {person.access}",
        "Content-Type: application/json",
    ]
    return "\r\n".join([*lines, head or f"Content-Length: {len(content)}", "", ""]).encode() + content


def chunked(content: bytes, size: int) -> bytes:
    """Return a body in chunks of a size."""
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize(("size", "letters"), [(1, 400), (7, 3000), (16, 200_000), (1000, 20_000), (100_000, 20_000)])
def test_a_body_may_come_in_chunks_of_any_size(server: PostkeepServer, size: int, letters: int) -> None:
    """Also byte by byte, which is how some try to use up memory; a long one as clients send line by line (SZ-08)."""
    person, text = Person.signs_up(server.http), a_text() + "я" * letters
    body = chunked(json.dumps({"text": text}, ensure_ascii=False).encode(), size)
    with Wire(server) as wire:
        wire.send(add_by_hand(person, "", head="Transfer-Encoding: chunked", body=body))
        assert wire.answer().status == 201
    assert person.texts() == [text]


@pytest.mark.parametrize(
    "body",
    [
        b'5;name=value\r\n{"tex\r\n7\r\nt":"x"}\r\n0\r\n\r\n',
        b'000000000000005\r\n{"tex\r\n7\r\nt":"x"}\r\n0\r\nX-Trailer: x\r\nExpires: now\r\n\r\n',
        b'C\r\n{"text":"x"}\r\n0\r\n\r\n',
    ],
    ids=["extension", "trailers", "capital"],
)
def test_chunks_may_be_dressed_up(sqlite_server: PostkeepServer, ann: Person, body: bytes) -> None:
    """Extensions, trailers and leading zeros mean nothing."""
    with Wire(sqlite_server) as wire:
        wire.send(add_by_hand(ann, "", head="Transfer-Encoding: chunked", body=body))
        assert wire.answer().status == 201


@pytest.mark.parametrize("name", ["Authorization", "Content-Type", "X-Request-ID"])
def test_a_header_behind_the_body_is_none(sqlite_server: PostkeepServer, ann: Person, name: str) -> None:
    """A proxy that checks or removes headers does not see trailers, so they must not count (RFC 9110 6.5.1)."""
    trailers = {
        "Authorization": f"Bearer {ann.access}",
        "Content-Type": "application/json",
        "X-Request-ID": "from-a-trailer",
    }
    heads = {header: value for header, value in trailers.items() if header != name}
    lines = ["POST /api/v1/posts HTTP/1.1", "Host: x", *(f"{header}: {value}" for header, value in heads.items())]
    body = b'C\r\n{"text":"x"}\r\n0\r\n' + f"{name}: {trailers[name]}\r\n\r\n".encode()
    with Wire(sqlite_server) as wire:
        wire.send("\r\n".join([*lines, "Transfer-Encoding: chunked", "", ""]).encode() + body)
        answer = wire.answer()
    assert answer.status == {"Authorization": 401, "Content-Type": 415, "X-Request-ID": 201}[name]
    assert (answer.header("x-request-id") == "from-a-trailer") == (name != "X-Request-ID")


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 12\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 12",
        "Content-Length: 12\r\nContent-Length: 13",
        "Content-Length: +12",
        "Content-Length: -12",
        "Content-Length: 0x0c",
        "Content-Length: 1 2",
        "Content-Length: 12,12",
        "Content-Length: twelve",
        "Content-Length: ",
        "Content-Length: 99999999999999999999999999",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: gzip, chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding : chunked",
        "Content-Length : 12",
    ],
)
def test_sz_07_sz_08_doubtful_lengths_end_the_connection(sqlite_server: PostkeepServer, ann: Person, head: str) -> None:
    """Two readers of one connection that disagree where a body ends can be fed a second request (RFC 9112 6.3)."""
    smuggled = add_by_hand(ann, "smuggled")
    with Wire(sqlite_server) as wire:
        wire.send_as_taken(add_by_hand(ann, "", head=head, body=b'{"text":"x"}') + smuggled)
        answer = wire.answer()
        assert answer.status in {400, 411, 413, 501}
        assert wire.is_closed()
    assert "smuggled" not in ann.texts()


@pytest.mark.parametrize("told", [0, 5, 11])
def test_sz_06_what_follows_a_body_is_not_run(sqlite_server: PostkeepServer, ann: Person, told: int) -> None:
    """Whoever counts a body too short sends rubbish next: it is a 400, and whatever comes behind it is not read."""
    head = f"Content-Length: {told}"
    shortened = add_by_hand(ann, "", head=head, body=b'{"text":"cut"}')
    with Wire(sqlite_server) as wire:
        wire.send_as_taken(shortened + add_by_hand(ann, "behind it"))
        answers = [wire.answer()]
        with suppress(ConnectionError):
            answers.append(wire.answer())
        assert wire.is_closed()
    assert {answer.status for answer in answers} <= {400, 422}
    assert answers[-1].header("connection") == "close"
    assert {"cut", "behind it"} & set(ann.texts()) == set()


@pytest.mark.parametrize("protocol", ["websocket", "h2c", "nonsense"])
def test_a_body_behind_an_upgrade_is_no_request(sqlite_server: PostkeepServer, ann: Person, protocol: str) -> None:
    """Through a proxy, somebody may hide a request in a body: it must not be run as one."""
    smuggled = "GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-ID: smuggled\r\n\r\n"
    head = f"Connection: Upgrade\r\nUpgrade: {protocol}\r\nContent-Length: {len(smuggled)}"
    with Wire(sqlite_server, timeout=1) as wire:
        wire.send(add_by_hand(ann, "", head=head, body=b""))
        # The server has seen the head by the time it answers this.
        assert ann.me().status_code == 200
        wire.send_as_taken(smuggled.encode())
        answers: list[RawAnswer] = []
        with suppress(ConnectionError, TimeoutError):
            answers.append(wire.answer())
            answers.append(wire.answer())
    assert [answer.status < 500 for answer in answers[:1]] == [True]
    assert "smuggled" not in {answer.header("x-request-id") for answer in answers}


@pytest.mark.parametrize("coding", ["gzip, chunked", "deflate, chunked", "x, chunked"])
def test_an_unknown_transfer_coding_is_refused(sqlite_server: PostkeepServer, ann: Person, coding: str) -> None:
    """Who does not know a coding cannot know what the body is (RFC 9112 6.1)."""
    with Wire(sqlite_server) as wire:
        wire.send(add_by_hand(ann, "", head=f"Transfer-Encoding: {coding}", body=chunked(b'{"text":"x"}', 12)))
        assert wire.answer().status in {400, 415, 501}


@pytest.mark.parametrize("zeros", [20, 5000])
def test_a_length_may_begin_with_zeros(sqlite_server: PostkeepServer, ann: Person, zeros: int) -> None:
    """Digits are digits (RFC 9110 8.6), and thousands of them are refused rather than a server error."""
    with Wire(sqlite_server) as wire:
        wire.send(add_by_hand(ann, "", head=f"Content-Length: {'0' * zeros}12", body=b'{"text":"x"}'))
        assert wire.answer().status in ({201} if zeros == 20 else {201, 400, 413, 431})


def test_requests_in_one_piece_are_answered_in_order(server: PostkeepServer) -> None:
    """Also those that write, and across one that is refused."""
    person = Person.signs_up(server.http)
    texts = [a_text() for _ in range(10)]
    refused = add_by_hand(person, "", body=b"{}")
    with Wire(server) as wire:
        wire.send(b"".join(add_by_hand(person, text) + refused for text in texts))
        statuses = [wire.answer().status for _ in range(20)]
    assert statuses == [201, 422] * 10
    assert person.texts() == texts[::-1]


def test_a_request_may_come_byte_by_byte(sqlite_server: PostkeepServer, ann: Person) -> None:
    """Packets are cut anywhere."""
    text = a_text()
    with Wire(sqlite_server) as wire:
        for byte in add_by_hand(ann, text):
            wire.send(bytes([byte]))
        assert wire.answer().status == 201
    assert text in ann.texts()


def test_a_request_that_breaks_off_leaves_nothing(sqlite_server: PostkeepServer) -> None:
    """Half a post is no post, wherever the line was cut."""
    person, failed = Person.signs_up(sqlite_server.http), len(sqlite_server.events("failed"))
    request = add_by_hand(person, "half a post")
    for size in range(10, len(request), 23):
        with Wire(sqlite_server) as wire:
            wire.send(request[:size])
    assert person.texts() == []
    assert len(sqlite_server.events("failed")) == failed


def test_clients_that_leave_early_do_no_harm(server: PostkeepServer) -> None:
    """Whoever does not wait for the answer may have the post; everybody else is served on."""
    person, failed = Person.signs_up(server.http), len(server.events("failed"))
    for _ in range(50):
        with Wire(server) as wire:
            wire.send(add_by_hand(person, a_text()))
    assert person.me().status_code == 200
    assert len(person.posts()) <= 50
    assert len(server.events("failed")) == failed


@pytest.mark.parametrize("name", ["Host", "Content-Type", "Content-Length", "X-Request-ID"])
def test_headers_sent_twice_are_no_server_error(sqlite_server: PostkeepServer, ann: Person, name: str) -> None:
    """Which one counts may differ; nothing breaks."""
    twice = {"Host": "x", "Content-Type": "text/plain", "Content-Length": "12", "X-Request-ID": "b c"}[name]
    request = add_by_hand(ann, "", head=f"Content-Length: 12\r\n{name}: {twice}", body=b'{"text":"x"}')
    with Wire(sqlite_server) as wire:
        wire.send_as_taken(request)
        assert wire.answer().status in {201, 400, 415}


@pytest.mark.parametrize(
    "line",
    [
        b"X-Odd: \xff\xfe",
        b"X-Odd: \xc3\xa9",
        b"X-Odd:",
        b"X-Odd: \t ",
        b"X-" + b"o" * 5000 + b": x",
        b"X-Odd: " + b"o" * 20_000,
        b"User-Agent: \xff\x80" + "\u202e\U0001f986".encode(),
        b"User-Agent: " + b"u" * 20_000,
        b"User-Agent: \x1b[31m",
    ],
)
def test_odd_header_lines_are_no_server_error(server: PostkeepServer, resident: Person, line: bytes) -> None:
    """Among them what a client calls itself, which is kept with its session."""
    body = json.dumps(resident.credentials).encode()
    with Wire(server) as wire:
        wire.send_as_taken(b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + line)
        wire.send_as_taken(b"\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        assert wire.answer().status in {200, 400, 431}


@pytest.mark.parametrize(
    "version", ["HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.2", "HTTP/9.9", "HTTP/1.1 ", "http/1.1", ""]
)
def test_other_versions_are_no_server_error(sqlite_server: PostkeepServer, version: str) -> None:
    """HTTP/1.0 is served; the others are refused or served."""
    with Wire(sqlite_server) as wire:
        wire.send(f"GET /livez {version}\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert wire.answer().status in {200, 400, 505}


def test_many_connections_at_once_are_served(server: PostkeepServer) -> None:
    """Two hundred at the same moment: each gets its answer."""
    person = Person.signs_up(server.http)
    barrier = threading.Barrier(50)

    def ask(_: int) -> int:
        barrier.wait()
        with Wire(server) as wire:
            wire.send(f"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.access}\r\n\r\n")
            return wire.answer().status

    assert set(at_once(200, ask, threads=50)) == {HTTPStatus.OK}


def test_what_was_asked_before_rubbish_is_answered_first(server: PostkeepServer) -> None:
    """A 400 in place of a 201 would make its client add the post again."""
    person = Person.signs_up(server.http)
    with Wire(server) as wire:
        wire.send(add_by_hand(person, "", body=b'{"text":"loose"}') + b"RUBBISH\x00\r\n\r\n")
        assert [wire.answer().status for _ in range(2)] == [201, 400]
        assert wire.is_closed()
    assert person.texts() == ["loose"]


def test_a_request_that_breaks_off_does_not_answer_for_the_one_before(server: PostkeepServer) -> None:
    """Two at once, the second one's body no chunks: a 400 then would be taken for the first one's answer."""
    person = Person.signs_up(server.http)
    whole = add_by_hand(person, "", body=b'{"text":"whole"}')
    broken = add_by_hand(person, "", head="Transfer-Encoding: chunked", body=b"RUBBISH\r\n")
    for _ in range(5):
        with Wire(server) as wire:
            wire.send(whole + broken)
            try:
                assert wire.answer().status == 201
            except ConnectionError:
                # Not told: then it may be on its way still.
                assert wire.is_closed()
    assert set(person.texts()) <= {"whole"}


SECURE = {
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def test_br_11_every_answer_tells_browsers_to_be_careful(sqlite_server: PostkeepServer) -> None:
    """Pages, files, lists from memory and from the database, 304, errors of every layer; each header once."""
    person = Person.signs_up(sqlite_server.http)
    lists = [person.gets("/getPosts") for _ in range(2)]
    known = {**person.authorization, "If-None-Match": lists[0].headers["etag"]}
    answers = [
        *lists,
        sqlite_server.http.get("/getPosts", headers=known),
        sqlite_server.http.head("/getPosts", headers=person.authorization),
        person.adds({"text": "a"}),
        person.adds({"text": ""}),
        person.login(),
        *(sqlite_server.http.get(path) for path in ("/", "/docs", "/static/icon.svg", "/livez", "/openapi.json")),
        *(sqlite_server.http.get(path) for path in ("/nothing", "/static/nothing", "/addPost", "/getPosts")),
    ]
    assert {answer.status_code for answer in answers} == {200, 201, 304, 401, 404, 405, 422}
    with Wire(sqlite_server) as wire:
        wire.send("nonsense\r\n\r\n")
        broken = wire.answer()
    for headers in (*(answer.headers.multi_items() for answer in answers), broken.headers):
        assert {(name, value) for name, value in headers if name in SECURE} == set(SECURE.items())
        policies = [value for name, value in headers if name == "content-security-policy"]
        assert len(policies) == 1
        assert all(part in policies[0] for part in ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"))
        assert len([value for name, value in headers if name == "referrer-policy"]) == 1


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_is_answered_without_a_token(server: PostkeepServer, path: str) -> None:
    """Load balancers have none."""
    answer = server.http.get(path)
    assert (answer.status_code, answer.json(), answer.headers["cache-control"]) == (200, {"status": "ok"}, "no-store")


def test_answers_with_posts_are_for_nobody_else(server: PostkeepServer) -> None:
    """No proxy may keep them, and a browser asks again each time."""
    person = Person.signs_up(server.http)
    post_id = person.add(a_text())
    for path in ("/api/v1/posts", f"/api/v1/posts/{post_id}", "/getPosts", "/api/v1/posts?limit=1"):
        headers: httpx2.Headers = person.gets(path).headers
        assert {part.strip() for part in headers["cache-control"].split(",")} >= {"private", "no-cache"}
        assert "authorization" in headers["vary"].lower()
    for answer in (person.adds({"text": "x"}), person.me(), person.renew(), person.login()):
        assert answer.headers["cache-control"] == "no-store"
