"""Where requests come from: what proxies say, and what strangers say of themselves (CASES.md, PW-17, OP-09, BR-12)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.cli.commands import postkeep
from tests.e2e.clients import Person, problem_of
from tests.e2e.conftest import settings_for
from tests.e2e.raw import Wire
from tests.e2e.servers import PostkeepServer

REAL = "203.0.113.9"
HSTS = "strict-transport-security"


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostkeepServer]:
    """Serve behind proxies on loopback, and further ones in a network of their own."""
    settings = {**settings_for(), "POSTKEEP_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8"}
    with PostkeepServer(tmp_path_factory.mktemp("behind"), settings).running() as server:
        yield server


def logs_in(person: Person, *lines: str, **more: str) -> str:
    """Log in through a proxy that says this, and return the address that Postkeep wrote down."""
    headers = [("X-Forwarded-For", line) for line in lines] + list(more.items())
    answer = person.http.post("/api/v1/login", json=person.credentials, headers=headers)
    assert answer.status_code == 200
    authorization = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    sessions: list[dict[str, Any]] = person.http.get("/api/v1/sessions", headers=authorization).json()
    (address,) = [session["address"] for session in sessions if session["is_current"]]
    return str(address)


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        ([REAL], REAL),
        (["1.1.1.1", REAL], REAL),
        (["1.1.1.1, " + REAL, "10.0.0.1"], REAL),
        (["1.1.1.1, [2001:db8::9]:443, ::ffff:10.0.0.1"], "2001:db8::9"),
        (["1.1.1.1, nonsense, 10.0.0.1"], "10.0.0.1"),
        (["nonsense"], "127.0.0.1"),
        ([], "127.0.0.1"),
    ],
)
def test_op_09_a_session_shows_its_client_s_own_address(behind: PostkeepServer, lines: list[str], address: str) -> None:
    """The rightmost hop that is no proxy of ours, however many lines it is spread over."""
    assert logs_in(Person.signs_up(behind.http), *lines) == address
    assert behind.events("logged_in")[-1]["address"] == address


def test_op_09_what_a_stranger_says_of_itself_is_ignored(sqlite_server: PostkeepServer) -> None:
    """Neither address nor scheme, by any header that a proxy ever set; without the setting nobody is believed."""
    person = Person.signs_up(sqlite_server.http)
    said = {"X-Real-IP": REAL, "Forwarded": f"for={REAL};proto=https", "X-Forwarded-Host": "evil.example"}
    assert logs_in(person, REAL, **said, **{"X-Forwarded-Proto": "https"}) == "127.0.0.1"
    answer = sqlite_server.http.get("/", headers={**said, "X-Forwarded-For": REAL, "X-Forwarded-Proto": "https"})
    assert answer.status_code == 200
    assert HSTS not in answer.headers


def test_pw_17_an_operator_who_forgot_the_setting_is_told_once(tmp_path: Path) -> None:
    """Behind a proxy that nobody trusts everybody has one address, and one limit; the line names what to set."""
    with PostkeepServer(tmp_path, settings_for()).running() as server:
        for number in range(5):
            server.http.get("/livez", headers={"X-Forwarded-For": f"203.0.113.{number}"})
        (event,) = server.events("untrusted_proxy")
    assert (event["level"], event["address"], event["setting"]) == ("warning", "127.0.0.1", "POSTKEEP_TRUSTED_PROXIES")


def answers_of_all_layers(server: PostkeepServer, headers: dict[str, str]) -> list[httpx2.Response]:
    """Return answers from memory, from the database, from files, and refusals of every layer."""
    person = Person.signs_up(server.http)
    person.add("a")
    ours = {**person.authorization, **headers}
    lists = [server.http.get("/getPosts", headers=ours) for _ in range(3)]
    assert "hit" in lists[-1].headers["cache-status"]
    known = {**ours, "If-None-Match": lists[0].headers["etag"]}
    return [
        *lists,
        server.http.get("/getPosts", headers=known),
        server.http.head("/getPosts", headers=ours),
        *(server.http.get(path, headers=headers) for path in ("/", "/livez", "/static/icon.svg", "/getPosts", "/no")),
        server.http.post("/addPost", headers=headers),
        server.http.get("/", headers={**headers, "Host": "evil.example"}),
    ]


def test_br_12_over_tls_every_answer_says_to_stay_there(behind: PostkeepServer) -> None:
    """For two years, and once in each answer; lists that were remembered for somebody without TLS, too."""
    plain = answers_of_all_layers(behind, {})
    secure = answers_of_all_layers(behind, {"X-Forwarded-Proto": "https"})
    assert {answer.status_code for answer in secure} == {200, 304, 400, 401, 404}
    assert [answer.headers.get_list(HSTS) for answer in secure] == [["max-age=63072000"]] * len(secure)
    assert [answer.headers.get_list(HSTS) for answer in plain] == [[]] * len(plain)


def test_br_12_a_list_is_the_same_for_both(behind: PostkeepServer) -> None:
    """What one asked for without TLS another gets from memory with it, and the other way round."""
    person = Person.signs_up(behind.http)
    secure = {**person.authorization, "X-Forwarded-Proto": "https"}
    told = [HSTS in behind.http.get("/getPosts", headers=headers).headers for headers in (person.authorization, secure)]
    assert [*told, HSTS in person.gets("/getPosts").headers] == [False, True, False]


@pytest.mark.parametrize("given", ["*", "0.0.0.0/0", "10.0.0.1/8", "nginx"])
def test_op_09_believing_everybody_is_refused_at_the_start(given: str, tmp_path: Path) -> None:
    """In one line that names the setting and says why."""
    refused = postkeep("serve", settings={**settings_for(), "POSTKEEP_TRUSTED_PROXIES": given}, folder=tmp_path)
    assert refused.code == 3
    assert refused.err.startswith("postkeep: POSTKEEP_TRUSTED_PROXIES: ")
    assert refused.err.count("\n") == 1


def test_op_09_a_head_full_of_hops_costs_nothing(behind: PostkeepServer) -> None:
    """Thousands of addresses fit into a head; they are read from the right, and only as far as is believed."""
    with Wire(behind) as wire:
        hops = f"X-Forwarded-For: {'10.0.0.1,' * 800}10.0.0.1\r\n"
        wire.send(f"GET /livez HTTP/1.1\r\nHost: localhost\r\n{hops * 4}\r\n")
        assert wire.answer().status == 200


def test_pw_17_a_proxy_s_clients_have_limits_of_their_own(behind: PostkeepServer) -> None:
    """A wrong password from one address is not another's; the log shows whose it was."""
    person = Person.signs_up(behind.http)
    wrong = {**person.credentials, "password": "not the one at all"}
    for address in (REAL, "203.0.113.10"):
        answer = behind.http.post("/api/v1/login", json=wrong, headers={"X-Forwarded-For": f"1.1.1.1, {address}"})
        assert problem_of(answer) == (401, "invalid_credentials")
        assert behind.events("login_failed")[-1]["address"] == address
